"""Is an answer right? Exact match, word overlap, and the nearest of many reference answers.

Answers are texts. `answer_all` answers many prompts at once, with greedy decoding, so that the
same prompts get the same answers every time.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import regex
import torch

from helpers.bpe import BPETokenizer
from helpers.kv_cache import KVCache
from helpers.model import GPT
from helpers.tokenizer import end_of_text_id

WORD = regex.compile(r"(?<![\p{L}\p{M}\p{N}])-(?=\p{N})\p{N}+|[\p{L}\p{M}\p{N}\u200c\u200d]+")


def answer_all(
    model: GPT,
    tokenizer: BPETokenizer,
    prompts: Sequence[str],
    max_new_tokens: int = 60,
    batch_size: int = 64,
) -> list[str]:
    """Return the model's greedy answer to each prompt, up to the end-of-text token.

    Prompts of similar length form a batch. Raises ValueError if a prompt leaves no room for
    `max_new_tokens` in the model's context.
    """
    end_id = end_of_text_id(tokenizer)
    rows = [[end_id, *tokenizer.encode_ordinary(prompt)] for prompt in prompts]
    limit = model.config.context_length - max_new_tokens
    long = next((row for row in rows if len(row) > limit), None)
    if long is not None:
        raise ValueError(f"a prompt of {len(long)} tokens is longer than {limit}")
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    answers = [""] * len(rows)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        new = answer_together(model, [rows[i] for i in chosen], max_new_tokens, end_id)
        for place, ids in zip(chosen, new, strict=True):
            answers[place] = tokenizer.decode(ids).strip()
    return answers


@torch.no_grad()
def answer_together(
    model: Any, rows: Sequence[Sequence[int]], max_new_tokens: int, end_id: int
) -> list[list[int]]:
    """Return the greedy answer to each row of token ids, as a list of ids without the end.

    All rows go on together from the shortest one's end. While a row still has prompt left, its own
    next token is taken and not the model's: so no padding is needed, and positions are right.
    """
    lengths = [len(row) for row in rows]
    device = next(model.parameters()).device
    cache = KVCache(
        model.config,
        len(rows),
        max(lengths) + max_new_tokens,
        device,
        model.token_embedding.weight.dtype,
    )
    answers: list[list[int]] = [[] for _ in rows]
    done = [max_new_tokens == 0] * len(rows)
    inputs = torch.tensor([row[: min(lengths)] for row in rows], device=device)  # (B, T)
    for position in range(min(lengths), max(lengths) + max_new_tokens):
        if all(done):
            break
        hidden = model.hidden_states(inputs, cache)[:, -1]  # (B, C)
        new = model.output_head(hidden).argmax(dim=-1).tolist()
        for i, row in enumerate(rows):
            if position < len(row):
                new[i] = row[position]
            elif not done[i]:
                done[i] = new[i] == end_id
                if not done[i]:
                    answers[i].append(new[i])
                    done[i] = len(answers[i]) == max_new_tokens
        inputs = torch.tensor(new, device=device)[:, None]  # (B, 1)
    return answers


def exact_match(answer: str, reference: str) -> bool:
    """Return whether two answers are equal, apart from white space at their ends.

    >>> exact_match(" 12 ", "12"), exact_match("12.", "12")
    (True, False)
    """
    return answer.strip() == reference.strip()


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text in lower case, without punctuation.

    Letters of any language count, with their combining marks; a minus sign belongs to its number.

    >>> words_of("A token's id: 42!")
    ['a', 'token', 's', 'id', '42']
    """
    text = unicodedata.normalize("NFC", text).replace("\N{MINUS SIGN}", "-").casefold()
    return WORD.findall(text)


def token_f1(answer: str, reference: str) -> float:
    """Overlap of two answers as bags of words: the harmonic mean of precision and recall.

    0 if no word is shared or there is none, 1 if the words are the same, in any order. Source: Rajpurkar et al. 2016
    (SQuAD), section 6.1; there, articles are left out as well.

    >>> round(token_f1("a small dog", "the small brown dog"), 4)
    0.5714
    """
    ours, theirs = Counter(words_of(answer)), Counter(words_of(reference))
    shared = sum((ours & theirs).values())
    if not shared:
        return 0.0
    precision, recall = shared / sum(ours.values()), shared / sum(theirs.values())
    return 2 * precision * recall / (precision + recall)


def nearest_reference(answer: str, references: Sequence[str]) -> tuple[int, float]:
    """Return (index, token F1) of the reference with the highest token F1.

    The first of several equals counts. Raises ValueError if there are no references.

    >>> nearest_reference("red and blue", ["green", "blue, red", "red"])[0]
    1
    """
    if not references:
        raise ValueError("there are no reference answers to compare with")
    scores = [token_f1(answer, reference) for reference in references]
    best = max(range(len(scores)), key=scores.__getitem__)
    return best, scores[best]


def is_right_answer(
    answer: str, own: str, references: Sequence[str], at_least: float = 0.6
) -> bool:
    """Return whether `own` is the nearest of all references, with a token F1 of `at_least`.

    Raises ValueError if `own` is not among the references.

    >>> is_right_answer("a token is a piece", "A token is a piece.", ["An id.", "A token is a piece."])
    True
    """
    if own not in references:
        raise ValueError("the right answer is not among the references")
    place, score = nearest_reference(answer, references)
    return references[place] == own and score >= at_least


def share_by_kind(kinds: Iterable[str], right: Iterable[bool]) -> dict[str, float]:
    """Return the accuracy for each kind, in alphabetical order.

    Raises ValueError if the two lists differ in length.

    >>> share_by_kind(["sum", "sort", "sum"], [True, True, False])
    {'sort': 1.0, 'sum': 0.5}
    """
    kinds, right = list(kinds), list(right)
    if len(kinds) != len(right):
        raise ValueError(f"{len(kinds)} kinds have {len(right)} answers")
    groups = defaultdict(list)
    for kind, correct in zip(kinds, right, strict=True):
        groups[kind].append(bool(correct))
    return {kind: sum(groups[kind]) / len(groups[kind]) for kind in sorted(groups)}
