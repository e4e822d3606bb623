"""The house: README's map, links, sizes, spelling, and what may not be committed.

One test a rule: it looks at every file, and fails with the list of all that break it.
"""

import ast
import re
import subprocess
import sys
import tomllib
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
PACKAGES = [path for path in CODE if path.relative_to(ROOT).parts[0] in ("helpers", "classroom")]
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
MARKDOWN_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def name(path):
    return path.relative_to(ROOT).as_posix()


def listed(wrong):
    """All that break a rule, one a line."""
    return "\n".join(wrong)


def test_rooms_stay_small():
    """The top of `helpers`: 30 modules and 4,500 lines; each of its folders: 1,200 lines."""
    wrong, top = [], ROOT / "helpers"
    for folder in {path.parent for path in top.rglob("*.py")}:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        lines = sum(len(path.read_text("utf-8").splitlines()) for path in folder.glob("*.py"))
        most = (30, 4500) if folder == top else (30, 1200)
        if len(modules) > most[0] or lines > most[1]:
            wrong.append(f"{name(folder)}: {len(modules)} modules, {lines} lines; at most {most}")
    assert not wrong, listed(wrong)


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
    taught = {path.stem for path in NOTEBOOKS if not lectures.beyond(path.stem)}
    assert taught <= {lecture.notebook for lecture in MAP}
    for lecture in MAP:
        assert lecture.beyond == bool(lecture.notebook and lectures.beyond(lecture.notebook))
    assert {path.name for path in NOTES} <= {lecture.note for lecture in MAP}


def test_notes_are_numbered_like_their_lectures():
    for lecture in MAP:
        assert lecture.note.startswith(f"{lecture.number}_")


def test_notes_have_their_lectures_headings():
    headings = {lecture.note: f"# {lecture.heading}" for lecture in MAP}
    first_lines = {path.name: path.read_text("utf-8").partition("\n")[0] for path in NOTES}
    assert {note: headings[note] for note in first_lines} == first_lines


def test_notebooks_have_their_lectures_headings():
    wrong = []
    for path in NOTEBOOKS:
        titles = {lecture.number: lecture.title for lecture in MAP if lecture.notebook == path.stem}
        found = lectures.sections(path)
        if not found and not lectures.beyond(path.stem):
            wrong.append(f"{path.name} has no section of a lecture")
        if list(found) != sorted(found):
            wrong.append(f"{path.name}: the lectures are not in order")
        wrong += [
            f"{path.name}: lecture {number} is called {title!r}, not {titles.get(number)!r}"
            for number, title in found.items()
            if titles.get(number) != title
        ]
    assert not wrong, listed(wrong)


# links and pictures


def test_links_lead_somewhere():
    wrong = []
    for path in [*PAGES, *NOTEBOOKS]:
        text = re.sub(r"```.*?```", "", prose(path), flags=re.S)
        for _, words, target in MARKDOWN_LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            if not there.exists():
                wrong.append(f"{name(path)}: [{words}]({target}): there is no such file")
            elif (
                anchor and there.suffix in (".md", ".ipynb") and unquote(anchor) not in slugs(there)
            ):
                wrong.append(f"{name(path)}: [{words}]({target}): no such heading")
    assert not wrong, listed(wrong)


def test_pictures_have_alt_text():
    wrong = []
    for path in [*PAGES, *NOTEBOOKS]:
        text = prose(path)
        images = [(alt, target) for mark, alt, target in MARKDOWN_LINK.findall(text) if mark]
        wrong += [f"{name(path)}: {target}" for alt, target in images if len(alt) < 10]
        tags = re.findall(r"<img\b[^>]*>", text)
        wrong += [f"{name(path)}: {tag}" for tag in tags if not re.search(r'alt="[^"]{10,}"', tag)]
    assert not wrong, listed(wrong)


# code

MODULE_LINES, FUNCTION_LINES = 400, 60  # past 250 and 40 a module or a function asks for a reason


