"""Countdown, sorting and sums: every answer is checked exactly, and no held-out problem is trained."""

import random
import re
from itertools import permutations, product

import pytest

from benchmarks._grpo_tasks import Countdown, Sorting, scored_rows
from classroom.turns.t14 import calculate
from classroom.worlds import countdown, sorting, sums
from helpers.loss import IGNORED

# Countdown


def by_python(numbers):
    """What can be reached from three numbers, worked out by Python's own parser."""
    reached = set()
    for a, b, c in permutations(numbers):
        for one, other in product("+-*", repeat=2):
            reached.add(eval(f"({a} {one} {b}) {other} {c}"))
    return reached


def test_the_problems_are_all_that_can_be_reached():
    known = {}
    for numbers, target in countdown.problems():
        known.setdefault(numbers, set()).add(target)
    assert len(known) == 165  # sets of three of nine, with repetition
    assert [numbers for numbers, reached in known.items() if reached != by_python(numbers)] == []


def test_the_parts_have_no_problem_in_common_and_miss_none():
    parts = countdown.split()
    together = [problem for part in parts.values() for problem in part]
    assert len(together) == len(set(together)) == len(countdown.problems()) >= 2500
    assert set(together) == set(countdown.problems())
    assert countdown.split(1)["test"] != parts["test"]


def test_training_never_asks_a_held_out_problem_in_any_order():
    task, held_out = Countdown(), set(countdown.split()["validation"] + countdown.split()["test"])
    asked = set()
    for seed in range(40):
        rng = random.Random(seed)
        for problem in task.problems(64, rng):
            words = countdown.decode(task.prompt(problem, rng)).split()
            asked.add((tuple(sorted(map(int, words[:3]))), int(words[3][1:])))
    assert len(asked) > 1000 and not asked & held_out


def test_solutions_are_right_and_none_is_missing():
    for numbers, target in random.Random(0).sample(countdown.problems(), 200):
        found = countdown.solutions(numbers, target)
        assert found and {countdown.value(steps) for steps in found} == {target}
        others = set(countdown.expressions(numbers)) - set(found)
        assert target not in map(countdown.value, others)


def test_every_solution_is_rewarded_alone_and_after_a_wrong_try():
    rng = random.Random(0)
    for numbers, target in rng.sample(countdown.problems(), 100):
        problem, steps = (numbers, target), rng.choice(countdown.solutions(numbers, target))
        wrong = [s for s in countdown.expressions(numbers) if countdown.value(s) != target]
        for tries in ([steps], [*wrong[:1], steps]):
            answer = countdown.write_answer(tries, target)
            assert (
                countdown.reward(problem, answer) == countdown.strict_reward(problem, answer) == 1
            )
        answer = countdown.write_answer([steps, *wrong[:1]], target)
        assert countdown.reward(problem, answer) == float(not wrong)


NO_ANSWERS = [
    "",
    ".",
    "5 -3 =2 ×7 =14",  # without an end
    "5 -3 =2 ×7 =14 <",
    "5 -3 =2 .",
    "3 5 -3 =2 ×7 =14 .",  # a word before the try
    "5 -3 =2 ×7 =14 > .",
    "5 -3 =2 ×7 =14 . 7",
    "-3 5 =2 ×7 =14 .",
    "5 -3 =2 7 =14 .",
    "5 -3 2 ×7 =14 .",
    "5 + =2 ×7 =14 .",
    "5 -3 =2 ×7 +9 .",
    "2 ×7 =14 +0 =14 .",
    "5 -3 =2 ×8 =14 .",  # other numbers
    "7 +7 =14 ×1 =14 .",
    "3 +5 =8 ×7 =14 .",  # says what is not so
]


def test_a_strict_reward_asks_for_every_value_and_number_of_every_try():
    problem = ((3, 5, 7), 14)
    for told, strict in (
        ("5 -3 =2 ×7 =14 .", 1),
        ("5 -3 =3 ×7 =14 .", 0),
        ("5 -3 =2 ×7 =15 .", 0),
        ("3 +5 =8 ×7 =56 > 5 -3 =2 ×7 =14 .", 1),
        ("3 +5 =9 ×7 =56 > 5 -3 =2 ×7 =14 .", 0),
        ("3 +5 =8 ×3 =24 > 5 -3 =2 ×7 =14 .", 0),  # 3 twice, and no 7
        ("3 +5 =8 > 5 -3 =2 ×7 =14 .", 0),
        (
            "3 +5 =8 ×7 =56 < 5 -3 =2 ×7 =14 .",
            1,
        ),  # a wrong comparison harms nobody but the searcher
    ):
        assert countdown.reward(problem, told) == 1
        assert countdown.strict_reward(problem, told) == strict, told
    assert countdown.strict_reward(problem, "3 +5 =8 ×7 =56 .") == 0


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_what_is_no_solution_gets_nothing(answer):
    assert countdown.reward(((3, 5, 7), 14), answer) == 0


