"""The lecture notes: their form, their links, their numbers, and the checks."""

import re
import shutil

import pytest

from tools import notes
from tools.lectures import ROOT, read_map
from tools.note_numbers import check_numbers, find_markers, is_rounded

NOTES = {lecture.number: lecture for lecture in notes.written()}
GLOSSARY = ROOT / "lecture_notes" / "glossary.md"
ENTRY = re.compile(r"^### (.+)\n\n(.+)\n\n(→ .+)$", re.MULTILINE)
PLACEHOLDER = re.compile(r"\b(TODO|FIXME|TBD|lorem ipsum)\b", re.IGNORECASE)


def text_of(lecture):
    return (ROOT / "lecture_notes" / lecture.note).read_text("utf-8")


# ---- every note there is -----------------------------------------------------------------------


def test_notes_are_what_they_owe_their_readers():
    wrong = [problem for lecture in NOTES.values() for problem in notes.find_problems(lecture)]
    assert not wrong, "\n".join(wrong)


def test_notes_have_no_gap_and_link_what_exists():
    wrong = []
    for number, lecture in NOTES.items():
        text = text_of(lecture)
        notebook = ROOT / "notebooks" / f"{lecture.notebook}.ipynb"
        neighbors = (f"{int(number) - 1:02d}", f"{int(number) + 1:02d}")
        links = [f"]({NOTES[other].note})" for other in neighbors if other in NOTES]
        if lecture.notebook and notebook.is_file():
            links.append(f"../notebooks/{notebook.name}")
        wrong += [f"{lecture.note} does not link {link}" for link in links if link not in text]
        wrong += [f"{lecture.note} says {gap[0]}" for gap in PLACEHOLDER.finditer(text)]
    assert not wrong, "\n".join(wrong)


def test_the_notes_together_are_a_book():
    missing = [lecture.number for lecture in read_map() if lecture.number not in NOTES]
    if missing:
        pytest.skip(f"not written yet: {', '.join(missing)}")
    texts = [text_of(lecture) for lecture in NOTES.values()]
    assert sum(map(notes.count_words, texts)) >= 60_000
    assert len({name for text in texts for _, name in notes.IMAGE.findall(text)}) >= 110
    assert sum(len(notes.QUESTION.findall(text)) for text in texts) >= 170


# ---- the glossary ------------------------------------------------------------------------------


def test_the_glossary_is_in_order_and_complete():
    text = GLOSSARY.read_text("utf-8")
    names = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert names == sorted(names, key=str.lower)
    assert len({notes.anchor_of(name) for name in names}) == len(names)
    assert [entry[0] for entry in ENTRY.findall(text)] == names, "name, text, → Lecture NN"
    assert text == notes.with_arrows(text), "run python -m tools.notes"
    assert check_numbers(text) == []


def test_the_glossary_sends_its_readers_to_the_right_notes():
    for name, about, arrow in ENTRY.findall(GLOSSARY.read_text("utf-8")):
        assert 5 <= notes.count_words(about) <= 70, name
        numbers = re.findall(r"(?:Lecture|Note) (\d\d)", arrow)
        assert numbers, f"{name}: no lecture explains it"
        there = [NOTES[number] for number in numbers if number in NOTES]
        for lecture in there:
            words = text_of(lecture).lower()
            stem = name.lower().rstrip("s")
            assert stem in words, f"the note of lecture {lecture.number} never says {name!r}"


