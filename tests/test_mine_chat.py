"""`my_chat.py`: it needs `my_llm.py` alone, and learns as `helpers` does, whoever wrote its parts."""

import ast
import csv
import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch

from classroom.mine import desk
from classroom.mine.assemble import assemble
from classroom.mine.outline import CHAT, LLM
from classroom.worlds import inbox, tales
from helpers import classifier, config, lora
from helpers.bpe import BPETokenizer
from helpers.instructions import Instruction, instruction_loader
from helpers.model import GPT
from helpers.texts import load_corpus
from helpers.train import TrainConfig, training_step
from tests.test_mine import KEPT, mark_of, solutions
from tools import mine as tool
from tools.lectures import ROOT

LINES = 500


@pytest.fixture(scope="module", params=["nothing", "all"])
def both(request, tmp_path_factory):
    """my_llm.py and my_chat.py as modules, with nothing or all of them written."""
    folder, found = tmp_path_factory.mktemp("mine"), []
    with pytest.MonkeyPatch.context() as patch:
        for file in (LLM, CHAT):
            path = folder / file.name
            path.write_text(assemble(KEPT[request.param], file).text, "utf-8")
            spec = importlib.util.spec_from_file_location(path.stem, path)
            found.append(importlib.util.module_from_spec(spec))
            patch.setitem(sys.modules, path.stem, found[-1])
            spec.loader.exec_module(found[-1])
        yield found


def pair(my_llm, seed=0, **options):
    """The same small GPT as helpers' and as the reader's."""
    torch.manual_seed(seed)
    theirs = GPT(replace(config.PRESETS["tiny"], **options))
    mine = my_llm.GPT(my_llm.GPTConfig(**asdict(theirs.config)))
    my_llm.load_weights(mine, dict(theirs.named_parameters()))
    return theirs, mine


# the file


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_it_is_short_formatted_and_imports_my_llm_alone(kept, tmp_path):
    made = assemble(kept, CHAT)
    assert len(made.text.splitlines()) < LINES == CHAT.limit and made.remarks == ()
    packages = set()
    for node in ast.walk(ast.parse(made.text)):
        if isinstance(node, ast.Import):
            packages |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            packages.add(node.module.partition(".")[0])
    assert packages - sys.stdlib_module_names == {"torch", "my_llm"}
    path = tmp_path / CHAT.name
    path.write_text(made.text, "utf-8")
    # the solutions of 08 leave strict= out, as its cells do
    for command in (["format", "--check"], ["check", "--ignore=B905"]):
        line = [sys.executable, "-m", "ruff", *command, "--config", ROOT / "pyproject.toml", path]
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_each_part_says_who_wrote_it_and_none_is_idle():
    course = assemble([], CHAT)
    assert {piece.notebook for piece in course.pieces} == {"08", "09"}
    assert {"LoRALinear.merged", "finetune", "finetune_classifier"} <= {
        p.name for p in course.pieces
    }
    for kept in KEPT.values():
        made = assemble(kept, CHAT)
        written = {(turn.notebook, turn.name) for turn in kept}
        for piece in made.pieces:
            assert bool(piece.kept) == ((piece.notebook, piece.turn) in written)
            assert mark_of(piece.name, made.text) == (bool(piece.kept), piece.notebook), piece.name
            assert len(re.findall(rf"\b{piece.name.rpartition('.')[2]}\b", made.text)) > 1


def test_a_turn_whose_name_another_notebook_uses_again_is_renamed():
    one = next(turn for turn in solutions() if (turn.notebook, turn.name) == ("08", "finetune"))
    made = assemble(
        [replace(one, source="def finetune(classifier, batches, rates):\n    return [1.5]\n")], CHAT
    )
    assert "def finetune_classifier(classifier, batches, rates):\n    return [1.5]\n" in made.text
    assert "def finetune(model, batches, rates):" in made.text and made.yours == [
        "finetune_classifier"
    ]


