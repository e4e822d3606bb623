"""The figures of lecture 7, a tokenizer from scratch."""

import re

from classroom.whiteboard import Board
from helpers.texts import load_corpus
from helpers.tokenizer import WordTokenizer, split_words

TEXT = "The fox saw the dog. The dog ran!"
NEW_TEXT = "The cat saw the dog."
LINE = "Hello, world. Is this-- a test?"
CUTS = (
    ("at spaces", r"(\s)"),
    ("at spaces, commas, periods", r"([,.]|\s)"),
    ("at all punctuation", r'([,.:;?_!"()\']|--|\s)'),
)
# The same sentence in other writing, and a line of Python.
SAMPLES = {
    "English": "I do not know this word, but I know that it is here.",
    "Python": "if word not in known: known[word] = len(known) + 1",
    "Finnish": "En tunne tätä sanaa, mutta tiedän, että se on täällä.",
    "Spanish": "No conozco esta palabra, pero sé que está aquí.",
    "capitals": "I DO NOT KNOW THIS WORD, BUT I KNOW THAT IT IS HERE.",
    "German": "Ich kenne dieses Wort nicht, aber ich weiß, dass es hier steht.",
    "Hindi": "मैं यह शब्द नहीं जानता, पर जानता हूँ कि यह यहाँ है।",
    "Japanese": "この言葉は知らないが、ここにあることは知っている。",
}


def there_and_back():
    """Encoding and decoding a new text with a vocabulary of eight words and two special tokens."""
    tokenizer = WordTokenizer.from_text(TEXT)
    names = sorted(tokenizer.vocab, key=tokenizer.vocab.get)
    ids = tokenizer.encode(NEW_TEXT)
    board = Board(
        760, 420, "There and back: encode and decode",
        "At the left a vocabulary of ten tokens with ids 0 to 9. At the right a text is cut into "
        "six tokens, each is looked up in the vocabulary and becomes an id, the unknown word 'cat' "
        "the id of the unknown token. Decoding goes back, and gives the unknown token for 'cat'.",
    )  # fmt: skip
    table = board.matrix(
        70, 116, [[name] for name in names], rows=[str(i) for i in range(len(names))],
        title="the vocabulary", cell=(104, 25), grid=True, size=13,
        fills={(8, 0): "orange", (9, 0): "orange"},
    )  # fmt: skip
    pieces = tokenizer.split(NEW_TEXT)
    fills = ["blue" if piece in tokenizer.vocab else "orange" for piece in pieces]
    text = board.bubble(400, 84, 220, 40, NEW_TEXT, fill="paper", tail="right")
    tokens = board.tokens(300, 180, pieces, fills=fills, width=58)
    numbers = board.tokens(300, 270, [str(i) for i in ids], fills=fills, width=58, mono=True)
    back = board.box(320, 352, 270, 40, tokenizer.decode(ids), fill="paper")
    board.arrow(
        (text.center[0] - 26, text.y_end), (text.center[0] - 26, tokens[0].y), "split", color="blue",
        side="right",
    )  # fmt: skip
    for token, number in zip(tokens, numbers, strict=True):
        board.arrow(token, number, color="blue")
    board.arrow(
        (back.center[0], 306), (back.center[0], back.y), "decode", color="green", side="right"
    )
    board.arrow(table.box.grown(2).at(1, 0.52), (296, 243), "look up", color="blue")
    board.note(268, 118, "not in the\nvocabulary", "orange", to=tokens[1].at(0.5, 0), bend=-0.15)
    board.note(676, 372, "what was it?\nthe ids\ndo not say", "red", to=back, bend=0)
    board.text(112, 386, "orange: special tokens", 13, "orange")
    return board


