"""The figures of lecture 13, why attention."""

from classroom.whiteboard import Board

ENGLISH = ["The", "old", "key", "opens", "the", "door"]
GERMAN = ["Der", "alte", "Schlüssel", "öffnet", "die", "Tür"]


def bottleneck():
    """A recurrent encoder and decoder with one vector between them."""
    board = Board(
        760, 375, "Everything must pass through one vector",
        "A recurrent encoder reads six English words from left to right. Each step hands a state "
        "to the next. Only the last state goes to the decoder, which writes six German words.",
    )  # fmt: skip
    words = board.tokens(40, 310, ENGLISH, fills="blue", width=84, gap=8)
    states = [
        board.box(
            word.x + 17, 220, 50, 44, f"$h_{i}$", fill="orange" if i == 6 else "gray", size=16
        )
        for i, word in enumerate(words, start=1)
    ]
    for word, state in zip(words, states, strict=True):
        board.arrow(word, state)
    for before, after in zip(states, states[1:], strict=False):
        board.arrow(before, after)
    decoder = [
        board.box(40 + 92 * i + 17, 132, 50, 40, f"$s_{i + 1}$", fill="green", size=16)
        for i in range(6)
    ]
    outputs = [
        board.box(40 + 92 * i, 74, 84, 32, text, fill="green", size=13)
        for i, text in enumerate(GERMAN)
    ]
    for state, output in zip(decoder, outputs, strict=True):
        board.arrow(state, output)
    for before, after in zip(decoder, decoder[1:], strict=False):
        board.arrow(before, after)
    board.arrow(states[-1], decoder[0], via=[(states[-1].center[0], 196), (82, 196)], color="red")
    board.note(666, 196, "the bottleneck:\none vector for\nall six words", to=states[-1], bend=-0.2)
    board.text(612, 327, "encoder reads", 14, "blue", align="left")
    board.text(612, 90, "decoder writes", 14, "green", align="left")
    return board


def forgetting():
    """How much of the first word is left in a running average, against attention."""
    board = Board(
        760, 400, "What share of the state is left of a word?",
        "Three falling curves, from 0.5, 0.2 and 0.1: a memory that keeps 50, 80 or 90 percent at "
        "each step soon holds almost nothing of a word. Attention can give it any weight.",
    )  # fmt: skip
    chart = board.chart(
        80, 105, 420, 220, (0, 30), (0, 0.75), x_label="words read since",
        y_label="share in the state", x_ticks=[0, 10, 20, 30], y_ticks=[0, 0.25, 0.5, 0.75],
    )  # fmt: skip
    steps = list(range(31))
    for keep, color in ((0.5, "red"), (0.8, "orange"), (0.9, "purple")):
        chart.curve(steps, [(1 - keep) * keep**t for t in steps], color)
    for keep, place, color in ((0.5, (1.9, 0.36), "red"), (0.8, (4.6, 0.135), "orange"),
                               (0.9, (13.5, 0.075), "purple")):  # fmt: skip
        board.text(*chart.at(*place), f"{keep}", 14, color)
    board.text(518, 252, "a memory that keeps\n0.5, 0.8 or 0.9 of its\nold state at each step", 14,
               align="left")  # fmt: skip
    chart.curve([0, 30], [0.6, 0.6], "green", dashed=True)
    board.text(518, 149, "attention: any weight,\nat any distance", 14, "green", align="left")
    return board


def looking_back():
    """The decoder of 2014: each output word looks back at every input word."""
    board = Board(
        760, 400, "Attention: let the decoder look back",
        "The decoder's second state asks. All six encoder states go into a weighted sum, the word key "
        "with the thickest line; the sum goes into the third state, which writes Schlüssel.",
    )  # fmt: skip
    words = board.tokens(40, 320, ENGLISH, fills="blue", width=84, gap=8)
    states = [
        board.box(word.x + 17, 240, 50, 44, f"$h_{i}$", fill="gray", size=16)
        for i, word in enumerate(words, start=1)
    ]
    for word, state in zip(words, states, strict=True):
        board.arrow(word, state)
    mix = board.oval(220, 130, 160, 44, "weighted sum", fill="orange", size=14)
    strength = [1.2, 1.6, 5.0, 1.6, 1.0, 1.6]
    for state, thickness in zip(states, strength, strict=True):
        strong = thickness > 3
        board.arrow(state.top, mix, color="red" if strong else "gray", thickness=thickness)
    asker = board.box(405, 72, 56, 40, "$s_2$", fill="green", size=16)
    writer = board.box(500, 130, 60, 44, "$s_3$", fill="green", size=16)
    board.arrow(mix, writer, "context", side="below")
    board.arrow(asker, mix.at(0.72, 0.05), dashed=True)
    board.text(318, 88, "asks: what do I need?", 13)
    board.arrow(asker, writer)
    output = board.box(620, 135, 110, 34, "Schlüssel", fill="green")
    board.arrow(writer, output)
    board.note(130, 110, "new for every word\nthat is written", color="orange", to=mix)
    board.note(680, 240, "no state is\nfar away", color="red")
    return board


