"""Does a search find the note that answers, and does the passage help a chat model?

    python3 course.py bench retrieval            both parts, about five minutes of processor time
    python3 course.py bench retrieval search     the search alone

The questions are those of `classroom.worlds.course_qa`, without the small talk of lecture 0. A search
is right at 3 if one of its first three passages is from the note of the question's lecture. Of several
`SIZES` of a passage, each way of searching takes the best on the train wordings. A run that was stopped
goes on with the answers in retrieval.json. Notebook 10 shows the figures of retrieval.json.
"""

import hashlib
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import torch

from benchmarks import _record
from classroom.pages.talkers import smollm2
from classroom.worlds.course_qa import load_course_qa
from classroom.worlds.passages import note_passages
from helpers.chat import ChatModel, load_chat_model
from helpers.evaluate import answer_together, nearest_reference, token_f1
from helpers.family.search import BM25, best_places, fuse
from helpers.family.sentences import load_minilm
from helpers.texts.corpora import available

SIZES = (100,)  # words per passage
WAYS = ("MiniLM", "BM25", "both")
DEPTHS = (1, 3, 10)
N_ASKED, NEW_TOKENS, BATCH, AT_LEAST = 24, 40, 12, 0.6
ASK = "Answer in one sentence.\n\nQuestion: {question}"
ASK_WITH = (
    "Answer in one sentence, from this passage.\n\nPassage: {passage}\n\nQuestion: {question}"
)
# How many wordings begin, which says nothing about what is asked.
OPENING = re.compile(
    r"^(?:(?:can|could) you (?:tell me|explain)|tell me|explain|in simple words)(?: about)?,? *",
    re.I,
)
TITLE = "Finding the passage that answers"
PATH = _record.HERE / "retrieval.json"
CODE = [
    "benchmarks/retrieval.py",
    *(f"helpers/family/{name}.py" for name in ("encoder", "word_pieces", "sentences", "search")),
    "classroom/worlds/passages.py",
    "classroom/worlds/course_qa.py",
]


def asked(split):
    """The wordings of a split as texts, and the lecture of each."""
    pairs = [(w, q.lecture) for q in load_course_qa() if q.lecture for w in q.split(split)]
    return [words for words, _ in pairs], torch.tensor([lecture for _, lecture in pairs])


class Index:
    """The passages of one size, their vectors and their word counts, with the seconds they took."""

    def __init__(self, encoder, size):
        passages = note_passages(size)
        self.texts = list(map(str, passages))
        self.lectures = torch.tensor([passage.lecture for passage in passages])
        kept = Path(tempfile.gettempdir()) / f"retrieval-{text_hash(self.texts)[:16]}.pt"
        if not kept.is_file():  # a run that was stopped goes on with it
            began = time.process_time()
            vectors = encoder.vectors(self.texts)
            torch.save((vectors, time.process_time() - began), kept)
        self.vectors, self.vector_seconds = torch.load(kept)
        began = time.process_time()
        self.words = BM25(self.texts)
        self.word_seconds = time.process_time() - began

    def scores(self, texts, vectors):
        """Scores (questions, N) of each way for texts and their vectors."""
        by_meaning = vectors @ self.vectors.T
        by_words = torch.stack([self.words.scores(text) for text in texts])
        both = [fuse(one, other) for one, other in zip(by_meaning, by_words, strict=True)]
        return dict(zip(WAYS, (by_meaning, by_words, torch.stack(both)), strict=True))


def found(scores, lectures, wanted, depth):
    """For each question, whether a passage of the wanted lecture is among the first `depth`."""
    first = scores.argsort(dim=1, descending=True, stable=True)[:, :depth]
    return (lectures[first] == wanted[:, None]).any(dim=1)


def by_note(scores, lectures):
    """The best score of each note's passages (questions, notes), and the notes' lectures."""
    n_notes = int(lectures.max()) + 1
    best_of = torch.full((len(scores), n_notes), -torch.inf)
    best_of.scatter_reduce_(1, lectures.expand_as(scores), scores, "amax")
    return best_of, torch.arange(n_notes)


