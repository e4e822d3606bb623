"""The pages of the book as Sphinx takes them: from the Markdown at the root, notes and notebooks.

Nothing is written twice: the sources stay as GitHub and JupyterLab show them. What differs there
(hidden markers, anchors, links to code) is translated here, on a copy.
"""

import re
import shutil
from pathlib import Path, PurePosixPath
from posixpath import normpath

import nbformat

from tools import book_back
from tools.lectures import INDEX, ROOT, Lecture, read_map
from tools.notes import anchor_of

# fenced code and code spans stay as they are; comments go
KEPT_OR_HIDDEN = re.compile(r"(^```.*?^```[ ]*$|`[^`\n]+`)|<!--.*?-->", re.DOTALL | re.MULTILINE)
KEPT_OR_LINK = re.compile(r"(^```.*?^```[ ]*$|`[^`\n]+`)|\]\(([^)\s]+)\)", re.DOTALL | re.MULTILINE)
COLAB_BADGE = re.compile(r"\[!\[[^\]]*\]\([^)]*\)\]\((https://colab[^)]*)\)")
LECTURE = re.compile(r"Lecture[ -](\d\d)\b")
CODE_FOLDER = re.compile(r"(?:^|.*/)(?:helpers|classroom)/[\w/]+")
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
    >>> translated("../helpers/bpe/tokenizer.py"), translated("../helpers/bpe")
    ('../helpers/bpe/tokenizer.md', '../helpers/bpe.md')
    >>> translated("../README.md#the-notebooks")
    '../index.md#the-notebooks'
    """
    if re.match(r"\w+:", target):
        return target
    file, mark, anchor = target.partition("#")
    if file.endswith(".ipynb"):
        anchor = slug(anchor.replace("-", " "))
    if PurePosixPath(file).name == "README.md":
        file = file.removesuffix("README.md") + "index.md"
    if is_code(file):
        file = file.removesuffix(".py") + ".md"
    return file + mark + anchor


def is_code(target: str) -> bool:
    """Whether a link of the sources leads to a file or a folder of code.

    >>> is_code("../helpers/bpe"), is_code("helpers/model.py"), is_code("LICENSE")
    (True, True, False)
    """
    return target.endswith(".py") or bool(CODE_FOLDER.fullmatch(target))


def page(text: str) -> str:
    """A page of Markdown as the book takes it."""
    text = COLAB_BADGE.sub(r"[Open in Colab](\1)", without_comments(text))
    return KEPT_OR_LINK.sub(lambda match: match[1] or f"]({translated(match[2])})", text)


def code_links(text: str, folder: str) -> set[str]:
    """The code a page links to, as paths from the root; `folder` is where the page is."""
    targets = (match[2] for match in KEPT_OR_LINK.finditer(text) if match[2])
    local = (target for target in targets if not re.match(r"\w+:", target))
    return {normpath(f"{folder}/{target}") for target in local if is_code(target)}


ORPHAN = "---\norphan: true\n---\n\n"  # a page that no list of pages names


def code_page(name: str, source: str) -> str:
    """A page that shows one file of code."""
    return f"{ORPHAN}# `{name}`\n\n````python\n{source}\n````\n"


def folder_page(name: str, modules: list[str]) -> str:
    """A page that lists the modules of a folder of code."""
    folder = PurePosixPath(name).name
    links = "\n".join(f"- [`{module}`]({folder}/{module}.md)" for module in modules)
    return f"{ORPHAN}# `{name}`\n\n{links}\n"


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
    if lectures[0].beyond:
        return f"Note {first}" if first == last else f"Notes {first} to {last}"
    return f"Lecture {first}" if first == last else f"Lectures {first} to {last}"


INDEX_PAGE = "lecture_notes/index"
LOOK_UP = [INDEX_PAGE, *(f"lecture_notes/{n}" for n in ("notation", "glossary", "exercises"))]
BACK = {"lecture_notes/worksheets": book_back.worksheets, "lecture_notes/my_llm": book_back.printed}


def label(docname: str, title: str) -> str:
    """How a page is named in the sidebar.

    >>> label("notebooks/05_attention", "05 · Attention")
    'Notebook 05 · Attention'
    >>> label("lecture_notes/13_why_attention", "Lecture 13 · Why attention")
    '13 · Why attention'
    """
    if docname.startswith("notebooks/"):
        return f"Notebook {title}"
    return title.removeprefix("Lecture ").removeprefix("Note ")


def front_page(readme: str, parts, titles: dict[str, str]) -> str:
    """The README as the first page, with the PDF and the order of all pages."""
    pdf = '<p><a class="pdf" href="notes.pdf">All lecture notes as one PDF</a></p>'
    text = page(readme).replace("\n## ", f"\n{pdf}\n\n## ", 1)
    trees = []
    for caption, names in [*parts, ("Look up", LOOK_UP), ("On paper", BACK)]:
        entries = "\n".join(f"{label(name, titles[name])} </{name}>" for name in names)
        trees.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n")
    return text + "\n" + "\n".join(trees)


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
    for name in [*(name for _, names in parts for name in names), *LOOK_UP]:
        suffix = ".ipynb" if name.startswith("notebooks/") else ".md"
        source = INDEX if name == INDEX_PAGE else name + suffix
        text = _stage_page(root / source, folder / (name + suffix))
        titles[name] = title_of(text)
        linked |= code_links(text, name.rpartition("/")[0])
    for name, make in BACK.items():
        _write(folder / f"{name}.md", make(root))
        titles[name] = title_of((folder / f"{name}.md").read_text("utf-8"))
    readme = (root / "README.md").read_text("utf-8")
    (folder / "index.md").write_text(front_page(readme, parts, titles), "utf-8")
    linked |= code_links(readme, ".") | _stage_other_pages(folder, root)
    _stage_code(linked, folder, root)
    figures = "lecture_notes/figures"
    no_code = shutil.ignore_patterns("*.py", "__pycache__")
    shutil.copytree(root / figures, folder / figures, ignore=no_code, dirs_exist_ok=True)
    shutil.copy(root / "LICENSE", folder)
    return parts


def _stage_other_pages(folder, root):
    """Write the pages that README links to (log, changes, figures of speed); returns their code."""
    figures = shutil.ignore_patterns("*.py", "*.md", "__pycache__")
    shutil.copytree(root / "benchmarks", folder / "benchmarks", ignore=figures)
    linked = set()
    for path in [*root.glob("*.md"), root / "benchmarks" / "README.md"]:
        name = translated(path.relative_to(root).as_posix())
        if name != "index.md":
            text = path.read_text("utf-8")
            (folder / name).write_text(ORPHAN + page(text), "utf-8")
            linked |= code_links(text, name.rpartition("/")[0] or ".")
    return linked


def _stage_code(names, folder, root):
    """Write a page for each file of code, and for each folder one that lists its modules."""
    files = {name for name in names if name.endswith(".py")}
    for name in sorted(set(names) - files):
        modules = sorted(path.stem for path in (root / name).glob("[!_]*.py"))
        files |= {f"{name}/{module}.py" for module in modules}
        _write(folder / f"{name}.md", folder_page(name, modules))
    for name in sorted(files):
        source = (root / name).read_text("utf-8")
        _write(folder / (name.removesuffix(".py") + ".md"), code_page(name, source))


def _write(target, text):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def _stage_page(source, target):
    """Write one page; returns its Markdown as it was in the source."""
    if source.suffix == ".ipynb":
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook(source), str(target))
        cells = nbformat.read(str(source), as_version=4).cells
        return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = source.read_text("utf-8")
    _write(target, page(text))
    return text
