"""What the tool writes into every notebook: badge, set-up cell, lecture links, ids, clean outputs.

A notebook with turns gets two more cells for Colab, where every notebook has a fresh machine: one that
takes over what was written before, and one at its end that keeps it. At home they do nothing.

Everything here is a pure function of the notebook, lectures.yaml and the repository's address,
so that writing a notebook twice gives the same bytes.
"""

import hashlib
import re
import tomllib
from pathlib import Path

import nbformat

from helpers.files import write_whole
from tools.compare_outputs import is_progress_bar
from tools.lectures import ROOT, read_map

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
BADGE_LINE = re.compile(r"\n*\[!\[Open in Colab\][^\n]*\n?")
LINKS_LINE = re.compile(r"\n*^\[(?:Video|Lecture note)\]\([^\n]*$", re.MULTILINE)
HEADING = re.compile(r"^## Lecture (\d\d) · .*$", re.MULTILINE)
# the set-up cell is folded away: in JupyterLab, and in Colab, which then shows its title
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
GENERATED = {"setup", "carry-in", "carry-out"}
CARRY_IN = """# @title In Colab: take over what you wrote before. At home there is nothing to do.
from classroom.mine.carry import bring

source = ""  # @param ["", "upload", "Drive"]
bring(source)"""
CARRY_OUT = """# @title In Colab: keep what you wrote, in one file. At home there is nothing to do.
from classroom.mine.carry import take_home

target = ""  # @param ["", "download", "Drive"]
take_home(target)"""
WIDGET = "application/vnd.jupyter.widget-view+json"


def repository(root=ROOT):
    """Where the course is published; empty where it is not."""
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    return settings["tool"]["course"]["repository"]


def setup_source(address):
    """The source of the set-up cell for this address."""
    template = (Path(__file__).parent / "setup_cell.py").read_text("utf-8").rstrip("\n")
    return template.replace('REPOSITORY = ""', f'REPOSITORY = "{address}"')


def with_badge(source, name, address):
    """The title cell with a Colab badge under its title, or without one."""
    source = BADGE_LINE.sub("\n\n", source, count=1).rstrip("\n")
    title, _, rest = source.partition("\n")
    rest = rest.strip("\n")
    badge = ""
    if address:
        page = address.replace("https://github.com/", "https://colab.research.google.com/github/")
        badge = f"[![Open in Colab]({BADGE})]({page}/blob/main/notebooks/{name})"
    return "\n\n".join(part for part in (title, badge, rest) if part)


def with_links(source, lectures, root=ROOT):
    """A Markdown cell with one line of links under each lecture's heading."""
    if not HEADING.search(source):
        return source
    source = LINKS_LINE.sub("", source)

    def add(match):
        lecture = lectures.get(match[1])
        if lecture is None:
            return match[0]
        links = [f"[Video]({lecture.video})"] if lecture.video else []
        if lecture.note and (root / "lecture_notes" / lecture.note).exists():
            links.append(f"[Lecture note](../lecture_notes/{lecture.note})")
        return f"{match[0]}\n\n{' · '.join(links)}"

    return HEADING.sub(add, source)


def with_carry(cells):
    """The cells of a notebook; where it has turns, with the two for Colab in their places."""
    cells = [cell for cell in cells if not is_generated(cell, "carry-in", "carry-out")]
    if not any(cell.cell_type == "code" and "@your_turn" in cell.source for cell in cells):
        return cells
    tagged = [place for place, cell in enumerate(cells) if is_generated(cell, "imports", "setup")]
    first, last = (
        nbformat.v4.new_code_cell(source, metadata={"tags": [tag]})
        for tag, source in (("carry-in", CARRY_IN), ("carry-out", CARRY_OUT))
    )
    after = max(tagged, default=-1) + 1
    return [*cells[:after], first, *cells[after:], last]


def is_generated(cell, *names):
    """Whether a cell has one of these tags; by default, those of the cells that the tool writes."""
    return bool(set(names or GENERATED) & set(cell.metadata.get("tags", [])))


def refresh(notebook, name, root=ROOT):
    """Brings the generated parts of a notebook up to date; returns the notebook."""
    lectures = {lecture.number: lecture for lecture in read_map(root)}
    address = repository(root)
    if notebook.cells and notebook.cells[0].cell_type == "markdown":
        notebook.cells[0].source = with_badge(notebook.cells[0].source, name, address)
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = setup_source(address)
        elif cell.cell_type == "markdown":
            cell.source = with_links(cell.source, lectures, root)
    notebook.cells = with_carry(notebook.cells)
    return notebook


def merged(outputs):
    """Outputs as they are committed: streams joined, progress bars and widget views left out."""
    kept = []
    for output in outputs:
        if is_progress_bar(output):
            continue
        output.get("data", {}).pop(WIDGET, None)
        output.get("metadata", {}).pop(WIDGET, None)
        last = kept[-1] if kept else {}
        if output["output_type"] == "stream" == last.get("output_type"):
            if output["name"] == last["name"]:
                last["text"] += output["text"]
                continue
        kept.append(output)
    return kept


def clean(notebook):
    """Sets everything that depends on a run or an editor to one fixed form; returns the notebook.

    Cell ids come from the source, execution counts from the order; of the metadata the kernel's
    name and the cells' tags stay; the set-up cell is folded away.
    """
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen, count = {}, 0
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:10]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        tags = cell.metadata.get("tags", [])
        kept = {"tags": tags} if tags else {}
        cell.metadata = nbformat.from_dict(kept | FOLDED if GENERATED & set(tags) else kept)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = merged(cell.outputs)
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    return notebook


def read(path):
    """A notebook in the newest format; cell ids may still be missing."""
    return nbformat.read(str(path), as_version=4)


def write(notebook, path):
    """Writes a notebook whole or not at all."""
    nbformat.validate(notebook)
    write_whole(path, nbformat.writes(notebook) + "\n")