def by_chance(lectures, wanted, depth=3):
    """The expected share for `depth` different passages drawn at random."""
    counts, n, shares = Counter(lectures.tolist()), len(lectures), []
    for lecture in wanted.tolist():
        none = 1.0
        for drawn in range(depth):
            none *= max(n - counts[lecture] - drawn, 0) / (n - drawn)
        shares.append(1 - none)
    return statistics.mean(shares)


def choose(encoder, indexes):
    """Recall at 3 on the train wordings, by way and size."""
    texts, wanted = asked("train")
    vectors, recalls = encoder.vectors(texts), {way: {} for way in WAYS}
    for size, index in indexes.items():
        for way, scores in index.scores(texts, vectors).items():
            recalls[way][size] = found(scores, index.lectures, wanted, 3).float().mean().item()
        print(
            f"{size} words: " + str({way: round(recalls[way][size], 3) for way in WAYS}), flush=True
        )
    return recalls


def search():
    """Choose on the train wordings, look once at the test wordings; the figures, as a dictionary."""
    encoder = load_minilm()
    indexes = {size: Index(encoder, size) for size in SIZES}
    recalls = choose(encoder, indexes)
    chosen = {way: max(SIZES, key=recalls[way].__getitem__) for way in WAYS}
    texts, wanted = asked("test")
    vectors = encoder.vectors(texts)
    scores = {size: indexes[size].scores(texts, vectors) for size in set(chosen.values())}
    tested, notes, hits = {}, {}, {}
    for way, size in chosen.items():
        each = {k: found(scores[size][way], indexes[size].lectures, wanted, k) for k in DEPTHS}
        tested[way] = {str(k): hit.float().mean().item() for k, hit in each.items()}
        hits[way] = each[3]
        best_of = by_note(scores[size][way], indexes[size].lectures)
        notes[way] = {str(k): found(*best_of, wanted, k).float().mean().item() for k in DEPTHS}
    bare = [OPENING.sub("", text) for text in texts]
    bare_vectors = encoder.vectors(bare)
    without = {}
    for way, size in chosen.items():
        again = indexes[size].scores(bare, bare_vectors)[way]
        without[way] = found(again, indexes[size].lectures, wanted, 3).float().mean().item()
    size = chosen["MiniLM"]
    common = Counter(asked("train")[1].tolist()).most_common(3)
    minilm, bm25 = hits["MiniLM"], hits["BM25"]
    return {
        "n_train": len(asked("train")[0]),
        "n_test": len(texts),
        "train_recall_at_3": recalls,
        "words_per_passage": chosen,
        "recall": tested,
        "recall_of_notes": notes,
        "openings": statistics.mean(one != other for one, other in zip(texts, bare, strict=True)),
        "recall_without_openings": without,
        "standard_error_at_3": {way: standard_error(hit.tolist()) for way, hit in hits.items()},
        "chance_at_3": by_chance(indexes[size].lectures, wanted),
        "three_most_frequent_notes": sum((wanted == lecture).float().mean().item() for lecture, _ in common),
        "only_minilm": (minilm & ~bm25).sum().item(),
        "only_bm25": (bm25 & ~minilm).sum().item(),
        "neither": (~minilm & ~bm25).sum().item(),
        "minilm_loses": [texts[i] for i in (bm25 & ~minilm).nonzero().flatten().tolist()[:8]],
        "bm25_loses": [texts[i] for i in (minilm & ~bm25).nonzero().flatten().tolist()[:8]],
        "index": costs(encoder, indexes[size], texts[:50]),
    }  # fmt: skip


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
        best_places(index.words.scores(text), 3)
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


