"""The pages of the book as Sphinx takes them: from the README, the notes and the notebooks.

Nothing is written twice: the sources stay as GitHub and JupyterLab show them. What differs there
(hidden markers, anchors, links to code) is translated here, on a copy.
"""

import re
import shutil
from pathlib import Path, PurePosixPath
from posixpath import normpath

import nbformat

from tools.lectures import ROOT, ROW, Lecture, parse, read_map
from tools.notes import anchor_of

# fenced code and code spans stay as they are; comments go
KEPT_OR_HIDDEN = re.compile(r"(^```.*?^```[ ]*$|`[^`\n]+`)|<!--.*?-->", re.DOTALL | re.MULTILINE)
KEPT_OR_LINK = re.compile(r"(^```.*?^```[ ]*$|`[^`\n]+`)|\]\(([^)\s]+)\)", re.DOTALL | re.MULTILINE)
COLAB_BADGE = re.compile(r"\[!\[[^\]]*\]\([^)]*\)\]\((https://colab[^)]*)\)")
LECTURE = re.compile(r"Lecture[ -](\d\d)\b")
BARE_WIDGET = re.compile(r"^(VBox|HBox|Box|Tab|Accordion|interactive)\(")
NEEDS_KERNEL = '<p class="needs-kernel">Sliders stand here when the notebook runs.</p>'


def slug(title: str) -> str:
    """The anchor of a heading inside the book: short for a lecture, GitHub's for the rest.

    >>> slug("Lecture 14 · Simplified attention"), slug("Top-k sampling")
    ('lecture-14', 'top-k-sampling')
    """
    match = LECTURE.match(title)
    return f"lecture-{match[1]}" if match else anchor_of(title)


def without_comments(text: str) -> str:
    """The page without its hidden markers; code keeps what it has.

    >>> without_comments("0.95<!-- = score --> and `<!-- shown -->`")
    '0.95 and `<!-- shown -->`'
    """
    return KEPT_OR_HIDDEN.sub(lambda match: match[1] or "", text)


def translated(target: str) -> str:
    """Where a link of the sources leads inside the book.

    >>> translated("../notebooks/05_attention.ipynb#Lecture-14-·-Simplified-attention")
    '../notebooks/05_attention.ipynb#lecture-14'
    >>> translated("../helpers/bpe/tokenizer.py"), translated("../README.md")
    ('../helpers/bpe.md', '../index.md')
    """
    if re.match(r"\w+:", target):
        return target
    file, mark, anchor = target.partition("#")
    if file.endswith(".ipynb"):
        anchor = slug(anchor.replace("-", " "))
    if PurePosixPath(file).name == "README.md":
        file = file.removesuffix("README.md") + "index.md"
    if file.endswith(".py"):
        file = file.removesuffix(".py") + ".md"
    return file + mark + anchor


def page(text: str) -> str:
    """A page of Markdown as the book takes it."""
    text = COLAB_BADGE.sub(r"[Open in Colab](\1)", without_comments(text))
    return KEPT_OR_LINK.sub(lambda match: match[1] or f"]({translated(match[2])})", text)


def code_links(text: str, folder: str) -> set[str]:
    """The Python files a page links to, as paths from the root; `folder` is where the page is."""
    targets = (match[2] for match in KEPT_OR_LINK.finditer(text) if match[2])
    local = (target for target in targets if not re.match(r"\w+:", target))
    return {normpath(f"{folder}/{target}") for target in local if target.endswith(".py")}


def code_page(name: str, source: str) -> str:
    """A page that shows one file of code."""
    return f"---\norphan: true\n---\n\n# `{name}`\n\n````python\n{source}\n````\n"


def notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook as the book takes it: no set-up cell, links translated, no bare widget."""
    content = nbformat.read(str(path), as_version=4)
    content.cells = [cell for cell in content.cells if "setup" not in _tags(cell)]
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = page(cell.source)
        for place, output in enumerate(cell.get("outputs", [])):
            data = output.get("data", {})
            if set(data) == {"text/plain"} and BARE_WIDGET.match(data["text/plain"]):
                html = {"text/html": NEEDS_KERNEL}
                cell.outputs[place] = nbformat.v4.new_output("display_data", html)
    return content


def _tags(cell):
    return cell.metadata.get("tags", [])


def chapters(lectures: list[Lecture], files: set[str]) -> list[tuple[str, list[str]]]:
    """The parts of the book in order: a caption and its pages, each notebook behind its lectures.

    `files` are the notes and notebooks there are, as paths from the root. A lecture that stands
    between two of another notebook (4, between 3 and 5) keeps its place.
    """
    groups = []
    for place, lecture in enumerate(lectures):
        open_group = groups and groups[-1][0] in {later.notebook for later in lectures[place:]}
        if not open_group or not groups[-1][0]:
            groups.append((lecture.notebook, []))
        groups[-1][1].append(lecture)
    parts, homes = [], set()
    for notebook, members in groups:
        homes.add(home := f"notebooks/{notebook}.ipynb")
        pages = [f"lecture_notes/{lecture.note}" for lecture in members] + [home]
        parts.append((_caption(members), [name for name in pages if name in files]))
    others = {name for name in files if name.startswith("notebooks/")} - homes
    parts.append(("More notebooks", sorted(others)))
    return [(caption, [_docname(name) for name in pages]) for caption, pages in parts if pages]


def _docname(path):
    return path.removesuffix(".md").removesuffix(".ipynb")


def _caption(lectures):
    """How a part is called: by its first and last lecture."""
    first, last = int(lectures[0].number), int(lectures[-1].number)
    return f"Lecture {first}" if first == last else f"Lectures {first} to {last}"


def label(docname: str, title: str) -> str:
    """How a page is named in the sidebar.

    >>> label("notebooks/05_attention", "05 · Attention")
    'Notebook 05 · Attention'
    >>> label("lecture_notes/13_why_attention", "Lecture 13 · Why attention")
    '13 · Why attention'
    """
    if docname.startswith("notebooks/"):
        return f"Notebook {title}"
    return title.removeprefix("Lecture ")


def front_page(readme: str, parts, titles: dict[str, str]) -> str:
    """The README as the first page: a shorter map, the PDF, and the order of all pages."""
    lines = [_map_row(line) if ROW.match(line) else line for line in readme.splitlines()]
    text = "\n".join(lines).replace("| # | Lecture | Notebook | Note | Module |", MAP_HEAD)
    pdf = '<p><a class="pdf" href="notes.pdf">All lecture notes as one PDF</a></p>'
    text = page(text).replace("\n## Two commands", f"\n{pdf}\n\n## Two commands", 1)
    trees = []
    for caption, names in [*parts, ("Words", ["lecture_notes/glossary"])]:
        entries = "\n".join(f"{label(name, titles[name])} </{name}>" for name in names)
        trees.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n")
    return text + "\n" + "\n".join(trees)


MAP_HEAD = "| # | Lecture | Notebook | Video | Module |"


def _map_row(line):
    """A row of the README's map, with the note's link behind the title and no file names."""
    (lecture,) = parse(line)
    cells = line.strip("| ").split(" | ")
    note = f"[{lecture.title}](lecture_notes/{lecture.note})" if "](" in cells[3] else lecture.title
    home = lecture.notebook[:2] or "—"
    if "](" in cells[2]:
        home = f"[{home}](notebooks/{lecture.notebook}.ipynb#{lecture.heading.replace(' ', '-')})"
    video = f"[video]({lecture.video})"
    return f"| {lecture.number} | {note} | {home} | {video} | {cells[4]} |"


def title_of(text: str) -> str:
    """The first heading of a page."""
    match = re.search(r"^# (.+)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def stage(folder: Path, root=ROOT) -> list[tuple[str, list[str]]]:
    """Write all pages of the book into a folder; returns its parts, see `chapters`."""
    shutil.rmtree(folder, ignore_errors=True)
    sources = [*root.glob("lecture_notes/*.md"), *root.glob("notebooks/*.ipynb")]
    parts = chapters(read_map(root), {path.relative_to(root).as_posix() for path in sources})
    titles, linked = {}, set()
    for name in [*(name for _, names in parts for name in names), "lecture_notes/glossary"]:
        suffix = ".ipynb" if name.startswith("notebooks/") else ".md"
        text = _stage_page(root / (name + suffix), folder / (name + suffix))
        titles[name] = title_of(text)
        linked |= code_links(text, name.rpartition("/")[0])
    readme = (root / "README.md").read_text("utf-8")
    (folder / "index.md").write_text(front_page(readme, parts, titles), "utf-8")
    for name in sorted(linked | code_links(readme, ".")):
        target = folder / (name.removesuffix(".py") + ".md")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(code_page(name, (root / name).read_text("utf-8")), "utf-8")
    figures = "lecture_notes/figures"
    no_code = shutil.ignore_patterns("*.py", "__pycache__")
    shutil.copytree(root / figures, folder / figures, ignore=no_code, dirs_exist_ok=True)
    shutil.copy(root / "LICENSE", folder)
    return parts


def _stage_page(source, target):
    """Write one page; returns its Markdown as it was in the source."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".ipynb":
        nbformat.write(notebook(source), str(target))
        cells = nbformat.read(str(source), as_version=4).cells
        return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = source.read_text("utf-8")
    target.write_text(page(text), "utf-8")
    return text