# the same training


def test_on_the_same_batches_answers_are_learned_as_in_helpers(both):
    """Batches, masks and losses of `helpers.instructions`, whose loop takes the turn's optimizer."""
    my_llm, my_chat = both
    story = load_corpus("story")
    tokenizer = BPETokenizer.train(story, 400, ("<|endoftext|>", *my_chat.MARKS))
    mine = my_llm.BytePairTokenizer(tokenizer.merges, ("<|endoftext|>", *my_chat.MARKS))
    words = story.split()
    asked = [
        (" ".join(words[i : i + 3]), " ".join(words[i + 3 : i + 4 + i % 5])) for i in range(40)
    ]

    def layout(instruction, input=""):
        return f"<|im_start|>user\n{instruction}<|im_end|>\n<|im_start|>assistant\n"

    whole = SimpleNamespace(  # one that reads the marks of a layout as tokens
        encode_ordinary=lambda text: tokenizer.encode(text, "all"),
        special_tokens=tokenizer.special_tokens,
    )
    turns = [Instruction(question, output=answer) for question, answer in asked]
    loader = instruction_loader(whole, turns, 4, layout)
    rows = my_chat.answer_rows(mine, asked, 64)
    assert len(rows) == len(asked)
    orders = [list(some) for epoch in (0, 1) for some in loader._batches(epoch)]
    end = mine.special_tokens["<|endoftext|>"]
    batches = [my_chat.collate([rows[place] for place in some], end) for some in orders]
    for some, batch in zip(orders, batches, strict=True):
        assert all(map(torch.equal, batch, loader.batch(some)))
    theirs, model = pair(my_llm, vocab_size=tokenizer.vocab_size)
    plan = TrainConfig(20, 4, 1, 3e-3, 2, final_share=0.0)
    optimizer = torch.optim.AdamW(theirs.parameters(), weight_decay=0.0)
    stream = iter([loader.batch(some) for some in orders])
    theirs.train()
    expected = [training_step(theirs, optimizer, stream, plan, step) for step in range(20)]
    losses = my_chat.finetune(model, batches, my_chat.rates_for(20, 3e-3))
    assert len(losses) == 20 and losses[-1] < losses[0] - 1
    assert max(abs(a - b) for a, b in zip(losses, expected, strict=True)) < 1e-4


@pytest.mark.parametrize("with_lora", [False, True])
def test_on_the_same_batches_labels_are_learned_as_in_helpers(both, monkeypatch, with_lora):
    """Rows, batches and losses of `helpers.classifier.finetune`, given the turn's optimizer."""
    my_llm, my_chat = both
    tokenizer = BPETokenizer.train(load_corpus("story"), 400)
    mine = my_llm.BytePairTokenizer(tokenizer.merges, ("<|endoftext|>",))
    messages = inbox.sample(80, 0)
    labels = [inbox.LABELS.index(message.label) for message in messages]
    texts = [message.text for message in messages]
    rows = my_chat.text_rows(mine, texts, 64)
    assert rows == classifier.encode_texts(tokenizer, texts, 64)
    gpt, model = pair(my_llm, vocab_size=tokenizer.vocab_size)
    if with_lora:
        lora.apply_lora(gpt, 8, 16), my_chat.with_lora(model, 8, 16)
        downs = dict(gpt.named_parameters())
        my_llm.load_weights(model, downs)
    theirs, model = classifier.TextClassifier(gpt, 2), my_chat.TextClassifier(model, 2)
    my_llm.load_weights(model.head, dict(theirs.head.named_parameters()))

    def create_optimizer(module, rate, decay):
        learning = [part for part in module.parameters() if part.requires_grad]
        return torch.optim.AdamW(learning, rate)

    monkeypatch.setattr(classifier, "create_optimizer", create_optimizer)
    recipe = classifier.FinetuneConfig(epochs=2, batch_size=8, learning_rate=3e-3)
    history = classifier.finetune(theirs, (rows, labels), None, recipe, progress=False)
    batches = []
    for some in classifier._batches(rows, recipe):
        inputs = my_chat.pad([rows[place] for place in some], rows[0][0])
        batches.append((*inputs, torch.tensor([labels[place] for place in some])))
    losses = my_chat.finetune_classifier(model.train(), batches, my_chat.rates_for(20, 3e-3))
    assert len(losses) == 20 and min(losses) < losses[0]
    gap = max(abs(a - b) for a, b in zip(losses, history.losses, strict=True))
    assert gap < 1e-4
    shares = my_chat.probabilities(model.eval(), rows)
    assert torch.allclose(shares, classifier.predict(theirs, rows), atol=1e-3)
    before = model(*my_chat.pad(rows[:9], 0))
    my_chat.change_layers(model.gpt, my_chat.LoRALinear, my_chat.LoRALinear.merged)
    assert torch.allclose(model(*my_chat.pad(rows[:9], 0)), before, atol=1e-4)
    names = {name.partition(".")[0] for name, _ in model.gpt.named_parameters()}
    assert names == {name.partition(".")[0] for name, _ in GPT(gpt.config).named_parameters()}


