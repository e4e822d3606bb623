"""Reads the README's map: which lecture is taught in which notebook, note and module.

The map is the one place for lecture titles and links. Everything else is held against it.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| (\d\d) \| \[(.+?)\]\((https?://\S+?)\) \| (.+?) \| (.+?) \| (.+?) \|$")
SECTION = re.compile(r"^## Lecture (\d\d) · (.+?)\s*$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Lecture:
    """One row of the map; `notebook` and `note` are file names, or empty where there is none."""

    number: str
    title: str
    video: str
    notebook: str
    note: str
    modules: tuple[str, ...]

    @property
    def heading(self):
        return f"Lecture {self.number} · {self.title}"


def plain(cell):
    """The text of a table cell without link and code marks; a dash means nothing."""
    text = LINK.sub(r"\1", cell).replace("`", "").strip()
    return "" if text == "—" else text


def parse(readme):
    """All lectures of a README, in order."""
    lectures = []
    for line in readme.splitlines():
        if row := ROW.match(line):
            number, title, video, notebook, note, modules = row.groups()
            names = tuple(filter(None, (name.strip() for name in plain(modules).split(","))))
            lectures.append(Lecture(number, title, video, plain(notebook), plain(note), names))
    return lectures


def read_map(root=ROOT):
    """The lectures of the README in this folder."""
    return parse((root / "README.md").read_text("utf-8"))


def link(text, target, root):
    """A Markdown link where the target exists, plain text where it does not."""
    return f"[{text}]({target})" if (root / target).exists() else text


def sections(path):
    """The lectures that a notebook has a section for: number to title, in the notebook's order."""
    if not path.is_file():
        return {}
    cells = json.loads(path.read_text("utf-8") or "{}").get("cells", [])
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return dict(SECTION.findall(prose))


def refresh(readme, root=ROOT):
    """The README again, with a link in the map for every section, note and module there is."""
    lines = []
    for line in readme.splitlines():
        if ROW.match(line):
            (row,) = parse(line)
            notebook = f"notebooks/{row.notebook}.ipynb"
            taught = row.number in sections(root / notebook)
            notebook = (link(row.notebook, notebook, root) if taught else row.notebook) or "—"
            note = link(row.note, f"lecture_notes/{row.note}", root) or "—"
            modules = ", ".join(link(f"`{m}`", module_path(m, root), root) for m in row.modules)
            title = f"[{row.title}]({row.video})"
            line = f"| {row.number} | {title} | {notebook} | {note} | {modules or '—'} |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def module_path(name, root=ROOT):
    """Where a module of `helpers` lies: a file, or a folder."""
    found = [path for path in (root / "helpers").rglob(f"{name}.py") if path.parent.name != name]
    if (root / "helpers" / name).is_dir() or not found:
        return f"helpers/{name}"
    return found[0].relative_to(root).as_posix()
