"""What the book has at its back: the turns as worksheets, and my_llm.py with references.

Both are made anew with each book, from the notebooks and from the parts of `classroom.mine`, and
are kept nowhere else.
"""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

from classroom.mine.assemble import assemble
from classroom.mine.outline import LLM
from tools.lectures import ROOT, read_map

LECTURE = re.compile(r"^## Lecture (\d\d) · ", re.MULTILINE)
SOLUTION = re.compile(r"<summary>Solution</summary>\n\n```python\n(.+?)```", re.DOTALL)
PART = re.compile(r"^# ---- (\d)\. (.+) ----$", re.MULTILINE)
LEAST_LINES = 4  # to write on
LINE = '<div class="line"></div>'
# the lectures behind what is no turn
BEHIND = {
    "settings": ("24",),
    "tokenizer": ("08",),
    "data": ("09", "12"),
    "model": ("19", "24"),
    "sampling": ("25", "29", "30"),
    "files": ("31",),
    "training": ("26", "27", "28"),
    "command": (),
}


@dataclass(frozen=True)
class Stub:
    """One turn as its notebook asks for it: the cell without its dots, and the lines it takes."""

    name: str  # "attend" or "GPT.hidden_states"
    notebook: str  # "05"
    lecture: str  # "15"; empty in a notebook beyond the lectures
    source: str
    lines: int


def stubs_of(path: Path) -> list[Stub]:
    """The turns of a notebook, in order."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    stubs, lecture = [], ""
    for place, (cell, source) in enumerate(zip(cells, sources, strict=True)):
        if cell["cell_type"] == "markdown":
            lecture = (LECTURE.findall(source) or [lecture])[-1]
        elif re.search(r"^@your_turn\b", source, re.MULTILINE):
            asked = without_dots(source)
            solution = SOLUTION.search(sources[place + 1]) if place + 1 < len(sources) else None
            longer = len(solution[1].splitlines()) - _header(source) if solution else 0
            lines = max(LEAST_LINES, longer + 2)
            stubs.append(Stub(_name(source), path.stem[:2], lecture, asked, lines))
    return stubs


def without_dots(source: str) -> str:
    """A stub's cell without the dots that the reader replaces.

    >>> print(without_dots('def f(x):\\n    \\"\\"\\"Twice x.\\"\\"\\"\\n    ...\\n'))
    def f(x):
        \"\"\"Twice x.\"\"\"
    """
    source = re.sub(r"\n[ ]*\.\.\.[ ]*(?=\n|\Z)", "", source)
    return re.sub(r": \.\.\.$", ":", source, flags=re.MULTILINE).strip()


def _definition(source):
    tree = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE))
    return next(node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)))


def _name(source):
    """`attend`, or `GPT.hidden_states` for a stub under `@your_turn(of=GPT)`."""
    node = _definition(source)
    calls = [call for call in node.decorator_list if isinstance(call, ast.Call)]
    return "".join(f"{ast.unparse(key.value)}." for call in calls for key in call.keywords) + (
        node.name
    )


def _header(source):
    """How many lines of a solution are there already: imports, decorator and signature."""
    node = _definition(source)
    first = node.body[0].lineno
    return first - 1 if first > node.lineno else node.lineno


def worksheets(root=ROOT) -> str:
    """The page of all turns, each with lines to write on."""
    parts = [
        "# The turns on paper\n",
        "Every function that you write in the notebooks, with room for it. Write first, then type "
        "what you wrote into its cell: the check there says whether it is right.\n",
    ]
    notes = {lecture.number: lecture for lecture in read_map(root)}
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        stubs = stubs_of(path)
        if stubs:
            parts.append(f"## Notebook {path.stem[:2]} · {_title(path)}\n")
        for stub in stubs:
            where = _to_note(stub.lecture, notes)
            parts.append(f"### `{stub.name}`\n")
            parts += [f"{where}\n"] if where else []
            parts.append(f"```python\n{stub.source}\n```\n")
            parts.append(f'<div class="lines">{LINE * stub.lines}</div>\n')
    return "\n".join(parts)


def _title(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    heading = re.search(r"^# (.+)$", "".join(cells[0]["source"]), re.MULTILINE)
    return heading[1].partition(" · ")[2] or heading[1]


def _to_note(number, notes):
    return f"[Lecture {number}]({notes[number].note})" if number in notes else ""


def printed(root=ROOT) -> str:
    """The page of `my_llm.py` as the course has it: its parts, with line numbers and references."""
    text = assemble([]).text
    notes = {lecture.number: lecture for lecture in read_map(root)}
    stubs = [s for path in sorted((root / "notebooks").glob("*.ipynb")) for s in stubs_of(path)]
    asked = {(stub.notebook, stub.name): stub.lecture for stub in stubs}
    wanted = {piece.name: piece.notebook for piece in assemble([]).pieces}
    starts = list(PART.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    page = [
        "# my_llm.py\n",
        "The file that `python3 course.py mine` writes, as it is before you have written anything: "
        "every part is the course's. Each turn that you solve replaces its part. Above each piece "
        "is where it comes from.\n",
        _block(text[: starts[0].start()], 1),
    ]
    for part, start, end in zip(LLM.parts, starts, ends, strict=True):
        code = text[start.start() : end]
        first = text.count("\n", 0, start.start()) + 1
        page.append(f"## {start[1]}. {start[2]}\n")
        behind = ", ".join(_to_note(number, notes) for number in BEHIND[part])
        page += [f"Explained in {behind}.\n"] if behind else []
        rows = [
            f"| `{name}` | {line} | {wanted[name]} | "
            f"{_to_note(asked.get((wanted[name], name), ''), notes)} |"
            for name, line in _places(code, first)
            if name in wanted
        ]
        if rows:
            page.append(
                "\n".join(["| turn | line | notebook | note |", "|---|---|---|---|", *rows])
            )
            page.append("")
        page.append(_block(code, first))
    return "\n".join(page)


def _places(code, first):
    """The name and line of each definition, methods as `GPT.forward`."""
    for node in ast.parse(code).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node.lineno + first - 1
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner.lineno + first - 1


def _block(code, first):
    """A block of code with the numbers of its lines in the whole file."""
    body = code.rstrip("\n")
    return f"````{{code-block}} python\n:linenos:\n:lineno-start: {first}\n\n{body}\n````\n"
