"""The picture of the whole course, for the README."""

from classroom.whiteboard import Board

WORDS = ["the", "kettle", "sings", "on"]
STAGES = [
    (20, 160, "tokens", "notebooks 02, 03"),
    (200, 150, "embeddings", "notebook 04"),
    (370, 210, "attention blocks", "notebooks 05, 06"),
    (600, 200, "the next token", "notebooks 01, 07"),
]


def course_map():
    """From text to the next token, and which notebook builds which part."""
    board = Board(
        820, 400, "What you build: from text to the next token",
        "A text is cut into tokens. Each token becomes a vector, its embedding. Twelve blocks of "
        "attention and feed-forward layers work on the vectors. Out comes a probability for each "
        "possible next token; one is chosen, put behind the text, and it starts again.",
    )  # fmt: skip
    for x, width, title, notebooks in STAGES:
        board.text(x + width / 2, 78, title, 16, bold=True)
        board.text(x + width / 2, 372, notebooks, 13, "gray")

    tokens = []
    for row, word in enumerate(WORDS):
        tokens.append(board.box(45, 112 + 52 * row, 110, 36, word, fill="blue"))
    numbers = [[0.4, -1.2, 0.7], [1.1, 0.3, -0.5], [-0.8, 0.9, 0.2], [0.6, -0.1, 1.3]]
    rows = []
    for row, values in enumerate(numbers):
        vector = board.matrix(212, 115 + 52 * row, [values], digits=1, cell=(42, 30), heat="orange")
        rows.append(vector.box)
        board.arrow(tokens[row], vector.box, gap=8)

    block = board.box(395, 104, 160, 208, "", fill="gray", frame=True)
    feed = board.box(411, 130, 128, 50, "feed-forward network", fill="green", size=14)
    look = board.box(411, 226, 128, 50, "multi-head attention", fill="purple", size=14)
    board.arrow(look, feed)
    board.text(475, 294, "12 times over", 13, "gray")
    for vector in rows:
        middle = vector.center[1]
        board.arrow((vector.x_end + 4, middle), (block.x, middle))

    board.arrow((block.x_end, 208), (600, 208))
    bars, chances = [], [("and", 0.62), ("the", 0.21), (".", 0.12), ("cup", 0.05)]
    for row, (word, chance) in enumerate(chances):
        middle = 130 + 52 * row
        board.text(655, middle, word, 15, align="right", bold=row == 0)
        fill = "red" if row == 0 else "yellow"
        bars.append(board.box(668, middle - 13, 150 * chance, 26, fill=fill))
    around = [(796, 130), (796, 343), (100, 343)]
    board.arrow(bars[0], (100, 308), via=around, color="red")
    board.text(345, 330, "choose one, put it behind the text, go again", 14, "red")
    return board
