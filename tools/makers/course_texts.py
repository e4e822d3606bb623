"""What the course's GPT reads: texts that this project wrote, and the help pages of Python.

Each source is a list of documents in two parts, one to learn from and one held out. Of the grammars
for fine-tuning, `inbox` and `tasks`, only the training split is learned from. Nothing is downloaded.
The lecture notes are read from the folder beside `helpers`.
"""

import random
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from classroom.worlds import inbox, tales, tasks
from classroom.worlds.course_qa import questions, retype, without_marks
from classroom.worlds.practice import contrast_texts, draw_sum, list_texts, sum_texts
from classroom.worlds.tasks.items import sum_text
from classroom.worlds.tasks.words import forms, wordings
from helpers.assistant.wordings import vary
from helpers.texts.corpora import load_corpus

NOTES = Path(__file__).parents[2] / "lecture_notes"
HELD_OUT_EVERY = 20  # of the pieces of a longer text, one in so many is held out
TALES_SEED, HELD_OUT_TALES_SEED, TASKS_SEED, QUESTIONS_SEED = 1, 999, 1, 1
PRACTICE_SEED, HELD_OUT_PRACTICE_SEED = 1, 2
# Kinds of tasks that a small model learns slowly are read twice as often as the others.
SLOW_KINDS = (
    "arithmetic", "compare", "complete", "extract", "format", "opposite", "pick", "plural", "sort",
    "tense",
)  # fmt: skip
MOST_WORDINGS = 4  # of a question in one text
SUMS_SHARE = 0.15  # of the tasks read, so many are sums beyond those of the grammar


class Source(NamedTuple):
    """One kind of text: documents to learn from, documents held out, and how often to read them.

    `asks` says that each block of a document is a question whose last line is the answer,
    `by_chance` that the questions are drawn so freely that nothing can be learned from them, and
    `is_typed` that people typed it, with typos, so that its words are met in pieces, too.
    """

    training: list[str]
    held_out: list[str]
    times: int = 1
    asks: bool = False
    by_chance: bool = False
    is_typed: bool = False


