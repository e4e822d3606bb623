"""The house: README's map, links, sizes, spelling, and what may not be committed."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from tools import lectures
from tools.lectures import LINK, ROOT

MAP = lectures.read_map()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOTES = sorted((ROOT / "lecture_notes").glob("[0-9][0-9]_*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "lecture_notes").glob("*.md")])
CODE = [
    path
    for folder in ("helpers", "classroom", "tools", "benchmarks", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + [ROOT / "course.py", ROOT / "conftest.py"]
MARKDOWN_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def name(path):
    return path.relative_to(ROOT).as_posix()


def committed():
    """Every text file that belongs to the project, as git sees it; all files where git is not."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode or not listed.stdout:
        return [path for path in [*CODE, *PAGES, *NOTEBOOKS] if path.exists()]
    files = [ROOT / line for line in listed.stdout.split("\0") if line]
    return [path for path in files if path.is_file()]


def prose(path):
    """The Markdown of a page or a notebook."""
    if path.suffix != ".ipynb":
        return path.read_text("utf-8")
    cells = nbformat.read(str(path), 4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def sources(path):
    """Everything that was written in a notebook, prose and code."""
    return "\n\n".join(cell.source for cell in nbformat.read(str(path), 4).cells)


def slugs(path):
    """The anchors that links may name: GitHub's form for pages, Jupyter's for notebooks."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    plain = [re.sub(r"[`*]", "", LINK.sub(r"\1", heading)) for heading in headings]
    if path.suffix == ".ipynb":
        return {heading.replace(" ", "-") for heading in plain}
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}


# the map


def test_every_notebook_and_note_is_in_the_map():
    assert {path.stem for path in NOTEBOOKS} <= {lecture.notebook for lecture in MAP}
    assert {path.name for path in NOTES} <= {lecture.note for lecture in MAP}


def test_notes_are_numbered_like_their_lectures():
    for lecture in MAP:
        assert lecture.note.startswith(f"{lecture.number}_")


@pytest.mark.parametrize("path", NOTES, ids=name)
def test_a_note_has_its_lectures_heading(path):
    (lecture,) = [lecture for lecture in MAP if lecture.note == path.name]
    assert path.read_text("utf-8").splitlines()[0] == f"# {lecture.heading}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_a_notebook_has_its_lectures_headings(path):
    titles = {lecture.number: lecture.title for lecture in MAP if lecture.notebook == path.stem}
    found = lectures.sections(path)
    assert found, "a notebook has one section a lecture"
    assert list(found) == sorted(found)
    assert {number: titles.get(number) for number in found} == found


# links and pictures


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name)
def test_links_lead_somewhere(path):
    for _, text, target in MARKDOWN_LINK.findall(re.sub(r"```.*?```", "", prose(path), flags=re.S)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"[{text}]({target}): there is no such file"
        if anchor and there.suffix in (".md", ".ipynb"):
            assert unquote(anchor) in slugs(there), f"[{text}]({target}): no such heading"


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name)
def test_pictures_have_alt_text(path):
    for mark, text, target in MARKDOWN_LINK.findall(prose(path)):
        assert not mark or len(text) >= 10, f"{target} needs an alt text"
    for tag in re.findall(r"<img\b[^>]*>", prose(path)):
        assert re.search(r'alt="[^"]{10,}"', tag), tag


# sizes


def functions(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", CODE, ids=name)
def test_modules_and_functions_stay_short(path):
    text = path.read_text("utf-8")
    if path.parent.name != "tests":
        assert len(text.splitlines()) <= 300, "this module is asking to be two"
    for function, lines in functions(ast.parse(text)):
        assert lines <= 50, f"{function} has {lines} lines"


@pytest.mark.parametrize(
    "path",
    sorted([*(ROOT / "helpers").rglob("*.py"), *(ROOT / "classroom").rglob("*.py")]),
    ids=name,
)
def test_public_things_say_what_they_do(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


# words

BRITISH = re.compile(
    r"""\b(\w*colour\w*|behaviour\w*|favour\w*|neighbour\w*|honour\w*|centre[ds]?|metres?|grey\w*
    |(?:token|normal|optim|initial|summar|organ|recogn|visual|general|minim|maxim|vector|special
      |memor|penal|util|quant|regular|serial|parallel|factor|categor|character|standard|final
      |emphas|real|apolog|critic)is(?:e|ed|es|er|ers|ing|ation|ations)
    |analys(?:e|ed|ing)|labell(?:ed|ing)|modell(?:ed|ing|er)|travell(?:ed|ing|er)|cancell(?:ed|ing)
    |licences?|defence|artefacts?|catalogues?|programmes?|judgements?|learnt|whilst|practis(?:e|ed|ing)
    |sceptic\w*|fulfils?|dialogues?(?=\ box))\b""",
    re.VERBOSE | re.IGNORECASE,
)


@pytest.mark.parametrize("text", ["colour", "tokeniser", "normalisation", "labelled", "Licence"])
def test_british_forms_are_found(text):
    assert BRITISH.search(f"the {text} of")


@pytest.mark.parametrize("text", ["color", "emphasis", "realistic", "specialist", "analyses"])
def test_american_forms_are_left_alone(text):
    assert not BRITISH.search(f"the {text} of")


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS, *CODE], ids=name)
def test_spelling_is_american(path):
    if path == Path(__file__):
        return
    text = sources(path) if path.suffix == ".ipynb" else prose(path)
    assert not BRITISH.findall(text)


# a page speaks of the course alone; the tests that look for such paths have to name them
POINTING = {"test_layout.py", "test_notebook_layout.py"}
ELSEWHERE = re.compile(r"shared/(?:data|DESIGN)|/work/|/root/|/home/\w|C:\\Users|\bthe brief\b")


@pytest.mark.parametrize("path", committed(), ids=name)
def test_nothing_points_to_one_machine(path):
    if path.name in POINTING or path.suffix in (".png", ".safetensors"):
        return
    found = set(ELSEWHERE.findall(path.read_text("utf-8")))
    allowed = {"shared/data"} if name(path) == ".ci/run" else set()
    assert found <= allowed


def tool(*command):
    """Runs one of the style tools, or skips where it is not installed."""
    pytest.importorskip(command[0])
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


def test_ruff_finds_nothing():
    checked = tool("ruff", "check", "--no-cache", ".")
    assert checked.returncode == 0, checked.stdout


def test_everything_is_formatted():
    checked = tool("ruff", "format", "--check", "--no-cache", ".")
    assert checked.returncode == 0, checked.stdout


def test_codespell_finds_nothing(tmp_path):
    paths = [name(path) for path in [*PAGES, *CODE]]
    for path in NOTEBOOKS:  # without the outputs, which are full of pieces of words
        paths.append(str(tmp_path / f"{path.stem}.md"))
        Path(paths[-1]).write_text(sources(path), "utf-8")
    checked = tool("codespell_lib", *paths)
    assert checked.returncode == 0, checked.stdout
