"""An assistant on a tiny Llama: its adapter, what it learns from, how it refuses, how it goes on."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from helpers.assistant.adapter import (
    SETTINGS,
    TENSORS,
    Adapter,
    AdapterSettings,
    add_adapter,
    check_base,
    corrections_of,
    load_adapter,
    remove_adapter,
    save_adapter,
)
from helpers.assistant.asking import (
    Reply,
    all_scores,
    are_refused,
    are_right,
    log_probabilities_of,
    replies_to,
)
from helpers.assistant.chat import AssistantChat, load_assistant, load_chatml
from helpers.assistant.learning import answer_loss, fit_adapter, with_lora
from helpers.assistant.making import (
    Foreign,
    Question,
    Recipe,
    loader_of,
    make_assistant,
    split_wordings,
    training_rows,
)
from helpers.assistant.refusal import (
    Refusal,
    answer_log_probabilities,
    choose_refusal,
    save_refusal,
)
from helpers.assistant.rows import FIRST_TOKENS, Row, RowLoader, Turn, make_row, many_rows
from helpers.assistant.wordings import rule_wordings, vary
from helpers.checkpoint import checkpoints
from helpers.files import sha256
from helpers.llama import LlamaChat
from helpers.lora import merge_lora
from helpers.loss import IGNORED, next_token_loss
from helpers.runs.run import Run
from helpers.train import TrainConfig
from tests.test_gguf import small_model, write

ROOT = Path(__file__).resolve().parent.parent
TURNS = [Turn("the cat", "sat"), Turn("a dog", "on the mat"), Turn("the mat", "cat")]
SETTING = AdapterSettings("0" * 64, rank=3, alpha=6.0)
NAN = float("nan")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A file like SmolLM2's, of 30 thousand weights."""
    return write(tmp_path_factory.mktemp("base") / "tiny.gguf", small_model(context_length=512))


@pytest.fixture
def chat(base):
    parts = load_chatml(base)
    return AssistantChat("tiny", lambda: parts)


def adapted(base, rank=3, alpha=6.0):
    """A model whose corrections are no longer zero."""
    found = with_lora(load_chatml(base)[0], rank, alpha)
    with torch.no_grad():
        for name, parameter in found.named_parameters():
            if name.endswith(".up"):
                parameter.normal_(std=0.05)
    return found


# --- the adapter --------------------------------------------------------------------------------


def test_only_corrections_learn_and_all_of_them(base):
    model = with_lora(load_chatml(base)[0], 3, 6.0)
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == 2 * 7 * 2 and all(n.endswith((".down", ".up")) for n in names)
    assert [p for p in model.parameters()] == [p for _, p in model.named_parameters()]


def test_an_adapter_comes_back_with_eight_bits(base, tmp_path):
    model = adapted(base)
    before = corrections_of(model.model)
    again = load_adapter(save_adapter(tmp_path / "a", before, SETTING))
    assert again.settings == SETTING and again.corrections.keys() == before.keys()
    for name, (down, up) in again.corrections.items():
        for found, wanted in ((down, before[name].down), (up.T, before[name].up.T)):
            half_a_step = wanted.abs().amax(dim=1, keepdim=True) / 127 / 2
            assert ((found - wanted).abs() <= half_a_step * 1.01).all(), name


def test_adding_equals_lora_and_removing_gives_the_base_again(base):
    ids, model = torch.arange(40)[None], adapted(base)
    adapter = Adapter(SETTING, corrections_of(model.model))
    plain = load_chatml(base)[0]
    untouched = plain(ids)
    added = add_adapter(plain, adapter)(ids)
    assert (added - untouched).abs().max() > 1e-2
    assert_close(added, model.model(ids), atol=1e-4, rtol=1e-4)
    assert_close(merge_lora(model.model)(ids), added, atol=1e-4, rtol=1e-4)
    assert_close(remove_adapter(plain, adapter)(ids), untouched, atol=1e-4, rtol=1e-4)


