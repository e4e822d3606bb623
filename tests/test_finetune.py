"""`course.py finetune` and `chat --adapter`: good and bad tables, a tiny model in SmolLM2's place."""

import io
import json
import re

import pytest

from classroom.worlds.course_qa import foreign_questions
from helpers.assistant.making import Question, split_wordings
from helpers.assistant.rows import Turn
from helpers.texts import available
from helpers.texts.sources import CORPORA
from tests.test_gguf import small_model, write
from tools import chat as chat_command
from tools import finetune as command
from tools import labels
from tools.table import kind_of_table, read_labeled, read_questions, separator_of

MUSEUM = command.SAMPLES["museum"]
HEAD = "question,answer\n"
TWO = HEAD + "When?,At ten.\nWhere?,Here.\n"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder of downloads with a tiny model in the place of SmolLM2."""
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / CORPORA["smollm2"].downloads[0].file
    return write(path, small_model(context_length=512))


def table(tmp_path, content, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


# --- tables -------------------------------------------------------------------------------------

BAD_QUESTIONS = {
    "empty": ("", "empty"),
    "spaces": (" \n\n", "empty"),
    "other columns": ("frage,antwort\na,b\n", "frage"),
    "no answer column": ("question,wordings\na,b\n", "wordings"),
    "a column twice": ("question,answer,answer\na,b,c\n", "two columns"),
    "a header alone": (HEAD, "0 answers"),
    "one answer": (HEAD + "When?,At ten.\nwhen do you open,At ten.\n", "1 answers"),
    "no answer": (TWO + "Who?,\n", "line 4"),
    "an answer of spaces": (TWO + "Who?,  \n", "line 4"),
    "a short row": (TWO + "Who?\n", "line 4"),
    "no question": (TWO + ",We.\n", "line 4"),
    "two answers": (TWO + "when?,At noon.\n", "line 4"),
    "a wording with two answers": (
        "question,answer,wordings\nWhen?,At ten.,open?\nWhere?,Here.,open?\n",
        "line 3",
    ),
    "a separator in a text": (HEAD + "When?,At ten, or later.\nWhere?,Here.\n", "quotation"),
    "an open quotation mark": (HEAD + 'When?,"At ten.\nWhere?,Here.\n', "line"),
    "a long question": (TWO + "a" * 1001 + ",b\n", "1,001"),
    "a long answer": (TWO + "Who?," + "a" * 5000 + "\n", "5,000"),
    "a huge cell": (TWO + "Who?," + "a" * 200_000 + "\n", "line 4"),
    "cp1252": (TWO.encode() + "Wer?,Café\n".encode("cp1252"), "UTF-8"),
    "UTF-16 without a mark": (TWO.encode("utf-16-le"), "UTF-8"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "UTF-8"),
    "a workbook": (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0", "zero bytes"),
}
BAD_LABELS = {
    "one label": ("text,label\n" + "".join(f"t{i},a\n" for i in range(9)), "one label"),
    "a rare label": ("text,label\n" + "".join(f"t{i},{'ab'[i == 0]}\n" for i in range(9)), "'b'"),
    "no label": ("text,label\na,x\nb,\n", "line 3"),
    "no text": ("text,label\n,x\n", "line 2"),
    "two labels": ("text,label\na,x\na,y\n", "line 3"),
    "a header alone": ("text,label\n", "no texts"),
}


@pytest.mark.parametrize(
    "read, cases", [(read_questions, BAD_QUESTIONS), (read_labeled, BAD_LABELS)]
)
def test_a_bad_table_gets_one_clear_sentence(tmp_path, read, cases):
    wrong = []
    for kind, (content, words) in cases.items():
        path = table(tmp_path, content)
        try:
            wrong.append(f"{kind}: gives {read(path)!r}"[:200])
        except ValueError as error:
            said = str(error)
            if str(path) not in said or words not in said or "\n" in said or len(said) > 300:
                wrong.append(f"{kind}: {said}")
    assert not wrong, "\n".join(wrong)


def test_the_command_says_it_on_one_line(tmp_path, tiny, capsys):
    for content, _ in (*BAD_QUESTIONS.values(), *BAD_LABELS.values()):
        arguments = [str(table(tmp_path, content)), "--out", str(tmp_path / "out")]
        assert command.main(arguments) == 1
        said = capsys.readouterr()
        assert said.err.startswith("error: ") and said.err.count("\n") == 1, said.err
    assert command.main([str(tmp_path / "none.csv")]) == 1 and command.main([]) == 1
    assert "--sample museum" in capsys.readouterr().err
    assert (
        command.main([str(table(tmp_path, TWO)), "--rank", "0", "--out", str(tmp_path / "o")]) == 1
    )
    assert "rank is 0" in capsys.readouterr().err


def test_tables_of_many_programs_are_read_alike(tmp_path):
    wanted = [Question("When?", "At 10, é.", ("open?", "hours")), Question("Where?", "Here.")]
    rows = [("Question ", "ANSWER", "wordings"), ("When?", "At 10, é.", "open? | hours |"), ("Where?", "Here.", "")]  # fmt: skip
    for separator, name in ((",", "commas"), (";", "semicolons"), ("\t", "tabs")):
        text = "\r\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            path = table(tmp_path, f"{text}\r\n\r\n".encode(encoding))
            assert read_questions(path) == wanted, (name, encoding)
            assert separator_of(path) == name and kind_of_table(path) == "questions"


def test_rows_with_one_answer_are_wordings_of_one_question(tmp_path):
    path = table(tmp_path, TWO + "hours,At ten.\nwhen?,At ten.\n\n hours ,At ten.\n")
    assert read_questions(path)[0] == Question("When?", "At ten.", ("hours", "when?"))


def test_columns_beyond_those_needed_do_not_matter(tmp_path):
    path = table(tmp_path, "id,question,note,answer\n1,When?,x,At ten.\n2,Where?,y,Here.\n")
    assert [each.answer for each in read_questions(path)] == ["At ten.", "Here."]


# --- the sample, and what is foreign to it ------------------------------------------------------


def test_the_museum_has_forty_questions_in_at_least_six_wordings():
    questions = read_questions(MUSEUM)
    assert len(questions) == 40 and min(len(each.wordings) for each in questions) >= 5
    split = split_wordings(questions)
    assert not split.by_rule and len(split.test) == 40 and len(split.train) >= 160
    assert all(isinstance(turn, Turn) for turn in split.train)


def test_a_question_that_the_table_answers_is_not_foreign_to_it():
    eggs = Question(
        "How long do you boil an egg in your kitchen?", "Six minutes.", ("raw mushrooms?",)
    )
    all_of_them = command.foreign_to([Question("When?", "At ten.")])
    fewer = command.foreign_to([eggs])
    assert len(all_of_them.test) == 60 == len(all_of_them.validation)
    gone = set(all_of_them.validation) - set(fewer.validation)
    assert "How long do I boil an egg?" in gone and len(gone) < 10


# --- the command --------------------------------------------------------------------------------


def test_help_shows_a_table_and_the_sample(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    said = capsys.readouterr().out
    assert "question,answer,wordings" in said and MUSEUM.name in said and "--resume" in said


def test_without_smollm2_it_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path))
    assert command.main([str(MUSEUM), "--out", str(tmp_path / "out")]) == 1
    assert "course.py data smollm2" in capsys.readouterr().err
    assert chat_command.main(["--adapter", str(tmp_path)]) == 1
    assert "course.py data smollm2" in capsys.readouterr().err


def test_a_table_becomes_a_chat(tmp_path, tiny, monkeypatch, capsys):
    monkeypatch.setattr(command, "foreign_to", lambda _: command.Foreign(["a"], ["b"], ["c"]))
    path, out = table(tmp_path, TWO), tmp_path / "out"
    flags = ["--out", str(out), "--tokens", "500", "--rank", "2", "--about", "two things"]
    assert command.main([str(path), *flags, "--precision", "fp32"]) == 0
    said = capsys.readouterr().out
    assert "made by rule" in said and f"chat --adapter {out}" in said and "before" in said
    assert json.loads((out / "refusal.json").read_text())["says"].endswith("I know two things.")
    assert json.loads((out / "adapter.json").read_text())["license"]
    monkeypatch.setattr("sys.stdin", io.StringIO("when?\n"))
    assert chat_command.main(["--adapter", str(out), "--max-new-tokens", "5"]) == 0
    assert capsys.readouterr().out.strip()
    assert chat_command.main(["--adapter", str(out), "--model", "course"]) == 1
    tiny.write_bytes(tiny.read_bytes() + b"\0")  # another base
    assert chat_command.main(["--adapter", str(out)]) == 1
    assert "another model" in capsys.readouterr().err
    assert command.main([str(path), *flags]) == 1
    assert "resume it or take another folder" in capsys.readouterr().err


def test_labels_become_a_classifier(tmp_path, monkeypatch, capsys):
    """The course's GPT reads the texts; a table of two easy labels is learned."""
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path))
    words = {"cooking": "soup bread cake salt oven", "travel": "train plane hotel beach passport"}
    rows = [
        f"the {a} and the {b},{label}"
        for label, names in words.items()
        for a in names.split()
        for b in names.split()
        if a != b
    ]
    path, out = table(tmp_path, "text,label\n" + "\n".join(rows) + "\n"), tmp_path / "out"
    assert command.main([str(path), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "the course's GPT" in said and len(re.findall(r"\d%", said)) == 3
    assert json.loads((out / labels.SETTINGS).read_text())["accuracy"] >= 0.75
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("the salt and the bread\nthe plane and the train\n")
    )
    assert command.main(["--classify", str(out)]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == list(words)
    for name in (labels.SETTINGS, labels.HEAD):
        good = (out / name).read_bytes()
        (out / name).write_bytes(b"{}")
        monkeypatch.setattr("sys.stdin", io.StringIO("a\n"))
        assert command.main(["--classify", str(out)]) == 1
        assert name in capsys.readouterr().err
        (out / name).write_bytes(good)
    assert command.main(["--classify", str(tmp_path)]) == 1


@pytest.mark.slow
def test_smollm2_learns_six_answers_of_the_museum(tmp_path, monkeypatch):
    asked = {split: foreign_questions(split)[::8] for split in ("validation", "test")}
    asked["train"] = foreign_questions("train")
    monkeypatch.setattr(command, "foreign_questions", asked.__getitem__)  # each takes seconds
    if not available("smollm2"):
        pytest.skip("needs smollm2: python3 course.py data smollm2")
    lines = MUSEUM.read_text("utf-8").splitlines(keepends=True)[:7]
    path, out = table(tmp_path, "".join(lines)), tmp_path / "out"
    assert command.main([str(path), "--out", str(out), "--tokens", "12000"]) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["after"]["right_without_refusal"] > report["before"]["right"]
    assert report["after"]["right_without_refusal"] >= 0.5
