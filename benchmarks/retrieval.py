"""Does a search find the note that answers, and does the passage help a chat model?

    python3 course.py bench retrieval            both parts, about ten minutes of processor time
    python3 course.py bench retrieval search     the search alone
    python3 course.py bench retrieval judge      the recorded answers, judged again

The questions are those of `classroom.worlds.course_qa`, without the small talk of lecture 0, each in
its held-out wording of the test, as people type it; beside that, those that were also written in the
manner of public forums, as whole sentences. Everything is chosen on the half with even numbers and
measured on the other half. A search is right if one of its first three passages

    lecture     is from the note of the question's lecture; every question, but other notes may answer too
    note        is from a note that answers the question
    passage     holds a paragraph that answers the question

The last two need to know what answers: for 180 questions drawn at random the paragraphs were marked
before anything was tuned (retrieval_truth.json), from those that a search with the question or with its
answer finds. What was found by neither counts as wrong, so both are lower bounds. A run that was stopped
goes on with what it has. Notebook 10 shows the figures of retrieval.json.

Two of the ways search the training wordings of all questions in place of the notes, and lead to the note
of the question that was found; the control leaves out the wordings of the very question that is asked.
"""

import hashlib
import json
import random
import statistics
import sys
import tempfile
import time
from functools import cache, partial
from pathlib import Path

import torch

from benchmarks import _record
from benchmarks._retrieval_words import content_words
from classroom.worlds.course_qa import load_course_qa, questions
from classroom.worlds.passages import note_passages
from helpers.family.search import BM25, best_places, fuse
from helpers.family.sentences import load_minilm
from helpers.texts.corpora import available

SIZES = (100,)  # words per passage
WEIGHTS = (0.2, 0.35, 0.5, 0.65, 0.8)  # of the words' scores in the sum
DEPTHS = (1, 3, 10)
RULERS = ("lecture", "note", "passage")
HALVES = ("validation", "test")  # questions with even and with odd numbers
TITLE = "Finding the passage that answers"
PATH = _record.HERE / "retrieval.json"
TRUTH = _record.HERE / "retrieval_truth.json"
CODE = [
    *(f"benchmarks/{name}" for name in ("retrieval.py", "_retrieval_words.py", "_retrieval_rag.py")),
    "benchmarks/retrieval_truth.json",
    *(f"helpers/family/{name}.py" for name in ("encoder", "word_pieces", "sentences", "search")),
    "classroom/worlds/passages.py",
    "classroom/worlds/course_qa.py",
]  # fmt: skip


def asked(half, split="test"):
    """The questions of a half, by number, each in its wording of a held-out split."""
    numbers = {q.answer: n for n, q in enumerate(load_course_qa()) if q.lecture}
    wordings = {}
    for words, answer in questions(split):
        if answer in numbers:
            wordings.setdefault(numbers[answer], []).append(words)
    return {
        number: random.Random(number).choice(wordings[number])
        for number in sorted(wordings)
        if number % 2 == HALVES.index(half)
    }


def truth():
    """The paragraphs that answer, (lecture, first words) each, by the number of the question."""
    rows = json.loads(TRUTH.read_text("utf-8"))
    return {row["question"]: [tuple(each) for each in row["answered_in"]] for row in rows}


class KnownQuestions:
    """The training wordings of the course's questions: an index of what was asked before."""

    def __init__(self, encoder):
        known = {q.answer: (n, q.lecture) for n, q in enumerate(load_course_qa()) if q.lecture}
        pairs = [(words, *known[answer]) for words, answer in questions("train") if answer in known]
        self.numbers = torch.tensor([number for _, number, _ in pairs])
        self.lectures = torch.tensor([lecture for *_, lecture in pairs])
        self.vectors, self.seconds = kept_vectors(encoder, [words for words, *_ in pairs])

    def scores(self, vector, n_notes, without=None):
        """The cosine of the nearest wording that belongs to each note, (n_notes,).

        `without` leaves out all wordings of that question, as if nobody had asked it before.
        """
        nearness = self.vectors @ vector
        if without is not None:
            nearness = nearness.masked_fill(self.numbers == without, -1.0)
        return torch.full((n_notes,), -1.0).scatter_reduce(0, self.lectures, nearness, "amax")


def kept_vectors(encoder, texts):
    """The vectors of some texts, and the processor seconds that they took; made once."""
    kept = Path(tempfile.gettempdir()) / f"retrieval-{text_hash(texts)[:16]}.pt"
    if not kept.is_file():  # a run that was stopped goes on with it
        began = time.process_time()
        vectors = encoder.vectors(texts)
        torch.save((vectors, time.process_time() - began), kept)
    return torch.load(kept)


