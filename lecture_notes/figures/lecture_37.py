"""The figures of lecture 37, instruction data and prompt formats."""

from classroom.whiteboard import Board

ENTRY = {
    "instruction": "Sort the words.",
    "input": "tea, milk, bread",
    "output": "bread, milk, tea",
}
PARTS = (("instruction", "blue"), ("input", "orange"), ("output", "green"))


def entry_to_text():
    """The three fields of one entry, and where each goes in the Alpaca format."""
    board = Board(
        760, 470, "From three fields to one text",
        "On the left the three fields of an entry: instruction, input and output. On the right one "
        "text with an opening line and three headings; arrows lead from each field to its place.",
    )  # fmt: skip
    board.box(330, 76, 405, 364, "", frame=True)
    opening = (
        "Below is an instruction that describes a task.\n"
        "Write a response that appropriately completes\nthe request."
    )
    board.text(348, 116, opening, 13, "gray", align="left")
    for place, (name, fill) in enumerate(PARTS):
        y = 180 + 88 * place
        board.text(30, y - 8, f"“{name}”", 14, fill, align="left")
        field = board.box(30, y + 6, 220, 40, ENTRY[name], fill=fill)
        heading = "Response" if name == "output" else name.capitalize()
        board.text(348, y - 4, f"### {heading}:", 14, "gray", align="left", mono=True)
        slot = board.box(348, y + 8, 260, 36, ENTRY[name], fill=fill)
        board.arrow(field, slot, color=fill)
    board.text(140, 96, "one entry", 15, bold=True)
    board.brace((630, 396), (630, 362), "learn to\nwrite this", "green")
    return board


def two_formats():
    """The same request in the Alpaca and in the Phi-3 format."""
    board = Board(
        760, 400, "The same request in two formats",
        "On the left the Alpaca format with an opening line and headings of three number signs. On "
        "the right the Phi-3 format: a mark for the user, the request, a mark for the end, a mark "
        "for the assistant, the answer.",
    )  # fmt: skip
    rows = {
        "Alpaca: headings in plain text": [
            ("Below is an instruction …", "gray"), ("### Instruction:", "gray"),
            ("Sort the words.", "blue"), ("### Input:", "gray"), ("tea, milk, bread", "orange"),
            ("### Response:", "gray"), ("bread, milk, tea", "green"),
        ],
        "Phi-3: special tokens": [
            ("<|user|>", "purple"), ("Sort the words.", "blue"), ("tea, milk, bread", "orange"),
            ("<|end|>", "purple"), ("<|assistant|>", "purple"), ("bread, milk, tea", "green"),
            ("<|end|>", "purple"),
        ],
    }  # fmt: skip
    for x, (title, lines) in zip((40, 410), rows.items(), strict=True):
        board.text(x, 84, title, 15, align="left", bold=True)
        for place, (line, fill) in enumerate(lines):
            board.box(x, 102 + 36 * place, 270, 31, line, fill=fill, size=14)
    board.text(175, 374, "many tokens of ordinary text", 13, "gray")
    board.text(545, 376, "one token each; what a user types\nmust never become one", 13, "purple")
    return board


def training_and_use():
    """The whole text in training; at inference only the prompt, and the model goes on."""
    board = Board(
        760, 400, "The same text in training and at inference",
        "Above, in training: the prompt, the answer and the end-of-text token are all given. "
        "Below, at inference: only the prompt is given, up to the heading of the response; the model "
        "writes the answer token by token and stops when it writes end of text.",
    )  # fmt: skip
    for y, title in ((130, "in training"), (270, "at inference")):
        board.text(30, y - 30, title, 15, bold=True, align="left")
        prompt = board.box(
            30, y, 310, 50, "… ### Instruction: … ### Response:", fill="gray", size=14
        )
        if y == 130:
            answer = board.box(346, y, 190, 50, "bread, milk, tea", fill="green")
            end = board.box(542, y, 120, 50, "<|endoftext|>", fill="red", size=14)
            board.text(504, y + 70, "given: learn to predict these", 14, "green")
            continue
        x, before = 366, prompt
        for word, width in (("bread", 62), (",", 34), ("milk", 54), (",", 34), ("tea", 46)):
            answer = board.box(x, y, width, 50, word, size=14, fill="green")
            board.arrow(before, answer, color="green")
            x, before = x + width + 22, answer
        end = board.box(620, y + 76, 120, 36, "<|endoftext|>", fill="red", size=13)
        board.arrow(before, end.top, color="red")
        board.text(490, y - 22, "written, one token at a time", 14, "green")
        board.note(500, y + 96, "the sign to stop", "red", to=end, bend=0)
    board.text(185, 342, "exactly the same characters", 14, "gray")
    return board


def who_wrote_what():
    """The turns of a conversation with a tool: who writes each, what is scored, what is dropped."""
    board = Board(
        800, 320, "Who wrote what, and what is scored",
        "Six boxes in a row: the system turn of the developer, the question of the user, the model's "
        "think part, the model's tool call, the result that the program appends, and the model's "
        "answer. Scored in training are the think part, the call and the answer. The think part is "
        "dropped once the user asks again.",
    )  # fmt: skip
    parts = (
        ("tools:\nrain(city)", "system", "the developer", "gray"),
        ("umbrella\nin Rome?", "user", "the user", "orange"),
        ("look it up", "assistant", "the model", "green"),
        ('rain(\n"Rome")', "assistant", "the model", "green"),
        ("0.8", "tool", "the program", "yellow"),
        ("yes, rain\nis likely", "assistant", "the model", "green"),
    )
    boxes = []
    for place, (words, role, author, fill) in enumerate(parts):
        x = 22 + 129 * place
        turn = board.box(x, 136, 108, 62, words, fill=fill, size=14, dashed=place == 2)
        board.text(x + 54, 104, role, 14, bold=True)
        board.text(x + 54, 222, author, 14, "gray")
        if fill == "green":
            board.text(x + 54, 254, "scored", 14, "green")
        if boxes:
            board.arrow(boxes[-1], turn)
        boxes.append(turn)
    board.text(334, 286, "dropped once the user asks again", 14, "red")
    return board