def course_sources(n_tales=60_000, notes_folder=NOTES) -> dict[str, Source]:
    """Every source by name: tales, three times as many texts of tasks, practice, notes and more.

    Raises ValueError where the folder holds no lecture notes.

    >>> sorted(course_sources(n_tales=5))
    ['contrasts', 'inbox', 'lists', 'notes', 'pydocs', 'questions', 'story', 'sums', 'tales', 'tasks']
    """
    few = min(500, n_tales)
    return {
        "tales": Source(tales.sample(n_tales, TALES_SEED), tales.sample(few, HELD_OUT_TALES_SEED)),
        "tasks": Source(task_texts(3 * n_tales, "train"), task_texts(few, "validation"), asks=True),
        "lists": _practice(list_texts, n_tales // 2, few),
        "sums": _practice(sum_texts, n_tales, few),
        "contrasts": _practice(contrast_texts, n_tales // 5, few, asks=False),
        "inbox": Source(
            [message.text for message in inbox.sample(n_tales // 16, 1, "train")],
            [message.text for message in inbox.sample(few, 1, "validation")],
        ),
        "questions": Source(
            question_texts(n_tales * 3 // 4, "train"),
            question_texts(few, "validation"),
            is_typed=True,
        ),
        "notes": Source(*_parts(note_pieces(notes_folder)), times=8),
        "pydocs": Source(*_parts(_pieces(load_corpus("pydocs"), r"\n\n+")), times=6),
        "story": Source(*_parts(_pieces(load_corpus("story"), r"\n\n+")), times=8),
    }


def task_texts(n: int, split: str) -> list[str]:
    """Texts of one to four tasks each: what is asked, what about, and the answer, a line each.

    Every line begins with a blank, as nearly every word in a text does: so a word that is copied
    from one line to another stays the same token, wherever it stands.

    >>> print(task_texts(2, "train")[1])
     Complete this list with the next one.
     brown, yellow, brown, yellow, brown
     yellow
    """
    rng = random.Random(TASKS_SEED)
    sizes = [rng.randint(1, 4) for _ in range(n)]
    drawn = draw_tasks(sum(sizes), TASKS_SEED, split)
    lines = iter(["\n".join(f" {part}" for part in task[1:] if part) for task in drawn])
    return ["\n\n".join(next(lines) for _ in range(size)) for size in sizes]


def question_texts(n: int, split: str) -> list[str]:
    """Texts of a question about the course in one to four wordings, as typed, and its answer.

    Which wordings mean the same is what these texts tell. Those of `"validation"` have one each.

    >>> print(question_texts(1, "validation")[0])
     continued pretraining vs finetuning
     Continued pretraining goes on predicting tokens on texts of one field, such as law or medicine, before any fine-tuning on tasks.
    """
    rng, asked = random.Random(QUESTIONS_SEED), {}
    for question, answer in questions(split):
        asked.setdefault(answer, []).append(question)
    answers, texts = [], []
    while len(texts) < n:
        answers = answers or rng.sample(list(asked), len(asked))
        answer = answers.pop()
        known = asked[answer]
        chosen = rng.sample(known, rng.randint(1, min(MOST_WORDINGS, len(known))))
        if split == "train":
            chosen = [typed(each, rng) if rng.random() < 0.5 else each for each in chosen]
        texts.append("\n".join(f" {line}" for line in (*chosen, answer)))
    return texts


def typed(question: str, rng: random.Random) -> str:
    """A question as somebody else may type it: words left out or moved, and half the time typos.

    What would be a held-out wording is not changed. Without such changes a model learns the sentences
    by heart: see LOG.md.

    >>> [typed("What is a token?", random.Random(seed)) for seed in (3, 8)]
    ['token? a what', 'qucik question: what a token']
    """
    changed = vary(question, rng)
    if rng.random() < 0.5:
        changed = retype(changed, rng) or changed
    return as_learned(question, changed)


def as_learned(question: str, changed: str) -> str:
    """A training wording after a change, or as it was where the change is a held-out wording."""
    return question if without_marks(changed) in _held_out_wordings() else changed


@cache
def _held_out_wordings():
    held_out = ("validation", "test", "forum")
    return {without_marks(question) for split in held_out for question, _ in questions(split)}


def draw_tasks(n: int, seed: int, split: str, sums_share: float = SUMS_SHARE) -> list[tasks.Task]:
    """Tasks as a small model needs them: slow kinds twice as often, and sums beyond 20 to learn from.

    Those sums are a share of all, `sums_share`.

    >>> draw_tasks(1, 1, "train")[0][1:]
    ('Calculate the result.', '81 - 49', '32')
    """
    drawn = tasks.sample(n, seed, split, (*tasks.KINDS, *SLOW_KINDS))
    rng = random.Random(seed)
    if split != "train":
        return drawn
    return [large_sum(rng) if rng.random() < sums_share else task for task in drawn]


def _practice(texts, n, few, asks=True):
    """A source of texts that are drawn by chance; what is held out was not read."""
    training = texts(n, PRACTICE_SEED)
    held_out = set(texts(few, HELD_OUT_PRACTICE_SEED)) - set(training)
    return Source(training, sorted(held_out), asks=asks, by_chance=asks)


def large_sum(rng: random.Random) -> tasks.Task:
    """A sum or a difference of numbers to 99, at least one of them beyond 20, asked as a task is.

    The sums of `classroom.worlds.tasks` go to 20 and some are held out; here a model sees how digits add.

    >>> large_sum(random.Random(1))[1:]
    ('What is 8 plus 45?', '', '53')
    """
    form = rng.choice(forms()["arithmetic"])
    wording = rng.choice([w for w in wordings()[form] if not w.held_out])
    text, answer = sum_text(form, *draw_sum(rng, least=21), rng)
    return tasks.Task("arithmetic", *wording.ask(text), answer)


def note_pieces(folder=NOTES) -> list[str]:
    """The sections of all lecture notes as plain text, without hidden comments and pictures.

    Raises ValueError where the folder holds none.
    """
    paths = sorted(Path(folder).glob("[0-9][0-9]_*.md"))
    if not paths:
        raise ValueError(f"there are no lecture notes in {folder}")
    return [piece for path in paths for piece in _sections(path.read_text("utf-8"))]


def plain_text(markdown: str) -> str:
    """Markdown as a reader sees it: no comments, no pictures, links as their words.

    >>> plain_text("See [the note](a.md#b).<!-- = 1 -->\\n![A picture](p.svg)\\n")
    'See the note.'
    """
    text = re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL)
    text = re.sub(r"^!\[.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _sections(markdown: str) -> list[str]:
    """A note cut at its headings; the title goes before each section, so that it says its topic."""
    title, *sections = re.split(r"^## ", plain_text(markdown), flags=re.MULTILINE)
    heading = title.splitlines()[0].lstrip("# ")
    return [f"{heading}\n\n{section.strip()}" for section in sections]


def _pieces(text: str, gap: str, least: int = 600) -> list[str]:
    """Paragraphs joined into pieces of at least `least` characters."""
    pieces, piece = [], ""
    for paragraph in re.split(gap, text):
        piece = f"{piece}\n\n{paragraph}".strip("\n")
        if len(piece) >= least:
            pieces.append(piece)
            piece = ""
    return pieces + [piece] * bool(piece)


def _parts(pieces: list[str]) -> tuple[list[str], list[str]]:
    """Pieces to learn from, and every twentieth held out; a piece that comes twice counts once."""
    pieces = list(dict.fromkeys(pieces))
    held_out = pieces[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    training = [piece for i, piece in enumerate(pieces) if (i + 1) % HELD_OUT_EVERY]
    return training, held_out