# ---- the checks find what they should ----------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "It is 0.5<!-- = 1 / 2 -->.",
        "Rounded: 0.667<!-- = 2 / 3 --> and −0.667<!-- = -2 / 3 -->.",
        "Vector (0.50, 0.25)<!-- = [0.5, 0.25] --> here.",
        "| a | 0.125 | 0.250<!-- = [1 / 8, 1 / 4] --> |",
        "$$\na = 0.125 + 0.125 = 0.25\n$$\n<!-- = [1 / 8, 1 / 8, 1 / 4] -->",
        "So $x_{12} = 0.125$. <!-- = 1 / 8 -->",
        "There are 1,024<!-- = 2**10 --> and 20{,}480<!-- = 20 * 2**10 --> of them.",
        "A rate of 6e-4<!-- = 0.0006 --> works.",
        "The winner is **journey**<!-- = 'journey' -->.",
        "It is larger<!-- = 2 > 1 -->.",
        "They trained on 570.125<!-- source: Brown et al. 2020, section 2.2 --> units.",
        "<!-- python\nx = 0.125\n-->\n\nIt is 0.125<!-- = x -->.",
        "```python\n>>> 1 / 8\n0.125\n```\n\nAnd 0.1250<!-- = 1 / 8 -->.",
        "Version 3.11.7 and https://a.org/1.2345 and [x](a_1.2345.md) are no numbers.",
    ],
)
def test_right_numbers_pass(text):
    assert check_numbers(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It is 0.6<!-- = 1 / 2 -->.", "0.6 is written, 1 / 2 gives 0.5"),
        ("Rounded: 0.666<!-- = 2 / 3 -->.", "0.666 is written"),
        ("Vector (0.50, 0.26)<!-- = [0.5, 0.25] -->.", "0.26 is written"),
        ("| 0.124 | 0.250<!-- = [1 / 8, 1 / 4] --> |", "0.124 is written"),
        ("$$\n0.125 = 0.26\n$$\n<!-- = [1 / 8, 1 / 4] -->", "0.26 is written"),
        ("Only 0.5<!-- = [0.5, 0.5] -->.", "gives 2 numbers, 1 stand there"),
        ("One 0.5.\n\nOther<!-- = 0.5 -->.", "gives 1 numbers, 0 stand there"),
        ("There are 1,025<!-- = 2**10 -->.", "1,025 is written"),
        ("Winner: step<!-- = 'journey' -->.", "gives 'journey'"),
        ("It is larger<!-- = 1 > 2 -->.", "is false"),
        ("It is 0.5<!-- = missing -->.", "NameError"),
        ("It is 0.1234.", "no marker vouches for 0.1234"),
        ("There are 20,479.", "no marker vouches for 20,479"),
        ("```python\n>>> 1 / 8\n0.126\n```", "gives something else"),
        ("```python\n1 / 0\n```", "ZeroDivisionError"),
        ("<!-- python\n1 / 0\n-->", "ZeroDivisionError"),
        ("<!-- not run: it takes hours -->\n```python\nno python here\n```", "SyntaxError"),
    ],
)
def test_wrong_and_unmarked_numbers_are_found(text, words):
    assert any(words in problem for problem in check_numbers(text))


def test_in_the_worked_example_every_decimal_needs_a_marker():
    text = "Before 0.5.\n\n## By hand\n\nHere 0.5 and 7.\n\n## In code\n"
    assert check_numbers(text) == []
    (problem,) = check_numbers(text, notes.section(text, "By hand"))
    assert problem == "line 5: no marker vouches for 0.5"


def test_markers_see_what_the_code_above_them_made():
    text = "<!-- python\nx = 1\n-->\n\nIt is 1<!-- = x -->.\n\n```python\nx = 2\n```\n\nIt is {}<!-- = x -->."
    assert check_numbers(text.format(2)) == []
    assert check_numbers(text.format(1)) == ["line 11: 1 is written, x gives 2"]


def test_a_number_that_needs_missing_data_is_left_alone(monkeypatch):
    text = "It has 20,479<!-- = length needs the-verdict --> characters."
    monkeypatch.setattr("tools.note_numbers.is_here", lambda name: name != "the-verdict")
    assert check_numbers(text) == []
    monkeypatch.setattr("tools.note_numbers.is_here", lambda name: True)
    assert "NameError" in check_numbers(text)[0]


def test_a_marker_reaches_back_to_the_marker_before_it():
    first, second = find_markers("a 1 b 2<!-- = 2 --> c 3<!-- = 3 -->")
    assert (first.start, second.start) == (0, 19)


@pytest.mark.parametrize("written", ["0.50", "0.5", "5e-1", "0.500"])
def test_rounding_goes_by_the_digits_that_are_written(written):
    assert is_rounded(written, 0.5)
    assert is_rounded(written, 0.5 + 1e-9)
    assert not is_rounded(written, 0.56)


