"""What `bench preferences` measures: answers by the exact rule, reward models, gains on held-out pairs."""

import statistics

import torch

from benchmarks import _preference_steps as train
from classroom.turns.t13 import best_of_n, keep_best
from classroom.worlds import course_qa, tasks
from classroom.worlds.manners import KINDS, compare, grade, questions, wins_against
from helpers.evaluate import answer_all, is_right_answer
from helpers.instructions import format_chat

TEST_SIZE, SAMPLED, KEPT_SIZE = 300, 100, 40
BETA = 0.5
DRAWN, GROUPS = 8, 100  # answers per prompt, and prompts, for rejection sampling
SIZES = (1, 2, 4, 8, 16, 32, 64)
OTHERS = tuple(kind for kind in tasks.KINDS if kind not in KINDS)
GOOD_ENOUGH = (True, 1, -99)  # right and polite, of any length
SUFFIX = "I hope that helps."


def manners_of(items, answers):
    """Return what share of answers is right, polite and rude, and their mean number of words."""
    grades = [grade(*each) for each in zip(items, answers, strict=True)]
    return {
        "right": statistics.mean(each.right for each in grades),
        "polite": statistics.mean(each.manners == 1 for each in grades),
        "rude": statistics.mean(each.manners == -1 for each in grades),
        "words": statistics.mean(each.words for each in grades),
    }