def test_an_adapter_of_another_shape_changes_nothing(base):
    model = load_chatml(base)[0]
    before = [parameter.clone() for parameter in model.parameters()]
    good = corrections_of(adapted(base).model)
    name = list(good)[-1]
    wrong = {
        "does not have": {**good, "blocks.9.attention.query": good[name]},
        "the matrix is": {**good, name: type(good[name])(good[name].down[:, 1:], good[name].up)},
    }
    for words, corrections in wrong.items():
        with pytest.raises(ValueError, match=words):
            add_adapter(model, Adapter(SETTING, corrections))
        assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_an_adapter_belongs_to_its_base(base, tmp_path):
    adapter = Adapter(SETTING, corrections_of(adapted(base).model))
    with pytest.raises(ValueError, match="another model"):
        check_base(adapter, base)
    check_base(Adapter(AdapterSettings(sha256(base), 3, 6.0), adapter.corrections), base)
    with pytest.raises(ValueError, match="no correction"):
        save_adapter(tmp_path, {}, SETTING)
    model = adapted(base)
    next(model.parameters()).data.fill_(NAN)
    with pytest.raises(ValueError, match="NaN"):
        save_adapter(tmp_path, corrections_of(model.model), SETTING)


TENSOR_FAULTS = {
    "one is missing": lambda found: found.popitem(),
    "a name too many": lambda found: found.update(other=torch.ones(1)),
    "another rank": lambda found: found.update({k: v[:2].clone() for k, v in found.items()}),
    "floats": lambda found: found.update({k: v.float() for k, v in found.items()}),
    "a scale of NaN": lambda found: [v.fill_(NAN) for k, v in found.items() if "scale" in k],
    "one dimension": lambda found: found.update({k: v.flatten() for k, v in found.items()}),
    "empty": lambda found: found.clear(),
}
SETTING_FAULTS = {
    "no JSON": "hello",
    "a list": "[]",
    "nothing": "{}",
    "one more": json.dumps(vars(SETTING) | {"more": 1}),
    "a rank of text": json.dumps(vars(SETTING) | {"rank": "3"}),
    "a rank of zero": json.dumps(vars(SETTING) | {"rank": 0}),
    "an alpha of NaN": json.dumps(vars(SETTING) | {"alpha": NAN}),
    "a name of numbers": json.dumps(vars(SETTING) | {"name": 5}),
}


def test_a_damaged_adapter_is_named(base, tmp_path):
    folder = save_adapter(tmp_path / "a", corrections_of(adapted(base).model), SETTING)
    wrong, good = [], (folder / SETTINGS).read_text()

    def expect_refusal(kind, name):
        try:
            load_adapter(folder)
            wrong.append(f"{kind}: accepted")
        except ValueError as error:
            if name not in str(error) or "\n" in str(error):
                wrong.append(f"{kind}: {error}")

    for kind, text in SETTING_FAULTS.items():
        (folder / SETTINGS).write_text(text)
        expect_refusal(kind, SETTINGS)
    (folder / SETTINGS).write_text(good)
    tensors = load_file(folder / TENSORS)
    for kind, change in TENSOR_FAULTS.items():
        changed = {name: tensor.clone() for name, tensor in tensors.items()}
        change(changed)
        save_file(changed, folder / TENSORS)
        expect_refusal(kind, TENSORS)
    (folder / TENSORS).write_bytes(b"\xff" * 20)
    expect_refusal("no safetensors", TENSORS)
    for name in (TENSORS, SETTINGS):
        (folder / name).unlink()
        expect_refusal(f"no {name}", name)
    assert not wrong, "\n".join(wrong)


# --- what it learns from ------------------------------------------------------------------------


def test_a_row_is_what_the_chat_would_see(chat):
    """Its scored tokens are the answers and their ends, wherever they are in the conversation."""
    _, tokenizer = chat.load()
    row = make_row(chat, TURNS[:2])
    chat.turns = [tuple(TURNS[0])]
    answer = tokenizer.encode_ordinary(TURNS[1].answer)
    assert row.ids == [*chat._prompt(TURNS[1].asked), *answer, chat.end_id()]
    scored = [token for token, counts in zip(row.ids, row.scored, strict=True) if counts]
    first = tokenizer.encode_ordinary(TURNS[0].answer)
    assert scored == [*first, chat.end_id(), *answer, chat.end_id()]


def test_a_row_with_a_system_message_is_that_of_the_plain_chat(base):
    parts = load_chatml(base)
    plain = LlamaChat("plain", base, "be kind")
    ours = AssistantChat("ours", lambda: parts, "be kind")
    assert ours._prompt("the cat") == plain._prompt("the cat")
    assert AssistantChat("ours", lambda: parts).opening() == []


