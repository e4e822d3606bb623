"""The figures of preferences: of the chat model that is here, told as recorded, and the parts by hand."""

import json
import math

import pytest
import torch

from benchmarks import _preference_measures as measures
from benchmarks import _preference_steps as steps
from benchmarks import _record, preferences
from classroom.worlds import manners
from helpers.bpe import BPETokenizer
from helpers.config import GPTConfig
from helpers.files import sha256
from helpers.loss import IGNORED
from helpers.model import GPT

TEXT = " ".join(
    f"{p.task.instruction} {p.task.input} {p.chosen}" for p in manners.sample_pairs(30, 1)
)


@pytest.fixture(scope="module")
def record():
    path = _record.HERE / "preferences.json"
    if not path.is_file():
        pytest.skip("not measured yet: python3 course.py bench preferences")
    return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.train(TEXT, 400, ("<|endoftext|>",))


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = GPTConfig(
        vocab_size=400, context_length=256, embedding_dim=16, n_heads=2, n_layers=1, dropout=0.0
    )
    return GPT(config).eval()


def test_the_figures_are_of_the_chat_model_that_is_here(record):
    assert record["chat_sha256"] == sha256(preferences.CHAT_MODEL / "difference.safetensors")


def test_the_table_says_what_was_recorded(record):
    assert "\n".join(preferences.section(record)) in (_record.HERE / "README.md").read_text("utf-8")


def test_each_seed_has_all_methods(record):
    assert [run["seed"] for run in record["runs"]] == list(preferences.SEEDS)
    assert all(set(run["methods"]) == set(preferences.METHODS) for run in record["runs"])


def test_a_row_has_prompt_answer_and_end_and_only_the_answer_counts(tokenizer):
    task = manners.questions(1, 2)[0]
    inputs, targets = steps.encoded(tokenizer, task, "8. I hope that helps.")
    prompt = steps.prompted(tokenizer, task)
    scored = [target for target in targets if target != IGNORED]
    assert inputs[: len(prompt)] == prompt and len(inputs) == len(targets)
    assert targets[: len(prompt) - 1] == [IGNORED] * (len(prompt) - 1)
    assert tokenizer.decode(scored[:-1]) == " 8. I hope that helps." and scored[-1] == prompt[0]


def test_padding_and_ends():
    rows = [([9, 1, 2], [IGNORED, 2, 9]), ([9, 3], [3, 9])]
    inputs, targets = steps.padded(rows)
    assert inputs.tolist() == [[9, 1, 2], [9, 3, 9]]
    assert targets.tolist() == [[IGNORED, 2, 9], [3, 9, IGNORED]]
    token_ids, lengths = steps.with_ends(rows)
    assert token_ids.tolist() == [[9, 1, 2, 9], [9, 3, 9, 9]] and lengths.tolist() == [4, 3]


def test_every_place_has_its_turn_before_one_returns():
    drawn = list(steps.batches(7, 3, 7, seed=1))
    assert [len(each) for each in drawn] == [3] * 7
    flat = [place for each in drawn for place in each]
    assert [sorted(flat[i : i + 7]) for i in (0, 7, 14)] == [list(range(7))] * 3
    assert drawn == list(steps.batches(7, 3, 7, seed=1)) != list(steps.batches(7, 3, 7, seed=2))


def test_greedy_answers_do_not_depend_on_the_batch(model, tokenizer):
    items = manners.questions(5, 3)
    alone = [steps.answers_of(model, tokenizer, [task], limit=6)[0] for task in items]
    assert steps.answers_of(model, tokenizer, items, limit=6) == alone


def test_log_probs_of_an_answer_are_those_of_its_tokens(model, tokenizer):
    task = manners.questions(1, 2)[0]
    inputs, targets = steps.encoded(tokenizer, task, "8")
    log_p = model(torch.tensor([inputs]))[0].log_softmax(-1)
    by_hand = sum(log_p[i, t].item() for i, t in enumerate(targets) if t != IGNORED)
    found = steps.log_probs_of(model, tokenizer, [task, task], ["8", "8. I hope that helps."])
    assert found[0].item() == pytest.approx(by_hand, abs=1e-4) and found[1] < found[0]


def test_training_starts_at_ln_2_and_leaves_the_model_before_as_it_was(model, tokenizer):
    pairs = manners.sample_pairs(8, 4)
    before = {name: p.clone() for name, p in model.named_parameters()}
    trained, trace = steps.preferring(model, tokenizer, pairs, 6, seed=0, size=8, rate=3e-3)
    assert trace[0] == pytest.approx((math.log(2), 0, 0), abs=1e-5)
    assert trace[-1][0] < trace[0][0] and trace[-1][1] > trace[-1][2]
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())
    items, answers = [p.task for p in pairs], [p.chosen for p in pairs]
    assert steps.drift(model, model, tokenizer, items, answers) == pytest.approx(0, abs=1e-5)
    assert steps.drift(trained, model, tokenizer, items, answers) > 1e-4


