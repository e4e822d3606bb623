"""The figures of lecture 4, what transformers are."""

import math

import torch

from classroom.whiteboard import Board


def encoder_and_decoder():
    """The transformer of 2017: an encoder that reads, a decoder that writes."""
    board = Board(
        760, 460, "The transformer of 2017: one half reads, one half writes",
        "Left, the encoder takes the four English words 'the key is lost' at once and turns them "
        "into four vectors. Right, the decoder takes the German words written so far, looks at these "
        "vectors, and gives the next word, which goes back to its input.",
    )  # fmt: skip
    words = ["the", "key", "is", "lost"]
    source = board.tokens(40, 390, words, fills="blue", width=62)
    encoder = board.box(40, 250, 266, 96, "", fill="blue")
    board.text(173, 277, "encoder blocks", 16, bold=True)
    board.text(173, 312, "every word looks\nat every word", 14)
    vectors = [
        board.box(40 + 68 * index + 9, 170, 44, 36, f"$h_{index + 1}$", fill="orange", size=16)
        for index in range(4)
    ]
    for token, vector in zip(source, vectors, strict=True):
        board.arrow(token, (token.center[0], encoder.y_end))
        board.arrow((vector.center[0], encoder.y), vector)
    board.text(173, 146, "four vectors that know their sentence", 13, "orange")
    decoder = board.box(460, 200, 270, 146, "", fill="green")
    board.text(595, 225, "decoder blocks", 16, bold=True)
    board.text(595, 262, "a word looks at the\nwords before it …", 14)
    board.text(595, 313, "… and at the encoder's\nvectors", 14)
    written = board.tokens(470, 390, ["der", "Schlüssel"], fills="green", width=84, gap=12)
    empty = board.box(662, 390, 68, 34, "", color="red", dashed=True)
    for token in written:
        board.arrow(token, (token.center[0], decoder.y_end))
    following = board.box(655, 95, 76, 38, "ist", fill="green", bold=True)
    board.arrow((following.center[0], decoder.y), following)
    board.text(590, 152, "a probability for\nevery German word", 13, "gray")
    around = board.box(40, 161, 266, 54, color="orange", dashed=True, frame=True)
    board.arrow(around, (460, 300), via=[(385, 188), (385, 300)], color="orange")
    board.text(385, 325, "cross-\nattention", 13, "orange")
    again = [(750, 114), (750, 407)]
    board.arrow(following, (empty.x_end, 407), via=again, color="red", dashed=True)
    board.text(565, 442, "the new word is appended, and it starts again", 13, "red")
    return board


GOALS = (0.2, 0.35, 0.5, 0.62, 0.74, 0.86)  # where arrows end on the hidden word


def bert_and_gpt():
    """Two ways to learn from raw text: fill the gap, or go on."""
    board = Board(
        760, 420, "BERT fills a gap, GPT goes on",
        "Above, BERT: one word of six is hidden; the words on both sides are used to guess it. "
        "Below, GPT: the last word is to be guessed, and only the words before it are used.",
    )  # fmt: skip
    words = ["the", "old", "key", "opens", "the", "door"]
    board.text(30, 84, "BERT: an encoder", 16, "blue", align="left", bold=True)
    fills = ["blue"] * 6
    fills[2] = "yellow"
    hidden = [word if index != 2 else "?" for index, word in enumerate(words)]
    above = board.tokens(60, 165, hidden, fills=fills, width=84, gap=24)
    for index in (0, 1, 3, 4, 5):
        board.arrow(
            above[index].top,
            above[2].at(GOALS[index], 0),
            color="blue",
            bend=-0.3 if index < 2 else 0.3,
        )
    board.text(318, 224, "which word is hidden? both sides help", 14, "blue")
    board.text(30, 262, "GPT: a decoder", 16, "green", align="left", bold=True)
    below = board.tokens(60, 345, [*words[:3], "?"], fills=["green"] * 3 + ["yellow"], width=84,
                         gap=24)  # fmt: skip
    for index in range(3):
        board.arrow(below[index].top, below[3].at(0.2 + 0.15 * index, 0), color="green", bend=-0.3)
    board.text(250, 402, "which word comes next? only the past helps", 14, "green")
    later = board.tokens(492, 345, words[4:], fills="gray", width=84, gap=24)
    board.cross(later[0], "gray")
    board.cross(later[1], "gray")
    board.text(588, 322, "not written yet", 13, "gray")
    return board


