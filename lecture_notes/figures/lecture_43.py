"""The figures of lecture 43, the whole course in one lecture."""

import math

from classroom.whiteboard import Board

WORDS = ["Your", "journey", "starts", "with", "one", "step"]
VECTORS = [
    [0.43, 0.15, 0.89],
    [0.55, 0.87, 0.66],
    [0.57, 0.85, 0.64],
    [0.22, 0.58, 0.33],
    [0.77, 0.25, 0.10],
    [0.05, 0.80, 0.55],
]
READ, TARGET, RATE = 3, 3, 0.3  # three tokens are read, 'with' comes next


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def _softmax(scores):
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def _forward():
    """Weights, mix, sum and the logits of the last token read."""
    asks = VECTORS[READ - 1]
    weights = _softmax([_dot(asks, vector) for vector in VECTORS[:READ]])
    mix = [_dot(weights, column) for column in zip(*VECTORS[:READ], strict=True)]
    total = [a + b for a, b in zip(asks, mix, strict=True)]
    return weights, mix, total, [_dot(total, vector) for vector in VECTORS]


def _after_one_step(total, logits):
    """The logits once each row of the head has moved against its gradient."""
    gradient = [p - (i == TARGET) for i, p in enumerate(_softmax(logits))]
    size = _dot(total, total)
    return [z - RATE * g * size for z, g in zip(logits, gradient, strict=True)]


def whole_gpt_by_hand():
    """Three tokens read, the fourth guessed, and one step of training."""
    board = Board(
        760, 480, "A GPT that fits on a board: guess, loss, one step of training",
        "Three tokens become three vectors. The weights of the last one mix the vectors, and the "
        "mix is added to its own vector. Six probabilities follow; the word that really comes, "
        "with, has little. After one step of training it has most, and the loss has fallen.",
    )  # fmt: skip
    weights, mix, total, logits = _forward()
    board.tokens(60, 76, WORDS[:READ], ids=range(READ), fills="blue", width=92)
    board.text(372, 93, "?", 20, "red", bold=True)
    vectors = board.matrix(
        110, 178, VECTORS[:READ], rows=WORDS[:READ], title="vectors (3, 3)", cell=(48, 30)
    )
    shares = board.matrix(
        318, 178, [[w] for w in weights], digits=4, cell=(74, 30), title="weights (3,)",
        heat="green", color="green",
    )  # fmt: skip
    board.arrow((250, 116), (226, 146))
    board.arrow(vectors.box.grown(6), shares.box.grown(6), color="green")
    board.matrix(110, 336, [mix], digits=4, cell=(74, 32), title="mix (3,)", color="green")
    summed = board.matrix(
        110, 422, [total], digits=4, cell=(74, 32), title="+ its own vector (3,)", color="orange"
    )
    board.arrow((142, 280), (142, 326), color="green")
    board.arrow((352, 280), (278, 312), color="green")
    panels = (("before", 96, logits), ("after one step", 296, _after_one_step(total, logits)))
    for name, top, scores in panels:
        chances = _softmax(scores)
        fills = ["green" if index == TARGET else "blue" for index in range(len(WORDS))]
        chart = board.chart(450, top + 18, 290, 108, (-0.6, 5.6), (0, 0.45))
        chart.bars(chances, WORDS, fills, [f"{chance:.2f}" for chance in chances], size=12)
        board.text(595, top, f"{name}: loss {-math.log(chances[TARGET]):.2f}", 14, bold=True)
    board.arrow(summed.box.grown(6), (444, 215), via=[(420, 438), (420, 215)], color="orange")
    board.arrow((480, 252), (480, 284), color="red")
    board.text(600, 268, "go against the gradient", 14, "red")
    return board


