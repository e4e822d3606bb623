"""What the course's chat model is asked after its training: what it never saw, and what it cannot know.

`measure` asks held-out wordings of the questions and of tasks. `measure_in_own_layout` asks a GPT the same
without fine-tuning, in the layout of its texts. `measure_forum` asks questions in the manner
of public forums and says how near they are to wordings of the training. `refused` counts what a
refusal turns away.
"""

import random
from statistics import mean, median

from classroom.worlds import course_qa, tasks
from helpers.assistant.refusal import (
    DO_NOT_KNOW,
    NO_ANSWER,
    SCORES,
    answer_log_probabilities,
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
ANSWER_TOKENS, TASK_TOKENS, BATCH = 90, 40, 64
PAGE_TOKENS = 120  # a page of questions may go on with other wordings before its answer
# Less than the 5 percent allowed: a threshold that is chosen on some questions may refuse more of others.
MOST_KNOWN_REFUSED = 0.02


def right_answers(answers, asked):
    """For each answer to a `(question, answer)` pair, whether its own reference is the nearest of all."""
    references = all_answers()
    return [
        is_right_answer(said, own, references)
        for said, (_, own) in zip(answers, asked, strict=True)
    ]


def all_answers():
    """Every answer of the course's questions once."""
    return list(dict.fromkeys(answer for _, answer in course_qa.questions("train")))


def ask(model, tokenizer, prompts, max_new_tokens=ANSWER_TOKENS):
    """The greedy answer to each prompt, and how sure the model is of it: a list for each of `SCORES`.

    Where the answer is that it does not know, every score is `NO_ANSWER`.
    """
    end_id, answers = end_of_text_id(tokenizer), [""] * len(prompts)
    scores = {how: [0.0] * len(prompts) for how in SCORES}
    rows = [[end_id, *tokenizer.encode_ordinary(prompt)] for prompt in prompts]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        new = answer_together(model, [rows[i] for i in chosen], max_new_tokens, end_id)
        for place, ids in zip(chosen, new, strict=True):
            answers[place] = tokenizer.decode(ids).strip()
            whole = ids if len(ids) == max_new_tokens else [*ids, end_id]
            found = answer_log_probabilities(model, rows[place], whole)
            for how, score in SCORES.items():
                refused_itself = answers[place] == DO_NOT_KNOW
                scores[how][place] = NO_ANSWER if refused_itself else score(found).item()
    return answers, scores


def measure(model, tokenizer, split="test", n_questions=None, n_tasks=N_TASKS, n_late=N_LATE):
    """Accuracies on the wordings and the tasks of a split, with all `answers` and `scores`.

    `n_questions` takes only so many of the questions, evenly.
    """
    asked = course_qa.questions(split)
    asked = asked if n_questions is None else asked[:: max(1, len(asked) // n_questions)]
    answers, sure = ask(model, tokenizer, [format_chat(question) for question, _ in asked])
    right = right_answers(answers, asked)
    items = tasks.sample(n_tasks, TASKS_SEED, split)
    prompts = [format_chat(task.instruction, task.input) for task in items]
    said, sure_of_tasks = ask(model, tokenizer, prompts, TASK_TOKENS)
    late = measure_late(model, tokenizer, course_qa.questions(split), n_late)
    overlap = mean(token_f1(said, own) for said, (_, own) in zip(answers, asked, strict=True))
    return {
        "questions": {"asked": len(asked), "right": mean(right), "token_f1": overlap},
        "late_questions": {"asked": n_late, "right": late},
        "tasks": accuracies_of_tasks(items, said),
        "answers": {
            "questions": [(*pair, a, r) for pair, a, r in zip(asked, answers, right, strict=True)],
            "tasks": [(*task, answer) for task, answer in zip(items, said, strict=True)],
        },
        "scores": {"questions": sure, "tasks": sure_of_tasks},
    }


def accuracies_of_tasks(items, said):
    """How many tasks were asked, and the accuracy of what was said to them, in all and by kind."""
    exact = [exact_match(answer, task.output) for answer, task in zip(said, items, strict=True)]
    return {
        "asked": len(items),
        "right": mean(exact),
        "by_kind": share_by_kind([task.kind for task in items], exact),
    }


def own_layout(instruction, input=""):
    """A question or a task as the texts of pretraining begin with it: each part a line after a space.

    >>> own_layout("Add up.", "2 and 3")
    ' Add up.\\n 2 and 3\\n'
    """
    return "".join(f" {part}\n" for part in (instruction, input) if part)


def measure_in_own_layout(model, tokenizer, split="test", n_tasks=N_TASKS):
    """What a GPT gets right in the layout in which its texts have questions and tasks.

    A page of questions has one to four wordings and ends with their answer, so the last line counts. Of
    a task it is the first line, since the next task follows.
    """
    asked = course_qa.questions(split)
    pages = answer_all(model, tokenizer, [own_layout(words) for words, _ in asked], PAGE_TOKENS)
    right = right_answers([page.split("\n")[-1].strip() for page in pages], asked)
    items = tasks.sample(n_tasks, TASKS_SEED, split)
    prompts = [own_layout(task.instruction, task.input) for task in items]
    said = [text.split("\n")[0] for text in answer_all(model, tokenizer, prompts, TASK_TOKENS)]
    return {
        "questions": {"asked": len(asked), "right": mean(right)},
        "tasks": accuracies_of_tasks(items, said),
        "answers": [(*pair, page, r) for pair, page, r in zip(asked, pages, right, strict=True)],
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
    answers, sure = ask(model, tokenizer, [format_chat(question) for question, _ in asked])
    right = right_answers(answers, asked)
    order = sorted(range(len(asked)), key=near.__getitem__)
    halves = {"right_far": order[: len(order) // 2], "right_near": order[len(order) // 2 :]}
    return {
        "asked": len(asked),
        "right": mean(right),
        "overlap_median": median(near),
        **{half: mean(right[place] for place in places) for half, places in halves.items()},
        "answers": [(*pair, a, r) for pair, a, r in zip(asked, answers, right, strict=True)],
        "scores": {"questions": sure},
    }


def ask_foreign(model, tokenizer, split):
    """What `ask` finds for the foreign questions of a split."""
    return ask(model, tokenizer, [format_chat(q) for q in course_qa.foreign_questions(split)])


def right_and_shown(refusal, right, scores):
    """The share that is right and not refused, of answers that are right or not with their scores."""
    below = max(refusal.below, NO_ANSWER / 2)
    return mean(r and s >= below for r, s in zip(right, scores[refusal.how], strict=True))


def refused(refusal, scores):
    """How many were asked, and the share that a refusal turns away, by what is asked."""
    return {
        kind: {
            "asked": len(of[refusal.how]),
            "refused": share_below(of[refusal.how], refusal.below),
        }
        for kind, of in scores.items()
    }