def test_a_reward_model_learns_its_pairs(model, tokenizer):
    pairs = manners.sample_pairs(8, 4)
    reward = steps.rewarded(model, tokenizer, pairs, 40, seed=0, rate=1e-2)
    assert measures.accuracy(reward, tokenizer, pairs) > 0.8
    one = steps.rewards_of(reward, tokenizer, [pairs[0].task], [pairs[0].chosen])
    two = steps.rewards_of(reward, tokenizer, [p.task for p in pairs], [p.chosen for p in pairs])
    assert one[0].item() == pytest.approx(two[0].item(), abs=1e-4)


def test_the_best_of_all_by_the_true_score_wins(monkeypatch):
    task = manners.Task("plural", "Make this plural.", "two box", "two boxes")
    answers = ["two boxes. I hope that helps.", "two boxes", "two boxs", "two boxes"]
    monkeypatch.setattr(steps, "rewards_of", lambda *_: torch.tensor([3.0, 2.0, 0.0, 1.0]))
    found = measures.over_optimized(None, [(task, answers)], None)
    assert set(found) == {"1", "2", "4"}
    assert found["4"]["true"] == (0.5 + 3) / 4 and found["1"]["right"] == 0.75
    assert found["4"]["reward"] == 3.0 and found["4"]["words"] == 6.0


def test_what_is_watched_starts_at_no_gain_and_follows_the_pairs(model, tokenizer):
    pairs = manners.sample_pairs(8, 4)
    watch = measures.Watched(model, tokenizer, pairs)
    trained, _ = steps.preferring(model, tokenizer, pairs, 6, seed=0, rate=3e-3, watch=watch)
    assert [entry["step"] for entry in watch.found] == [0, 4, 6]
    first, last = watch.found[0], watch.found[-1]
    gains = ("chosen", "good", "other", "rejected", "best")
    assert [first[name] for name in gains] == [0.0] * 5
    assert first["loss"] == pytest.approx(math.log(2))
    told = [pair.chosen for pair in pairs]
    items = [pair.task for pair in pairs]
    one, two = (steps.log_probs_of(each, tokenizer, items, told) for each in (trained, model))
    assert last["chosen"] == pytest.approx((one - two).mean().item(), abs=1e-4)
    assert last["loss"] < first["loss"]
    n_good = int(watch.good.sum())
    both = n_good * last["good"] + (8 - n_good) * last["other"]
    assert 0 < n_good < 8 and both / 8 == pytest.approx(last["chosen"], abs=1e-4)


def test_the_best_answer_is_right_polite_and_short():
    for task in manners.questions(20, 3):
        best = manners.grade(task, measures.polite(task.output))
        assert best.right and best.manners == 1
        assert best >= manners.grade(
            task, f"{task.output.removesuffix('.')}. Thank you for asking."
        )


def test_rules_that_never_read_the_question():
    task = manners.Task("plural", "Make this plural.", "two box", "two boxes")
    pairs = [
        manners.Pair(task, "two boxes. I hope that helps.", "two boxes"),  # politer, longer
        manners.Pair(task, "two boxes", "two boxs. I hope that helps."),  # right, not polite
        manners.Pair(task, "two boxes", "two boxs"),  # right, equal otherwise
    ]
    assert measures.rules(pairs) == {
        "manners": 0.5, "shorter": 0.5, "by_manners": 1.0, "by_right": 0.25
    }  # fmt: skip
    assert measures.rules(pairs[:1]) == {"manners": 1.0, "shorter": 0.0, "by_manners": 1.0}


def test_the_rule_is_told_beside_the_reward_models():
    run = {name: {"accuracy": 0.75, "by_manners": 1.0, "by_right": 0.5} for name in ("many", "few")}
    rules = {"manners": 0.8, "shorter": 0.6, "by_manners": 1.0, "by_right": 0.57}
    assert preferences._judges({"runs": [run], "controls": {"rules": rules}}) == [
        "| 320 pairs | 0.75 | 1.00 | 0.50 |",
        "| 40 pairs | 0.75 | 1.00 | 0.50 |",
        "| (a rule: manners, then length) | 0.80 | 1.00 | 0.57 |",
    ]


def test_a_reward_model_is_judged_by_what_decides(monkeypatch):
    task = manners.Task("plural", "Make this plural.", "two box", "two boxes")
    alike = manners.Pair(task, "two boxes. I hope that helps.", "two boxes")
    apart = manners.Pair(task, "two boxes", "two boxs")
    monkeypatch.setattr(
        measures, "accuracy", lambda _, __, pairs: 1.0 if pairs == [alike] else 0.25
    )
    assert measures.judged(None, None, [alike, apart]) == {
        "accuracy": 0.25, "by_manners": 1.0, "by_right": 0.25
    }  # fmt: skip


def test_other_betas_are_compared_over_the_seeds_that_have_them_all():
    runs = [
        {"betas": {"0.5": {"kl": 1.0}, "2.0": {"kl": 0.5}}},
        {"betas": {"0.5": {"kl": 9.0}}},
    ]
    assert preferences.over_betas({"runs": runs}, "0.5", "kl") == [1.0]