def three_uses():
    """The same body of blocks; which positions are scored in the three stages."""
    board = Board(
        760, 430, "One body, three ways to ask it",
        "Three rows of tokens. In pretraining every position is scored with the next token. In "
        "sorting texts only the last token is read, by a head with two outputs. With instructions "
        "only the positions that predict the answer and the end are scored.",
    )  # fmt: skip
    rows = (
        ("pretraining: every position", ["every", "effort", "moves", "you"],
         ["effort", "moves", "you", "on"], "head: 768 → 50,257"),
        ("sorting: the last token", ["win", "a", "free", "prize"],
         ["", "", "", "spam"], "head: 768 → 2"),
        ("instructions: the answer", ["plural", "of", "mouse", "?", "mice"],
         ["", "", "", "mice", "<end>"], "head: 768 → 50,257"),
    )  # fmt: skip
    for place, (title, words, targets, head) in enumerate(rows):
        top = 78 + 118 * place
        board.text(24, top, title, 15, align="left", bold=True)
        for index, (word, target) in enumerate(zip(words, targets, strict=True)):
            x = 24 + 100 * index
            below = board.box(x, top + 60, 86, 32, word, fill="blue", size=14)
            if target:
                board.arrow(below, board.box(x, top + 14, 86, 30, target, fill="green", size=14))
        board.text(640, top + 29, head, 14, "green")
        board.text(640, top + 76, "12 blocks, the same", 14, "gray")
    return board


def since_gpt2():
    """What a model of today does differently, part by part."""
    board = Board(
        760, 480, "From your GPT to an open model of 2026",
        "Two columns. On the left the parts of GPT-2: learned positions, layer normalization, "
        "GELU, keys and values for each head, attention to all earlier tokens, one network for all "
        "tokens, training on text and instructions. On the right what many open models of 2026 use "
        "instead, with the year of the paper.",
    )  # fmt: skip
    board.text(140, 82, "your GPT, as of 2019", 15, bold=True)
    board.text(520, 82, "many open models of 2026", 15, bold=True)
    changes = (
        ("learned positions", "rotary positions", "2021"),
        ("layer normalization", "RMS norm, also of queries and keys", "2019, 2020"),
        ("GELU network", "gated network, SwiGLU", "2020"),
        ("keys, values per head", "shared or compressed ones", "2023, 2024"),
        ("attention to all earlier", "a window or memory in most layers", "2020, 2024"),
        ("one network for all", "experts: a few per token", "2017"),
        ("next token, instructions", "then preferences, rewards", "2022, 2025"),
    )
    for place, (old, new, year) in enumerate(changes):
        top = 106 + 51 * place
        left = board.box(30, top, 220, 40, old, fill="blue", size=14)
        right = board.box(370, top, 280, 40, new, fill="orange", size=14)
        board.arrow(left, right, color="orange")
        board.text(702, top + 20, year, 13, "gray")
    return board


def pipeline():
    """The stages from text to a model that reasons, and what each reads and scores."""
    board = Board(
        820, 380, "The pipeline of 2026",
        "Five boxes from left to right: pretraining, mid-training, fine-tuning, preferences, checked "
        "rewards. They read web texts, chosen texts, conversations, pairs of answers, and prompts; "
        "scored are every token, every token, the assistant's part, the gap between two answers, and "
        "each answer by its advantage. A larger model, below, sends texts or probabilities to "
        "fine-tuning: distillation.",
    )  # fmt: skip
    stages = (
        ("pretraining", "texts", "every token", "blue"),
        ("mid-training", "chosen texts", "every token", "blue"),
        ("fine-tuning", "conversations", "the assistant's part", "green"),
        ("preferences", "pairs of answers", "the gap", "orange"),
        ("checked\nrewards", "prompts", "advantages", "purple"),
    )
    boxes = []
    for place, (name, read, scored, fill) in enumerate(stages):
        x = 24 + 158 * place
        board.text(x + 68, 100, read, 14, "gray")
        stage = board.box(x, 124, 136, 60, name, fill=fill, size=15)
        board.text(x + 68, 210, scored, 14, "green")
        if boxes:
            board.arrow(boxes[-1], stage)
        boxes.append(stage)
    larger = board.box(180, 282, 136, 52, "a larger model", fill="yellow", size=14)
    board.arrow(larger, (398, 232), via=[(398, 308)], color="orange")
    board.text(412, 296, "distillation: its texts,\nor its probabilities per token", 14, "orange",
               align="left")  # fmt: skip
    return board
