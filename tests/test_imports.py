"""The order of `helpers`: each module imports only from those above it, and none pulls in the heavy ones.

This list is the one place where the order stands.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).resolve().parent.parent / "helpers"

ORDER = {
    "ground": "limits plots device",
    "text": "eliza_rules eliza_script eliza tokenizer bpe_train bpe_merge bpe_formats bpe",
    "data": "sources downloads corpora study grammar_nodes grammar_notation grammar tales inbox task_words task_rules task_answers task_sentences task_items tasks practice course_qa loss loaders token_files documents",
    "model": "config products layers attention model kv_cache packing quantize",
    "use": "generate",
    "train": "optim distributed checkpoint compression train_progress train_safety train_compiled train_loop train_board train landscape tale_probes copying_start course_texts course_rows course_gpt",
    "interchange": "pretrained export",
    "adapt": "baselines classifier instructions lora difference dpo",
    "talk": "evaluate judge chat chat_model talkers knobs chat_window chat_stream",
    "page": "whiteboard token_view embedding_view attention_drawings attention_view attention_plots bpe_view sampling_view anatomy blueprints plots_field "
    "tokenizer_view merge_view training_view landscape_view embedding_explorer "
    "checks flash_cards quiz_bank quiz question_writer question_generator widgets",
}
PLACE = {name: place for place, name in enumerate(" ".join(ORDER.values()).split())}

# imported inside the function that needs them, so that the rest works without them
HEAVY = ("matplotlib", "ipywidgets", "IPython", "transformers", "tokenizers", "tiktoken", "pooch")


def modules():
    """Every module of `helpers`: its name in the order, and its files (several for a package)."""
    for path in sorted(HELPERS.iterdir()):
        if path.suffix == ".py" and path.stem != "__init__":
            yield pytest.param(path.stem, [path], id=path.stem)
        elif (path / "__init__.py").exists():
            yield pytest.param(path.name, sorted(path.rglob("*.py")), id=path.name)


def imported(path):
    """The modules of `helpers` that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "helpers":
            dotted = [f"helpers.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: write 'from helpers.x import y', not '.x'"
            dotted = [node.module]
        else:
            continue
        yield from (name.split(".")[1] for name in dotted if name.startswith("helpers."))


@pytest.mark.parametrize("name, files", list(modules()))
def test_imports_go_one_way(name, files):
    assert name in PLACE, f"give helpers.{name} its place in ORDER"
    for path in files:
        for other in imported(path):
            allowed = other == name or PLACE[other] < PLACE[name]
            assert allowed, f"{path.name} imports helpers.{other}, which comes later"


def test_the_package_itself_is_a_docstring():
    tree = ast.parse((HELPERS / "__init__.py").read_text("utf-8"))
    assert ast.get_docstring(tree) and len(tree.body) == 1


def test_there_is_no_utils():
    assert not [path for path in HELPERS.rglob("*") if path.stem in ("utils", "util", "misc")]


IMPORT_ALL = """
import importlib, sys
seen = set()
for name in sys.argv[1].split():
    importlib.import_module(f"helpers.{name}")
    for heavy in sys.argv[2].split():
        if heavy in sys.modules and heavy not in seen:
            seen.add(heavy)
            print(f"helpers.{name} imports {heavy}")
"""


def run_imports(names, heavy):
    """What a fresh Python says after importing these modules one by one."""
    return subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, " ".join(names), " ".join(heavy)],
        cwd=HELPERS.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )


def there(group):
    """The modules of a group that exist by now."""
    names = ORDER[group].split()
    return [n for n in names if (HELPERS / f"{n}.py").exists() or (HELPERS / n).is_dir()]


def test_importing_everything_stays_light():
    names = [name for group in ORDER for name in there(group)]
    said = run_imports(names, HEAVY)
    assert said.returncode == 0, said.stderr
    assert said.stdout == "" and said.stderr == ""


def test_words_need_no_torch():
    """ELIZA and the tokenizers start at once."""
    said = run_imports(there("text"), ("torch", "numpy"))
    assert said.returncode == 0 and said.stdout == "", said.stdout + said.stderr