def test_a_row_that_is_cut_has_no_end_to_score(chat):
    answer = "the cat sat on the mat. " * 9
    row = make_row(chat, [Turn("the dog", answer)], FIRST_TOKENS)
    assert sum(row.scored) == FIRST_TOKENS and row.scored[-1] and row.ids[-1] != chat.end_id()
    assert make_row(chat, [TURNS[0]], 99) == make_row(chat, [TURNS[0]])


def test_what_cannot_be_a_row_is_refused(chat):
    for turns in ([], [Turn(" ", "sat")], [Turn("the cat", "")], [Turn("x" * 600, "sat")]):
        with pytest.raises(ValueError):
            make_row(chat, turns)


def test_batches_predict_the_next_token_of_each_row():
    rows = [Row([5, 6, 7, 8], [False, False, True, True]), Row([9, 4], [False, True])]
    inputs, targets = next(iter(RowLoader(rows, 2, shuffle=False)))
    assert inputs.tolist()[0] == [5, 6, 7] and inputs.tolist()[1][0] == 9
    assert targets.tolist() == [[IGNORED, 7, 8], [4, IGNORED, IGNORED]]


def test_every_turn_is_in_the_rows_as_often_as_asked(chat):
    _, tokenizer = chat.load()
    rows = many_rows(chat, TURNS, 30, joined_share=0.5)
    text = " ".join(tokenizer.decode(row.ids) for row in rows)
    assert [text.count(f"user\n{turn.asked}<") for turn in TURNS] == [30, 30, 30]
    assert rows == many_rows(chat, TURNS, 30, joined_share=0.5)
    assert 30 < len(rows) < 90


def test_the_first_time_of_an_answer_is_whole(chat):
    turns = [Turn(f"the cat {i}", "the cat sat on the mat. the dog sat. " * 3) for i in range(20)]
    whole = len(make_row(chat, turns[:1]).ids)
    once = many_rows(chat, turns, 1, joined_share=0.0)
    assert all(len(row.ids) >= whole for row in once)
    often = many_rows(chat, turns, 21, whole_share=0.25, joined_share=0.0)
    share = sum(len(row.ids) >= whole for row in often[20:]) / 400
    assert 0.15 < share < 0.35


def test_the_loss_is_that_of_all_logits(base, chat):
    model = adapted(base)
    loader = loader_of([make_row(chat, TURNS), make_row(chat, TURNS[:1])], Recipe())
    for inputs, targets in loader:
        ours, plain = answer_loss(model, inputs, targets), next_token_loss(model, inputs, targets)
        assert_close(ours, plain)
        names, parameters = zip(*model.named_parameters(), strict=True)
        for name, a, b in zip(
            names,
            torch.autograd.grad(ours, parameters, retain_graph=True),
            torch.autograd.grad(plain, parameters),
            strict=True,
        ):
            assert_close(a, b, msg=name)


