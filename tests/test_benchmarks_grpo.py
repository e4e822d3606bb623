"""`bench grpo`: its loop by hand, its parts that can be removed, a run that is killed, its report.

As a command, `python tests/test_benchmarks_grpo.py FOLDER KILLS`, this file learns in processes of its
own, kills each at a random moment, and looks at what is left.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import torch

from benchmarks import _grpo_loop, _grpo_report, _record, grpo
from benchmarks._grpo_loop import Recipe, padded, reinforce, rows
from benchmarks._grpo_tasks import Countdown, Sorting
from classroom.worlds import countdown, sorting
from helpers.checkpoint import checkpoints, load_checkpoint
from helpers.llama import Llama, LlamaConfig
from helpers.loss import IGNORED
from helpers.optim import MuonWithAdamW
from helpers.reinforce import kl_penalty, response_log_probs

ROOT = Path(__file__).resolve().parent.parent
QUICK = Recipe(steps=6, problems=4, group_size=4, evaluate_every=3, checkpoint_every=2)
SIZE = {"embedding_dim": 16, "hidden_dim": 16, "n_heads": 2, "n_kv_heads": 2, "n_layers": 1}


def tiny():
    torch.manual_seed(0)
    return Llama(LlamaConfig(sorting.VOCAB_SIZE, 12, **SIZE))


TASK = Sorting((1,))  # a list of one number is sorted by writing it, which chance does now and then


def taught():
    """A model that copies now and then, so that groups differ."""
    torch.set_num_threads(1)  # sums in another order would differ in the last digit
    model = tiny()
    _grpo_loop.imitate(model, TASK.format_example, 30, 0, 2e-2, 32, TASK.end)
    return model


# The loop


def test_prompts_and_what_follows_the_end_are_not_scored():
    prompts, answers = torch.tensor([[5, 6], [7, 8]]), torch.tensor([[1, 0, 0], [1, 2, 3]])
    inputs, targets = rows(prompts, answers, end=0)
    assert inputs.tolist() == [[5, 6, 1, 0], [7, 8, 1, 2]]
    assert targets.tolist() == [[IGNORED, 1, 0, IGNORED], [IGNORED, 1, 2, 3]]
    given, wanted = padded([([5, 6], [1, 0]), ([7, 8], [1, 2, 3])], end=0)
    assert torch.equal(wanted, targets) and given[1].tolist() == inputs[1].tolist()


def test_padding_changes_no_loss():
    model, pair = tiny(), ([5, 6], [1, 0])
    alone, mask = response_log_probs(model, *padded([pair], 0))
    beside, wide = response_log_probs(model, *padded([pair, ([7], [1, 2, 3, 4])], 0))
    torch.testing.assert_close(alone[mask], beside[0][wide[0]])


def one_loss(recipe, moved=0.0):
    """The loss of some answers for a model whose old log-probabilities were `moved` lower."""
    torch.manual_seed(1)
    model, reference = tiny(), tiny()
    inputs, targets = rows(torch.randint(30, (4, 2)), torch.randint(30, (4, 3)), TASK.end)
    advantages = torch.tensor([1.0, -1.0, 0.5, -0.5])
    old = response_log_probs(model, inputs, targets)[0].detach() - moved
    for parameter in reference.parameters():
        parameter.data += 0.1
    loss = _grpo_loop.loss_of(model, reference, inputs, targets, advantages, old, recipe)
    return loss.item(), model, reference, inputs, targets


def test_the_clip_holds_good_answers_and_not_bad_ones():
    ratio = torch.tensor(0.5).exp().item()  # each token is so many times as likely as it was
    clipped, *_ = one_loss(QUICK, 0.5)
    free, *_ = one_loss(replace(QUICK, clip=_grpo_loop.NO_CLIP), 0.5)
    assert clipped == pytest.approx(-(1.2 * 1 - ratio * 1 + 1.2 * 0.5 - ratio * 0.5) / 4, rel=1e-4)
    assert free == pytest.approx(0, abs=1e-5)  # the advantages add up to 0


def test_the_penalty_is_the_distance_to_the_reference():
    bare, model, reference, inputs, targets = one_loss(QUICK)
    held, *_ = one_loss(replace(QUICK, kl=0.5))
    now, mask = response_log_probs(model, inputs, targets)
    before, _ = response_log_probs(reference, inputs, targets)
    away = kl_penalty(now, before)[mask].mean().item()
    assert held - bare == pytest.approx(0.5 * away, rel=1e-3) and away > 0


class Fixed(Sorting):
    """Rewards that are told, whatever the answers."""

    def __init__(self, rewards):
        super().__init__((1,))
        self.told = iter(rewards)

    def reward(self, problem, answer):
        return next(self.told)


@pytest.mark.parametrize(
    ("change", "useful"),
    [({}, 0.5), ({"normalize": False}, 0.5), ({"baseline": False}, 0.75)],
)
def test_groups_that_teach_nothing_are_left_out(change, useful):
    """Of four groups two differ; without a baseline, one that is all right counts as well."""
    rewards = [1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1]
    recipe, model = replace(QUICK, **change), tiny()
    optimizer = MuonWithAdamW(model, 1e-3)
    watched = _grpo_loop.grpo_step(model, None, optimizer, Fixed(map(float, rewards)), recipe, 0)
    assert watched["useful"] == useful and watched["reward"] == 0.5


def test_where_no_group_differs_the_weights_stay():
    model, before = tiny(), tiny()
    optimizer = MuonWithAdamW(model, 1e-2)
    _grpo_loop.grpo_step(model, None, optimizer, Fixed([0.0] * 16), QUICK, 0)
    for one, other in zip(model.parameters(), before.parameters(), strict=True):
        assert torch.equal(one, other)


class Small(Sorting):
    """Rewards an answer that begins with a small number, which half of all answers do by chance."""

    def reward(self, problem, answer):
        return float(answer[0] < 16)


def test_rewards_alone_teach_a_model_what_to_write():
    recipe = replace(QUICK, steps=40, problems=8, group_size=8, learning_rate=1e-2)
    history = reinforce(tiny(), Small((1,)), recipe, seed=0)
    rewards = [step["reward"] for step in history]
    assert 0.3 < rewards[0] < 0.7 and sum(rewards[-5:]) / 5 > 0.8


def test_pass_at_k_is_the_share_of_all_choices():
    told = [1, 0, 0, 1, 0, 0, 1]
    for k in range(1, 8):
        share = [any(chosen) for chosen in combinations(told, k)]
        assert _grpo_report.pass_at_k(7, 3, k) == pytest.approx(sum(share) / len(share))
    assert _grpo_report.pass_at_k(5, 0, 5) == 0 and _grpo_report.pass_at_k(5, 5, 1) == 1


PROBLEM = ((3, 5, 7), 14)


def test_endings_are_counted_behind_right_and_wrong_tries():
    told = [
        "3 +5 =8 ×7 =56 > 5 -3 =2 ×7 =14 .",
        "5 -3 =2 ×7 =14 < 3 +5 =8 ×7 =56 .",
        "3 +5 =8 ×7 =56 > 3 +5 =8 ×7 =56 >",
    ]
    assert grpo.endings([PROBLEM] * 3, told, 3) == {"right": 0.5, "wrong": 0.25}
    # where an answer has to end, its end says nothing
    assert grpo.endings([PROBLEM] * 3, told, 2) == {"right": 0.0, "wrong": 0.0}


class Scripted:
    """Writes the tries it was given, one token at a time, whatever the marks between them."""

    def __init__(self, tries):
        self.words = [countdown.encode(told) for told in tries]

    def answers(self, model, prompts, most, end):
        n = (prompts.shape[1] - 5) // countdown.TRY
        assert most == countdown.TRY - 1
        self.marks = countdown.decode(prompts[-1, 10::6].tolist()).split()
        return torch.tensor([self.words[n]] * len(prompts))


def test_a_checker_ends_at_the_first_right_try_and_marks_the_others(monkeypatch):
    script = Scripted(["3 +5 =8 ×7 =56", "5 -7 =-2 -3 =-5", "5 -3 =2 ×7 =14"])
    monkeypatch.setattr(grpo, "answers_to", script.answers)
    other = ((3, 5, 7), 56)
    task = Countdown(most_tries=3)
    assert grpo.checked_tries(None, task, [PROBLEM, other]) == [3, 1]
    assert script.marks == [">", "<"]
    assert grpo.checked_tries(None, Countdown(most_tries=2), [PROBLEM]) == [0]
    grpo.checked_tries(None, Countdown(most_tries=3, compares=False), [PROBLEM])
    assert script.marks == ["<", "<"]


def test_the_figures_of_greedy_answers(monkeypatch):
    told = ["3 +5 =8 ×7 =56 > 5 -3 =2 ×7 =14 .", "5 -3 =9 ×7 =14 .", "3 +5 =8 ×7 =56 >"]
    task, sizes = Countdown(most_tries=2), grpo.Sizes(quick=True)
    sizes.test = [PROBLEM] * 3
    ids = torch.full((3, 12), task.end)
    for row, text in enumerate(told):
        words = countdown.encode(text) if text.endswith(".") else countdown.encode(text + " >" * 6)
        ids[row, : len(words)] = torch.tensor(words[:12])
    rewards = torch.tensor([task.reward(PROBLEM, answer) for answer in ids.tolist()])
    prompts = torch.zeros(3, 5, dtype=torch.long)
    monkeypatch.setattr(grpo, "sampled", lambda *arguments, **options: (prompts, ids, rewards))
    found = grpo.countdown_figures(None, task, sizes)
    assert found["accuracy"] == pytest.approx(2 / 3) and found["rewarded"] == pytest.approx(1 / 3)
    assert found["ended"] == pytest.approx(2 / 3) and found["true"] == 0.5
    assert found["tries_when_right"] == [2, 1] and found["shown"][0] == (PROBLEM, told[0])


def test_each_reward_on_token_ids():
    lie = countdown.encode("3 +5 =8 ×7 =14 .")
    false_on_the_way = countdown.encode("3 +5 =9 ×7 =56 > 5 -3 =2 ×7 =14 . .")
    for score, rewards in (
        (countdown.strict_reward, (0, 0)),
        (countdown.reward, (0, 1)),
        (countdown.trusting_reward, (1, 1)),
    ):
        task = Countdown(score)
        assert (task.reward(PROBLEM, lie), task.reward(PROBLEM, false_on_the_way)) == rewards
    assert Countdown().reward(PROBLEM, countdown.encode("5 -3 =2 ×7 =14 . . .")) == 1
    assert Countdown().reward(PROBLEM, countdown.encode("5 -3 =2 ×7 =14 <")) == 0


# Stopped and killed


def go_on(folder):
    """Begin the run in a folder, or go on with it; return its history."""
    return reinforce(taught(), TASK, QUICK, 0, folder)


def weights(folder):
    return (checkpoints(folder)[-1] / "model.safetensors").read_bytes()


def test_a_stopped_run_ends_as_a_whole_one(tmp_path, monkeypatch):
    whole = go_on(tmp_path / "whole")
    real, calls = _grpo_loop.grpo_step, []

    def stops(*arguments):
        calls.append(0)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(_grpo_loop, "grpo_step", stops)
    with pytest.raises(KeyboardInterrupt):
        go_on(tmp_path / "part")
    assert go_on(tmp_path / "part") == whole
    assert weights(tmp_path / "part") == weights(tmp_path / "whole")


def test_a_folder_of_another_run_is_refused(tmp_path):
    go_on(tmp_path)
    with pytest.raises(ValueError, match="another run"):
        reinforce(tiny(), TASK, replace(QUICK, kl=0.5), 0, tmp_path)


def run_and_kill(folder, seconds):
    """Learn in a process and kill it after some seconds; return whether it came to its end."""
    child = os.fork()
    if not child:
        try:
            go_on(folder)
            os._exit(0)
        except BaseException as error:
            print(f"the run failed: {error!r}", file=sys.stderr)
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the run failed by itself"
    return not os.WIFSIGNALED(status)


def survive(base, n_kills):
    """Kill runs `n_kills` times; each goes on until its end, which must be that of a whole run."""
    torch.set_num_threads(1)
    taught()  # loads what PyTorch loads late, so that the kills hit learning and writing
    begun = time.perf_counter()
    assert run_and_kill(base / "whole", None)
    duration, expected = time.perf_counter() - begun, weights(base / "whole")
    rng, kills, finished = random.Random(1), 0, 0
    while True:
        folder = base / f"part-{finished}"
        if run_and_kill(folder, rng.uniform(0, duration) if kills < n_kills else None):
            assert weights(folder) == expected, f"another result after {kills} kills"
            finished += 1
            if kills == n_kills:
                break
        else:
            kills += 1
        for path in checkpoints(folder):
            model = tiny()
            state = load_checkpoint(path, model, MuonWithAdamW(model, 1e-3))
            assert state["step"] == int(path.name[5:]) == len(state["history"])
    print(json.dumps({"kills": kills, "finished": finished}))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 is for Linux and macOS")
@pytest.mark.parametrize("n_kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_a_killed_run_ends_as_if_nothing_had_happened(tmp_path, n_kills):
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path), str(n_kills)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kills"] == n_kills and report["finished"] >= 1


# The benchmark


def test_a_run_that_is_there_is_not_made_again(tmp_path):
    runs, made = grpo.Runs(tmp_path, grpo.Sizes(quick=True)), []

    def make(folder):
        made.append(folder)
        return {"accuracy": 0.5}

    assert runs.row("one try", 3, make) == runs.row("one try", 3, make) == {"accuracy": 0.5}
    other = grpo.Runs(tmp_path, grpo.Sizes(quick=True))
    other.sizes.sort = replace(other.sizes.sort, steps=3)
    other.row("one try", 3, make)
    other.row("one try", 3, make, score="reward")  # another run, too
    assert len(set(made)) == len(made) == 3  # so none goes on from the checkpoints of another one
    assert all(folder.name.startswith("one_try-3-") for folder in made)


def test_the_supervised_control_is_shown_solutions_of_training_problems():
    task, rng = Countdown(), random.Random(0)
    train = set(countdown.split()["train"])
    for _ in range(50):
        asked, answer = task.solved_example(rng)
        words = countdown.decode(asked).split()
        problem = tuple(sorted(map(int, words[:3]))), int(words[3][1:])
        assert problem in train and countdown.reward(problem, countdown.decode(answer)) == 1


@pytest.mark.slow
def test_everything_runs_for_two_steps(capsys):
    assert grpo.main(["--quick"]) == 0
    printed = capsys.readouterr().out
    for name in (
        *grpo.PARTS,
        grpo.HACKED,
        grpo.TARGET_ALONE,
        grpo.FOUR_TRIES,
        grpo.BLIND,
        grpo.IMITATION,
        *grpo._grpo_distil.WAYS,
    ):
        assert f"| {name} |" in printed, name


grpo_runs = grpo.Runs


def made_up():
    """A record with figures that are easily recognized."""
    after = {
        "accuracy": 0.5,
        "rewarded": 0.25,
        "true": 0.9,
        "ends": {"right": 0.75, "wrong": 0.125},
        "tries_when_right": [1, 3],
        "tries_when_checked": [2, 0, 3, 3],
        "tokens": 12.0,
        "right_of_samples": [64, 0],
    }
    before = after | {"accuracy": 0.125, "right_of_samples": [1, 0]}
    runs = [{"before": before, "after": after, "seconds": 60.0}] * 2
    lists = [{"before": {"accuracy": {"4": 0.0}}, "after": {"accuracy": {"4": 0.75}}}] * 2
    return {
        "command": grpo.COMMAND,
        "machine": {"processor": "P", "software": "S", "load": 0.5},
        "main": runs, "parts": {"no clip": runs}, "sorting": lists, "trained_lengths": [2, 6],
        "distillation": {"hard labels": [{"tale_loss": 1.5, "tasks": 0.25}] * 2},
        "teacher": {"tale_loss": 0.75, "tasks": 0.96},
        "controls": {
            "most_frequent_form": 0.05, "exhaustive_search": 1.0, "random_search": {"4": 0.216}, "walk_search": {"4": 0.125},
            "order_search": {"4": 0.375},
            "problems": {"train": 10, "test": 2},
        },
    }  # fmt: skip


def test_a_section_tells_all_that_was_recorded():
    text = "\n".join(_grpo_report.section(made_up()))
    for row in (
        "| no clip | 0.125 ± 0.000 | 0.500 ± 0.000 | 0.25 | 0.90 | 0.75 | 0.12 | 12 | 1.0 |",
        "| 4 | 0.000 ± 0.000 | 0.750 ± 0.000 |",
        "| hard labels | 1.500 ± 0.000 | 0.250 ± 0.000 |",
        "| (the teacher) | 0.750 | 0.960 |",
        "4: 0.216",
        "4: 0.125",
        "4: 0.375",
        "lists of 2 to 6 numbers",
    ):
        assert row in text, row
    assert _grpo_report.curve(made_up()["main"], "before")[64] == 0.5
    assert _grpo_report.curve(made_up()["main"], "before")[1] == 1 / 128
    run = made_up()["main"][0]
    assert [_grpo_report.within(run, n) for n in (0, 1, 2, 3)] == [0.0, 0.25, 0.25, 0.5]
    checked = [_grpo_report.within(run, n, checked=True) for n in (1, 2, 3)]
    assert checked == [0.0, 0.25, 0.75]


def test_a_section_leaves_out_what_was_not_measured():
    some = made_up() | {
        "sorting": [],
        "start": [],
        "distillation": {},
        "teacher": None,
        "parts": {},
    }
    text = "\n".join(_grpo_report.section(some))
    assert "GRPO, whole run" in text and "Sorting" not in text and "student" not in text


def test_the_students_table_says_where_their_teacher_was_another_one(monkeypatch):
    record, told = made_up() | {"gpt_sha256": "a" * 64}, _grpo_report.distillation_table
    monkeypatch.setattr(_grpo_report, "sha256", lambda path: "a" * 64)
    assert told(record)[-1] == told(record, here=True)[-1] == "| (the teacher) | 0.750 | 0.960 |"
    for other in (made_up(), record | {"gpt_sha256": "b" * 64}):
        assert "(the teacher)" in told(other)[-1]
        assert "an earlier GPT" in told(other, here=True)[-1]
    heading = f"2 seeds; the teacher is the GPT whose SHA-256 begins with `{'a' * 16}`:"
    assert heading in "\n".join(_grpo_report.section(record))


def test_a_learning_curve_begins_before_the_first_step():
    run = {"history": [{"reward": 0.1}, {"held_out": 0.3}, {"reward": 0.2}, {"held_out": 0.5}]}
    record = {"main": [run], "start": [{"accuracy": 0.06}]}
    assert _grpo_report.learning_curves(record) == {"seed 0": ([0, 2, 4], [0.06, 0.3, 0.5])}
    assert _grpo_report.learning_curves(record | {"start": []}) == {"seed 0": ([2, 4], [0.3, 0.5])}


def test_the_validation_problems_are_asked_before_any_reward(tmp_path, monkeypatch):
    runs = grpo.Runs(tmp_path, grpo.Sizes(quick=True))
    monkeypatch.setattr(runs, "taught_the_format", lambda task, *rest: task.new_model())
    asked = []
    monkeypatch.setattr(
        grpo, "accuracy", lambda model, task, problems: asked.append(problems) or (0.25, 9.0)
    )
    assert runs.start(0) == {"accuracy": 0.25}
    assert asked == [countdown.split()["validation"][: len(runs.sizes.test)]]


def test_so_far_makes_no_run_and_leaves_out_ways_without_every_seed(tmp_path, monkeypatch):
    made = grpo.Runs(tmp_path, grpo.Sizes(quick=True))
    monkeypatch.setattr(grpo, "reinforce", lambda *arguments: [])
    monkeypatch.setattr(made, "taught_the_format", lambda task, *rest: task.new_model())
    monkeypatch.setattr(grpo, "countdown_figures", lambda *arguments: {"accuracy": 0.5})
    for seed in (0, 1):
        made.countdown("main", seed, made.sizes.main, Countdown(), samples=True)
    made.countdown("no KL", 0, replace(made.sizes.short, kl=0.0), Countdown())
    found = grpo.measure(grpo.Runs(tmp_path, grpo.Sizes(quick=True), so_far=True), (0, 1))
    assert [run["after"]["accuracy"] for run in found["main"]] == [0.5, 0.5]
    assert found["sorting"] == []
    assert found["parts"] == found["distillation"] == {} and found["teacher"] is None


def test_students_of_another_teacher_are_other_runs(tmp_path, monkeypatch):
    made, found = grpo.Runs(tmp_path, grpo.Sizes(quick=True)), {}
    for seed in (0, 1):
        row = {"tale_loss": 1.5, "tasks": 0.25}
        made.row("hard labels", seed, lambda folder, row=row: row, teacher="one")
    for teacher in ("one", "other"):
        monkeypatch.setattr(grpo, "sha256", lambda path, teacher=teacher: teacher)
        runs = grpo.Runs(tmp_path, grpo.Sizes(quick=True), so_far=True)
        found[teacher] = grpo.measure(runs, (0, 1))
    assert found["one"]["distillation"] == {"hard labels": [row, row]}
    assert found["other"]["distillation"] == {} and found["other"]["gpt_sha256"] == "other"


def test_so_far_writes_nothing_where_a_main_run_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grpo, "FOLDER", tmp_path)
    monkeypatch.setattr(grpo._record, "write", lambda *arguments: pytest.fail("it wrote"))
    monkeypatch.setattr(grpo, "Runs", lambda **options: grpo_runs(tmp_path, **options))
    assert grpo.main(["--so-far"]) == 1
    assert "nothing was written" in capsys.readouterr().err


@pytest.mark.skipif(grpo.recorded() is None, reason="bench grpo was not run yet")
def test_the_table_says_what_was_recorded():
    record = grpo.recorded()
    text = (_record.HERE / "README.md").read_text("utf-8")
    assert "\n".join(grpo.section(record)) in text
    made = [record["main"], record["sorting"], *record["parts"].values()]
    assert {len(each) for each in made if each} == {len(grpo.SEEDS)}


if __name__ == "__main__":
    survive(Path(sys.argv[1]), int(sys.argv[2]))
