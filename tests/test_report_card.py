"""The report card: what it counts, that the same state gives the same bytes, and its page."""

import html.parser
import re

import pytest

from classroom.study import progress as study
from classroom.study import report_card
from classroom.study.flash_cards import grade, load_cards
from classroom.study.quiz import Quiz
from classroom.study.quiz_bank import load_quiz, questions
from classroom.study.report_card import ReportCard, as_html, bars, facts, read_report, report_text
from classroom.turns.kept import Kept, keep
from tools import mine as tool

FIGURES = {
    "text": "tales.txt",
    "steps": 300,
    "bytes_per_token": 3.62,
    "bits_per_byte": 0.78,
    "gzip": 1.88,
    "xz": 0.92,
    "floor": 0.26,
    "tokens_per_second": 1713,
}


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    path = tmp_path / "reader" / "state.json"
    monkeypatch.setenv("LLM_COURSE_STATE", str(path))
    return path


def write_something():
    keep(
        Kept("02", 1, "text_to_tokens", "def text_to_tokens(text): ...\n", [], [], 3, "2026-01-02")
    )
    study.remember("exercises", "02.1", "2026-01-03")
    for _ in range(2):
        grade(load_cards(7)[0], knew_it=True)
    grade(load_cards(7)[1], knew_it=False)
    study.remember("model", "figures", FIGURES)


def test_with_nothing_done_everything_is_open():
    report = read_report()
    assert report.written[0] == 0 and report.written[1] >= 8
    assert report.solved[0] == 0 and report.solved[1] > 30
    assert (report.boxes, report.figures) == ([0] * 5, {})
    assert {name: yours for name, (yours, _) in report.parts.items()} == {
        "my_llm.py": 0,
        "my_chat.py": 0,
    }
    assert report.quiz_answered == 0 and report.quiz_total == len(load_quiz())
    assert [s.number for s in report.sections][:3] == ["00", "01", "02"]
    assert "not measured yet" in report_text(report) and "Not measured yet" in as_html(report)


def test_it_counts_what_is_done():
    write_something()
    report = read_report()
    tokenizer = next(section for section in report.sections if section.number == "02")
    assert tokenizer.title == "Tokenizer"
    assert tokenizer.turns["text_to_tokens"] == "2026-01-02" and tokenizer.turns["encode"] is None
    assert tokenizer.exercises["02.1"] and not tokenizer.exercises["02.2"]
    assert report.written[0] == 1 and report.solved[0] == 1
    assert report.boxes == [1, 0, 1, 0, 0] and report.cards_total == len(load_cards())
    text = report_text(report)
    assert "02 Tokenizer: 1 of 8 turns, 1 of 5 exercises\n   text_to_tokens" in text
    assert "in boxes 1 to 5: 1, 0, 1, 0, 0" in text


def test_it_says_which_file_a_turn_is_in():
    for notebook, name in (
        ("08", "finetune"),
        ("09", "finetune"),
        ("06", "gelu"),
        ("05", "softmax"),
    ):
        body = "(*x):\n    return x\n"
        keep(Kept(notebook, 1, name, f"def {name}{body}", [], [], 3, "2026-01-02"))
    report = read_report()
    files = {section.number: section.files for section in report.sections}
    assert files["08"]["finetune"] == files["09"]["finetune"] == "my_chat.py"
    assert files["06"]["gelu"] == "my_llm.py" and "softmax" not in files["05"]
    assert files["02"] == {} and report.parts["my_chat.py"][0] == 2
    assert report.parts["my_llm.py"] == (
        1,
        sum(f == "my_llm.py" for n in files.values() for f in n.values()),
    )
    text = report_text(report)
    assert "\n   gelu (in my_llm.py)\n" in text and "\n   softmax\n" in text
    assert "my_chat.py 2 of its" in text
    assert "gelu <small>my_llm.py</small>" in as_html(report)