class Index:
    """The passages of one size, their vectors and their word counts, with the seconds they took."""

    def __init__(self, encoder, size):
        self.passages = note_passages(size)
        self.texts = list(map(str, self.passages))
        self.vectors, self.vector_seconds = kept_vectors(encoder, self.texts)
        self.known = KnownQuestions(encoder)
        began = time.process_time()
        self.words = BM25(self.texts)
        self.word_seconds = time.process_time() - began
        self.word_scores = cache(self.words.scores)  # asked again for every weight

    def scores(self, vector, text, weight=0.5, number=None):
        """The scores (N,) of every way for one question, its vector and its number."""
        meaning, every_word = self.vectors @ vector, self.word_scores(text)
        words = self.word_scores(content_words(text))
        both = (1 - weight) * standardized(meaning) + weight * standardized(words)
        single = self.one_for_each_note(both)
        return {
            "MiniLM": meaning,
            "BM25": every_word,
            "ranks of both": fuse(meaning, every_word),
            "BM25, content words": words,
            "ranks of both, content words": fuse(meaning, words),
            "sum of both": both,
            "sum of both, one passage per note": single,
            "known questions": self.by_known_questions(vector, single),
            "known questions and the sum": together(
                single, self.by_known_questions(vector, single)
            ),
            "known questions, all but this one": self.by_known_questions(vector, single, number),
            "the same and the sum": together(
                single, self.by_known_questions(vector, single, number)
            ),
        }

    def by_known_questions(self, vector, single, without=None):
        """The scores (N,): each note's one passage has that of its nearest known question."""
        notes = torch.tensor([passage.lecture for passage in self.passages])
        nearest = self.known.scores(vector, int(notes.max()) + 1, without)[notes]
        return nearest.masked_fill(single.isneginf(), -torch.inf)

    def one_for_each_note(self, scores):
        """The scores of each note's best passage, those of all others at the end."""
        best = {}
        for place in best_places(scores, len(scores)):
            best.setdefault(self.passages[place].lecture, place)
        kept = torch.full_like(scores, -torch.inf)
        kept[list(best.values())] = scores[list(best.values())]
        return kept

    def right(self, places, number, answers):
        """By ruler: whether one of the passages at `places` is right; None where it is not known."""
        found = [self.passages[place] for place in places]
        lecture = load_course_qa()[number].lecture
        known = answers.get(number)
        return {
            "lecture": any(passage.lecture == lecture for passage in found),
            "note": any(p.lecture == note for p in found for note, _ in known) if known else None,
            "passage": any(holds(p, *each) for p in found for each in known) if known else None,
        }


def holds(passage, lecture, first_words):
    """Whether a passage holds the paragraph that begins like this in the note of a lecture."""
    return passage.lecture == lecture and first_words in passage.text


def together(*kinds):
    """Several kinds of scores (N,) of the same passages, standardized and added; -inf stays."""
    total = torch.zeros_like(kinds[0])
    for scores in kinds:
        kept = ~scores.isneginf()
        total[kept] += standardized(scores[kept])
        total[~kept] = -torch.inf
    return total


def standardized(scores):
    """Scores (N,) with mean 0 and standard deviation 1, so that two kinds can be added."""
    return (scores - scores.mean()) / scores.std().clamp_min(1e-6)


def hits(index, encoder, half, weight, depths=DEPTHS, split="test"):
    """For each way, depth and ruler the answers of `right` over the questions of a half."""
    texts, answers, found = asked(half, split), truth(), {}
    vectors = vectors_of(encoder, tuple(texts.values()))
    for (number, text), vector in zip(texts.items(), vectors, strict=True):
        for way, scores in index.scores(vector, text, weight, number).items():
            for depth in depths:
                right = index.right(best_places(scores, depth), number, answers)
                for ruler, hit in right.items():
                    if hit is not None:
                        found.setdefault((way, depth, ruler), []).append(hit)
    return found


@cache
def vectors_of(encoder, texts):
    """The vectors of some texts, made once."""
    return encoder.vectors(texts)


def shares(found):
    """The means of `hits`, as a dictionary by way, ruler and depth."""
    table = {}
    for (way, depth, ruler), each in found.items():
        table.setdefault(way, {}).setdefault(ruler, {})[str(depth)] = statistics.mean(each)
    return table


