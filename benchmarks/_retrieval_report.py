"""The section of benchmarks/README.md on the search, as lines."""

from benchmarks import _record
from benchmarks._retrieval_rag import NEW_TOKENS
from benchmarks.retrieval import DEPTHS, RULERS

CONDITIONS = {
    "none": "no passage",
    "found": "the passage found",
    "random": "a random passage",
    "answering": "a passage that answers",
}


def section(record):
    """The README's section."""
    s = record["search"]
    index, errors = s["index"], s["standard_error_at_3"]
    rows = [
        f"| {way} | "
        + " | ".join(
            f"{found['lecture'][str(k)]:.3f}"
            + (f" ± {errors[way]['lecture']:.3f}" if k == 3 else "")
            for k in DEPTHS
        )
        + f" | {s['recall_in_forum_manner'][way]['lecture']['3']:.3f}"
        + f" | {found['note']['3']:.3f} ± {errors[way]['note']:.3f}"
        + f" | {found['passage']['3']:.3f} ± {errors[way]['passage']:.3f} |"
        for way, found in s["recall"].items()
    ]
    chance = " | ".join(f"{s['chance_at_3'][ruler]:.3f}" for ruler in RULERS[1:])
    lines = [
        *_record.made_by("retrieval", record),
        f"The questions of the course as people type them, searched in its notes in {index['passages']} passages of about "
        f"{s['words_per_passage']} words. The weight {s['weight_of_words']} of the words in the sum was "
        f"chosen on the {s['n']['validation']} questions with even numbers; the table is of the "
        f"{s['n']['test']} others, by which nothing was chosen, {s['n_forum']} of them also in the manner of forums. Right: a passage of the note of the question's lecture "
        "is among the first. That ruler is narrow, because other notes answer too: they do for "
        f"{s['answered_in_another_note']:.2f} of the questions whose answering paragraphs were marked "
        f"({s['n_marked']['test']} of this half). For these the last two columns ask more exactly: is one "
        "of the first three from a note that answers, does one hold a paragraph that answers? For "
        f"{s['n_without_answer']} of the 180 questions that were read no paragraph answers; they are in "
        "neither column. What is right but was not among the paragraphs read counts as wrong. Known questions: "
        "the training wordings are searched instead, and lead to the note of the question that was found; "
        "the control leaves out the wordings of the question that is asked.",
        "",
        "| way | lecture's note, at 1 | at 3 | at 10 | at 3, as in a forum | a note that answers, at 3 "
        "| a paragraph that answers, at 3 |",
        "|---|---|---|---|---|---|---|",
        *rows,
        f"| three passages at random | | {s['chance_at_3']['lecture']:.3f} | | | {chance} |",
        "",
        f"The index takes {index['vector_seconds']:.0f} processor seconds and "
        f"{index['vector_bytes'] / 1e6:.1f} MB as vectors, {index['word_seconds']:.1f} seconds as word "
        f"counts; a question takes {index['vector_query_ms']:.0f} and {index['word_query_ms']:.0f} ms.",
    ]  # fmt: skip
    return lines + (rag_section(record["rag"]) if "rag" in record else [])


def rag_section(r):
    """What the passage does to the chat models' answers."""
    rows = [
        row(model, CONDITIONS[condition], figures)
        for model in ("SmolLM2", "the course's chat model")
        for condition, figures in r[model].items()
    ]
    rows.append(row("the question itself, as the answer", "", r["question_itself"]))
    rows += [
        row(f"{CONDITIONS[name]}, as the answer", "", figures)
        for name, figures in r.get("passage_itself", {}).items()
    ]
    if "found_answers" in r:
        which = f"the first passage of the sum, which answers for {r['found_answers']:.2f} of them"
    else:
        which = (
            "MiniLM's first passage, as passages were cut in an earlier run, from the right note for "
            f"{r['right_note_first']:.2f} of them"
        )
    return [
        "",
        f"In front of a chat model: {r['n']} questions (seed 0), greedy, at most {NEW_TOKENS} new tokens, "
        f"{which}. Token F1 compares with the course's own answer, and the question itself, said again, "
        "already has much of it. 'Told' is the share of that answer's content words that are not in the "
        "question and that were said.",
        "",
        "| model | in front of the question | told | token F1 | own answer nearest |",
        "|---|---|---|---|---|",
        *rows,
    ]


def row(model, condition, figures):
    """A line of the table."""
    return (
        f"| {model} | {condition} | {figures['told']:.3f} ± {figures['told_error']:.3f} | "
        f"{figures['token_f1']:.3f} ± {figures['token_f1_error']:.3f} | {figures['nearest']:.2f} |"
    )