def three_cuts():
    """One line cut in three ways; pieces that are still wrong are red."""
    board = Board(
        760, 370, "Where to cut? Three attempts at one line",
        "The line 'Hello, world. Is this-- a test?' is cut three times. At spaces: six pieces, four "
        "of them with punctuation stuck to them. At spaces, commas and periods: eight pieces, two "
        "still wrong. At all punctuation: ten pieces, each a word or a mark.",
    )  # fmt: skip
    wrong = 0
    for row, (name, pattern) in enumerate(CUTS):
        pieces = [piece for piece in re.split(pattern, LINE) if piece.strip()]
        glued = [len(split_words(piece)) > 1 for piece in pieces]
        wrong = sum(glued)
        y = 112 + 92 * row
        board.text(40, y - 20, f"{row + 1}   {name}", 14, "blue", align="left")
        board.tokens(62, y - 2, pieces, fills=["red" if g else "green" for g in glued])
        told = (
            f"{len(pieces)} pieces\n{wrong} wrong" if wrong else f"{len(pieces)} pieces\nall right"
        )
        board.text(690, y + 15, told, 14, "red" if wrong else "green")
    board.text(62, 352, "red: a word and a mark glued together", 13, "red", align="left")
    return board


def unknown_words():
    """How much of a new text a word tokenizer loses."""
    story = load_corpus("story")
    cut = story.rfind("\n\n", 0, len(story) * 9 // 10)
    shares = {"new pages": _unknown_share(story[cut:], WordTokenizer.from_text(story[:cut]))}
    tokenizer = WordTokenizer.from_text(story)
    shares |= {name: _unknown_share(text, tokenizer) for name, text in SAMPLES.items()}
    shares = dict(sorted(shares.items(), key=lambda item: item[1]))
    board = Board(
        760, 400, "What the vocabulary of one story does not know",
        "Bars of the share of unknown tokens. A sentence of known words: none. New pages of the same "
        "story: one in ten. Python code: a quarter. Capitals, Spanish, German, Finnish and Hindi: "
        "two thirds or more. Japanese: all.",
    )  # fmt: skip
    chart = board.chart(
        70, 95, 650, 220, (-0.6, len(shares) - 0.4), (0, 115), y_ticks=[0, 50, 100],
        y_label="unknown tokens, %",
    )  # fmt: skip
    percent = [100 * share for share in shares.values()]
    fills = ["green" if p < 5 else "orange" if p < 40 else "red" for p in percent]
    chart.bars(percent, list(shares), fill=fills, values=[f"{p:.0f}" for p in percent])
    board.note(
        205, 170, "same author, same\nstory, next pages", "orange", to=chart.at(1, 22), bend=0
    )
    board.text(
        380, 372, "one sentence in seven kinds of writing, a line of code, and pages held out", 14
    )
    return board


def no_last_word():
    """Distinct tokens against tokens read: the curve bends and never ends."""
    tokens = split_words(load_corpus("story"))
    known, distinct = set(), []
    for token in tokens:
        known.add(token)
        distinct.append(len(known))
    places = list(range(99, len(tokens), 200)) + [len(tokens) - 1]
    board = Board(
        760, 380, "A language has no last word",
        "A curve of distinct tokens against tokens read of the story. It rises steeply at first, "
        "then bends, and still rises at the end.",
    )  # fmt: skip
    chart = board.chart(
        90, 85, 560, 220, (0, 5300), (0, 1050), x_label="tokens of the story read",
        y_label="distinct", x_ticks=[0, 1000, 2000, 3000, 4000, 5000], y_ticks=[0, 500, 1000],
    )  # fmt: skip
    chart.curve([p + 1 for p in places], [distinct[p] for p in places])
    start = len(tokens) - 1000
    chart.dots([start, len(tokens)], [distinct[start - 1], distinct[-1]])
    gained = distinct[-1] - distinct[start - 1]
    board.note(
        500, 225, f"the last 1,000 tokens\nstill bring {gained} new ones", to=chart.at(4700, 890)
    )
    return board


def _unknown_share(text, tokenizer):
    """The share of the tokens of a text which the vocabulary does not hold."""
    tokens = split_words(text)
    return sum(token not in tokenizer.vocab for token in tokens) / len(tokens)
