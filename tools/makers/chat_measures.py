"""What the course's chat model is asked after its training: what it never saw, and what it cannot know.

`measure` asks the wordings of the test and tasks in held-out wordings. `measure_forum` asks questions in
the manner of public forums and says how near each is to a wording of the training. `choose_refusal`
takes a threshold on validation data; `measure_refusal` asks how it does on the test.
"""

import random
from statistics import mean, median

from classroom.worlds import course_qa, tasks
from helpers.assistant.refusal import (
    SCORES,
    Refusal,
    answer_log_probabilities,
    choose_threshold,
    share_below,
)
from helpers.chat import ChatModel
from helpers.evaluate import (
    answer_all,
    answer_together,
    exact_match,
    is_right_answer,
    nearest_reference,
    share_by_kind,
    token_f1,
)
from helpers.instructions import format_chat
from helpers.tokenizer import end_of_text_id

N_TASKS, N_LATE, TASKS_SEED = 1200, 100, 2
ANSWER_TOKENS, TASK_TOKENS = 90, 40
# Half of the 5 percent allowed: a threshold that is chosen on some questions refuses more of others.
MOST_KNOWN_REFUSED = 0.025


def right_answers(answers, asked):
    """For each answer to a `(question, answer)` pair, whether its own reference is the nearest of all."""
    references = all_answers()
    return [
        is_right_answer(said, own, references) for said, (_, own) in zip(answers, asked, strict=True)
    ]


def all_answers():
    """Every answer of the course's questions once."""
    return list(dict.fromkeys(answer for _, answer in course_qa.questions("train")))


def ask(model, tokenizer, asked):
    """The model's answers to `(question, answer)` pairs, each in a conversation of its own."""
    return answer_all(model, tokenizer, [format_chat(q) for q, _ in asked], ANSWER_TOKENS)


def measure(model, tokenizer, split="test", n_questions=None, n_tasks=N_TASKS, n_late=N_LATE):
    """Accuracies on the wordings and the tasks of a split, and all answers for those who read them.

    `n_questions` takes only so many of the questions, evenly.
    """
    asked = course_qa.questions(split)
    asked = asked if n_questions is None else asked[:: max(1, len(asked) // n_questions)]
    answers = ask(model, tokenizer, asked)
    right = right_answers(answers, asked)
    overlap = [token_f1(a, own) for a, (_, own) in zip(answers, asked, strict=True)]
    items = tasks.sample(n_tasks, TASKS_SEED, split)
    prompts = [format_chat(task.instruction, task.input) for task in items]
    said = answer_all(model, tokenizer, prompts, TASK_TOKENS)
    exact = [exact_match(answer, task.output) for answer, task in zip(said, items, strict=True)]
    late = measure_late(model, tokenizer, course_qa.questions(split), n_late)
    return {
        "questions": {"asked": len(asked), "right": mean(right), "token_f1": mean(overlap)},
        "late_questions": {"asked": n_late, "right": late},
        "tasks": {
            "asked": len(items),
            "right": mean(exact),
            "by_kind": share_by_kind([task.kind for task in items], exact),
        },
        "answers": {
            "questions": [
                (q, own, a, r) for (q, own), a, r in zip(asked, answers, right, strict=True)
            ],
            "tasks": [
                (t.kind, t.instruction, t.input, t.output, a)
                for t, a in zip(items, said, strict=True)
            ],
        },
    }


def measure_late(model, tokenizer, asked, n, seed=0):
    """Accuracy on questions that come after two others and their answers."""
    rng, drawn, answers = random.Random(seed), [], []
    for question, own in rng.choices(asked, k=n):
        chat = ChatModel("chat", lambda: (model, tokenizer))
        chat.turns = [(q, f" {a}") for q, a in rng.sample(asked, 2)]
        drawn.append((question, own))
        answers.append(chat.respond(question))
    return mean(right_answers(answers, drawn))


def measure_forum(model, tokenizer):
    """Accuracy on the questions of the forum, and how near they are to wordings of the training.

    The nearness is the token F1 with the nearest wording. The accuracy is also given for the half
    that is nearer and the half that is further away.
    """
    asked = course_qa.questions("forum")
    trained = [question for question, _ in course_qa.questions("train")]
    near = [nearest_reference(question, trained)[1] for question, _ in asked]
    answers = ask(model, tokenizer, asked)
    right = right_answers(answers, asked)
    middle = median(near)
    halves = [[r for r, n in zip(right, near, strict=True) if (n > middle) == far] for far in (1, 0)]
    return {
        "asked": len(asked),
        "right": mean(right),
        "overlap_median": middle,
        "right_near": mean(halves[0]) if halves[0] else None,
        "right_far": mean(halves[1]),
        "answers": [(q, own, a) for (q, own), a in zip(asked, answers, strict=True)],
    }


def scores_of(model, tokenizer, prompts, max_new_tokens=ANSWER_TOKENS):
    """Every score of the greedy answer to each prompt: a list for each name in `SCORES`."""
    end_id, scores = end_of_text_id(tokenizer), {how: [] for how in SCORES}
    rows = [[end_id, *tokenizer.encode_ordinary(prompt)] for prompt in prompts]
    for start in range(0, len(rows), 64):
        part = rows[start : start + 64]
        for row, ids in zip(
            part, answer_together(model, part, max_new_tokens, end_id), strict=True
        ):
            ended = ids if len(ids) == max_new_tokens else [*ids, end_id]
            found = answer_log_probabilities(model, row, ended)
            for how, of in SCORES.items():
                scores[how].append(of(found).item())
    return scores


def choose_refusal(model, tokenizer):
    """The score and the threshold that refuse most foreign questions of the validation split.

    Returns the `Refusal`, and for each score its threshold and what it refuses there.
    """
    known = scores_of(model, tokenizer, _prompts(q for q, _ in course_qa.questions("validation")))
    foreign = scores_of(model, tokenizer, _prompts(course_qa.foreign_questions("validation")))
    tried = {}
    for how in SCORES:
        below = choose_threshold(known[how], foreign[how], MOST_KNOWN_REFUSED)
        tried[how] = {
            "below": below,
            "known_refused": share_below(known[how], below),
            "foreign_refused": share_below(foreign[how], below),
        }
    best = max(tried, key=lambda how: tried[how]["foreign_refused"])
    return Refusal(tried[best]["below"], best), tried


def measure_refusal(model, tokenizer, refusal):
    """The shares that a refusal turns away: of known, forum's and foreign questions, and of tasks."""
    items = tasks.sample(N_TASKS, TASKS_SEED, "test")
    asked = {
        "known": _prompts(q for q, _ in course_qa.questions("test")),
        "forum": _prompts(q for q, _ in course_qa.questions("forum")),
        "foreign": _prompts(course_qa.foreign_questions("test")),
        "tasks": [format_chat(task.instruction, task.input) for task in items],
    }
    return {
        kind: {
            "asked": len(prompts),
            "refused": share_below(
                scores_of(model, tokenizer, prompts)[refusal.how], refusal.below
            ),
        }
        for kind, prompts in asked.items()
    }


def _prompts(texts):
    return [format_chat(text) for text in texts]