@pytest.mark.parametrize("tied", [True, False])
def test_the_marks_become_tokens_and_the_rest_stays(both, tmp_path, tied):
    my_llm, my_chat = both
    tokenizer = BPETokenizer.train("low lower lowest", 260)
    _, model = pair(my_llm, vocab_size=260, tie_weights=tied)
    my_llm.save_model(
        tmp_path, model, my_llm.BytePairTokenizer(tokenizer.merges, ("<|endoftext|>",))
    )
    model, plain = my_llm.load_model(tmp_path)
    grown, marked = my_chat.with_marks(model, plain)
    ids = torch.tensor([plain.encode("low lower")])
    assert torch.allclose(grown.eval()(ids)[..., :260], model(ids), atol=1e-6)
    assert marked.encode("low lower") == plain.encode("low lower")
    assert my_chat.encode_question(marked, "low")[:1] == [marked.special_tokens["<|im_start|>"]]
    assert grown.config.vocab_size == len(marked.vocab) == 262
    my_llm.save_model(tmp_path, grown, marked)
    again, same = my_llm.load_model(tmp_path)
    twice, unchanged = my_chat.with_marks(again, same)
    assert torch.equal(twice.eval()(ids), grown(ids)) and unchanged.ids == marked.ids


def test_what_comes_from_outside_holds_no_control_tokens(both):
    _, my_chat = both
    assert my_chat.plain(" a<|im_<|im_end|>end|>b<|endoftext|> ") == "a<|im_ end|>b"


# the commands


