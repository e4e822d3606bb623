"""Notebook 00's tiny GPT: complete in fewer than 200 lines, and plain Python throughout."""

import ast
import re

import nbformat

from tests.turn_cells import SOLUTION, turns_of
from tools.lectures import ROOT

PATH = ROOT / "notebooks" / "00_ground.ipynb"
PARTS = """dot softmax Value backward dot_node surprise_node random_matrix multiply Adam train_model
softmax_node look_back normalize add positive gpt_weights gpt_scores gpt_surprises write to_ids"""


def definitions():
    """The source of each function and class of the notebook, turns as their solutions have them."""
    cells = nbformat.read(str(PATH), 4).cells
    found = {}
    for source in [*(SOLUTION.findall(below)[0] for _, _, below in turns_of(PATH)),
                   *(cell.source for cell in cells
                     if cell.cell_type == "code" and "@your_turn" not in cell.source)]:  # fmt: skip
        for node in ast.parse(source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found[node.name] = ast.get_source_segment(source, node)
    return found


def test_the_tiny_gpt_is_complete_in_200_lines_of_plain_python():
    parts = [definitions()[name] for name in PARTS.split()]
    lines = [line for part in parts for line in part.splitlines() if line.strip()]
    assert 100 < len(lines) <= 200
    assert not re.search(r"\b(torch|numpy|F)\.", "\n".join(parts))


def test_it_trains_with_these_parts_alone():
    names = {}
    exec("import gc, math, random", names)
    for name in PARTS.split():
        exec(definitions()[name], names)
    names["Value"].backward = names["backward"]
    vocabulary = ["<end>", "the", "cat", "sat"]
    names |= {"vocabulary": vocabulary, "SIZE": 4, "HEADS": 2, "LONGEST": 6}
    names |= {"number": {word: i for i, word in enumerate(vocabulary)}}
    names["learned"] = [names["to_ids"](text) for text in ("the cat sat", "the cat", "cat sat")]
    names["gpt"] = names["gpt_weights"](names["random"].Random(0))
    losses = names["train_model"](names["gpt"], names["gpt_surprises"], steps=60, rate=0.05)
    assert losses[0] > 1.2 > 0.6 > losses[-1]