def answers(chat, prompts):
    """The greedy answers of a chat model, each prompt in a conversation of its own."""
    model, tokenizer = chat.load()
    rows = [chat.opening() + chat.question(prompt) for prompt in prompts]
    order, said = sorted(range(len(rows)), key=lambda i: len(rows[i])), [""] * len(rows)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        new = answer_together(model, [rows[i] for i in chosen], NEW_TOKENS, chat.end_id())
        for place, ids in zip(chosen, new, strict=True):
            said[place] = tokenizer.decode(ids).strip()
    return said


def go_on(chat, prompts, before):
    """The answers to prompts, those taken over that are in the record of a run `before`."""
    before = before or {"prompts": [], "said": [], "seconds": 0}
    known = dict(zip(before["prompts"], before["said"], strict=True))
    digests = [text_hash([prompt])[:16] for prompt in prompts]
    new = [place for place, digest in enumerate(digests) if digest not in known]
    began = time.process_time()
    said = answers(chat, [prompts[place] for place in new]) if new else []
    known |= {digests[place]: text for place, text in zip(new, said, strict=True)}
    seconds = round(before["seconds"] + time.process_time() - began, 1)
    return {"prompts": digests, "said": [known[each] for each in digests], "seconds": seconds}


def judged(said, own, references):
    """How a list of answers compares with the course's own: shares and means."""
    f1 = [token_f1(answer, right) for answer, right in zip(said, own, strict=True)]
    nearest = [
        references[nearest_reference(answer, references)[0]] == right
        for answer, right in zip(said, own, strict=True)
    ]
    right = [near and score >= AT_LEAST for near, score in zip(nearest, f1, strict=True)]
    return {
        "right": statistics.mean(right),
        "nearest": statistics.mean(nearest),
        "token_f1": statistics.mean(f1),
        "token_f1_error": standard_error(f1),
        "token_f1_each": [round(score, 3) for score in f1],
    }


def with_passages(size, keep, earlier):
    """Ask chat models a sample of the test questions without, with the found, with a random passage.

    `keep` saves the figures so far; answers that are in the `earlier` ones to the same prompts are
    taken from there.
    """
    entries = [q for q in load_course_qa() if q.lecture]
    random.Random(0).shuffle(entries)  # more questions begin with the same ones
    sample = entries[:N_ASKED]
    texts, own = [q.wordings[-1] for q in sample], [q.answer for q in sample]
    references = list(dict.fromkeys(q.answer for q in load_course_qa()))
    encoder, passages = load_minilm(), note_passages(size)
    vectors = Index(encoder, size).vectors
    places = {
        "found": [best_places(vectors @ vector, 1)[0] for vector in encoder.vectors(texts)],
        "random": random.Random(1).sample(range(len(passages)), len(entries))[:N_ASKED],
    }
    prompts = {"none": [ASK.format(question=text) for text in texts]}
    for name, chosen in places.items():
        prompts[name] = [
            ASK_WITH.format(passage=passages[place].text, question=text)
            for place, text in zip(chosen, texts, strict=True)
        ]
    figures = {
        "n": N_ASKED,
        "right_note_first": statistics.mean(
            passages[place].lecture == q.lecture for place, q in zip(places["found"], sample, strict=True)
        ),
        "questions": texts,
        "course_answers": own,
        "passage_itself": judged([passages[place].text for place in places["found"]], own, references),
        "answers": {},
    }  # fmt: skip
    course = ChatModel("course", load_chat_model)
    for name, chat, asks in (
        # the context of the course's model is too short for a passage
        ("the course's chat model", course, {"none": texts}),
        ("SmolLM2", smollm2(), prompts),
    ):
        figures[name] = {}
        for condition, lines in asks.items():
            key = f"{name}, {condition}"
            figures["answers"][key] = go_on(chat, lines, earlier.get("answers", {}).get(key))
            said = figures["answers"][key]["said"]
            figures[name][condition] = judged(said, own, references)
            print(name, condition, {k: v for k, v in figures[name][condition].items() if k != "token_f1_each"}, flush=True)  # fmt: skip
            keep(figures)
    return figures


