"""One way: the order that each package's docstring names, and light imports."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("helpers", "classroom")
LINE = re.compile(r"^\w+: (.+)$", re.MULTILINE)


def order():
    """Every module's place: `helpers` first, then `classroom`, each as its docstring lists it."""
    names = []
    for package in PACKAGES:
        for line in LINE.findall(importlib.import_module(package).__doc__):
            names += [f"{package}.{name}" for name in line.split()]
    return names


ORDER = order()

# imported inside the function that needs them, so that the rest works without them
HEAVY = ("matplotlib", "ipywidgets", "IPython", "transformers", "tokenizers", "tiktoken", "pooch")


def modules():
    """Every module of both packages, by its dotted name; a folder's `__init__` has the folder's."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            dotted = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
            yield dotted.removesuffix(".__init__"), path


MODULES = dict(modules())


def place(name):
    """Where a module stands in the order; a folder's `__init__` after its last module."""
    while name:
        if name in ORDER:
            return ORDER.index(name)
        within = [ORDER.index(other) for other in ORDER if other.startswith(f"{name}.")]
        if within:
            return max(within)
        name = name.rpartition(".")[0]
    return None


def imported(path):
    """The modules of the course that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            dotted = [name if name in MODULES else node.module or "." for name in names]
        else:
            continue
        yield from (name for name in dotted if name.split(".")[0] in (*PACKAGES, "tools", "", "."))


def test_imports_go_one_way():
    wrong = []
    for name, path in MODULES.items():
        if name in PACKAGES:
            continue
        here = place(name)
        if here is None:
            wrong.append(f"{name} has no place in the order of {name.split('.')[0]}/__init__.py")
            continue
        for other in set(imported(path)):
            if other not in MODULES:
                wrong.append(f"{name} imports {other}: write the whole name of a module below it")
            elif (
                other not in PACKAGES and place(other) >= here and not name.startswith(f"{other}.")
            ):
                if not other.startswith(f"{name}."):  # a folder hands on its own modules
                    wrong.append(f"{name} imports {other}, which comes later")
    assert not wrong, "\n".join(wrong)


def test_the_order_names_what_exists_once():
    assert len(ORDER) == len(set(ORDER))
    assert [name for name in ORDER if name not in MODULES] == []


def test_there_is_no_utils():
    assert not [name for name in MODULES if name.rpartition(".")[2] in ("utils", "util", "misc")]


LIMITS = {"modules": 30, "top": 4500, "folder": 1200}


def test_helpers_stays_small():
    wrong, folders = [], {}
    for name, path in MODULES.items():
        if name.startswith("helpers."):
            folder = path.parent.relative_to(ROOT).as_posix()
            folders.setdefault(folder, []).append(len(path.read_text("utf-8").splitlines()))
    top = folders.pop("helpers")
    if len(top) > LIMITS["modules"] or sum(top) > LIMITS["top"]:
        wrong.append(f"helpers has {len(top)} modules and {sum(top)} lines at its top level")
    wrong += [
        f"{name} has {sum(lines)} lines"
        for name, lines in folders.items()
        if sum(lines) > LIMITS["folder"]
    ]
    assert not wrong, wrong


IMPORT_ALL = """
import importlib, sys
seen = set()
for name in sys.argv[1].split():
    importlib.import_module(name)
    for heavy in sys.argv[2].split():
        if heavy in sys.modules and heavy not in seen:
            seen.add(heavy)
            print(f"{name} imports {heavy}")
"""


def run_imports(names, heavy):
    """What a fresh Python says after importing these modules one by one."""
    return subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, " ".join(names), " ".join(heavy)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_importing_everything_stays_light():
    said = run_imports(MODULES, HEAVY)
    assert said.returncode == 0, said.stderr
    assert said.stdout == "" and said.stderr == ""


@pytest.mark.parametrize("names", ["helpers.eliza helpers.tokenizer helpers.bpe"])
def test_words_need_no_torch(names):
    """ELIZA and the tokenizers start at once."""
    said = run_imports(names.split(), ("torch", "numpy"))
    assert said.returncode == 0 and said.stdout == "", said.stdout + said.stderr