def write_csv(path, columns, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def run(place, *arguments, typed="", file="my_chat.py"):
    keep = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [sys.executable, file, *arguments],
        cwd=place,
        env=keep | {"OMP_NUM_THREADS": "1"},
        input=typed,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with both files, a trained tiny model, and two CSV files."""
    place = tmp_path_factory.mktemp("work")
    for file in (LLM, CHAT):
        (place / file.name).write_text(assemble([], file).text, "utf-8")
    text = "".join(f"{tale}<|endoftext|>\n" for tale in tales.sample(150, 1))
    (place / "tales.txt").write_text(text, "utf-8")
    arguments = ("train", "tales.txt", "--preset", "tiny", "--steps", "60")
    assert run(place, *arguments, file="my_llm.py").returncode == 0
    pairs = [(f"Is it {word}?", f"No, {word} it is not.") for word in ("red", "old", "far", "wet")]
    write_csv(place / "questions.csv", ("question", "answer"), 20 * pairs)
    messages = [(message.label, message.text) for message in inbox.sample(300, 0)]
    write_csv(place / "labeled.csv", ("label", "text"), messages)
    return place


@pytest.mark.slow
def test_it_learns_to_answer_and_to_label_in_a_folder_of_its_own(place):
    done = run(place, "train", "questions.csv", "--epochs", "20", "--learning-rate", "3e-3")
    assert done.returncode == 0 and done.stderr == "", done
    before, after = map(float, re.findall(r"([\d.]+) (?:before|after)", done.stdout))
    assert before > 4 and after < 0.5
    said = run(place, "talk", typed="Is it old?\nIs it <|im_end|>wet?\n" + 200 * "long " + "\n")
    assert said.stderr == "" and said.stdout.splitlines() == [
        "No, old it is not.",
        said.stdout.splitlines()[1],
        "[this question is too long]",
    ]
    done = run(place, "classify", "labeled.csv", "--epochs", "8")
    assert done.returncode == 0 and done.stderr == "", done
    accuracy, guessing = map(
        float, re.search(r"y ([\d.]+)%, guessing ([\d.]+)%", done.stdout).groups()
    )
    assert guessing == 50 and accuracy > 60 and "Naive Bayes" in done.stdout, done.stdout
    test = inbox.sample(40, 5)
    said = run(place, "label", typed="".join(f"{' '.join(m.text.split())}\n" for m in test))
    labels = [line.split("\t") for line in said.stdout.splitlines()]
    assert len(labels) == 40 and all(0.5 <= float(share) <= 1 for _, share, _ in labels)
    assert sum(found[0] == m.label for found, m in zip(labels, test, strict=True)) >= 24
    again = run(place, "talk", typed="Is it old?")  # the classifier is beside the chat model
    assert again.stdout == "No, old it is not.\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "missing.csv"), "there is no file missing.csv"),
        (("train", "labeled.csv"), "labeled.csv needs a first line question,answer"),
        (("classify", "questions.csv"), "questions.csv needs a first line label,text"),
        (("train", "empty.csv"), "empty.csv needs a first line"),
        (("train", "hole.csv"), "hole.csv: in row 2 question or answer is empty"),
        (("train", "latin.csv"), "latin.csv is not UTF-8 text"),
        (("train", "quote.csv"), "quote.csv is not a CSV file"),
        (("train", "long.csv"), "long.csv needs two rows that fit into 64 tokens each"),
        (("classify", "one.csv"), "one.csv needs two labels, each with ten texts"),
        (("talk", "--out", "nowhere"), "there is no model in nowhere/chat"),
        (("label", "--out", "nowhere"), "first run python my_chat.py classify LABELED.csv"),
        (("train", "questions.csv", "--out", "no"), "first run python my_llm.py train TEXT"),
    ],
)
def test_an_error_is_one_sentence(place, arguments, said):
    (place / "empty.csv").write_text("")
    write_csv(place / "hole.csv", ("question", "answer"), [("a", "b"), ("c", " ")])
    (place / "latin.csv").write_bytes("question,answer\nnaïve,b\n".encode("latin-1"))
    (place / "quote.csv").write_text('question,answer\n"a"b,c\n')
    write_csv(place / "long.csv", ("question", "answer"), [("a " * 99, "b")] * 3)
    write_csv(place / "one.csv", ("label", "text"), [("ham", "a")] * 30)
    done = run(place, *arguments)
    assert done.returncode == 1 and said in done.stderr, done
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_course_passes_its_arguments_on(place, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "state.json"))
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "own.csv", ("question", "answer"), [("Hi", "Yo")] * 4)
    folder = ["--out", str(place)]
    assert tool.main(["chat", "train", "own.csv", "--epochs", "1", *folder]) == 0
    assert "3 to learn from, 1 held out" in capfd.readouterr().out
    assert tool.main(["chat", "train", "none.csv", *folder]) == 1
    assert "there is no file none.csv" in capfd.readouterr().err
    assert desk.chat(place) == 2 and "my_chat.py" in capfd.readouterr().err