def test_the_answers_to_the_quiz_are_counted_once_each():
    quiz = Quiz(questions(lecture=15)[:2])
    right = quiz.round.places[0]
    quiz.press(right)
    quiz.press((right + 1) % 4)  # only the first answer counts
    quiz.go_on()
    quiz.press((quiz.round.places[1] + 1) % 4)
    assert study.read_state("quiz") == {"15.1": True, "15.2": False}
    report = read_report()
    assert (report.quiz_right, report.quiz_answered) == (1, 2)


def test_the_models_figures():
    write_something()
    report = read_report()
    assert bars(report) == [
        ("gzip", 1.88),
        ("xz", 0.92),
        ("your model", 0.78),
        ("the least possible", 0.26),
    ]
    shown = {name: value for name, value, _ in facts(report)}
    assert shown == {
        "bytes per token": "3.62",
        "bits per byte": "0.780",
        "above the entropy": "200%",
        "tokens per second": "1,713",
    }


def test_the_same_state_gives_the_same_bytes(state):
    write_something()
    first = [report_text(read_report()), as_html(read_report())]
    before = state.read_bytes()
    report_card._titles.cache_clear()
    assert [report_text(read_report()), as_html(read_report())] == first
    assert state.read_bytes() == before, "to look at it changes nothing"


@pytest.mark.parametrize(
    "damage", ['{"model": 3}', '{"model": {"figures": [1]}}', '{"quiz": {"15.1": "x"}}', "{"]
)
def test_a_damaged_state_is_no_error(state, damage):
    state.parent.mkdir(parents=True)
    state.write_text(damage)
    report = read_report()
    assert report.figures == {} and report.quiz_answered == 0
    assert report_text(report) and as_html(report)


def test_figures_that_are_missing_or_no_numbers_are_left_out():
    study.remember("model", "figures", {"gzip": 1.5, "xz": "?", "bits_per_byte": True})
    report = read_report()
    assert bars(report) == [("gzip", 1.5)] and facts(report) == []
    assert "gzip" in as_html(report)


class Page(html.parser.HTMLParser):
    """Which tags are open, and what a page takes from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href"):
                self.wrong.append(value)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        """It is closed at once."""

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")


def test_the_page_stands_alone():
    keep(Kept("02", 1, "encode", "x", [], [], 3, '<b>"2026"</b>'))
    write_something()
    text = as_html(read_report())
    page = Page()
    page.feed(text)
    assert (page.open, page.wrong) == ([], [])
    assert "url(" not in text and "<script" not in text and '<b>"2026' not in text
    assert "prefers-color-scheme:dark" in text
    figures = re.findall(r'role="img" aria-label="([^"]+)"', text)
    assert len(figures) == 6 and figures[0].endswith("turns written")


def test_the_widget_looks_again():
    card = ReportCard()
    assert repr(card).startswith("ReportCard(0 of ")
    write_something()
    card.button.click()
    assert repr(card).startswith("ReportCard(1 of ") and "3.62" in card.page.value
    data = card._repr_mimebundle_()
    assert data["text/html"] == card.page.value and data["text/plain"] == repr(card)


def test_the_command_shows_it_and_writes_the_page(state, capsys):
    write_something()
    assert tool.main(["--report"]) == 0
    said = capsys.readouterr().out
    page = state.parent / tool.PAGE
    assert report_text(read_report()) in said and str(page) in said
    assert page.read_text("utf-8") == as_html(read_report())


def test_the_command_writes_the_file(state, capsys, tmp_path):
    assert tool.main([]) == 0
    said = capsys.readouterr().out
    for name in ("my_llm.py", "my_chat.py"):
        assert str(state.parent / name) in said and (state.parent / name).is_file()
    assert tool.main(["--out", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other" / "my_llm.py").is_file()
    assert tool.main(["train", str(tmp_path / "missing.txt")]) == 1
    assert "there is no file" in capsys.readouterr().err
