"""Ask an assistant many questions at once, and score how sure it is of its answers.

Shapes: B rows, T tokens, N scored tokens, C embedding dimensions, V tokens in the vocabulary.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from helpers.assistant.refusal import NO_ANSWER, SCORES, Refusal
from helpers.assistant.rows import Row, RowLoader, Turn
from helpers.evaluate import answer_together, is_right_answer
from helpers.llama.chat import LlamaChat
from helpers.loss import IGNORED


class Reply(NamedTuple):
    """What was asked and answered, and the log-probability of each token of the answer (A,)."""

    asked: str
    answer: str
    log_probabilities: torch.Tensor

    def score(self, how: str) -> float:
        """How sure the model is of this answer; see `helpers.assistant.refusal.answer_score`."""
        return SCORES[how](self.log_probabilities).item()


def replies_to(
    chat: LlamaChat, questions: Sequence[str], max_new_tokens: int = 90, batch_size: int = 64
) -> list[Reply]:
    """Return the greedy reply to each question, asked first in a conversation of its own.

    Questions of similar length form a batch. Raises ValueError for a question that the context does
    not hold with an answer of `max_new_tokens`.
    """
    model, tokenizer = chat.load()
    rows = [chat.opening() + chat.question(question) for question in questions]
    limit = model.config.context_length - max_new_tokens
    longest = max(map(len, rows), default=0)
    if longest > limit:
        raise ValueError(f"a question of {longest} tokens is longer than {limit}")
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    replies: dict[int, Reply] = {}
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        prompts = [rows[i] for i in chosen]
        said = answer_together(model, prompts, max_new_tokens, chat.end_id())
        whole = [ids + [chat.end_id()] * (len(ids) < max_new_tokens) for ids in said]
        sure = log_probabilities_of(model, prompts, whole)
        for i, ids, found in zip(chosen, said, sure, strict=True):
            replies[i] = Reply(questions[i], tokenizer.decode(ids).strip(), found)
    return [replies[i] for i in range(len(rows))]


@torch.no_grad()
def log_probabilities_of(
    model: torch.nn.Module, prompts: Sequence[list[int]], answers: Sequence[list[int]]
) -> list[torch.Tensor]:
    """Return the log-probability of each token of each answer after its prompt, all in one batch.

    Equal to `helpers.assistant.refusal.answer_log_probabilities`, one by one.
    """
    rows = [
        Row(prompt + answer, [False] * len(prompt) + [True] * len(answer))
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    inputs, targets = RowLoader(rows, len(rows), shuffle=False).batch(range(len(rows)))
    hidden = model.hidden_states(inputs)  # type: ignore[operator]  # (B, T, C)
    found = []
    for states, wanted in zip(hidden, targets, strict=True):
        scored = wanted != IGNORED
        logits = model.output_head(states[scored])  # type: ignore[operator]  # (N, V)
        log_shares = logits.float().log_softmax(dim=-1)
        found.append(log_shares.gather(-1, wanted[scored][:, None]).squeeze(-1))
    return found


def are_right(
    replies: Sequence[Reply], turns: Sequence[Turn], references: Sequence[str]
) -> list[bool]:
    """Return for each reply whether the answer of its turn is the nearest of all `references`."""
    return [
        is_right_answer(reply.answer, turn.answer, references)
        for reply, turn in zip(replies, turns, strict=True)
    ]


def are_refused(replies: Sequence[Reply], refusal: Refusal) -> list[bool]:
    """Return for each reply whether the reader would see what the refusal says."""
    below = max(refusal.below, NO_ANSWER / 2)
    return [score < below for score in all_scores(replies, refusal.says)[refusal.how]]


def all_scores(replies: Sequence[Reply], says: str) -> dict[str, list[float]]:
    """Return each reply's scores; `NO_ANSWER` where it is itself what a refusal says."""
    return {
        how: [NO_ANSWER if r.answer == says else r.score(how) for r in replies] for how in SCORES
    }