def kept(model, tokenizer, size=KEPT_SIZE, part="test"):
    """Return the accuracy on what was not trained on: course questions, and other kinds of tasks.

    Of a task the core of the answer counts, so that a polite sentence after it is no mistake.
    """
    asked = course_qa.questions("test" if part == "test" else "train")[:: max(1, 500 // size)][
        :size
    ]
    references = list({answer for _, answer in course_qa.questions("test")})
    said = answer_all(model, tokenizer, [format_chat(question) for question, _ in asked])
    right = [is_right_answer(a, own, references) for a, (_, own) in zip(said, asked, strict=True)]
    others = tasks.sample(size, 11, part, OTHERS)
    answers = train.answers_of(model, tokenizer, others)
    done = [grade(*each).right for each in zip(others, answers, strict=True)]
    return {"questions": statistics.mean(right), "other_tasks": statistics.mean(done)}


class HeldOut:
    """The held-out tasks, and what the chat model and the model before answer to them."""

    def __init__(self, chat, before, tokenizer, size=TEST_SIZE, part="test"):
        self.tokenizer, self.before, self.part = tokenizer, before, part
        self.items = questions(size, 21, part)
        self.chat = train.answers_of(chat, tokenizer, self.items)
        self.greedy = train.answers_of(before, tokenizer, self.items)
        self.few = self.items[:SAMPLED]
        self.sampled = train.answers_of(before, tokenizer, self.few, 1.0, 31)

    def figures(self, model, seed, keep=True, reference=None):
        """Return all that is said of a model in the table; its KL is from `reference`, or the model before."""
        greedy = train.answers_of(model, self.tokenizer, self.items)
        sampled = train.answers_of(model, self.tokenizer, self.few, 1.0, 41 + seed)
        found = {
            "wins": wins_against(self.items, greedy, self.greedy),
            "wins_sampled": wins_against(self.few, sampled, self.sampled),
            "wins_over_chat": wins_against(self.items, greedy, self.chat),
            **manners_of(self.items, greedy),
            "kl": train.drift(model, reference or self.before, self.tokenizer, self.few, sampled),
        }
        size = KEPT_SIZE if len(self.items) == TEST_SIZE else 4
        return found | (kept(model, self.tokenizer, size, self.part) if keep else {})

    def with_suffix(self):
        """Return the figures of a control that learns nothing: the chat model's answers, one sentence added."""
        said = [polite(answer) for answer in self.chat]
        found = {
            "wins": wins_against(self.items, said, self.greedy),
            "wins_over_chat": wins_against(self.items, said, self.chat),
        }
        return found | manners_of(self.items, said)


def polite(answer):
    """Return an answer with one polite sentence appended.

    >>> polite("two boxes")
    'two boxes. I hope that helps.'
    """
    return f"{answer.removesuffix('.')}. {SUFFIX}"


class Watched:
    """Follows how likely held-out answers become: chosen, rejected, and the best that could be said.

    `found` has an entry for each call, with mean gains in nats over the reference: of chosen answers
    that are right and polite, of the other chosen ones, of rejected ones, and of `best`, the right
    answer with one polite sentence, which the rule puts before all others.
    """

    def __init__(self, reference, tokenizer, pairs):
        self.tokenizer, self.pairs, self.found = tokenizer, pairs, []
        self.good = torch.tensor([grade(p.task, p.chosen) >= GOOD_ENOUGH for p in pairs])
        self.reference = self.log_probs(reference)

    def log_probs(self, model):
        items = [pair.task for pair in self.pairs]
        answers = (
            [pair.chosen for pair in self.pairs],
            [pair.rejected for pair in self.pairs],
            [polite(task.output) for task in items],
        )
        each = [train.log_probs_of(model, self.tokenizer, items, told) for told in answers]
        return torch.stack(each)

    def __call__(self, step, model):
        chosen, rejected, best = self.log_probs(model) - self.reference
        means = {
            "chosen": chosen, "good": chosen[self.good], "other": chosen[~self.good],
            "rejected": rejected, "best": best,
            "loss": -torch.nn.functional.logsigmoid(BETA * (chosen - rejected)),
        }  # fmt: skip
        self.found.append(
            {"step": step} | {name: each.mean().item() for name, each in means.items()}
        )


def over_optimized(reward, samples, tokenizer):
    """Return, for each n, the mean reward and the mean true score of the best of n, in that order.

    The true score of an answer is its win rate against all answers to its prompt.
    """
    curves = {n: [] for n in SIZES}
    for task, answers in samples:
        rewards = train.rewards_of(reward, tokenizer, [task] * len(answers), answers)
        wins = [[compare(task, one, other) for other in answers] for one in answers]
        true = torch.tensor(wins).mean(dim=1)
        right = torch.tensor([float(grade(task, answer).right) for answer in answers])
        polite = torch.tensor([float(grade(task, answer).manners == 1) for answer in answers])
        words = torch.tensor([float(grade(task, answer).words) for answer in answers])
        for n in [n for n in SIZES if n <= len(answers)]:
            looked_at = (rewards, true, right, polite, words)
            curves[n].append([best_of_n(rewards, score, n) for score in looked_at])
    names = ("reward", "true", "right", "polite", "words")
    return {
        str(n): dict(zip(names, map(statistics.mean, zip(*rows, strict=True)), strict=True))
        for n, rows in curves.items()
        if rows
    }


def drawn_answers(model, tokenizer, items, n, seed):
    """Return n sampled answers to each task, as a list of lists."""
    many = [task for task in items for _ in range(n)]
    said = train.answers_of(model, tokenizer, many, 1.0, seed)
    return [said[i * n : (i + 1) * n] for i in range(len(items))]


def accuracy(reward, tokenizer, pairs):
    """Return the share of pairs whose chosen answer has the larger reward."""
    items = [pair.task for pair in pairs]
    chosen = train.rewards_of(reward, tokenizer, items, [pair.chosen for pair in pairs])
    rejected = train.rewards_of(reward, tokenizer, items, [pair.rejected for pair in pairs])
    return (chosen > rejected).float().mean().item()


def by_what_decides(pairs):
    """Return all pairs, those whose answers are equally right, and the others, where there are any."""
    alike = [p for p in pairs if grade(p.task, p.chosen).right == grade(p.task, p.rejected).right]
    apart = [pair for pair in pairs if pair not in alike]
    parts = {"accuracy": pairs, "by_manners": alike, "by_right": apart}
    return {name: part for name, part in parts.items() if part}


def judged(reward, tokenizer, pairs):
    """Return the accuracy of a reward model: on all pairs, and by what decides between the two answers."""
    parts = by_what_decides(pairs)
    return {name: accuracy(reward, tokenizer, part) for name, part in parts.items()}


def rules(pairs):
    """Return the accuracy of two judges that learn nothing and never read the question; a tie is half.

    "manners" takes the politer answer, and of two that are equally polite the shorter; "shorter" the
    shorter. "by_manners" and "by_right" are the first one's, by what decides between the two answers.
    """
    parts = {name: _blind(part, 1) for name, part in by_what_decides(pairs).items()}
    return {"manners": parts.pop("accuracy"), "shorter": _blind(pairs, 2), **parts}


def _blind(pairs, first):
    """Return the accuracy of comparing the grades of two answers from their part `first` on."""
    both = [[grade(p.task, told)[first:] for told in (p.chosen, p.rejected)] for p in pairs]
    return statistics.mean((one > two) + (one == two) / 2 for one, two in both)


def best_answers(model, tokenizer, seed, groups=GROUPS, drawn=DRAWN):
    """Rejection sampling: return tasks and their best answers of those drawn, if right and polite."""
    items = questions(groups, 51 + seed)
    answers = drawn_answers(model, tokenizer, items, drawn, 61 + seed)
    found = keep_best(answers, lambda i, answer: tuple(grade(items[i], answer)), GOOD_ENOUGH)
    return [items[i] for i, _ in found], [answer for _, answer in found]