def family():
    """Not every transformer is a language model, and not every language model a transformer."""
    board = Board(
        760, 400, "Two sets that overlap",
        "Two ovals. Only transformers: networks for pictures, sounds and moves in a game. Only language "
        "models: n-gram counts, RNN and LSTM, convolutions, state space models. In both: GPT, BERT, "
        "T5, Llama.",
    )  # fmt: skip
    left = board.oval(30, 70, 440, 300, fill="blue", frame=True)
    board.oval(290, 70, 440, 300, color="ink", frame=True)
    board.text(left.center[0] - 30, 108, "transformers", 16, "blue", bold=True)
    board.text(540, 108, "language models", 16, "orange", bold=True)
    board.text(160, 215, "ViT: pictures\nAST: sounds\nDecision Transformer:\nmoves in a game", 15)
    board.text(380, 205, "GPT\nBERT\nT5\nLlama", 17, bold=True)
    board.text(600, 215, "n-gram counts\nRNN, LSTM\nconvolution\nMamba", 15)
    board.text(380, 290, "this course:\nGPT", 13, "red")
    return board


def patches():
    """A picture becomes a sequence of tokens."""
    side, cut = 6, 2
    ys, xs = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    picture = 9 * torch.exp(-((xs - 2.5) ** 2 + (ys - 2.5) ** 2) / 4)
    tokens = picture.reshape(3, cut, 3, cut).transpose(1, 2).reshape(9, cut * cut)
    board = Board(
        760, 440, "A picture as a text: patches are its tokens",
        "A picture of six by six numbers is cut into nine patches of two by two. Each patch becomes "
        "a row of four numbers. The nine rows go into a transformer as a sentence of nine tokens.",
    )  # fmt: skip
    grid = board.matrix(40, 115, picture, digits=0, cell=(38, 38), heat="blue",
                        title="a picture  (6, 6)", grid=True)  # fmt: skip
    for place in range(1, 3):
        at = 40 + place * cut * 38
        board.line([(at, 113), (at, 345)], "red", thickness=2.6)
        level = 115 + place * cut * 38
        board.line([(38, level), (270, level)], "red", thickness=2.6)
    rows = board.matrix(390, 112, tokens, digits=0, cell=(38, 28), heat="blue",
                        title="nine tokens  (9, 4)",
                        rows=[str(place) for place in range(1, 10)])  # fmt: skip
    board.arrow(grid.box.grown(4), (358, 230), "cut", color="red")
    encoder = board.box(612, 190, 120, 96, "transformer encoder", fill="green")
    board.arrow(rows.box.grown(6), encoder)
    board.arrow(encoder.top, (672, 140), color="green")
    board.text(672, 122, "a sun?", 15, "green")
    board.text(154, 375, "each patch is read\nrow by row", 13, "gray")
    board.text(466, 395, "from here on, nothing knows it was a picture", 13, "gray")
    return board


def search():
    """A reader finds the passage, a writer answers from it."""
    board = Board(
        760, 430, "Search by meaning: the reader finds, the writer answers",
        "Left, an encoder turns the question and three passages into one vector each. The second "
        "passage's vector points in nearly the direction of the question's. Right, this passage and "
        "the question go into a GPT, which writes the answer.",
    )  # fmt: skip
    board.text(120, 82, "question", 14, "blue", bold=True)
    question = board.box(30, 96, 180, 40, "where is my car?", fill="blue", size=15)
    board.text(120, 172, "passages", 14, "green", bold=True)
    texts = ("bread needs salt", "we parked the van\nby the station", "the train was late")
    passages = [
        board.box(30, 186 + 62 * place, 180, 50, text, fill="green", size=15)
        for place, text in enumerate(texts)
    ]
    encoder = board.box(256, 96, 88, 266, "encoder,\nthen its\nmean", fill="orange", size=15)
    for box in (question, *passages):
        board.arrow(box, (encoder.x, box.center[1]))
    origin, reach = (392, 270), 100
    board.text(452, 108, "one vector each", 14, "orange")
    ends = {}
    for name, angle, color in (
        ("question", 62, "blue"), ("2", 50, "green"), ("1", -24, "green"), ("3", 12, "green"),
    ):  # fmt: skip
        turn = math.radians(angle)
        ends[name] = (origin[0] + reach * math.cos(turn), origin[1] - reach * math.sin(turn))
        board.arrow(origin, ends[name], color=color)
    board.text(ends["question"][0] - 6, ends["question"][1] - 14, "question", 13, "blue")
    for name in "123":
        board.text(ends[name][0] + 14, ends[name][1], name, 14, "green", bold=True)
    board.arrow((encoder.x_end, 230), (386, 262), color="orange")
    board.text(440, 350, "the largest cosine:\npassage 2", 14, "red")
    prompt = board.box(556, 186, 176, 92, "we parked the van\nby the station\nwhere is my car?",
                       fill="yellow", size=15)  # fmt: skip
    board.text(644, 172, "both, as one prompt", 13, "gray")
    board.arrow((500, 350), prompt, via=[(528, 350), (528, 250)], color="red")
    writer = board.box(604, 312, 80, 40, "GPT", fill="blue", bold=True)
    board.arrow(prompt, writer)
    answer = board.box(566, 384, 156, 34, "by the station", fill="green", size=15)
    board.arrow(writer, answer)
    return board