def test_modules_and_functions_stay_short():
    wrong = []
    for path in CODE:
        text = path.read_text("utf-8")
        listing = path.parent.name == "tests" or re.fullmatch(
            r"t\d\d", path.stem
        )  # one after another
        if not listing and len(text.splitlines()) > MODULE_LINES:
            wrong.append(f"{name(path)} has {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, FUNCTION) and node.end_lineno - node.lineno >= FUNCTION_LINES:
                wrong.append(f"{name(path)}:{node.lineno}: {node.name} is too long")
    assert not wrong, listed(wrong)


def test_public_things_say_what_they_do():
    wrong = []
    for path in PACKAGES:
        if path.parent.name == "turns":  # a check is called by the number of its exercise
            continue
        tree = ast.parse(path.read_text("utf-8"))
        public = [node for node in tree.body if isinstance(node, (*FUNCTION, ast.ClassDef))]
        for node in [tree, *(node for node in public if not node.name.startswith("_"))]:
            if not ast.get_docstring(node):
                wrong.append(f"{name(path)}: {getattr(node, 'name', 'the module')}")
    assert not wrong, listed(wrong)


def unannotated(tree):
    """The public functions and methods of a module that leave a type open."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (f"{node.name}.{method}" for method in unannotated(node))
        if not isinstance(node, FUNCTION) or node.name.startswith("_") and node.name != "__init__":
            continue
        spec = node.args
        arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
        if isinstance(tree, ast.ClassDef):
            arguments = [each for each in arguments if each and each.arg not in ("self", "cls")]
        untyped = any(each is not None and each.annotation is None for each in arguments)
        if untyped or node.returns is None and node.name != "__init__":
            yield node.name


def test_public_functions_of_helpers_are_annotated():
    wrong = []
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        wrong += [f"{name(path)}: {function}" for function in unannotated(tree)]
    assert not wrong, listed(wrong)


def test_a_missing_annotation_is_found():
    source = "def a(x): ...\ndef b(x: int): ...\ndef _c(x): ...\ndef d(x: int) -> int: ...\n"
    source += "class E:\n    def __init__(self, x): ...\n    def f(self) -> int: ...\n"
    source += "    def g(self, *x) -> int: ...\n"
    assert list(unannotated(ast.parse(source))) == ["a", "b", "E.__init__", "E.g"]


# what a page may not name; the tests that look for such paths have to
POINTING = {"test_layout.py", "test_notebook_layout.py"}
ELSEWHERE = re.compile(r"shared/(?:data|DESIGN)|/work/|/root/|/home/\w|C:\\Users|\bthe brief\b")


def test_nothing_points_to_one_machine():
    wrong = []
    for path in committed():
        if path.name in POINTING or path.suffix in (".png", ".safetensors"):
            continue
        allowed = {"shared/data"} if name(path) == ".ci/run" else set()
        found = set(ELSEWHERE.findall(path.read_text("utf-8"))) - allowed
        wrong += [f"{name(path)}: {place}" for place in sorted(found)]
    assert not wrong, listed(wrong)


def test_git_ignores_no_module():
    """A name in .gitignore without a slash before it hides folders of the packages as well."""
    paths = [name(path) for path in CODE]
    said = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=ROOT,
        input="\n".join(paths),
        capture_output=True,
        text=True,
    )
    assert said.stdout == "", said.stdout


# what tools check


def tool(*command):
    """What one of the tools says to the project, or skips where it is not installed."""
    pytest.importorskip(command[0])
    said = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    return said.returncode, said.stdout + said.stderr


def test_ruff_finds_nothing():
    code, said = tool("ruff", "check", "--no-cache", ".")
    assert code == 0, said


def test_everything_is_formatted():
    code, said = tool("ruff", "format", "--check", "--no-cache", ".")
    assert code == 0, said


def test_mypy_finds_nothing():
    code, said = tool("mypy")
    assert code == 0, said


MORE_FORMS = "tests/british_spelling.txt"
CODESPELL = ("codespell_lib", "--dictionary=-", f"--dictionary={MORE_FORMS}")


def test_spelling_is_right_and_american(tmp_path):
    paths = [name(path) for path in [*PAGES, *CODE]]
    for path in NOTEBOOKS:  # without the outputs, which are full of pieces of words
        paths.append(str(tmp_path / f"{path.stem}.md"))
        Path(paths[-1]).write_text(sources(path), "utf-8")
    code, said = tool(*CODESPELL, *paths)
    assert code == 0, said


def test_british_forms_are_found_and_american_ones_are_not(tmp_path):
    more = (ROOT / MORE_FORMS).read_text("utf-8").splitlines()
    # written in two parts: this file is checked, too
    british = ["colo" + "ur", "normali" + "sation", "label" + "led", "Lic" + "ence"]
    british += [line.partition("->")[0] for line in more]
    american = "color emphasis realistic specialist analyses labeled".split()
    page = tmp_path / "page.md"
    page.write_text("\n".join([*british, *american]), "utf-8")
    _, said = tool(*CODESPELL, str(page))
    assert re.findall(r"page.md:\d+: (\S+) ==>", said) == british
