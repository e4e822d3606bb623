"""The figures of lecture 5, how GPT-3 works."""

import math

from classroom.whiteboard import Board

# Brown et al. 2020, table 2.2: billions of tokens, percent of the training mix.
MIX = {
    "Common\nCrawl": (410, 60),
    "WebText2": (19, 22),
    "Books1": (12, 8),
    "Books2": (55, 8),
    "Wikipedia": (3, 3),
}


def one_token_at_a_time():
    """The output of one pass is the input of the next."""
    board = Board(
        760, 400, "One token at a time",
        "Three passes, one below the other. 'The key' goes into GPT, which gives 'opens'. 'The key "
        "opens' goes in, which gives 'the'. 'The key opens the' goes in, which gives 'door'. Each "
        "new token is put at the end of the next input.",
    )  # fmt: skip
    text = ["The", "key", "opens", "the", "door"]
    for row in range(3):
        y = 90 + 92 * row
        fills = ["blue"] * 2 + ["orange"] * row
        given = board.tokens(40, y, text[: row + 2], fills=fills, width=70)
        model = board.box(430, y - 8, 90, 50, "GPT", fill="gray", size=16, bold=True)
        board.arrow(given[-1], model)
        output = board.box(600, y, 80, 34, text[row + 2], fill="orange", bold=True)
        board.arrow(model, output, color="orange")
        if row < 2:
            place = (40 + 76 * (row + 2) + 35, y + 92)
            board.arrow(output, place, via=[(640, y + 63), (place[0], y + 63)], color="orange",
                        dashed=True)  # fmt: skip
    board.text(
        380, 356, "three tokens, three passes: each reads all that is there so far", 14, "red"
    )
    return board


def data_mix():
    """What there was, and how much of it GPT-3 read."""
    board = Board(
        760, 410, "GPT-3's texts: what there was, and what it read",
        "Pairs of bars for five sources. Common Crawl is 82 percent of the collected tokens but 60 "
        "percent of the training mix. WebText2, Books1 and Wikipedia have a larger share of the mix "
        "than of the collection.",
    )  # fmt: skip
    total = sum(size for size, _ in MIX.values())
    chart = board.chart(70, 120, 650, 195, (-0.4, 14.2), (0, 90), y_label="percent",
                        y_ticks=[0, 40, 80])  # fmt: skip
    for place, (name, (size, share)) in enumerate(MIX.items()):
        for side, (value, color) in enumerate(((100 * size / total, "gray"), (share, "blue"))):
            left, top = chart.at(2.9 * place + side * 1.05, value)
            right, bottom = chart.at(2.9 * place + side * 1.05 + 0.95, 0)
            board.box(left, top, right - left, bottom - top, fill=color)
            board.text((left + right) / 2, top - 12, f"{value:.0f}" if value >= 1 else
                       f"{value:.1f}", 13)  # fmt: skip
        middle = chart.at(2.9 * place + 1, 0)[0]
        board.text(middle, 340, name, 14)
        board.text(middle, 377, f"{share / 100 * 300 / size:.2f} times", 13, "red")
    board.text(430, 82, f"gray: share of the {total} billion tokens collected", 13, "gray",
               align="left")  # fmt: skip
    board.text(430, 104, "blue: share of the 300 billion read", 13, "blue", align="left")
    board.text(48, 377, "read", 13, "red")
    return board


def shots():
    """Three prompts for one task; the weights are the same in all three."""
    board = Board(
        760, 400, "Zero, one, few: examples in the prompt",
        "Three prompts side by side. Zero-shot: only the task. One-shot: the task and one worked "
        "example. Few-shot: the task and three examples. All go into the same GPT with the same "
        "weights.",
    )  # fmt: skip
    examples = ["walk => walked", "open => opened", "call => called"]
    for x, (name, number) in zip((30, 275, 520), (("zero", 0), ("one", 1), ("few", 3)),
                                 strict=True):  # fmt: skip
        frame = board.box(x, 100, 210, 190, frame=True)
        board.text(x + 105, 80, f"{name}-shot", 16, bold=True)
        board.text(x + 16, 124, "Give the past tense.", 14, align="left")
        for row in range(number):
            board.text(x + 16, 156 + 30 * row, examples[row], 14, "green", align="left", mono=True)
        board.text(x + 16, 156 + 30 * number, "return =>", 14, "blue", align="left", mono=True)
        board.arrow(frame, (frame.center[0], 325))
    board.box(30, 325, 700, 40, "the same GPT, the same weights", fill="orange", size=16)
    board.text(
        380, 384, "nothing is trained: the examples are forgotten with the prompt", 13, "red"
    )
    return board