def self_attention():
    """One sentence looking at itself: 'is' finds its subject."""
    board = Board(
        760, 330, "Self-attention: a sentence looks at itself",
        "Nine words in a row. From the word 'is' curved lines go back to the words before it. The "
        "thickest goes to 'key', its subject, six words away, and not to the nearer 'doors'.",
    )  # fmt: skip
    words = ["The", "key", "that", "opens", "the", "old", "doors", "is", "lost"]
    fills = ["gray"] * 9
    fills[1], fills[7] = "green", "orange"
    boxes = board.tokens(52, 215, words, fills=fills, size=16, height=38, gap=10)
    source = boxes[7]
    for index in (0, 2, 3, 4, 5):
        goal = boxes[index].top
        board.arrow(source.at(0.3, 0), goal, color="gray", bend=0.24, thickness=1.2)
    board.arrow(source.at(0.5, 0), boxes[1].top, color="green", bend=0.24, thickness=4)
    board.arrow(source.at(0.1, 0), boxes[6].top, color="gray", bend=0.3, thickness=2)
    board.text(640, 110, "who is lost?\nthe key, not the doors", 14, "green")
    board.note(620, 295, "this word asks", "orange", to=source.at(0.7, 1), bend=0)
    return board


def four_kinds():
    """The ladder of lectures 14 to 18."""
    board = Board(
        760, 360, "Four steps to the attention in GPT",
        "A staircase of four boxes: simplified attention of lecture 14, trainable queries, keys and "
        "values of lecture 15, the causal mask of lecture 16, many heads of lectures 17 and 18.",
    )  # fmt: skip
    steps = [
        ("Simplified", "compare, softmax, mix:\nnothing is trained", "14", "blue"),
        ("Q, K, V", "three matrices learn\nwhat to compare", "15", "green"),
        ("Causal", "no token sees\nwhat comes later", "16", "orange"),
        ("Multi-head", "several attentions\nside by side", "17 and 18", "purple"),
    ]
    boxes = []
    for index, (name, what, number, fill) in enumerate(steps):
        x, y = 30 + 178 * index, 215 - 50 * index
        boxes.append(board.box(x, y, 166, 46, name, fill=fill, size=16, bold=True))
        board.text(x + 83, y + 75, what, 13)
        board.text(x + 83, y + 108, f"lecture{'s' if ' ' in number else ''} {number}", 13, fill)
    for before, after in zip(boxes, boxes[1:], strict=False):
        board.arrow(before.top, after.left, via=[(before.center[0], after.center[1])], color="red")
    return board


def alignment():
    """Bahdanau's picture: which word of the one language each word of the other looks at."""
    board = Board(
        760, 470, "An alignment: who looked where",
        "An attention matrix, made by hand. The rows are the German words 'Ich habe den alten "
        "Schlüssel verloren', the columns the English words 'I have lost the old key'. Most weights "
        "lie on a diagonal, except for the last row: 'verloren' looks back at 'lost', three words "
        "earlier in English.",
    )  # fmt: skip
    english = ["I", "have", "lost", "the", "old", "key"]
    german = ["Ich", "habe", "den", "alten", "Schlüssel", "verloren"]
    weights = [
        [0.92, 0.05, 0.00, 0.00, 0.00, 0.03],
        [0.08, 0.66, 0.24, 0.02, 0.00, 0.00],
        [0.00, 0.02, 0.01, 0.58, 0.06, 0.33],
        [0.00, 0.00, 0.00, 0.06, 0.86, 0.08],
        [0.00, 0.00, 0.01, 0.02, 0.09, 0.88],
        [0.00, 0.18, 0.79, 0.00, 0.00, 0.03],
    ]
    table = board.matrix(
        150, 122, weights, rows=german, columns=english, cell=(64, 44), heat="blue", grid=True,
    )  # fmt: skip
    board.ring(table.cells[5][2])
    board.text(560, 150, "den: the article must\nknow the noun's gender", 14, align="left")
    board.line([(552, 170), (table.row(2).x_end + 4, table.row(2).center[1])], "gray")
    board.text(560, 350, "verloren: the verb waits\nfor the end in German", 14, "red", align="left")
    board.text(
        380, 428, "made by hand, after the pictures in Bahdanau and others (2014); each row sums to 1", 13,
        "gray",
    )  # fmt: skip
    return board
