"""The figures of lecture 8, byte pair encoding."""

from classroom.pages.bpe_view import merge_steps
from classroom.whiteboard import Board
from helpers.bpe import BPETokenizer
from helpers.bpe.train import learn_merges
from helpers.texts import load_corpus
from helpers.tokenizer import WordTokenizer

COUNTS = {"low": 5, "lower": 2, "newest": 6}
PHRASE = "the box of unconstitutional letters"


def three_ways():
    """One phrase as words, as letters, and as the tokens of byte pair encoding."""
    story = load_corpus("story").replace("unconstitutional", "long")  # so that nobody has seen it
    words = WordTokenizer.from_text(story)
    tokenizer = BPETokenizer.train(story, vocab_size=1000)
    pieces = [tokenizer.decode([i]).replace(" ", "·") for i in tokenizer.encode(" " + PHRASE)]
    board = Board(
        760, 350, "Between words and letters",
        "The phrase 'the box of unconstitutional letters' three times. As five words, of which one is "
        "unknown. As thirty-five letters and spaces. As tokens of byte pair encoding: short pieces "
        "for the rare word, and none is unknown.",
    )  # fmt: skip
    split = words.split(PHRASE)
    known = [piece in words.vocab for piece in split]
    rows = [
        ("words", split, ["blue" if k else "red" for k in known], f"one is unknown: {split[known.index(False)]}"),
        ("letters", list(PHRASE.replace(" ", "·")), "blue", "nothing unknown, but long"),
        ("byte pair encoding", pieces, "green", "nothing unknown, and short"),
    ]  # fmt: skip
    for row, (name, texts, fills, remark) in enumerate(rows):
        y = 105 + 86 * row
        board.text(30, y - 16, f"{name}: {len(texts)} tokens", 14, bold=True, align="left")
        color = ("red", "orange", "green")[row]
        board.text(730, y - 16, remark, 13, color, align="right", italic=True)
        if row == 1:
            board.matrix(
                30, y, [texts], cell=(20, 34), grid=True,
                fills={(0, j): "blue" for j in range(len(texts))},
            )  # fmt: skip
        else:
            board.tokens(30, y, texts, fills=fills)
    board.text(
        30,
        334,
        "the dot stands for a space; both vocabularies are made from the course's story, without this word",
        13,
        "gray",
        align="left",
    )
    return board


def seven_merges():
    """The merges of low, lower and newest, one row a merge."""
    merges = learn_merges(COUNTS, 7)
    board = Board(
        760, 480, "Seven merges: low, lower, newest",
        "Eight rows. The first shows the three words as single letters; each next row shows them "
        "after one more merge: we, lo, wes, west, ne, newest, low. At the end low and newest are "
        "one token each and lower is three.",
    )  # fmt: skip
    for x, (word, count) in zip((230, 370, 545), COUNTS.items(), strict=True):
        board.text(x, 84, f"{word}  × {count}", 14, bold=True, align="left")
    for row in range(len(merges) + 1):
        y = 102 + 46 * row
        new = merges[row - 1][0] + merges[row - 1][1] if row else None
        name = (
            f"{row}   {merges[row - 1][0].decode()} + {merges[row - 1][1].decode()}"
            if row
            else "letters"
        )
        board.text(40, y + 16, name, 14, "green" if row else "gray", align="left")
        for x, word in zip((230, 370, 545), COUNTS, strict=True):
            tokens = merge_steps(word.encode(), merges[:row])[-1][1]
            board.tokens(
                x, y, [token.decode() for token in tokens], gap=3, height=32, size=14,
                fills=["green" if token == new else "blue" for token in tokens],
            )  # fmt: skip
    return board


def the_loop():
    """Training: count, choose, join, repeat."""
    board = Board(
        760, 400, "Training: count, choose, join, and again",
        "A text is cut into pre-tokens, each is kept once with its count and written as bytes. Then "
        "a loop: count all pairs of neighbors, choose the most frequent, join it everywhere, write "
        "down the merge, and go back to counting. Out come the merges and the vocabulary.",
    )  # fmt: skip
    text = board.drum(30, 96, 105, 80, "text", fill="orange")
    cut = board.box(195, 106, 150, 60, "cut into pre-tokens", fill="paper")
    distinct = board.box(405, 106, 150, 60, "keep each once, with its count", fill="paper")
    letters = board.box(615, 106, 115, 60, "write it as bytes", fill="paper")
    board.arrow(text, cut)
    board.arrow(cut, distinct)
    board.arrow(distinct, letters)
    count = board.box(575, 240, 155, 60, "1  count all pairs of neighbors", fill="blue")
    choose = board.box(375, 240, 155, 60, "2  choose the most frequent", fill="blue")
    join = board.box(175, 240, 155, 60, "3  join it everywhere", fill="blue")
    board.arrow(letters, (letters.center[0], count.y))
    board.arrow(count, choose)
    board.arrow(choose, join)
    board.arrow(
        (join.center[0], join.y_end), (count.center[0], count.y_end),
        via=[(join.center[0], 345), (count.center[0], 345)], color="red",
    )  # fmt: skip
    board.text(452, 330, "again, until the vocabulary is full", 14, "red")
    out = board.box(30, 240, 95, 60, "a new token", fill="green")
    board.arrow(join, out, color="green")
    board.text(
        380, 378, "GPT-2: 256 bytes + 50,000 rounds + 1 special token = 50,257 tokens", 14, "green"
    )
    return board


def two_curves():
    """Bytes per token on the text of the training and on text not seen."""
    story = load_corpus("story")
    cut = len(story) * 4 // 5
    largest = BPETokenizer.train(story[:cut], vocab_size=100_000, special_tokens=())
    sizes = [256, 300, 400, 512, 700, 1000, 1300, 1600, largest.vocab_size]
    curves = [[], []]
    for size in sizes:
        vocab = {i: largest.vocab[i] for i in range(size)}
        small = BPETokenizer(vocab, largest.merges[: size - 256])
        for curve, text in zip(curves, (story[:cut], story[cut:]), strict=True):
            curve.append(len(text.encode()) / len(small.encode(text)))
    board = Board(
        760, 400, "A tokenizer can overfit, too",
        "Bytes per token against the size of the vocabulary, 256 to about 1,900. Two curves rise "
        "together at first. Then the one for the training text rises on, and the one for unseen "
        "text of the same story becomes nearly level.",
    )  # fmt: skip
    chart = board.chart(
        80, 95, 520, 225, (200, 2000), (0, 4.2), x_label="tokens in the vocabulary",
        y_label="bytes per token", x_ticks=[256, 500, 1000, 1500, 2000], y_ticks=[0, 1, 2, 3, 4],
    )  # fmt: skip
    chart.curve(sizes, curves[0], "orange")
    chart.curve(sizes, curves[1], "blue")
    board.text(
        *chart.at(1990, 4.0),
        f"text of the\ntraining: {curves[0][-1]:.2f}",
        14,
        "orange",
        align="left",
    )
    board.text(*chart.at(1990, 3.1), f"unseen text:\n{curves[1][-1]:.2f}", 14, "blue", align="left")
    board.note(
        300,
        290,
        "the first merges help\non any English text",
        "green",
        to=chart.at(470, 2.1),
        bend=0,
    )
    return board