def a_note(**change):
    """A small note that is wrong in nothing but its length."""
    parts = {
        "title": "# Lecture 14 · Simplified attention",
        "picture": "![Two boxes, joined by an arrow, which stand for nothing](figures/14_dot_product.svg)",
        "answer": "word " * 45,
        "link": "[softmax](glossary.md#softmax)",
        "formula": "$a \\cdot b$",
        "sections": notes.SECTIONS,
    } | change
    body = {
        "The picture": parts["picture"],
        "By hand": "![Six words and six weights in a table of numbers](figures/14_all_weights.svg)",
        "In code": "```python\nx = 1\n```",
        "The mathematics": f"{parts['formula']} and {parts['link']}",
        "Interview questions": "".join(
            f"**Q{n}. Why?**\n\n{parts['answer']}\n\n" for n in (1, 2, 3)
        ),
    }
    sections = "\n\n".join(
        f"## {name}\n\n{body.get(name, 'word ' * 350)}" for name in parts["sections"]
    )
    return f"{parts['title']}\n\n{sections}\n"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": "# Lecture 14 · Attention"}, "the first line is not"),
        ({"sections": notes.SECTIONS[:-1]}, "the sections are"),
        ({"picture": "no picture"}, "'The picture' shows no figure"),
        ({"picture": "![short](figures/14_dot_product.svg)"}, "says too little"),
        ({"picture": "![Something long enough to be read](figures/14_none.svg)"}, "does not exist"),
        ({"answer": "Because."}, "give a full answer"),
        ({"link": "[x](glossary.md#no-such-word)"}, "no entry for #no-such-word"),
        ({"link": "[x](../helpers/no_such.py)"}, "leads nowhere"),
        ({"formula": "$a \\, b$"}, "GitHub may eat"),
        ({"formula": "$a<b$"}, "GitHub may eat"),
        ({"formula": "It costs $4.6 million."}, "a lone $"),
        ({"formula": f"```python\nx = {'1 + ' * 30}1\n```"}, "do not fit the page"),
        ({"answer": "word " * 900}, "words, it should have"),
        ({}, None),
    ],
)
def test_problems_of_form_are_found(change, words, tmp_path):
    shutil.copy(ROOT / "lectures.yaml", tmp_path)
    (tmp_path / "helpers").mkdir()
    shutil.copytree(ROOT / "lecture_notes" / "figures", tmp_path / "lecture_notes" / "figures")
    shutil.copy(GLOSSARY, tmp_path / "lecture_notes" / "glossary.md")
    (lecture,) = (lecture for lecture in read_map(tmp_path) if lecture.number == "14")
    text = notes.with_generated_lines(a_note(**change), lecture, tmp_path)
    (tmp_path / "lecture_notes" / lecture.note).write_text(text, "utf-8")
    problems = notes.find_problems(lecture, tmp_path)
    if words is None:
        assert problems == []
    else:
        assert any(words in problem for problem in problems), problems


def test_generated_lines_follow_what_exists(tmp_path):
    shutil.copy(ROOT / "lectures.yaml", tmp_path)
    folder = tmp_path / "lecture_notes"
    folder.mkdir()
    lectures = {lecture.number: lecture for lecture in read_map(tmp_path)}
    alone = notes.with_generated_lines(a_note(), lectures["14"], tmp_path)
    assert "13_why_attention.md" not in alone and "Next:" not in alone
    for number in ("13", "15"):
        (folder / lectures[number].note).write_text("# A note\n", "utf-8")
    (tmp_path / "notebooks").mkdir()
    notebook = tmp_path / "notebooks" / "05_attention.ipynb"
    notebook.write_text('"## Lecture 14 · Simplified attention"', "utf-8")
    linked = notes.with_generated_lines(alone, lectures["14"], tmp_path)
    assert "[← 13 · Why attention](13_why_attention.md)" in linked
    assert "05_attention.ipynb#Lecture-14-·-Simplified-attention" in linked
    assert linked.endswith(
        "Next: [Lecture 15 · Queries, keys and values](15_queries_keys_and_values.md)\n"
    )
    assert notes.with_generated_lines(linked, lectures["14"], tmp_path) == linked


def test_a_bar_in_a_marker_of_a_table_is_found():
    broken = "| a | 3<!-- = 1 | 2 --> |\n"
    assert "breaks the table" in next(iter(notes._tables(broken)))
    assert not list(notes._tables("| a | 3<!-- = 1 + 2 --> |\n\n3<!-- = 1 | 2 -->\n"))
    assert not list(notes._tables(f"```text\n{broken}```\n"))
