"""I do not know that: refuse a question by how sure the model is of its own answer.

A language model gives each token of its answer a probability. Asked what it was trained on, it is
nearly certain of every one; asked about something else, it hesitates somewhere. So an answer gets a
score from its log-probabilities, and below a threshold the model says that it does not know:

    known    |                 ..  . .:.::::::|     refused: the few dots left of the threshold
    foreign  |.:.: ..:. .  .         .  .     |     answered: the few dots right of it
             |                ^ threshold     0: certain of every token

Sources: Hendrycks and Gimpel 2017 (the largest probability finds inputs unlike those of the
training); Malinin and Gales 2021 (the same for sequences of tokens).
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from helpers.files import read_json, write_whole

NAME = "refusal.json"
FIRST = 8  # tokens of an answer that "first" looks at
DO_NOT_KNOW = (
    "I do not know that. I know the lectures on tokens, embeddings, attention, training, decoding "
    "and fine-tuning."
)
SCORES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": torch.mean,
    "lowest": torch.min,
    "first": lambda log_probabilities: log_probabilities[:FIRST].mean(),
    "sum": torch.sum,
}
Scores = Mapping[str, Sequence[float]]  # for each of `SCORES` the score of every answer
NO_ANSWER = -1e6  # the score where the model refuses by itself: below every other score


@torch.no_grad()
def answer_log_probabilities(
    model: Any, prompt_ids: Sequence[int], answer_ids: Sequence[int]
) -> torch.Tensor:
    """Return the log-probability of each token of an answer, (A,), given all that comes before it.

    The end of the answer is a token, too: give it with the others. What does not fit into the
    model's context is cut from the front. Raises ValueError for an empty prompt or answer.
    """
    if not prompt_ids or not answer_ids:
        raise ValueError(f"there are {len(prompt_ids)} prompt and {len(answer_ids)} answer tokens")
    device = next(model.parameters()).device
    ids = torch.tensor([*prompt_ids, *answer_ids], device=device)[-model.config.context_length :]
    n_scored = min(len(answer_ids), len(ids) - 1)
    hidden = model.hidden_states(ids[None, :-1])[0, -n_scored:]  # (A, C)
    log_probabilities = model.output_head(hidden).float().log_softmax(dim=-1)  # (A, V)
    return log_probabilities.gather(-1, ids[-n_scored:, None]).squeeze(-1)


def answer_score(
    model: Any, prompt_ids: Sequence[int], answer_ids: Sequence[int], how: str = "mean"
) -> float:
    """Return how sure the model is of an answer: 0 if it is certain of every token, else below 0.

    `how` makes one number of the log-probabilities: their "mean", the "lowest", the mean of the
    "first" eight, or the "sum". Raises ValueError for another, and for an empty prompt or answer.
    """
    if how not in SCORES:
        raise ValueError(f"how must be one of {', '.join(SCORES)}, not {how!r}")
    return SCORES[how](answer_log_probabilities(model, prompt_ids, answer_ids)).item()


def choose_threshold(
    known_scores: Sequence[float],
    foreign_scores: Sequence[float],
    most_known_refused: float = 0.05,
) -> float:
    """Return the threshold that refuses most foreign scores and few known ones.

    What lies below it is refused. At most the share `most_known_refused` of the known scores does;
    of thresholds that refuse equally many foreign ones, the lowest is taken. It lies halfway between
    two scores. Raises ValueError if there are no scores of one kind, a score is not a finite number,
    or the share is not in [0, 1].

    >>> choose_threshold([-0.1, -0.2, -0.3, -2.0], [-0.15, -1.0, -3.0], most_known_refused=0.25)
    -0.65
    >>> choose_threshold([-0.1, -0.2, -0.3, -2.0], [-0.15, -1.0, -3.0], most_known_refused=0.0)
    -2.5
    """
    if not known_scores or not foreign_scores:
        raise ValueError(f"{len(known_scores)} known and {len(foreign_scores)} foreign scores")
    if not 0 <= most_known_refused <= 1:
        raise ValueError(f"most_known_refused is {most_known_refused}; it must be in [0, 1]")
    scores = sorted({*known_scores, *foreign_scores})
    if not all(map(math.isfinite, scores)):
        raise ValueError("a score is NaN or infinite")
    middles = [(low + high) / 2 for low, high in zip(scores, scores[1:], strict=False)]
    allowed = [
        threshold
        for threshold in (scores[0] - 1.0, *middles, scores[-1] + 1.0)
        if share_below(known_scores, threshold) <= most_known_refused
    ]
    return max(allowed, key=lambda threshold: share_below(foreign_scores, threshold))


def share_below(scores: Sequence[float], threshold: float) -> float:
    """Return the share of scores below a threshold, with every `NO_ANSWER`: what it refuses.

    >>> share_below([-0.1, -0.2, -3.0, -4.0], -1.0)
    0.5
    """
    return sum(score < max(threshold, NO_ANSWER / 2) for score in scores) / len(scores)


class Refusal(NamedTuple):
    """When a chat model refuses (a score `how` below `below`), and what it says then."""

    below: float
    how: str = "mean"
    says: str = DO_NOT_KNOW

    def refuses(self, model: Any, prompt_ids: Sequence[int], answer_ids: Sequence[int]) -> bool:
        """Return whether the model is too unsure of its answer (with its end, if it has one)."""
        return answer_score(model, prompt_ids, answer_ids, self.how) < self.below


def choose_refusal(
    known: Mapping[str, Scores], foreign: Scores, most_known_refused: float, says: str = DO_NOT_KNOW
) -> tuple[Refusal, dict[str, dict[str, float]]]:
    """Return the refusal that turns away most foreign questions, and what each of `SCORES` comes to.

    Of each `known` group ("questions", "tasks") at most a share `most_known_refused` is refused, or
    what the model refuses by itself (`NO_ANSWER`). Raises ValueError for an empty group or `foreign`.
    """
    tried = {}
    for how in SCORES:
        below = math.inf
        for scores in known.values():
            most = max(most_known_refused, share_below(scores[how], -math.inf))
            below = min(below, choose_threshold(scores[how], foreign[how], most))
        groups = {**known, "foreign": foreign}.items()
        shares = {f"{name}_refused": share_below(scores[how], below) for name, scores in groups}
        tried[how] = {"below": below, **shares}
    best = max(tried, key=lambda how: tried[how]["foreign_refused"])
    return Refusal(tried[best]["below"], best, says), tried


def save_refusal(folder: Path | str, refusal: Refusal) -> None:
    """Write `refusal.json` into a model's folder."""
    write_whole(Path(folder) / NAME, json.dumps(refusal._asdict(), indent=1) + "\n")


def load_refusal(folder: Path | str) -> Refusal | None:
    """Return what `save_refusal` wrote into a folder, or None where there is no such file.

    Raises ValueError if the file is damaged.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    parts = read_json(path)
    kinds: dict[str, Any] = {"below": (int, float), "how": str, "says": str}
    if parts.keys() != kinds.keys() or not all(isinstance(parts[n], kinds[n]) for n in kinds):
        raise ValueError(f"{path} is damaged: it must have below, how and says")
    if not math.isfinite(parts["below"]) or parts["how"] not in SCORES:
        raise ValueError(f"{path} is damaged: below is {parts['below']}, how is {parts['how']!r}")
    return Refusal(**parts)
