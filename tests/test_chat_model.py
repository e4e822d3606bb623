"""The command that makes the chat model: it runs, resumes, measures fairly; and its result is there."""

import hashlib
import json

import pytest
import torch

from classroom.worlds import course_qa, tasks
from helpers.assistant.refusal import (
    DO_NOT_KNOW,
    NO_ANSWER,
    SCORES,
    choose_refusal,
    load_refusal,
    share_below,
)
from helpers.bpe import BPETokenizer
from helpers.chat import BASE_MODEL, CHAT_MODEL, ChatModel, load_chat_model
from helpers.checkpoint import load_model, save_model
from helpers.config import GPTConfig
from helpers.difference import NAME
from helpers.evaluate import answer_all, is_right_answer
from helpers.model import GPT
from helpers.train import TrainConfig
from tools.makers import chat_measures, chat_model, chat_texts
from tools.makers.course_rows import CUT


def is_there():
    """Whether the chat model is made, and by the present command."""
    report = CHAT_MODEL / "report.json"
    if not report.is_file():
        return False
    return {"forum", "before_in_own_layout"} <= json.loads(report.read_text("utf-8")).keys()


there = pytest.mark.skipif(
    not is_there(), reason="the chat model is not made yet for these questions"
)
QUICK = TrainConfig(
    steps=6, batch_size=4, learning_rate=1e-3, warmup_steps=2, evaluate_every=3,
    evaluate_batches=2, checkpoint_every=3,
)  # fmt: skip


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A tiny GPT in place of the course's, and few questions."""
    answers = [answer for _, answer in course_qa.questions("test")[:6]]
    few = {
        split: [(question, answers[place]) for place, (question, _) in enumerate(pairs[:6])]
        for split, pairs in ((split, course_qa.questions(split)) for split in course_qa.SPLITS)
    }
    for module in (chat_model, chat_texts, chat_measures.course_qa):
        monkeypatch.setattr(module, "questions", lambda split: few[split])
    for module in (chat_texts, chat_measures.course_qa):
        monkeypatch.setattr(module, "foreign_questions", lambda split: [f"Why {split}?"] * 2)
    monkeypatch.setattr(chat_measures, "ANSWER_TOKENS", 12)
    monkeypatch.setattr(chat_measures, "PAGE_TOKENS", 12)
    monkeypatch.setattr(chat_model, "BEFORE", {"n_tasks": 8, "n_late": 2})
    monkeypatch.setattr(chat_model, "VALIDATION", {"n_tasks": 8, "n_late": 2})
    monkeypatch.setattr(
        chat_measures.measure, "__defaults__", ("test", None, 20, 3)
    )  # split, questions, tasks, late ones
    monkeypatch.setattr(chat_measures.measure_in_own_layout, "__defaults__", ("test", 20))
    torch.set_num_threads(1)  # the runs are compared to the last bit
    torch.manual_seed(0)
    text = " ".join(question + " " + answer for question, answer in few["train"])
    tokenizer = BPETokenizer.train(text, 400, ("<|endoftext|>",))
    model = GPT(GPTConfig(tokenizer.vocab_size, 256, 64, 4, 2, dropout=0.0))
    return save_model(tmp_path / "base", model, tokenizer)


def test_it_runs_and_resumes_to_the_same(base, tmp_path):
    whole = chat_model.run(tmp_path / "a", QUICK, base, n_tasks=30)
    first = chat_model.run(tmp_path / "b", QUICK, base, n_tasks=30)
    assert whole["sha256"] == first["sha256"] and whole["curve"] == first["curve"]
    newest = max((tmp_path / "b").glob("step-*"))
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    again = chat_model.run(tmp_path / "b", QUICK, base, n_tasks=30, resume=True)
    assert again["sha256"] == whole["sha256"]


def test_it_asks_the_test_data_in_a_step_of_its_own(base, tmp_path):
    chosen = chat_model.run(tmp_path / "a", QUICK, base, n_tasks=30)
    assert not {"after", "forum", "before_in_own_layout"} & chosen.keys()
    assert "test" not in chosen["refusal"]
    folder = tmp_path / "a" / "difference"
    assert not (folder / "README.md").exists()
    whole = chat_model.finish(tmp_path / "a", base)
    assert whole == json.loads((folder / "report.json").read_text("utf-8"))
    card = (folder / "README.md").read_text("utf-8")
    assert whole["sha256"] in card and whole["base_sha256"] in card
    asked = {kind: part["asked"] for kind, part in whole["refusal"]["test"].items()}
    assert asked == {"known": 6, "forum": 6, "foreign": 2, "tasks": 20}
    assert set(whole["controls"]) == {"validation", "test", "forum"}
    assert load_refusal(folder).below == whole["refusal"]["below"]
    answers = json.loads((tmp_path / "a" / "answers.json").read_text())
    assert len(answers["questions"]) == len(answers["forum"]) == 6 and len(answers["tasks"]) == 20
    alone = whole["before_in_own_layout"]
    assert alone["questions"]["asked"] == len(answers["before"]) == 6
    assert alone["tasks"]["asked"] == 20 and "| before, own layout |" in card