def choose(encoder, indexes):
    """Recall at 3 on the validation half, by size and weight, for every way and ruler."""
    tried = {}
    for size, index in indexes.items():
        for weight in WEIGHTS:
            found = shares(hits(index, encoder, "validation", weight, depths=(3,)))
            tried[f"{size} words, weight {weight}"] = found
            print(size, weight, {ruler: round(found["sum of both"][ruler]["3"], 3) for ruler in RULERS}, flush=True)  # fmt: skip
    return tried


def by_chance(index, half, depth=3, draws=200):
    """Recall at `depth` of passages drawn at random, by ruler."""
    generator, answers, numbers = torch.Generator().manual_seed(0), truth(), list(asked(half))
    found = {ruler: [] for ruler in RULERS}
    for number in numbers:
        for _ in range(draws // 10):
            drawn = torch.randperm(len(index.texts), generator=generator)[:depth].tolist()
            for ruler, hit in index.right(drawn, number, answers).items():
                if hit is not None:
                    found[ruler].append(hit)
    return {ruler: statistics.mean(each) for ruler, each in found.items()}


def search():
    """Choose on the validation half, look once at the test half; the figures, as a dictionary."""
    encoder = load_minilm()
    indexes = {size: Index(encoder, size) for size in SIZES}
    tried = choose(encoder, indexes)
    best = max(tried, key=lambda name: tried[name]["sum of both"]["lecture"]["3"])
    size, weight = int(best.split()[0]), float(best.split()[-1])
    index = indexes[size]
    found = hits(index, encoder, "test", weight)
    errors = {
        way: {ruler: standard_error(found[way, 3, ruler]) for ruler in RULERS}
        for way, depth, ruler in found
        if (depth, ruler) == (3, RULERS[0])
    }
    answers, texts = truth(), asked("test")
    marked = [number for number in texts if answers.get(number)]
    misses = [
        texts[number]
        for number, hit in zip(marked, found["sum of both", 3, "note"], strict=True)
        if not hit
    ]
    other = [
        any(note != load_course_qa()[number].lecture for note, _ in answers[number])
        for number in marked
    ]
    return {
        "n": {half: len(asked(half)) for half in HALVES},
        "n_marked": {half: sum(bool(answers.get(n)) for n in asked(half)) for half in HALVES},
        "n_without_answer": sum(not each for each in answers.values()),
        "answered_in_another_note": statistics.mean(other),
        "validation_recall_at_3": tried,
        "words_per_passage": size,
        "weight_of_words": weight,
        "recall": shares(found),
        "n_forum": len(asked("test", "forum")),
        "recall_in_forum_manner": shares(
            hits(index, encoder, "test", weight, depths=(3,), split="forum")
        ),
        "standard_error_at_3": errors,
        "chance_at_3": by_chance(index, "test"),
        "note_misses": misses[:10],
        "index": costs(encoder, index, list(texts.values())[:50]),
    }


def text_hash(texts):
    """The SHA-256 of some texts."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def standard_error(values):
    """That of the mean of numbers or of yes and no."""
    return statistics.stdev(map(float, values)) / len(values) ** 0.5


def costs(encoder, index, texts):
    """Processor seconds to make the index and to answer one question, and the index's size."""
    began = time.process_time()
    for text in texts:
        best_places(index.vectors @ encoder.vectors([text])[0], 3)
    middle = time.process_time()
    for text in texts:
        best_places(index.words.scores(content_words(text)), 3)
    ended = time.process_time()
    return {
        "passages": len(index.texts),
        "notes_sha256": text_hash(index.texts),
        "vector_seconds": index.vector_seconds,
        "vector_bytes": index.vectors.nelement() * index.vectors.element_size(),
        "word_seconds": index.word_seconds,
        "vector_query_ms": 1000 * (middle - began) / len(texts),
        "word_query_ms": 1000 * (ended - middle) / len(texts),
    }


def main(parts=()):
    from benchmarks._retrieval_rag import judge_again, with_passages
    from benchmarks._retrieval_report import section

    parts = parts or ("search", "rag")
    if not (available("minilm", shows="the search") and available("smollm2", shows="its answers")):
        return 1
    record = json.loads(PATH.read_text("utf-8")) if PATH.is_file() else {}
    figures = {name: record[name] for name in ("search", "rag") if name in record}

    def keep(name, found):
        figures[name] = found
        command = "python3 course.py bench retrieval"
        _record.write("retrieval", command, CODE, ["torch"], figures)

    if "search" in parts:
        keep("search", search())
    if "rag" in parts:
        save = partial(keep, "rag")
        save(with_passages(figures["search"], save, record.get("rag", {})))
    if "judge" in parts:
        keep("rag", judge_again(record["rag"]))
    lines = section(json.loads(PATH.read_text("utf-8")))
    _record.write_section(TITLE, lines)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
