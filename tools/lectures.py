"""Reads lectures.yaml: which lecture is taught in which notebook, note and modules.

lectures.yaml is the one place for lecture titles and links. Notes, notebooks, the index of the
lectures and the book take them from here.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import yaml

ROOT = Path(__file__).resolve().parent.parent
INDEX = "lecture_notes/README.md"
LAST_OF_THE_LECTURES = 10  # the notebooks after it teach what the lectures do not
LAST_LECTURE = 43  # the notes after it go with those notebooks
SECTION = re.compile(r"^## Lecture (\d\d) · (.+?)\s*$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Lecture:
    """One lecture, or one note beyond them; `notebook` and `note` are file names, `modules` paths.

    The notes after the last lecture have no video. Their heading says 'Note', and their notebook
    has sections of its own, so that they link it as a whole.
    """

    number: str  # "07"
    title: str  # in the headings of note and notebook
    video_title: str
    video: str  # empty for what comes before or after the series
    notebook: str  # without its ending; empty where no notebook teaches the lecture
    note: str
    modules: tuple[str, ...]

    @property
    def beyond(self):
        return int(self.number) > LAST_LECTURE

    @property
    def name(self):
        return f"{'Note' if self.beyond else 'Lecture'} {self.number}"

    @property
    def heading(self):
        return f"{self.name} · {self.title}"


@cache
def parse(text):
    """All lectures of a file such as lectures.yaml, in its order."""
    lectures = []
    for entry in yaml.safe_load(text):
        entry["number"] = f"{entry['number']:02d}"
        entry["notebook"] = entry["notebook"] or ""
        entry["modules"] = tuple(entry["modules"])
        lectures.append(Lecture(**entry))
    return tuple(lectures)


def read_map(root=ROOT):
    """The lectures of the course in this folder, and after them the notes beyond."""
    return parse((root / "lectures.yaml").read_text("utf-8"))


def beyond(stem):
    """Whether a notebook goes beyond the lectures: it has no lecture, and sections of its own.

    >>> beyond("10_transformers"), beyond("11_llama")
    (False, True)
    """
    return int(stem[:2]) > LAST_OF_THE_LECTURES


def sections(path):
    """The lectures that a notebook has a section for: number to title, in the notebook's order."""
    if not path.is_file():
        return {}
    cells = json.loads(path.read_text("utf-8") or "{}").get("cells", [])
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return dict(SECTION.findall(prose))


def section_of(lecture, root=ROOT):
    """The path of a lecture's notebook with the anchor of its section; empty where there is none.

    The anchor is the one that JupyterLab gives to the heading.
    """
    path = root / "notebooks" / f"{lecture.notebook}.ipynb"
    if not lecture.notebook or not path.is_file():
        return ""
    heads = lecture.heading in path.read_text("utf-8")
    anchor = "#" + lecture.heading.replace(" ", "-") if heads else ""
    return f"notebooks/{path.name}{anchor}"


INTRODUCTION = """# The 43 lectures

Where each lecture of *Building LLMs from scratch* is taught: its note, its section in a notebook,
and the modules that hold the finished code. The notes after them, without a video, go with the
notebooks beyond the lectures. Terms are explained in the [glossary](glossary.md), symbols in the
[notation](notation.md), and there are [exercises](exercises.md) for pencil and paper.

| # | Note | Video | Notebook | Modules |
|---|---|---|---|---|
"""


def index(root=ROOT):
    """The page of all lectures, for the folder of the notes."""
    rows = []
    for lecture in read_map(root):
        note = lecture.title
        if (root / "lecture_notes" / lecture.note).is_file():
            note = f"[{note}]({lecture.note})"
        section = section_of(lecture, root)
        notebook = f"[{lecture.notebook}](../{section})" if section else "not written yet"
        names = ((PurePosixPath(module).stem, module) for module in lecture.modules)
        modules = ", ".join(f"[`{name}`](../{module})" for name, module in names)
        video = f"[{lecture.video_title}]({lecture.video})" if lecture.video else ""
        cells = (lecture.number, note, video, notebook if lecture.notebook else "", modules)
        rows.append(f"| {' | '.join(cells)} |")
    return INTRODUCTION + "\n".join(rows) + "\n"


def write_index(root=ROOT):
    """Write the page of all lectures; returns its path."""
    path = root / INDEX
    path.write_text(index(root), "utf-8", newline="\n")
    return path