def test_in_its_own_layout_the_last_line_of_a_page_counts_and_the_first_after_a_task(
    base, monkeypatch
):
    asked, items = course_qa.questions("test"), tasks.sample(20, chat_measures.TASKS_SEED, "test")
    written = {f" {words}\n": f"the same asked again\n {answer}" for words, answer in asked}
    for task in items:
        layout = chat_measures.own_layout(task.instruction, task.input)
        written[layout] = f"{task.output}\n\n The next task.\n"
    monkeypatch.setattr(
        chat_measures,
        "answer_all",
        lambda model, tokenizer, prompts, n: [written[p] for p in prompts],
    )
    found = chat_measures.measure_in_own_layout(None, None)
    assert found["questions"] == {"asked": 6, "right": 1}
    assert found["tasks"]["right"] == 1 and set(found["tasks"]["by_kind"].values()) == {1}
    written |= {f" {words}\n": f"{answer}\n the same asked again" for words, answer in asked}
    assert chat_measures.measure_in_own_layout(None, None)["questions"]["right"] == 0


def test_what_is_learned_from_is_the_training_part():
    learned = chat_texts.conversations(n_tasks=500, whole_times=1, seed=5)
    parts = chat_texts.broken_off(times=1, seed=6)
    whole = [turn for turns in learned for turn in turns]
    train = course_qa.questions("train")
    known = {question for question, _ in train}
    for turns in (whole, parts):
        said = {turn.output.removeprefix(" ") for turn in turns}
        assert said >= {answer for _, answer in train} | {DO_NOT_KNOW}
        assert len({turn.instruction.replace(CUT, "") for turn in turns} & known) > 0.1 * len(train)
    asked = {turn.instruction.replace(CUT, "") for turn in whole + parts}
    asked = set(map(course_qa.without_marks, asked))
    for split in ("validation", "test", "forum"):
        held_out = {course_qa.without_marks(question) for question, _ in course_qa.questions(split)}
        assert not held_out & asked
    for split in ("validation", "test"):
        assert not set(map(course_qa.without_marks, course_qa.foreign_questions(split))) & asked
    held_out = {(task.instruction, task.input) for task in tasks.sample(2000, 1, "test")}
    assert not held_out & {(turn.instruction, turn.input) for turn in whole}
    assert {len(turns) for turns in learned} == {1, *chat_texts.CONVERSATION_LENGTHS}


def test_of_what_is_broken_off_only_the_first_tokens_of_the_answer_are_scored(base):
    model, tokenizer = load_model(base)
    turns = [chat_texts.as_turn(*asked) for asked in course_qa.questions("train")[:2]]
    short = chat_texts.as_turn("Which?", "a")
    loader = chat_texts.training_loader(tokenizer, [turns], [*turns, short], [], QUICK, 256)
    answers = [tokenizer.encode_ordinary(turn.output) for turn in turns]
    assert min(map(len, answers)) > chat_texts.KEPT
    scored = [
        [int(token) for token in targets[targets >= 0]]
        for place in range(4)
        for _, targets in [loader.batch([place])]
    ]
    end_id = tokenizer.special_tokens["<|endoftext|>"]
    assert scored[0] == [*answers[0], end_id, *answers[1], end_id]
    assert scored[1:3] == [answer[: chat_texts.KEPT] for answer in answers]
    assert scored[3] == [*tokenizer.encode_ordinary(" a"), end_id]


def test_a_conversation_too_long_for_the_context_loses_its_end(base):
    _, tokenizer = load_model(base)
    turns = [chat_texts.as_turn(*asked) for asked in course_qa.questions("train")[:6]] * 2
    loader = chat_texts.training_loader(tokenizer, [turns] * 4, [], [], QUICK, 64)
    inputs, targets = loader.batch([0])
    assert inputs.shape == (1, 64) and targets[0, -1] < 0


def test_no_wording_is_spliced_from_another_question(monkeypatch):
    pairs = [("one two three", "A"), ("four five six", "A"), ("red green blue", "B")]
    monkeypatch.setattr(chat_texts, "questions", lambda split: pairs)
    monkeypatch.setattr(chat_texts, "foreign_questions", lambda split: ["seven"])
    monkeypatch.setattr(chat_texts, "typed", lambda question, rng: question)
    of = {" A": set(), " B": set(), f" {DO_NOT_KNOW}": set()}
    for turn in chat_texts.broken_off(times=50):
        of[turn.output] |= set(turn.instruction.replace(CUT, "").split())
    assert list(of.values()) == [
        {"one", "two", "three", "four", "five", "six"},
        {"red", "green", "blue"},
        {"seven"},
    ]