def all_steps_right():
    """Why a smooth gain can look like a jump: p to the power of the number of steps."""
    board = Board(
        760, 410, "Each step improves smoothly, the whole answer suddenly",
        "Curves of p to the power of 1, 5, 10 and 30 against p. The more steps an answer has, the "
        "longer the curve stays near zero and the more suddenly it rises at the end.",
    )  # fmt: skip
    chart = board.chart(80, 110, 430, 230, (0, 1), (0, 1), x_label="p: one step right",
                        y_label="whole answer right", x_ticks=[0, 0.5, 1],
                        y_ticks=[0, 0.5, 1])  # fmt: skip
    xs = [step / 40 for step in range(41)]
    for steps, color in ((1, "gray"), (5, "blue"), (10, "purple"), (30, "red")):
        chart.curve(xs, [x**steps for x in xs], color)
    for steps, color, x in ((1, "gray", 0.3), (5, "blue", 0.66), (10, "purple", 0.8),
                            (30, "red", 0.93)):  # fmt: skip
        label = "1 step" if steps == 1 else str(steps)
        board.text(chart.at(x, 0)[0] - 24, chart.at(0, x**steps)[1] - 10, label, 14, color)
    board.text(*chart.at(0.24, 0.9), "on each curve: how many\nsteps the answer has", 13)
    rows = [[f"{p**steps:.3f}" for steps in (1, 10)] for p in (0.5, 0.8, 0.9, 0.99)]
    board.matrix(620, 165, rows, rows=["model A", "model B", "model C", "model D"],
                 columns=["1 step", "10 steps"], cell=(62, 36), grid=True, size=13)  # fmt: skip
    board.text(640, 335, "left: it grows slowly\nright: it 'emerges'", 14, "red")
    return board


def _fitted_loss(parameters, tokens):
    """The law of Hoffmann and others 2022, with the constants of Besiroglu and others 2024."""
    return 1.8172 + 482.01 / parameters**0.3478 + 2085.43 / tokens**0.3658


def equal_budgets():
    """For five budgets: the loss against the size of the model, and the best sizes."""
    board = Board(
        760, 440, "One budget, many ways to spend it",
        "Five curves, one for each training budget from ten to the 19 operations to that of GPT-3: "
        "the loss against the number of parameters. Each has a lowest point, which moves to larger "
        "models as the budget grows. GPT-3 lies to the right of the lowest point of its budget.",
    )  # fmt: skip
    ticks = [(8, "100 million"), (9, "1 billion"), (10, "10 billion"), (11, "100 billion")]
    chart = board.chart(
        80, 92, 470, 280, (7.5, 11.7), (1.8, 3.6), x_label="parameters", x_ticks=ticks,
        y_label="loss, in nats per token", y_ticks=[2.0, 2.5, 3.0, 3.5],
    )  # fmt: skip
    best = []
    for power in (19, 20, 21, 22, math.log10(6 * 175e9 * 300e9)):
        points = []
        for step in range(200):
            size = 7.5 + 4.1 * step / 199
            tokens = 10**power / (6 * 10**size)
            loss = _fitted_loss(10**size, tokens)
            if loss < 3.6 and tokens > 1e8:
                points.append((size, loss))
        best.append(min(points, key=lambda point: point[1]))
        near = [(x, y) for x, y in points if abs(x - best[-1][0]) < 1.15]
        chart.curve([x for x, _ in near[::4]], [y for _, y in near[::4]], "blue", thickness=2.0)
        if power < 23:
            end = chart.at(*near[-1])
            board.text(end[0] + 6, end[1], f"10$^{{{power}}}$", 13, "blue", align="left")
    chart.curve([x for x, _ in best], [y for _, y in best], "red", dashed=True)
    chart.dots([x for x, _ in best], [y for _, y in best], "red")
    gpt3 = (math.log10(175e9), _fitted_loss(175e9, 300e9))
    chart.dots([gpt3[0]], [gpt3[1]], "green", radius=6)
    board.text(chart.at(gpt3[0], 0)[0] - 8, chart.at(0, gpt3[1])[1] + 20, "GPT-3", 14, "green")
    board.text(580, 120, "blue: one budget each,\nin operations", 14, "blue", align="left")
    board.text(580, 190, "red: the best size for\nit, at about 19 to 24\ntokens per parameter", 14, "red",
               align="left")  # fmt: skip
    board.text(580, 262, "left: too small,\nright: too little read", 14, align="left")
    board.text(580, 320, "a law fitted to 400 runs\n(Hoffmann 2022, refitted\nby Besiroglu 2024)", 13,
               "gray", align="left")  # fmt: skip
    return board
