"""The part of `bench retrieval` with chat models: the passage in front of the question, and controls."""

import random
import statistics
import time

from benchmarks import retrieval
from benchmarks._retrieval_words import told
from classroom.pages.talkers import smollm2
from classroom.worlds.course_qa import load_course_qa
from helpers.chat import CHAT_MODEL, ChatModel, load_chat_model
from helpers.evaluate import answer_together, nearest_reference, token_f1
from helpers.family.search import best_places
from helpers.family.sentences import load_minilm
from helpers.files import sha256
from helpers.texts.corpora import fetch

N_ASKED, NEW_TOKENS, BATCH = 60, 40, 12
ASK = "Answer in one sentence.\n\nQuestion: {question}"
ASK_WITH = (
    "Answer in one sentence, from this passage.\n\nPassage: {passage}\n\nQuestion: {question}"
)


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


def go_on(chat, prompts, before, weights):
    """The answers to prompts, those taken over that the same weights gave in a run `before`."""
    if not before or before.get("weights") != weights:
        before = {"prompts": [], "said": [], "seconds": 0}
    known = dict(zip(before["prompts"], before["said"], strict=True))
    digests = [retrieval.text_hash([prompt])[:16] for prompt in prompts]
    new = [place for place, digest in enumerate(digests) if digest not in known]
    began = time.process_time()
    said = answers(chat, [prompts[place] for place in new]) if new else []
    known |= {digests[place]: text for place, text in zip(new, said, strict=True)}
    seconds = round(before["seconds"] + time.process_time() - began, 1)
    said = [known[each] for each in digests]
    return {"weights": weights, "prompts": digests, "said": said, "seconds": seconds}


def judged(said, own, references, asked):
    """How a list of answers compares with the course's own, as means and standard errors."""
    pairs = list(zip(said, own, strict=True))
    each = {
        "token_f1": [token_f1(answer, right) for answer, right in pairs],
        "told": [told(*pair, question) for pair, question in zip(pairs, asked, strict=True)],
        "nearest": [
            float(references[nearest_reference(answer, references)[0]] == right)
            for answer, right in pairs
        ],
    }
    figures = {name: statistics.mean(values) for name, values in each.items()}
    figures |= {f"{name}_error": retrieval.standard_error(values) for name, values in each.items()}
    return figures | {"told_each": [round(value, 3) for value in each["told"]]}


def judge_again(earlier):
    """The part of an earlier run with its recorded answers judged by today's rulers."""
    texts, own = earlier["questions"], earlier["course_answers"]
    references = list(dict.fromkeys(q.answer for q in load_course_qa()))
    figures = {
        key: earlier[key] for key in ("n", "found_answers", "right_note_first") if key in earlier
    }
    figures |= {"questions": texts, "course_answers": own, "answers": earlier["answers"]}
    figures["question_itself"] = judged(texts, own, references, texts)
    if "found" in earlier.get("passage_itself", {}):
        figures["passage_itself"] = earlier["passage_itself"]
    for key, answered in earlier["answers"].items():
        name, _, condition = key.rpartition(", ")
        figures.setdefault(name, {})[condition] = judged(answered["said"], own, references, texts)
    return figures


def chosen_questions():
    """The numbers of the questions that are asked: of the test half, with a paragraph that answers."""
    known, asked = retrieval.truth(), retrieval.asked("test")
    marked = [number for number in asked if known.get(number)]
    return sorted(random.Random(0).sample(marked, N_ASKED))


def passages_for(numbers, searched):
    """For each condition the texts of the passages in front of the questions."""
    encoder, asked, known = load_minilm(), retrieval.asked("test"), retrieval.truth()
    index = retrieval.Index(encoder, searched["words_per_passage"])
    texts = [asked[number] for number in numbers]
    found = [
        best_places(index.scores(vector, text, searched["weight_of_words"])["sum of both"], 1)[0]
        for text, vector in zip(texts, encoder.vectors(texts), strict=True)
    ]
    answering = [
        next(
            place
            for place, passage in enumerate(index.passages)
            if any(retrieval.holds(passage, *each) for each in known[number])
        )
        for number in numbers
    ]
    drawn = random.Random(1).sample(range(len(index.passages)), len(numbers))
    places = {"found": found, "random": drawn, "answering": answering}
    return {name: [index.passages[p].text for p in each] for name, each in places.items()}, {
        "found_answers": statistics.mean(
            index.right([place], number, known)["passage"]
            for place, number in zip(found, numbers, strict=True)
        )
    }


def with_passages(searched, keep, earlier):
    """Ask chat models without a passage, with the found, a random, and one that answers.

    `keep` saves the figures so far; answers that are in the `earlier` ones to the same prompts are
    taken from there.
    """
    numbers, asked = chosen_questions(), retrieval.asked("test")
    texts, own = [asked[n] for n in numbers], [load_course_qa()[n].answer for n in numbers]
    references = list(dict.fromkeys(q.answer for q in load_course_qa()))
    passages, first = passages_for(numbers, searched)
    prompts = {"none": [ASK.format(question=text) for text in texts]}
    for name, chosen in passages.items():
        prompts[name] = [
            ASK_WITH.format(passage=passage, question=text)
            for passage, text in zip(chosen, texts, strict=True)
        ]
    figures = {
        "n": len(numbers),
        **first,
        "questions": texts,
        "course_answers": own,
        "question_itself": judged(texts, own, references, texts),
        "passage_itself": {
            name: judged(chosen, own, references, texts) for name, chosen in passages.items()
        },
        "answers": {},
    }
    course = ChatModel("course", load_chat_model)
    for name, chat, file, asks in (
        # the context of the course's model is too short for a passage
        ("the course's chat model", course, CHAT_MODEL / "difference.safetensors", {"none": texts}),
        ("SmolLM2", smollm2(), fetch("smollm2"), prompts),
    ):
        figures[name], weights = {}, sha256(file)
        for condition, lines in asks.items():
            key = f"{name}, {condition}"
            figures["answers"][key] = go_on(
                chat, lines, earlier.get("answers", {}).get(key), weights
            )
            said = figures["answers"][key]["said"]
            figures[name][condition] = judged(said, own, references, texts)
            print(name, condition, {k: round(v, 3) for k, v in figures[name][condition].items() if k != "told_each"}, flush=True)  # fmt: skip
            keep(figures)
    return figures