def test_the_surest_score_is_chosen_for_the_refusal():
    """The lowest tells the foreign ones apart, the mean does not."""
    flat = {how: [-1.0, -1.0] for how in SCORES}
    known, foreign = flat | {"lowest": [-1.0, -1.2]}, flat | {"lowest": [-1.1, -3.0]}
    refusal, tried = choose_refusal({"questions": known, "tasks": known}, foreign, 0.02)
    assert refusal.how == "lowest" and refusal.below == pytest.approx(-2.1)
    assert tried["lowest"]["foreign_refused"] == 0.5 and tried["mean"]["foreign_refused"] == 0.0
    counted = chat_measures.refused(refusal, {"known": known, "foreign": foreign})
    assert counted["foreign"] == {"asked": 2, "refused": 0.5}
    assert counted["known"]["refused"] == 0.0


def test_an_answer_that_it_does_not_know_counts_as_refused(base, monkeypatch):
    model, tokenizer = load_model(base)
    said, _ = chat_measures.ask(model.eval(), tokenizer, ["one"], 5)
    monkeypatch.setattr(chat_measures, "DO_NOT_KNOW", said[0])
    _, scores = chat_measures.ask(model, tokenizer, ["one"], 5)
    assert {values[0] for values in scores.values()} == {NO_ANSWER}
    shares = [share_below([NO_ANSWER, -1.0], b) for b in (-2.0, -2e6)]
    assert shares == [0.5, 0.5]


def test_answers_and_scores_keep_the_order_of_the_prompts(base):
    model, tokenizer = load_model(base)
    prompts = ["a much longer prompt than the other", "short"]
    together, scores = chat_measures.ask(model.eval(), tokenizer, prompts, 5)
    for place, prompt in enumerate(prompts):
        alone, score = chat_measures.ask(model, tokenizer, [prompt], 5)
        assert alone[0] == together[place]
        assert score["mean"][0] == pytest.approx(scores["mean"][place], abs=1e-4)
    assert together == answer_all(model, tokenizer, prompts, 5)


def test_bad_input_is_one_line(tmp_path, capsys):
    arguments = ["--out", str(tmp_path / "x"), "--base", str(tmp_path)]
    assert chat_model.main(arguments) == 1
    assert "is missing" in capsys.readouterr().err


@there
def test_the_difference_is_that_of_its_card():
    report = json.loads((CHAT_MODEL / "report.json").read_text("utf-8"))
    for folder, name, key in (
        (CHAT_MODEL, NAME, "sha256"),
        (BASE_MODEL, "model.safetensors", "base_sha256"),
    ):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert report[key] == digest
    assert (CHAT_MODEL / "README.md").read_text("utf-8") == chat_model.card(report)
    assert sum(path.stat().st_size for path in CHAT_MODEL.iterdir()) < 8_000_000


@there
@pytest.mark.slow
def test_it_answers_what_it_never_saw():
    model, tokenizer = load_chat_model()
    measured = chat_measures.measure(model, tokenizer)
    report = json.loads((CHAT_MODEL / "report.json").read_text("utf-8"))["after"]
    for part in ("questions", "late_questions", "tasks"):
        one_in_a_hundred = 0.0101  # 0.79 - 0.78 is a little more than 0.01
        found = measured[part]["right"]
        assert found == pytest.approx(report[part]["right"], abs=one_in_a_hundred)


@there
def test_its_report_meets_the_targets():
    report = json.loads((CHAT_MODEL / "report.json").read_text("utf-8"))
    after, refused = report["after"], report["refusal"]["test"]
    assert after["questions"]["right"] >= 0.85 and report["forum"]["right"] >= 0.65
    assert refused["foreign"]["refused"] >= 0.7 and refused["known"]["refused"] <= 0.05
    assert after["tasks"]["right"] >= 0.85
    shown = report["right_and_shown"]  # as whoever chats sees it: a refusal counts as wrong
    assert min(shown["questions"], shown["tasks"]) >= 0.85 and shown["forum"] >= 0.65
    assert min(after["tasks"]["by_kind"].values()) >= 0.6


@there
def test_the_card_of_a_run_that_went_on_later_tells_no_minutes():
    report = json.loads((CHAT_MODEL / "report.json").read_text("utf-8"))
    assert "12.5 minutes" in chat_model.card(report | {"minutes": 12.5})
    assert "minutes" not in chat_model.card(report | {"minutes": None})


@there
def test_it_gives_the_resources_of_the_lectures():
    chat = ChatModel("chat", load_chat_model)
    answer = chat.respond("I am trying to learn about LLMs. Could you provide some resources?")
    assert all(name in answer for name in ("Raschka", "Vizuara", "Attention Is All You Need"))
    answers = chat_measures.all_answers()
    own = dict(course_qa.questions("train"))["What is a token?"]
    assert is_right_answer(chat.respond("What is a token?"), own, answers)
