"""Is an answer right? Exact match, word overlap, and the nearest of many reference answers.

Answers are texts. `answer_all` asks a model many prompts at once, greedily, so that the same
prompts bring the same answers every time.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import torch

from helpers.bpe import BPETokenizer
from helpers.generate import generate
from helpers.model import GPT

END_OF_TEXT = "<|endoftext|>"


def answer_all(
    model: GPT,
    tokenizer: BPETokenizer,
    prompts: Sequence[str],
    max_new_tokens: int = 60,
    batch_size: int = 64,
) -> list[str]:
    """Return the model's greedy answer to each prompt, up to the end-of-text token.

    Prompts of like length are asked together, padded in front. Raises ValueError where a prompt
    leaves no room for `max_new_tokens` in the model's context.
    """
    end_id = tokenizer.special_tokens[END_OF_TEXT]
    rows = [[end_id, *tokenizer.encode_ordinary(prompt)] for prompt in prompts]
    limit = model.config.context_length - max_new_tokens
    long = next((row for row in rows if len(row) > limit), None)
    if long is not None:
        raise ValueError(f"a prompt of {len(long)} tokens is longer than {limit}")
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    answers = [""] * len(rows)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        new = _generate_together(model, [rows[i] for i in chosen], max_new_tokens, end_id)
        for place, ids in zip(chosen, new, strict=True):
            kept = ids[: ids.index(end_id)] if end_id in ids else ids
            answers[place] = tokenizer.decode(kept).strip()
    return answers


def _generate_together(model, rows, max_new_tokens, end_id):
    """New token ids of each row, as lists."""
    longest = max(map(len, rows))
    padding = [longest - len(row) for row in rows]
    token_ids = torch.tensor(
        [[end_id] * n + row for n, row in zip(padding, rows, strict=True)]
    )  # (B, T)
    device = next(model.parameters()).device
    steps = generate(
        model,
        token_ids.to(device),
        max_new_tokens,
        stop_id=end_id,
        n_padding=torch.tensor(padding, device=device) if any(padding) else None,
    )
    return torch.stack(list(steps), dim=1).tolist()


def exact_match(answer: str, reference: str) -> bool:
    """True where two answers are the same but for space at the ends.

    >>> exact_match(" 12 ", "12"), exact_match("12.", "12")
    (True, False)
    """
    return answer.strip() == reference.strip()


def words_of(text: str) -> list[str]:
    """The words and numbers of a text in lower case, without punctuation.

    >>> words_of("A token's id: 42!")
    ['a', 'token', 's', 'id', '42']
    """
    return re.findall(r"[a-z0-9]+", text.lower())


def token_f1(answer: str, reference: str) -> float:
    """Overlap of two answers as bags of words: the harmonic mean of precision and recall.

    0 where nothing is shared, 1 where the words are the same in any order. Source: Rajpurkar et
    al. 2016 (SQuAD), section 6.1; there, articles are left out as well.

    >>> round(token_f1("a small dog", "the small brown dog"), 4)
    0.5714
    """
    ours, theirs = Counter(words_of(answer)), Counter(words_of(reference))
    shared = sum((ours & theirs).values())
    if not shared:
        return float(ours == theirs)
    precision, recall = shared / sum(ours.values()), shared / sum(theirs.values())
    return 2 * precision * recall / (precision + recall)


def nearest_reference(answer: str, references: Sequence[str]) -> tuple[int, float]:
    """Return (place, token F1) of the reference that an answer shares most words with.

    Of equal ones the first counts. Raises ValueError where there are none.

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
    """True where `own` is the nearest of all references, with a token F1 of `at_least`.

    Raises ValueError where `own` is not among the references.

    >>> is_right_answer("a token is a piece", "A token is a piece.", ["An id.", "A token is a piece."])
    True
    """
    if own not in references:
        raise ValueError("the right answer is not among the references")
    place, score = nearest_reference(answer, references)
    return references[place] == own and score >= at_least


def share_by_kind(kinds: Iterable[str], right: Iterable[bool]) -> dict[str, float]:
    """The share of right answers of each kind, kinds in the order of the alphabet.

    Raises ValueError where the two lists differ in length.

    >>> share_by_kind(["sum", "sort", "sum"], [True, True, False])
    {'sort': 1.0, 'sum': 0.5}
    """
    groups = defaultdict(list)
    for kind, correct in zip(kinds, right, strict=True):
        groups[kind].append(bool(correct))
    return {kind: sum(groups[kind]) / len(groups[kind]) for kind in sorted(groups)}
