"""The figures of lecture 32, loading GPT-2's weights."""

import math
from dataclasses import replace

import torch

from classroom.whiteboard import Board
from helpers.config import GPTConfig
from helpers.model import GPT
from helpers.pretrained import convert_gpt2, gpt2_shapes

# By hand: a packed matrix of two inputs and three times two outputs.
PACKED = torch.tensor([[1.0, 2, 0, 1, 3, 1], [3, 1, 2, 0, 0, 2]])
FILLS = ("blue", "orange", "green")
SMALL = GPTConfig(
    vocab_size=50, context_length=16, embedding_dim=32, n_heads=4, n_layers=2, dropout=0.0
)


def names_and_shapes():
    """Every kind of tensor in GPT-2's file, and where it goes in our model."""
    board = Board(
        760, 480, "Where each tensor goes",
        "On the left eight kinds of tensors in GPT-2's file with their shapes, on the right their "
        "places in our model. The embedding goes to two places, the packed attention matrix is cut "
        "in three, all matrices of the blocks are transposed, the rest stays as it is.",
    )  # fmt: skip
    shapes = gpt2_shapes(GPTConfig())
    rows = [
        ("wte.weight", "token_embedding, output_head", "green", "one table, two places"),
        ("wpe.weight", "position_embedding", "gray", ""),
        ("h.0.ln_1.weight", "norm_attention.scale", "gray", ""),
        ("h.0.attn.c_attn.weight", "query, key, value", "orange", "split, transpose"),
        ("h.0.attn.c_proj.weight", "output", "blue", "transpose"),
        ("h.0.mlp.c_fc.weight", "expand", "blue", "transpose"),
        ("h.0.mlp.c_proj.weight", "project", "blue", "transpose"),
        ("ln_f.weight", "final_norm.scale", "gray", ""),
    ]
    board.text(182, 82, "in the file", 15, bold=True)
    board.text(618, 82, "in our model", 15, bold=True)
    for place, (name, ours, fill, label) in enumerate(rows):
        y, shape = 100 + 46 * place, shapes[name]
        left = board.box(24, y, 316, 34, f"{name}  {shape}", fill=fill, size=13)
        if label.startswith("split"):
            ours, shape = f"{ours}  each", (shape[0], shape[1] // 3)
        right = board.box(496, y, 244, 34, f"{ours}  {shape[::-1]}" if label.endswith("transpose")
                          else ours, fill=fill, size=13)  # fmt: skip
        board.arrow(left, right, label, color="ink" if fill == "gray" else fill, size=12)
    return board


def cut_and_turn():
    """The packed matrix of the worked example: cut into three, each part transposed."""
    board = Board(
        760, 390, "Split in three, then transpose",
        "Above, a matrix of two rows and six columns: two columns for the queries, two for the "
        "keys, two for the values. Below, three matrices of two rows and two columns, each the "
        "transposed part: what was a column is a row now.",
    )  # fmt: skip
    fills = {(i, j): FILLS[j // 2] for i in range(2) for j in range(6)}
    packed = board.matrix(
        230, 112, PACKED, rows=["input 1", "input 2"], digits=0, cell=(56, 34), fills=fills,
        title="c_attn.weight  (2, 6): inputs in rows",
    )  # fmt: skip
    names = ("query", "key", "value")
    for place, (name, part, fill) in enumerate(zip(names, PACKED.chunk(3, 1), FILLS, strict=True)):
        x = 100 + 220 * place
        turned = board.matrix(
            x, 274, part.T, digits=0, cell=(56, 34), title=f"{name}.weight  (2, 2)",
            fills={(i, j): fill for i in range(2) for j in range(2)},
        )  # fmt: skip
        start = (packed.cells[1][2 * place].right[0], packed.box.bottom[1] + 8)
        board.arrow(start, (turned.box.center[0], 244), color=fill)
    board.note(90, 214, "a column becomes\na row", "blue", size=13)
    board.text(380, 366, "nn.Linear keeps the outputs in rows", 13, "gray")
    return board


def what_nobody_reports():
    """How far the logits of a small GPT-2 move by mistakes that raise no error."""
    board = Board(
        760, 430, "Mistakes that load without a word",
        "Bars on a scale of powers of ten: how far logits move when a mistake is made in loading. "
        "A little, but more than rounding, with another epsilon or GELU; as much as the logits "
        "themselves with other heads, queries and keys swapped, or a matrix not transposed.",
    )  # fmt: skip
    left, unit, low = 300, 50, -7
    for power in range(low, 2):
        x = left + unit * (power - low)
        board.line([(x, 84), (x, 362)], "gray", dashed=True)
        board.text(x, 380, f"$10^{{{power}}}$", 13, "gray")
    board.text(284, 104, "all is right: rounding", 14, align="right")
    board.box(left, 88, 2 * unit, 32, "", fill="green")
    for place, (name, difference) in enumerate(_differences(), start=1):
        y = 88 + 46 * place
        board.text(284, y + 16, name, 14, align="right")
        length = unit * (math.log10(difference) - low)
        board.box(left, y, length, 32, "", fill="orange" if difference < 0.1 else "red")
    board.text(500, 408, "largest difference of a logit", 14)
    return board


def _differences():
    """Mistakes and how far they move a logit; in double precision, so that rounding is no part."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, shape in gpt2_shapes(SMALL).items():
        is_scale = "ln_" in name and name.endswith("weight")
        tensors[name] = torch.randn(shape, generator=generator).double() * 0.2 + is_scale
    right = convert_gpt2(tensors, SMALL)
    query, key, square = (
        f"blocks.0.attention.{part}.weight" for part in ("query", "key", "output")
    )
    models = {
        "right": _loaded(right),
        "epsilon 1e-6 in the norms": _loaded(right),
        "the exact GELU": _loaded(right),
        "8 heads instead of 4": _loaded(right, replace(SMALL, n_heads=8)),
        "queries and keys swapped": _loaded(right | {query: right[key], key: right[query]}),
        "one not transposed": _loaded(right | {square: right[square].T}),
    }
    for block in models["epsilon 1e-6 in the norms"].blocks:
        block.norm_attention.epsilon = block.norm_feed_forward.epsilon = 1e-6
    for block in models["the exact GELU"].blocks:
        block.feed_forward.activation = torch.nn.GELU()
    with torch.no_grad():
        logits = {name: model(torch.arange(16)[None] * 3) for name, model in models.items()}
        single = models["right"].float()(torch.arange(16)[None] * 3)
    assert (single - logits["right"]).abs().max() < 1e-5  # the bar of rounding ends there
    truth = logits.pop("right")
    return [(name, (other - truth).abs().max().item()) for name, other in logits.items()]


def _loaded(weights, config=SMALL):
    model = GPT(config).double().eval()
    model.load_state_dict(weights)
    return model
