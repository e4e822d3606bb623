"""What a notebook owes its reader, checked on the committed files: one test a rule."""

import ast
import re
import statistics
from functools import cache

import nbformat
import pytest

from classroom.study.quiz import Round, questions
from helpers.texts.corpora import CORPORA
from tools.lectures import ROOT, beyond, read_map
from tools.notebook_parts import (
    GENERATED,
    clean,
    repository,
    setup_source,
    with_badge,
    with_carry,
    with_links,
)

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REASONS = {"timing", "trained", "machine", "widget"}
TAGS = REASONS | GENERATED | {"imports", "online", "long", "nbval-ignore-output"} | set(CORPORA)
CLOSING = ["Exercises", "Interview questions", "Where next"]

# what would be another text on another machine, or was not meant to be seen
UNWANTED = re.compile(
    r"/(?:home|root|Users|tmp|work|opt|var|usr|private)/|[A-Z]:\\|\bat 0x[0-9a-f]{6,}"
    r"|\b\w*Warning: |\bTraceback \(most recent"
)


@cache
def read(path):
    return nbformat.read(str(path), as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def markdown(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def texts(cell):
    """All text that a reader sees under a cell, pixels left out."""
    for output in cell.outputs:
        yield output.get("text", "")
        for kind, value in output.get("data", {}).items():
            if isinstance(value, str) and not kind.startswith("image/"):
                yield re.sub(r'src="data:[^"]*"', "", value)


def asserts(cell):
    return any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(cell.source)))


def calls(cell, function):
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "id", None) == function
        for node in ast.walk(ast.parse(cell.source))
    )


def every_notebook(problems):
    """One test of all notebooks; it fails with the list of what `problems` finds in each."""

    def test():
        wrong = [f"{path.stem}: {problem}" for path in NOTEBOOKS for problem in problems(path)]
        assert not wrong, "\n".join(wrong)

    return test


# opening and closing


@every_notebook
def test_they_open_as_they_should(path):
    title = read(path).cells[0]
    owed = {
        rf"^# {path.stem[:2]} · \w": "the title is '# NN · Title'",
        r"(?i)\blectures? \d": "the lectures that it follows",
        r"\bminutes?\b|\bseconds?\b": "how long it takes",
        r"\bGB\b|gigabyte|\bMB\b": "what memory it needs",
    }
    yield from (what for pattern, what in owed.items() if not re.search(pattern, title.source))
    setup, imports = code_cells(path)[:2]
    if (title.cell_type, tags(setup), tags(imports)) != ("markdown", {"setup"}, {"imports"}):
        yield "first the title, then the cells tagged setup and imports"


@every_notebook
def test_generated_parts_are_up_to_date(path):
    advice = "run: python3 course.py notebooks --no-run"
    by_number = {lecture.number: lecture for lecture in read_map()}
    title, address = read(path).cells[0], repository()
    if title.source != with_badge(title.source, path.name, address):
        yield f"the badge: {advice}"
    if code_cells(path)[0].source != setup_source(address):
        yield f"the set-up cell: {advice}"
    sources = [cell.source for cell in read(path).cells]
    if [cell.source for cell in with_carry(read(path).cells)] != sources:
        yield f"the cells that carry turns to and from Colab: {advice}"
    for cell in read(path).cells:
        if cell.cell_type == "markdown" and cell.source != with_links(cell.source, by_number):
            yield f"the links under {cell.source.splitlines()[0]!r}: {advice}"


@every_notebook
def test_they_close_as_they_should(path):
    headings = re.findall(r"^## (.+)$", markdown(path), re.MULTILINE)
    lectures = [heading for heading in headings if heading.startswith("Lecture ")]
    if beyond(path.stem):
        own = [heading for heading in headings if heading not in [*lectures, *CLOSING]]
        if not own or headings != [*own, *CLOSING]:
            yield f"sections of its own, then {', '.join(CLOSING)}: {headings}"
    elif headings != [*lectures, *CLOSING]:
        yield f"one section a lecture, then {', '.join(CLOSING)}: {headings}"


@every_notebook
def test_they_ask_interview_questions(path):
    closing = markdown(path).split("## Interview questions")[1].split("## Where next")[0]
    folded = re.findall(r"<details>\s*<summary>(.+?)</summary>(.+?)</details>", closing, re.S)
    if len(folded) < 3:
        yield f"{len(folded)} interview questions"
    for _, answer in folded:
        if len(answer.split()) < 25:
            yield f"a full answer, please: {answer.strip()[:80]}"


@every_notebook
def test_folds_are_closed(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            if cell.source.count("<details") != cell.source.count("</details>"):
                yield f"a fold is not closed: {cell.source[:80]}"
            if re.search(r"</summary>\n?(?!\n)", cell.source):
                yield f"Markdown in a fold needs an empty line: {cell.source[:80]}"


# cells


@every_notebook
def test_cells_are_short(path):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(path)[1:]]
    if statistics.median(lengths) > 6 or max(lengths) > 30:
        yield f"the median cell has {statistics.median(lengths)} lines, the longest {max(lengths)}"


