"""What a notebook owes its reader, checked on the committed files without running them."""

import ast
import re
import statistics
from functools import cache

import nbformat
import pytest

from helpers.texts.corpora import CORPORA
from tools.lectures import ROOT, read_map
from tools.notebook_parts import clean, repository, setup_source, with_badge, with_links

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REASONS = {"timing", "trained", "machine", "widget"}
TAGS = REASONS | {"setup", "imports", "online", "nbval-ignore-output"} | set(CORPORA)
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


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


# opening and closing


@every_notebook
def test_it_opens_as_it_should(path):
    title = read(path).cells[0]
    assert title.cell_type == "markdown"
    assert re.match(rf"# {path.stem[:2]} · \w", title.source), "the title is '# NN · Title'"
    assert re.search(r"\blectures? \d", title.source, re.I), "it names the lectures it follows"
    assert re.search(r"\bminutes?\b|\bseconds?\b", title.source), "it says how long it takes"
    assert re.search(r"\bGB\b|gigabyte|\bMB\b", title.source), "it says what memory it needs"
    setup, imports = code_cells(path)[:2]
    assert tags(setup) == {"setup"} and tags(imports) == {"imports"}


@every_notebook
def test_its_generated_parts_are_up_to_date(path):
    advice = "run: python3 course.py notebooks --no-run"
    by_number = {lecture.number: lecture for lecture in read_map()}
    title, address = read(path).cells[0], repository()
    assert title.source == with_badge(title.source, path.name, address), advice
    assert code_cells(path)[0].source == setup_source(address), advice
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            assert cell.source == with_links(cell.source, by_number), advice


@every_notebook
def test_it_closes_as_it_should(path):
    headings = re.findall(r"^## (.+)$", markdown(path), re.MULTILINE)
    assert headings[-3:] == CLOSING
    lectures = [heading for heading in headings if heading.startswith("Lecture ")]
    assert headings == [*lectures, *CLOSING], "one section a lecture, then the end"


@every_notebook
def test_it_asks_interview_questions(path):
    closing = markdown(path).split("## Interview questions")[1].split("## Where next")[0]
    folded = re.findall(r"<details>\s*<summary>(.+?)</summary>(.+?)</details>", closing, re.S)
    assert len(folded) >= 3
    for _, answer in folded:
        assert len(answer.split()) >= 25, f"a full answer, please: {answer.strip()[:80]}"


@every_notebook
def test_folds_are_closed(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            opened, closed = cell.source.count("<details"), cell.source.count("</details>")
            assert opened == closed, cell.source[:200]
            for fold in re.findall(r"</summary>(\n*)", cell.source):
                assert len(fold) >= 2, f"Markdown in a fold needs an empty line: {cell.source[:80]}"


# cells


@every_notebook
def test_cells_are_short(path):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(path)[1:]]
    assert statistics.median(lengths) <= 6
    assert max(lengths) <= 30


@every_notebook
def test_it_is_small(path):
    assert path.stat().st_size < 1_500_000


@every_notebook
def test_tags_are_known(path):
    for cell in code_cells(path):
        assert tags(cell) <= TAGS, f"{tags(cell) - TAGS}: {cell.source[:80]}"
        if "online" in tags(cell):
            assert tags(cell) & set(CORPORA), f"which data? {cell.source[:80]}"
            assert "available(" in cell.source, f"it must run without: {cell.source[:80]}"


def defined(tree):
    """Functions and classes that a module or cell defines at its top level."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


@cache
def public_names():
    """Every public function and class of `helpers` and `classroom`, and where it lives."""
    names = {}
    for file in sorted([*(ROOT / "helpers").rglob("*.py"), *(ROOT / "classroom").rglob("*.py")]):
        if file.parent.name != "turns":
            for name in defined(ast.parse(file.read_text("utf-8"))):
                if not name.startswith("_"):
                    names.setdefault(name, file.relative_to(ROOT).as_posix())
    return names


@every_notebook
def test_it_redefines_nothing_of_helpers(path):
    for cell in code_cells(path):
        for name in defined(ast.parse(cell.source)):
            assert name not in public_names(), f"{name} is in {public_names()[name]}"


# committed outputs


@every_notebook
def test_it_was_run_and_written_by_the_tool(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1)), "run: python3 course.py notebooks"
    again = nbformat.from_dict(nbformat.read(str(path), as_version=4))
    assert nbformat.writes(clean(again)) + "\n" == path.read_text("utf-8")


@every_notebook
def test_its_outputs_are_presentable(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source
            kinds = set(output.get("data", {}))
            assert not kinds & {"image/png", "image/jpeg"}, (
                "use helpers.plots.show: it has alt text"
            )
        for text in texts(cell):
            assert not UNWANTED.search(text), (cell.source, UNWANTED.search(text)[0])


@every_notebook
def test_pictures_describe_themselves_and_are_asserted(path):
    for cell in code_cells(path):
        for text in texts(cell):
            for tag in re.findall(r"<img\b[^>]*>", text):
                assert re.search(r'alt="[^"]{20,}"', tag), f"describe the picture: {cell.source}"
        if calls(cell, "show"):
            assert asserts(cell), f"assert what the picture must show: {cell.source}"


@every_notebook
def test_exempt_cells_say_why_and_assert(path):
    for cell in code_cells(path):
        if "nbval-ignore-output" in tags(cell):
            assert tags(cell) & REASONS, f"why is this output not compared? {cell.source}"
            assert asserts(cell), f"assert what must be true: {cell.source}"
        else:
            assert not tags(cell) & REASONS, f"a reason without the exemption: {cell.source}"


@every_notebook
def test_most_outputs_are_compared(path):
    with_text = [cell for cell in code_cells(path) if any(text.strip() for text in texts(cell))]
    compared = [cell for cell in with_text if "nbval-ignore-output" not in tags(cell)]
    assert len(compared) >= 0.85 * len(with_text), f"{len(compared)} of {len(with_text)}"


# the checks themselves


@pytest.mark.parametrize(
    "text",
    [
        "/home/ann/course/x.py",
        "C:\\Users\\ann",
        "<object object at 0x7f3a5c0d2b10>",
        "UserWarning: careful",
        "/tmp/tmpab12",
    ],
)
def test_unwanted_outputs_are_seen(text):
    assert UNWANTED.search(text)


@pytest.mark.parametrize("text", ["a/b", "5,145 tokens", "and/or", "Warning signs", "0x7f"])
def test_harmless_outputs_pass(text):
    assert not UNWANTED.search(text)
