"""The figures of lecture 24, all parameters of GPT-2."""

from dataclasses import replace

from classroom.drawings.anatomy import count_parameters, flops_per_token, parameter_table
from classroom.whiteboard import Board
from helpers.config import PRESETS

GPT2 = PRESETS["gpt2-small"]


def _groups(config):
    """Parameters by kind: embeddings, attention, feed-forward, normalizations."""
    groups = dict.fromkeys(["embeddings", "attention", "feed-forward", "norms"], 0)
    for part in parameter_table(config):
        first = part.name.split(":")[0]
        kind = "embeddings" if "embedding" in first else first if first in groups else "norms"
        groups[kind] += part.total
    return groups


def one_table_for_both():
    """Weight tying: the table at the entrance is also the output head."""
    board = Board(
        760, 390, "163 million or 124 million: one table or two",
        "Left: a model with two tables, one for the embedding and one for the output head, and "
        "the twelve blocks between them. Right: the same model with one table that is used twice. "
        "Below each is its number of parameters.",
    )  # fmt: skip
    separate = replace(GPT2, tie_weights=False, qkv_bias=False)
    tied = replace(separate, tie_weights=True)
    for left, name, config in ((50, "two tables", separate), (430, "one table", tied)):
        board.text(left + 75, 84, name, 15, bold=True)
        head = board.box(left, 106, 150, 44, "output head", fill="green", size=14)
        blocks = board.box(left, 186, 150, 44, "12 blocks, norm", fill="orange", size=14)
        table = board.box(left, 266, 150, 44, "token embedding", fill="blue", size=14)
        board.arrow(table, blocks)
        board.arrow(blocks, head)
        board.text(left + 75, 348, f"{count_parameters(config):,}", 16, "ink", bold=True)
        if config is separate:
            board.text(left + 164, 288, "50,257 × 768", 14, "blue", align="left")
            board.text(left + 164, 128, "50,257 × 768", 14, "green", align="left")
        else:
            board.arrow(
                table.right, head.right,
                via=[(left + 196, table.center[1]), (left + 196, head.center[1])], color="purple",
            )  # fmt: skip
            board.text(left + 206, 208, "the same\nnumbers", 14, "purple", align="left")
    return board


def where_they_are():
    """Shares of embeddings, attention and feed-forward networks in the four GPT-2s."""
    board = Board(
        760, 380, "Where the parameters are",
        "Four bars, one for each size of GPT-2, divided into embeddings, attention and "
        "feed-forward networks. The share of the embeddings shrinks from almost a third to a "
        "twentieth.",
    )  # fmt: skip
    kinds = {"embeddings": "blue", "attention": "orange", "feed-forward": "teal"}
    for place, (kind, color) in enumerate(kinds.items()):
        board.text(250 + 170 * place, 86, kind, 15, color, bold=True)
    y = 114
    for name in ("gpt2-small", "gpt2-medium", "gpt2-large", "gpt2-xl"):
        groups, total = _groups(PRESETS[name]), count_parameters(PRESETS[name])
        board.text(24, y + 14, name, 14, align="left")
        board.text(24, y + 34, f"{total / 1e6:,.0f} million", 13, "gray", align="left")
        x = 150
        for kind, color in kinds.items():
            share = groups[kind] / total
            width = 580 * share
            label = f"{share:.0%}"
            board.box(x, y, width, 46, label if width > 34 else "", fill=color, size=13)
            x += width
        y += 62
    board.text(440, 364, "normalizations: less than a thousandth", 13, "gray")
    return board


def memory_and_work():
    """Memory of the weights and of training, and the work for one token in longer texts."""
    board = Board(
        760, 390, "What 124 million parameters cost",
        "Left: memory in megabytes of the weights in bf16, in fp32 and in training. Right: the work "
        "for one token, by how many tokens it looks at: nearly the same for one and for a thousand, "
        "twenty times as much for 131,072.",
    )  # fmt: skip
    total = count_parameters(GPT2)
    sizes = [total * bytes_each / 1e6 for bytes_each in (2, 4, 16)]
    memory = board.chart(70, 110, 240, 200, (-0.6, 2.6), (0, 2300), y_ticks=[0, 1000, 2000])
    memory.bars(sizes, ["bf16", "fp32", "training"], values=[f"{size:,.0f}" for size in sizes])
    board.text(190, 84, "memory (MB)", 15, bold=True)
    contexts = (1, 1024, 8192, 32_768, 131_072)
    long_context = replace(GPT2, context_length=max(contexts))
    work = [sum(flops_per_token(long_context, context).values()) / 1e6 for context in contexts]
    chart = board.chart(400, 110, 330, 200, (-0.6, 4.6), (0, 5600), y_ticks=[0, 2500, 5000])
    chart.bars(
        work, [f"{context:,}" for context in contexts], values=[f"{one:,.0f}" for one in work]
    )
    base = chart.at(0, work[0])[1]
    board.line([(400, base), (730, base)], "red", dashed=True)
    board.text(565, 84, "work per token (million FLOPs)", 15, bold=True)
    board.text(565, 350, "tokens that it looks at", 13, "gray")
    board.text(565, 370, "above the dashed line: attention", 13, "red")
    board.text(190, 350, "how the numbers are stored", 13, "gray")
    return board