def test_wrong_arithmetic_on_the_way_changes_nothing():
    assert countdown.reward(((3, 5, 7), 14), "5 -3 =9 ×7 =0 .") == 1


def test_the_hole_is_what_the_answer_says_of_itself():
    problem = ((3, 5, 7), 14)
    assert countdown.trusting_reward(problem, "3 +5 =8 ×7 =14 .") == 1
    assert countdown.trusting_reward(problem, "5 -3 =2 ×7 =13 .") == 0
    assert countdown.trusting_reward(problem, "7 +7 =14 ×1 =14 .") == 0  # the numbers are checked


@pytest.mark.parametrize("compares", [True, False])
def test_format_examples_are_right_and_no_solutions(compares):
    rng, marks = random.Random(0), set()
    for _ in range(300):
        asked, answer = countdown.format_example(rng, 5, compares)
        *numbers, target = (int(word.removeprefix("=")) for word in asked.split()[:-1])
        tries = countdown.tries_of(answer)
        assert 1 <= len(tries) <= 5 and len(set(tries)) == len(tries)
        for told, mark in zip(tries, re.findall("[<>.]", answer), strict=True):
            steps = countdown.parse(told)
            assert sorted(steps[::2]) == sorted(numbers) and countdown.is_true(told)
            assert countdown.value(steps) != target
            right = ">" if countdown.value(steps) > target and compares else "<"
            assert mark in (right, ".")
            marks.add(mark)
    assert marks == ({"<", ">", "."} if compares else {"<", "."})


def test_where_a_format_example_ends_tells_nothing_and_no_held_out_problem_is_in_one():
    held_out = {*countdown.split()["validation"], *countdown.split()["test"]}
    ends = {(near, first): [] for near in (True, False) for first in (True, False)}
    for seed in range(6000):
        asked, answer = countdown.format_example(random.Random(seed))
        *numbers, target = (int(word.removeprefix("=")) for word in asked.split()[:-1])
        assert (tuple(sorted(numbers)), target) not in held_out
        tries = countdown.tries_of(answer)
        assert len(tries) <= countdown.MOST_TRIES
        for place, told in enumerate(tries[: countdown.MOST_TRIES - 1]):
            near = abs(countdown.value(countdown.parse(told)) - target) <= 3
            ends[near, place == 0].append(place == len(tries) - 1)
    for kind, marks in ends.items():  # about 500 of the rarest kind
        assert sum(marks) / len(marks) == pytest.approx(countdown.ENDS, abs=0.035), kind
    assert len(ends[True, False]) > 0.05 * len(ends[False, False])


def test_a_walk_goes_through_everything_once_and_mostly_to_the_next():
    known, near, far = countdown.expressions((3, 5, 7)), 0, 0
    for seed in range(100):
        places = [known.index(steps) for steps in countdown.walk(known, 54, random.Random(seed))]
        assert sorted(places) == list(range(54))
        for before, after in zip(places[:9], places[1:10], strict=True):
            near += after == (before + 1) % 54
            far += after != (before + 1) % 54
    assert far / (near + far) == pytest.approx(countdown.JUMPS, abs=0.06)


def test_a_checked_walk_finds_everything_in_the_end_and_a_right_try_at_once():
    problems = countdown.problems()[::90]
    assert countdown.walk_search(problems, 54, 1) == 1
    assert countdown.walk_search(problems, 1, 200) == pytest.approx(
        countdown.random_search(problems, 1), abs=0.02
    )


def test_tokens_round_trip_and_fit_the_model():
    task, rng = Countdown(most_tries=4), random.Random(0)
    for _ in range(50):
        asked, answer = countdown.format_example(rng, 4)
        ids = countdown.encode(f"{asked} {answer}")
        assert countdown.decode(ids) == f"{asked} {answer}"
        assert len(ids) <= task.new_model().config.context_length
    assert countdown.decode(countdown.encode("3 . 5")) == "3 ."
    with pytest.raises(ValueError, match="=1000"):
        countdown.encode("3 =1000")


def test_the_most_frequent_form_is_at_least_as_good_as_each_other_one():
    train = countdown.split()["train"]
    best = countdown.score_of_form(countdown.most_frequent_form(train), train)
    forms = product(permutations(range(3)), "+-×", "+-×")
    assert best == max(countdown.score_of_form(form, train) for form in forms)