@pytest.fixture(scope="module")
def learned(base, tmp_path_factory):
    """The folder of an assistant that knows three answers by heart, and its run."""
    torch.set_num_threads(1)
    parts = load_chatml(base)
    chat = AssistantChat("tiny", lambda: parts)
    rows = many_rows(chat, TURNS, 40)
    loader = RowLoader(rows, 8, batch_tokens=512, round_to=16)
    validation = RowLoader([make_row(chat, [turn]) for turn in TURNS], 8, shuffle=False)
    config = TrainConfig(
        steps=60, learning_rate=2e-2, warmup_steps=5, weight_decay=0.0, evaluate_every=20,
        checkpoint_every=20, final_share=0.0,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("learned")
    model = with_lora(parts[0], 4, 8.0)
    frozen = [p.clone() for p in parts[0].parameters() if not p.requires_grad]
    history = fit_adapter(model, loader, validation, config, Run(folder / "run", progress=False))
    after = [p for p in parts[0].parameters() if not p.requires_grad]
    assert all(map(torch.equal, frozen, after))
    save_adapter(folder, corrections_of(parts[0]), AdapterSettings(sha256(base), 4, 8.0))
    return folder, history


def test_it_learns_and_its_checkpoints_hold_the_corrections_alone(base, learned):
    folder, history = learned
    assert history.validation_losses[-1] < 0.5 < history.train_losses[0]
    (last,) = checkpoints(folder / "run")[-1:]
    assert all(name.endswith((".down", ".up")) for name in load_file(last / "model.safetensors"))
    replies = replies_to(load_assistant(folder, base), [turn.asked for turn in TURNS], 12)
    assert [reply.answer for reply in replies] == [turn.answer for turn in TURNS]
    assert are_right(replies, TURNS, [turn.answer for turn in TURNS]) == [True] * 3


# --- asking and refusing ------------------------------------------------------------------------


def test_scores_of_a_batch_are_those_one_by_one(base, learned):
    chat = load_assistant(learned[0], base)
    model, tokenizer = chat.load()
    prompts = [chat.question(text) for text in ("the cat", "a dog on the mat", "x")]
    answers = [tokenizer.encode_ordinary(text) for text in ("sat", "on the mat. the dog", "cat")]
    found = log_probabilities_of(model, prompts, answers)
    for prompt, answer, ours in zip(prompts, answers, found, strict=True):
        assert_close(ours, answer_log_probabilities(model, prompt, answer), atol=1e-4, rtol=1e-4)


def test_asking_together_is_asking_alone(base, learned):
    chat, asked = load_assistant(learned[0], base, max_new_tokens=12), ["the cat", "zebra, x", "a"]
    together = [reply.answer or "..." for reply in replies_to(chat, asked, 12)]
    alone = []
    for text in asked:
        chat.reset()
        alone.append(chat.respond(text))
    assert together == alone
    with pytest.raises(ValueError, match="longer than"):
        replies_to(chat, ["x" * 600])


def reply(answer, *log_probabilities):
    return Reply("?", answer, torch.tensor(log_probabilities))


def chosen(groups, foreign, most_known_refused):
    known = {str(i): all_scores(group, "no") for i, group in enumerate(groups)}
    return choose_refusal(known, all_scores(foreign, "no"), most_known_refused, "no")[0]


def test_the_threshold_is_the_best_that_refuses_few_known():
    known = [reply("a", -0.1), reply("b", -0.2), reply("c", -0.3), reply("d", -0.4)]
    foreign = [reply("e", -0.35), reply("f", -1.0), reply("no", -0.01), reply("", -2.0)]
    refusal = chosen([known], foreign, 0.0)
    assert are_refused(known, refusal) == [False] * 4
    assert are_refused(foreign, refusal) == [False, True, True, True]
    refusal = chosen([known], foreign, 0.25)
    assert are_refused(foreign, refusal) == [True] * 4 and sum(are_refused(known, refusal)) == 1


def test_no_group_of_known_answers_is_refused_too_often():
    """Short answers that hesitate once have a low mean, but the sum of a long foreign one is lower."""
    known, tasks = [reply("a", *[-0.01] * 20)] * 4, [reply("b", -0.4, -0.001)] * 4
    foreign = [reply("c", *[-0.1] * 20)] * 4
    alone = chosen([known], foreign, 0.0)
    assert alone.how == "mean" and are_refused(tasks, alone) == [True] * 4
    both = chosen([known, tasks], foreign, 0.0)
    assert both.how == "sum" and are_refused(foreign, both) == [True] * 4
    assert not any(are_refused([*known, *tasks], both))


def test_a_model_that_refuses_known_questions_itself_still_gets_a_threshold():
    known = [reply("no", -0.1), reply("b", -0.2)]
    refusal = chosen([known], [reply("c", -3.0)], 0.0)
    assert are_refused(known, refusal) == [True, False]


def test_what_is_refused_is_said_and_remembered(base, learned):
    """The threshold lies between the scores of two answers, as the chat itself finds them."""
    folder, asked = learned[0], ("the cat", "what is a zebra in a zoo?")
    known, strange = replies_to(load_assistant(folder, base), asked, 12)
    middle = (known.score("mean") + strange.score("mean")) / 2
    assert strange.score("mean") < middle < known.score("mean")
    save_refusal(folder, Refusal(middle, "mean", "no idea"))
    try:
        chat = load_assistant(folder, base, max_new_tokens=12)
        assert chat.respond(asked[1]) == "no idea" and chat.turns == [(asked[1], " no idea")]
        chat.reset()
        assert "".join(chat.stream(asked[0])) == "sat" and chat.turns == [("the cat", "sat")]
        assert chat.left_out == ""
        chat.respond("the cat " * 400)
        assert "tokens of your text" in chat.left_out
    finally:
        (folder / "refusal.json").unlink()


# --- wordings, and making it all ----------------------------------------------------------------

OPEN = Question(
    "When do you open?", "At ten.", ("opening hours", "open when", "till when", "open?")
)
DOGS = Question("Are dogs allowed?", "No dogs.", ("dogs", "my dog", "puppy?", "dog ok"))
BARE = Question("Where is the door?", "On the left.")


def test_held_out_wordings_are_never_learned(chat):
    split = split_wordings([OPEN, DOGS])
    assert not split.by_rule and [turn.asked for turn in split.test] == ["open?", "dog ok"]
    assert [turn.asked for turn in split.validation] == ["till when", "puppy?"]
    rows = training_rows(chat, split, ["zebra"], "no", Recipe(tokens=30_000, most_times=60))
    text = "".join(chat.load()[1].decode(row.ids) for row in rows)
    asked = {part.split("<")[0].strip(" ?").lower() for part in text.split("user\n")[1:]}
    assert {"opening hours", "zebra"} <= asked and not asked & {"open", "till when", "dog ok"}


def test_questions_without_wordings_get_them_by_rule():
    split = split_wordings([OPEN, BARE])
    assert split.by_rule and len(split.test) == 2
    made = [turn.asked for turn in (*split.train, *split.validation, *split.test)]
    assert len(made) == len({text.casefold() for text in made}) and len(made) >= 9
    with pytest.raises(ValueError, match="needs 4 wordings"):
        split_wordings(
            [Question(text, text) for text in ("Open", "open?", "OPEN", "Open.", "open!")]
        )


@pytest.mark.parametrize("question", ["What is a token?", "Hours", "Wo ist die Tür?", "¿?", "a"])
def test_rules_make_different_wordings_and_never_fail(question):
    made = rule_wordings(question, 9)
    assert len(set(made)) == len(made) and question not in made and all(map(str.strip, made))
    assert made == rule_wordings(question, 9)
    rng = random.Random(0)
    varied = {vary(question, rng) for _ in range(200)}
    assert question in varied and all(map(str.strip, varied))


RECIPE = Recipe(rank=2, alpha=4.0, learning_rate=1e-2, tokens=6000, least_times=2, batch_tokens=512)
STRANGERS = Foreign(["zebra", "lion"], ["tiger", "bear"], ["whale", "eagle"])
MAKE = """
import sys, torch
from tests.test_assistant import BARE, DOGS, OPEN, RECIPE, STRANGERS, make_assistant
torch.set_num_threads(1)
resume = sys.argv[3] == "resume"
made = make_assistant(sys.argv[1], sys.argv[2], [OPEN, DOGS, BARE], STRANGERS, "no", recipe=RECIPE,
                      resume=resume, precision="fp32", progress=False)
sys.exit(130 if made is None else 0)
"""


def make(base, folder, resume=False):
    return subprocess.Popen(
        [sys.executable, "-c", MAKE, str(base), str(folder), "resume" if resume else "begin"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_is_made_measured_and_talks(base, tmp_path):
    questions = [OPEN, DOGS, BARE]
    report = make_assistant(
        base, tmp_path / "a", questions, STRANGERS, "no", recipe=RECIPE, progress=False
    )
    assert report["held_out_by_rule"] and report["after"]["foreign_asked"] == 2
    assert report["before"]["right"] == 0 and len(report["after"]["answers"]) == 3
    assert json.loads((tmp_path / "a" / "report.json").read_text()) == report
    assert load_assistant(tmp_path / "a", base, max_new_tokens=20).respond("open when")
    with pytest.raises(ValueError, match="resume it or take another"):
        make_assistant(base, tmp_path / "a", questions, STRANGERS, "no", recipe=RECIPE)
    with pytest.raises(ValueError, match="nothing to resume"):
        make_assistant(base, tmp_path / "b", questions, STRANGERS, "no", recipe=RECIPE, resume=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_to_the_same_adapter(base, tmp_path, how):
    whole = make(base, tmp_path / "whole")
    assert whole.wait(600) == 0, whole.stderr.read()
    part = make(base, tmp_path / "part")
    while not checkpoints(tmp_path / "part" / "run") and part.poll() is None:
        time.sleep(0.005)
    part.send_signal(how)
    assert part.wait(60) in (-how, 130, 0)
    again = make(base, tmp_path / "part", resume=True)
    assert again.wait(600) == 0, again.stderr.read()
    for name in (TENSORS, SETTINGS, "refusal.json"):
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
