"""What an assistant learns from: conversations as rows of tokens, in which only answers are scored.

    prompt of turn 1 | answer 1 | <end> | prompt of turn 2 | answer 2 | <end>
       not scored    |      scored      |     not scored   |      scored

Prompts are exactly those of the chat, since the chat itself makes them. An answer is the same in
many wordings of its question. Once the model knows it by heart, only its first tokens still teach
something: which answer belongs to this wording. So most repetitions end after a few tokens, and the
time that this saves goes to more wordings.
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from helpers.limits import check_whole
from helpers.llama.chat import LlamaChat
from helpers.texts.documents import DocumentLoader

FIRST_TOKENS = 12  # of an answer that is cut


class Turn(NamedTuple):
    """A question in one wording, and its answer."""

    asked: str
    answer: str


class Row(NamedTuple):
    """Token ids, and for each of them whether the loss counts it."""

    ids: list[int]
    scored: list[bool]


def make_row(chat: LlamaChat, turns: Sequence[Turn], longest: int | None = None) -> Row:
    """Return the tokens of a conversation with its scored answers.

    With `longest`, the row ends after so many tokens of its last answer if that has more. Raises
    ValueError for no turns, an empty text, and a conversation that the model's context does not
    hold.
    """
    if not turns:
        raise ValueError("a conversation needs at least one turn")
    model, tokenizer = chat.load()
    opening = chat.opening()
    ids, scored = list(opening), [False] * len(opening)
    for number, (asked, answer) in enumerate(turns):
        if not asked.strip() or not answer.strip():
            raise ValueError(f"a question or its answer is empty: {asked!r}, {answer!r}")
        prompt = chat.question(asked)
        said = [*tokenizer.encode_ordinary(answer.strip()), chat.end_id()]
        if number < len(turns) - 1:
            rest = chat.turn(asked, answer)[len(prompt) + len(said) :]  # the line end after a turn
        else:
            said, rest = said[:longest], []
        ids += prompt + said + rest
        scored += [False] * len(prompt) + [True] * len(said) + [False] * len(rest)
    if len(ids) > model.config.context_length:
        limit = model.config.context_length
        raise ValueError(f"{turns[0].asked[:40]!r}... has {len(ids)} tokens; {limit} fit")
    return Row(ids, scored)


class RowLoader(DocumentLoader):
    """Batches of rows as `(inputs, targets)`, (B, T) each; see `DocumentLoader` for the options.

    >>> loader = RowLoader([Row([5, 6, 7], [False, False, True])], batch_size=1)
    >>> next(iter(loader))
    (tensor([[5, 6]]), tensor([[-100,    7]]))
    """

    def __init__(self, rows: Sequence[Row], batch_size: int, seed: int = 0, **options: object):
        check_whole("the number of rows", len(rows), least=1)
        super().__init__(
            [row.ids[:-1] for row in rows],
            end_id=0,
            batch_size=batch_size,
            seed=seed,
            scored=[row.scored for row in rows],
            drop_last=False,
            **options,  # type: ignore[arg-type]
        )
        self.last = [row.ids[-1] for row in rows]

    def batch(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        """The rows with these numbers: each predicts its own next tokens, padding predicts none."""
        inputs, targets = super().batch(indices)
        for row, number in enumerate(indices):
            length = len(self.documents[number])
            if self.scored[number][length]:
                targets[row, length] = self.last[number]
        return inputs[:, 1:], targets[:, 1:]  # without the end that documents begin with


def many_rows(
    chat: LlamaChat,
    turns: Sequence[Turn],
    times: int,
    vary: Callable[[str, random.Random], str] = lambda text, _: text,
    whole_share: float = 0.4,
    joined_share: float = 0.2,
    seed: int = 0,
) -> list[Row]:
    """Return rows in which each turn comes `times` times, in a random order each time.

    A share of about `whole_share` of the answers is whole, among them the first time of each turn;
    the others end after `FIRST_TOKENS` tokens. `joined_share` of the rows are conversations of two
    or three turns. `vary` rewords a question from the second time on. Raises ValueError for `times`
    below 1 and as `make_row` does.
    """
    check_whole("times", times, least=1)
    rng, rows = random.Random(seed), []
    for time in range(times):
        order, place = rng.sample(list(turns), len(turns)), 0
        while place < len(order):
            length = rng.choice((2, 3)) if rng.random() < joined_share else 1
            whole = time == 0 or rng.random() < whole_share
            some = order[place : place + length]
            if time:
                some = [Turn(vary(turn.asked, rng), turn.answer) for turn in some]
            rows.append(make_row(chat, some, None if whole else FIRST_TOKENS))
            place += length
    return rows