def test_random_search_is_what_drawing_gives():
    problems, rng = countdown.problems()[::90], random.Random(0)
    for n in (1, 3):
        drawn = sum(
            target in map(countdown.value, rng.sample(countdown.expressions(numbers), n))
            for numbers, target in problems
            for _ in range(200)
        )
        assert countdown.random_search(problems, n) == pytest.approx(
            drawn / (200 * len(problems)), abs=0.02
        )
    assert countdown.random_search(problems, 54) == 1


def test_the_best_order_begins_with_the_most_frequent_form_and_leaves_nothing():
    train, test = countdown.split()["train"], countdown.split()["test"]
    order = countdown.best_order(train)
    assert len(set(order)) == 54
    assert countdown.score_of_form(order[0], train) == countdown.score_of_form(
        countdown.most_frequent_form(train), train
    )
    by_n = [countdown.order_search(order, test, n) for n in (1, 2, 8, 54)]
    assert by_n == sorted(by_n) and by_n[-1] == 1
    by_hand = sum(
        any(countdown.score_of_form(form, [problem]) for form in order[:2]) for problem in test
    )
    assert by_n[1] == by_hand / len(test)


# Sorting


def test_only_the_sorted_list_with_an_end_is_rewarded():
    rng = random.Random(0)
    for length in range(2, 6):
        numbers = sorting.problem(length, rng)
        right = [
            order
            for order in permutations(numbers)
            if sorting.reward(numbers, [*order, sorting.END])
        ]
        assert right == [tuple(sorted(numbers))]
        assert not sorting.reward(numbers, sorted(numbers))
        assert not sorting.reward(numbers, [*sorted(numbers), sorted(numbers)[-1], sorting.END])


def test_guessing_is_what_format_examples_reach():
    rng, right = random.Random(0), 0
    for _ in range(2000):
        (*numbers, _), answer = sorting.format_example(3, rng)
        assert sorted(answer[:-1]) == sorted(numbers)
        right += sorting.reward(numbers, answer)
    assert right / 2000 == pytest.approx(sorting.guessing(3), abs=0.03)


def test_training_never_asks_a_held_out_list_in_any_order():
    unseen = sorting.held_out([2], 200, seed=1)
    task, seen = Sorting((2,), unseen), set()
    for seed in range(30):
        seen |= {frozenset(numbers) for numbers in task.problems(32, random.Random(seed))}
    assert len(seen) > 100 and not seen & {frozenset(numbers) for numbers in unseen}


# Sums


def test_calls_and_results_are_right_and_not_negative():
    for test in (False, True):
        for item in sums.sample(300, random.Random(0), test):
            numbers = sorted(re.findall(r"\d+", item.question))
            assert numbers == sorted(re.findall(r"\d+", item.call))
            assert int(item.result) == eval(item.call) >= 0
            assert calculate(item.call) == item.result
            whole = "".join(text for text, _ in item.with_tool())
            assert whole == f"[{item.call}={item.result}]{item.result}."
            assert sums.decode(sums.encode(whole)) == whole


def test_no_held_out_pair_is_trained_in_any_wording_or_order():
    def pairs(test):
        found = sums.sample(3000, random.Random(1), test)
        return {frozenset(re.findall(r"\d+", item.call)) for item in found}

    assert len(pairs(True)) > 1000 and not pairs(True) & pairs(False)


def test_each_wording_of_subtraction_takes_the_second_number_from_the_first():
    for item in sums.sample(400, random.Random(2)):
        first, second = re.findall(r"\d+", item.question)
        turned = item.question.startswith(("take", "add"))
        a, b = (second, first) if turned else (first, second)
        assert item.call in (f"{a}+{b}", f"{a}-{b}")


def test_what_the_loop_appends_is_not_scored():
    item = sums.Sum("17 plus 25 ?", "17+25", "42")
    inputs, targets = scored_rows([item], "with_tool")
    told = sums.encode("17 plus 25 ? [17+25=42]42.")
    assert inputs[0].tolist() == told[:-1]
    scored = [token for token in targets[0].tolist() if token != IGNORED]
    assert sums.decode(scored) == "[17+25=42."
    assert sums.decode(t for t in scored_rows([item], "directly")[1][0].tolist() if t >= 0) == "42."


def test_an_unknown_piece_of_a_sum_is_named():
    with pytest.raises(ValueError, match="times"):
        sums.encode("3 times 4 ?")