def section(record):
    """The README's section, as lines."""
    s = record["search"]
    index, sizes = s["index"], s["words_per_passage"]
    tried = s["train_recall_at_3"]["MiniLM"]
    choice = (
        f"Words per passage were chosen for each way on the {s['n_train']:,} train wordings."
        if len(tried) > 1
        else "The size of a passage was not tuned."
    )
    rows = [
        f"| {way} | {sizes[way]} | "
        + " | ".join(f"{s['recall'][way][str(k)]:.3f}" for k in DEPTHS)
        + f" | {s['standard_error_at_3'][way]:.3f} | {s['recall_of_notes'][way]['3']:.3f} | "
        f"{s['recall_without_openings'][way]:.3f} |"
        for way in WAYS
    ]
    lines = [
        *_record.made_by("retrieval", record),
        f"The last wording of each of {s['n_test']} questions, searched in the course's 44 notes. Right: "
        f"a passage of the note of the question's lecture is among the first 1, 3 or 10. {choice} "
        "In the column '3 notes' the notes are ranked by their best passage, and the right one is among "
        f"the first three. The last column is the control for phrases such as 'Can you tell me', with "
        f"which {s['openings']:.2f} of the test wordings begin: it leaves them out. The label is narrow: where another note answers as well, it counts as wrong.",
        "",
        "| way | words per passage | recall at 1 | at 3 | at 10 | standard error at 3 | 3 notes | at 3, no opening |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        f"| three passages at random | {sizes['MiniLM']} | | {s['chance_at_3']:.3f} | | | | |",
        f"| the three most frequent notes | | | {s['three_most_frequent_notes']:.3f} | | | | |",
        "",
        f"MiniLM alone is right at 3 on {s['only_minilm']} questions, BM25 alone on {s['only_bm25']}, "
        f"neither on {s['neither']}. The index of {index['passages']} passages takes "
        f"{index['vector_seconds']:.0f} processor seconds and {index['vector_bytes'] / 1e6:.1f} MB as "
        f"vectors, {index['word_seconds']:.1f} seconds as word counts; a question takes "
        f"{index['vector_query_ms']:.0f} and {index['word_query_ms']:.0f} ms.",
    ]  # fmt: skip
    return lines + (rag_section(record["rag"]) if "rag" in record else [])


def rag_section(r):
    """What the passage does to the chat models' answers."""
    names = {"none": "no passage", "found": "the passage found", "random": "a random passage"}
    rows = [
        f"| {model} | {names[condition]} | {f['right']:.2f} | {f['nearest']:.2f} | "
        f"{f['token_f1']:.3f} ± {f['token_f1_error']:.3f} |"
        for model in ("SmolLM2", "the course's chat model")
        for condition, f in r[model].items()
    ]
    itself = r["passage_itself"]
    return [
        "",
        f"In front of a chat model: {r['n']} of the test questions (seed 0), greedy, at most "
        f"{NEW_TOKENS} new tokens, MiniLM's first passage, which is from the right note for "
        f"{r['right_note_first']:.2f} of them. Right: the course's own answer is the nearest of all "
        f"and the token F1 is {AT_LEAST} or more; every answer is in the file.",
        "",
        "| model | in front of the question | right | own answer nearest | token F1 |",
        "|---|---|---|---|---|",
        *rows,
        f"| the passage itself, as the answer | | {itself['right']:.2f} | {itself['nearest']:.2f} | "
        f"{itself['token_f1']:.3f} ± {itself['token_f1_error']:.3f} |",
    ]  # fmt: skip


def main(parts=()):
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
        size = figures["search"]["words_per_passage"]["MiniLM"]
        save = partial(keep, "rag")
        save(with_passages(size, save, record.get("rag", {})))
    lines = section(json.loads(PATH.read_text("utf-8")))
    _record.write_section(TITLE, lines)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