@every_notebook
def test_they_are_small(path):
    if path.stat().st_size >= 1_500_000:
        yield f"{path.stat().st_size:,} bytes"


@every_notebook
def test_tags_are_known(path):
    for cell in code_cells(path):
        if unknown := tags(cell) - TAGS:
            yield f"{unknown}: {cell.source[:80]}"
        if "online" in tags(cell):
            if not tags(cell) & set(CORPORA):
                yield f"which data? {cell.source[:80]}"
            if "available(" not in cell.source:
                yield f"it must run without: {cell.source[:80]}"


def defined(tree):
    """Functions and classes that a module or cell defines at its top level."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


@cache
def public_names():
    """Every public function and class of `helpers` and `classroom`, and where it lives."""
    names = {}
    for file in sorted([*(ROOT / "helpers").rglob("*.py"), *(ROOT / "classroom").rglob("*.py")]):
        if file.parent.name not in ("turns", "mine"):  # what is in both is meant to be written
            for name in defined(ast.parse(file.read_text("utf-8"))):
                if not name.startswith("_"):
                    names.setdefault(name, file.relative_to(ROOT).as_posix())
    return names


@every_notebook
def test_they_redefine_nothing_of_the_packages(path):
    for cell in code_cells(path):
        if "@your_turn" in cell.source:  # the reader writes what the package has, under its name
            continue
        for name in defined(ast.parse(cell.source)):
            if name in public_names():
                yield f"{name} is in {public_names()[name]}"


# committed outputs


@every_notebook
def test_they_were_run_and_written_by_the_tool(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    again = nbformat.from_dict(nbformat.read(str(path), as_version=4))
    written = nbformat.writes(clean(again)) + "\n" == path.read_text("utf-8")
    if counts != list(range(1, len(counts) + 1)) or not written:
        yield "run: python3 course.py notebooks"


@every_notebook
def test_quizzes_show_the_bank_as_it_is(path):
    for cell in code_cells(path):
        if found := re.fullmatch(r"quiz\(lecture=(\d+)\)", cell.source):
            page = Round(questions(int(found[1]))).html()
            if page not in [output.get("data", {}).get("text/html") for output in cell.outputs]:
                yield f"run it again: {cell.source}"


@every_notebook
def test_outputs_are_presentable(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"an error or a warning: {cell.source}"
            if set(output.get("data", {})) & {"image/png", "image/jpeg"}:
                yield f"use helpers.plots.show, it has alt text: {cell.source}"
        for text in texts(cell):
            if found := UNWANTED.search(text):
                yield f"{found[0]!r} in the output of {cell.source}"


@every_notebook
def test_pictures_describe_themselves_and_are_asserted(path):
    for cell in code_cells(path):
        for text in texts(cell):
            for tag in re.findall(r"<img\b[^>]*>", text):
                if not re.search(r'alt="[^"]{20,}"', tag):
                    yield f"describe the picture: {cell.source}"
        if calls(cell, "show") and not asserts(cell):
            yield f"assert what the picture must show: {cell.source}"


@every_notebook
def test_exempt_cells_say_why_and_assert(path):
    for cell in code_cells(path):
        if "nbval-ignore-output" not in tags(cell):
            if tags(cell) & REASONS:
                yield f"a reason without the exemption: {cell.source}"
            continue
        if not tags(cell) & REASONS:
            yield f"why is this output not compared? {cell.source}"
        if not asserts(cell):
            yield f"assert what must be true: {cell.source}"


@every_notebook
def test_most_outputs_are_compared(path):
    with_text = [cell for cell in code_cells(path) if any(text.strip() for text in texts(cell))]
    compared = [cell for cell in with_text if "nbval-ignore-output" not in tags(cell)]
    if len(compared) < 0.85 * len(with_text):
        yield f"{len(compared)} of {len(with_text)}"


# the checks themselves


def test_unwanted_outputs_are_seen_and_harmless_ones_pass():
    unwanted = [
        "/home/ann/course/x.py",
        "C:\\Users\\ann",
        "<object object at 0x7f3a5c0d2b10>",
        "UserWarning: careful",
        "/tmp/tmpab12",
    ]
    harmless = ["a/b", "5,145 tokens", "and/or", "Warning signs", "0x7f"]
    assert [text for text in [*unwanted, *harmless] if UNWANTED.search(text)] == unwanted


def test_a_broken_rule_is_told_with_its_notebook():
    test = every_notebook(lambda path: ["one", "two"] if path == NOTEBOOKS[0] else [])
    with pytest.raises(
        AssertionError, match=f"{NOTEBOOKS[0].stem}: one\n +{NOTEBOOKS[0].stem}: two"
    ):
        test()
