"""A GPT that classifies texts: its last token's state goes through a small new head.

Shapes: B texts, T tokens of the longest text, C embedding dimensions, K classes.
Source: Radford et al. 2018 (GPT), section 3.2: a linear layer on the last token's state.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import torch
from torch import nn
from torch.nn import functional as F

from helpers.bpe import BPETokenizer
from helpers.limits import check_number, check_whole
from helpers.model import GPT
from helpers.optim import create_optimizer
from helpers.runs.safety import check_gradients
from helpers.texts.loaders import as_array
from helpers.tokenizer import end_of_text_id
from helpers.train import TrainConfig, training_step

Item = TypeVar("Item")
Labeled = tuple[Sequence[list[int]], Sequence[int]]  # rows of token ids, and their class numbers

TRAINABLE = ("head", "last block", "everything")


class Reader(Protocol):
    """A causal model with a state for every token, such as `GPT` or `Llama`."""

    def hidden_states(self, token_ids: torch.Tensor) -> torch.Tensor: ...  # (B, T) to (B, T, C)

    def eval(self) -> Any: ...


class TextClassifier(nn.Module):
    """A GPT's body with a head of `n_classes` scores in place of its vocabulary.

    Raises ValueError for fewer than two classes.

    >>> from helpers.config import PRESETS; from helpers.model import GPT
    >>> classifier = TextClassifier(GPT(PRESETS["tiny"]), n_classes=2)
    >>> classifier(torch.tensor([[1, 2, 3], [4, 5, 0]]), lengths=torch.tensor([3, 2])).shape
    torch.Size([2, 2])
    """

    def __init__(self, gpt: GPT, n_classes: int) -> None:
        super().__init__()
        check_whole("n_classes", n_classes, least=2)
        self.gpt = gpt
        self.head = nn.Linear(gpt.config.embedding_dim, n_classes)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return scores (B, K) for token ids (B, T) of which `lengths` (B,) are real.

        Padding comes after the text: no real token looks at it, so it needs no mask.
        """
        hidden = self.gpt.hidden_states(token_ids)  # (B, T, C)
        last = hidden[torch.arange(len(hidden)), lengths - 1]  # (B, C)
        return self.head(last)


@dataclass(frozen=True)
class FinetuneConfig:
    """How to fine-tune a classifier. Raises ValueError for a number out of range."""

    epochs: int = 5
    batch_size: int = 16
    learning_rate: float = 3e-4
    weight_decay: float = 0.1
    warmup_share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            check_whole(name, getattr(self, name), least=1)
        check_number("learning_rate", self.learning_rate, above=0)
        check_number("weight_decay", self.weight_decay, least=0)
        check_number("warmup_share", self.warmup_share, least=0, most=1)


@dataclass
class FinetuneHistory:
    """A loss per step; and after each epoch the accuracy on both parts."""

    losses: list[float] = field(default_factory=list)
    training_accuracy: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)


def balance(pairs: Sequence[tuple[str, str]], seed: int = 0) -> list[tuple[str, str]]:
    """Return (label, text) pairs with as many of each label as the rarest has, shuffled.

    Raises ValueError for an empty list.

    >>> balance([("ham", "a"), ("ham", "b"), ("spam", "c")], seed=1)
    [('ham', 'a'), ('spam', 'c')]
    """
    if not pairs:
        raise ValueError("there are no texts to balance")
    groups: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        groups.setdefault(pair[0], []).append(pair)
    fewest = min(map(len, groups.values()))
    rng = random.Random(seed)
    kept = [pair for label in sorted(groups) for pair in rng.sample(groups[label], fewest)]
    rng.shuffle(kept)
    return kept


def split(items: list[Item], shares: Sequence[float] = (0.7, 0.1, 0.2)) -> list[list[Item]]:
    """Cut a list into consecutive parts of these shares; the last takes what is left.

    Raises ValueError where the shares do not add up to 1 or a part would be empty.

    >>> split(list(range(10)))
    [[0, 1, 2, 3, 4, 5, 6], [7], [8, 9]]
    """
    if not math.isclose(sum(shares), 1):
        raise ValueError(f"the shares {shares} add up to {sum(shares):g}, not to 1")
    parts, start = [], 0
    for share in shares[:-1]:
        end = start + int(share * len(items))
        parts.append(items[start:end])
        start = end
    parts.append(items[start:])
    if not all(parts):
        raise ValueError(f"{len(items)} items are too few for the shares {shares}")
    return parts


def encode_texts(tokenizer: BPETokenizer, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Token ids of each text: the end-of-text token, the text, and that token once more.

    The first says where a text begins, as in pretraining; the last has seen it all, and the head
    reads it. Of a text that does not fit into `max_tokens` the beginning is kept.
    Raises ValueError where `max_tokens` leaves no room for text, TypeError for a single text.
    """
    if isinstance(texts, str):
        raise TypeError("texts is one string; it must be a list of texts")
    if max_tokens < 3:
        raise ValueError(f"max_tokens is {max_tokens}; it must be 3 or more")
    end_id = end_of_text_id(tokenizer)
    rows = [tokenizer.encode_ordinary(text)[: max_tokens - 2] for text in texts]
    return [[end_id, *ids, end_id] for ids in rows]


def pad(rows: Sequence[list[int]], padding_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Fill rows up to the longest: token ids (B, T) and their real lengths (B,).

    >>> pad([[5, 6, 7], [8]], padding_id=0)
    (tensor([[5, 6, 7],
            [8, 0, 0]]), tensor([3, 1]))
    """
    lengths = torch.tensor([len(row) for row in rows])
    token_ids = torch.full((len(rows), int(lengths.max())), padding_id)
    for place, row in enumerate(rows):
        token_ids[place, : len(row)] = torch.tensor(row)
    return token_ids, lengths


def choose_trainable(classifier: TextClassifier, part: str = "everything") -> TextClassifier:
    """Freeze all but a part: the "head", the head and the "last block", or "everything".

    The head's own normalization belongs to the last block. Raises ValueError for another name.
    """
    if part not in TRAINABLE:
        raise ValueError(f"unknown part {part!r}; known: {', '.join(TRAINABLE)}")
    classifier.requires_grad_(part == "everything")
    classifier.head.requires_grad_(True)
    if part == "last block":
        classifier.gpt.blocks[-1].requires_grad_(True)
        classifier.gpt.final_norm.requires_grad_(True)
    return classifier


def classification_loss(
    classifier: TextClassifier, inputs: tuple[torch.Tensor, torch.Tensor], labels: torch.Tensor
) -> torch.Tensor:
    """Mean cross-entropy, in nats per text; `inputs` are token ids (B, T) and lengths (B,)."""
    return F.cross_entropy(classifier(*inputs), labels)


def finetune(
    classifier: TextClassifier,
    training: Labeled,
    validation: Labeled | None,
    config: FinetuneConfig,
    progress: bool = True,
) -> FinetuneHistory:
    """Train a classifier in place on (rows, labels) and return its `FinetuneHistory`.

    `training` and `validation` are pairs: rows of token ids as `encode_texts` makes them, and
    class numbers. The steps are those of pretraining, with another loss. Raises ValueError for no
    texts, for another number of labels than texts, and for a class number that the head does not
    have; FloatingPointError for a loss or a gradient that is NaN or inf: the weights are then those
    before that step.
    """
    from tqdm.auto import tqdm

    for part in (training, validation):
        if part is not None:
            _check(classifier, *part)
    chosen = _batches(training[0], config)
    plan = TrainConfig(
        steps=len(chosen),
        learning_rate=config.learning_rate,
        warmup_steps=max(1, int(config.warmup_share * len(chosen))),
        weight_decay=config.weight_decay,
        final_share=0.0,
    )
    optimizer = create_optimizer(classifier, config.learning_rate, config.weight_decay)
    batches = (_padded(*training, rows) for rows in chosen)
    torch.manual_seed(config.seed)
    history = FinetuneHistory()
    classifier.train()
    optimizer.register_step_pre_hook(lambda *_: check_gradients(classifier, step))
    for step in tqdm(range(plan.steps), unit="step", disable=not progress):
        loss = training_step(classifier, optimizer, batches, plan, step, classification_loss)
        history.losses.append(loss)
        if (step + 1) * config.epochs % plan.steps == 0:
            history.training_accuracy.append(accuracy(classifier, *training))
            if validation is not None:
                history.validation_accuracy.append(accuracy(classifier, *validation))
            classifier.train()
    classifier.eval()
    return history


@torch.no_grad()
def predict(
    classifier: TextClassifier, rows: Sequence[list[int]], batch_size: int = 64
) -> torch.Tensor:
    """Probabilities (N, K) of the classes for rows of token ids.

    Raises ValueError for no rows and for a row that the model cannot read.
    """
    if not rows:
        raise ValueError("there are no texts to classify")
    _check_rows(classifier, rows)
    classifier.eval()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    probabilities = torch.empty(len(rows), classifier.head.out_features)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        token_ids, lengths = pad([rows[i] for i in chosen], rows[0][0])
        probabilities[chosen] = classifier(token_ids, lengths).float().softmax(dim=-1)
    return probabilities


def accuracy(classifier: TextClassifier, rows: Sequence[list[int]], labels: Sequence[int]) -> float:
    """The share of rows whose likeliest class is their label."""
    return (predict(classifier, rows).argmax(dim=-1) == torch.tensor(labels)).float().mean().item()


@torch.no_grad()
def vectors_of(
    model: Reader, rows: Sequence[list[int]], padding_id: int = 0, batch_size: int = 32
) -> torch.Tensor:
    """The state (N, C) of each row's last token in a causal model that has `hidden_states`.

    Raises ValueError for no rows.
    """
    if not rows:
        raise ValueError("there are no texts to read")
    model.eval()
    found: dict[int, torch.Tensor] = {}
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        token_ids, lengths = pad([rows[i] for i in chosen], padding_id)
        hidden = model.hidden_states(token_ids)  # (B, T, C)
        found |= zip(chosen, hidden[torch.arange(len(hidden)), lengths - 1], strict=True)
    return torch.stack([found[i] for i in range(len(rows))])


def fit_head(vectors: torch.Tensor, labels: Sequence[int], decay: float = 0.01) -> nn.Linear:
    """A classification head for fixed vectors (N, C), fitted to the end: logistic regression.

    The vectors are first brought to mean 0 and deviation 1 in each dimension; `decay` times the sum
    of the squared weights is added to the loss. Raises ValueError where labels do not fit.

    >>> vectors = torch.tensor([[0.0, 1.0], [0.2, 0.9], [1.0, 0.1], [0.9, 0.0]])
    >>> fit_head(vectors, [0, 0, 1, 1])(vectors).argmax(dim=-1)
    tensor([0, 0, 1, 1])
    """
    if len(vectors) != len(labels) or len(set(labels)) < 2:
        raise ValueError(f"{len(vectors)} vectors need as many labels, and two different ones")
    mean, deviation = vectors.mean(dim=0), vectors.std(dim=0) + 1e-6
    head, target = nn.Linear(vectors.shape[1], max(labels) + 1), torch.tensor(labels)
    nn.init.zeros_(head.weight)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        scores = head((vectors - mean) / deviation)
        loss = F.cross_entropy(scores, target) + decay * head.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():  # the scaling becomes part of the head
        head.weight /= deviation
        head.bias.sub_(head.weight @ mean)
    return head.requires_grad_(False)


def _padded(rows, labels, chosen):
    """One batch as `training_step` takes it: ((token ids, lengths), labels)."""
    padded = pad([rows[i] for i in chosen], rows[0][0])
    return padded, torch.tensor([labels[i] for i in chosen])


def _batches(rows, config):
    """The row numbers of every step; each epoch has its own order."""
    rng, batches = random.Random(config.seed), []
    for _ in range(config.epochs):
        order = rng.sample(range(len(rows)), len(rows))
        batches += [
            order[start : start + config.batch_size]
            for start in range(0, len(order), config.batch_size)
        ]
    return batches


def _check(classifier, rows, labels):
    n_classes = classifier.head.out_features
    if not len(rows):
        raise ValueError("there are no texts to learn from")
    if len(rows) != len(labels):
        raise ValueError(f"{len(rows)} texts have {len(labels)} labels")
    for label in labels:
        check_whole("a label", label, least=0, most=n_classes - 1)
    _check_rows(classifier, rows)


def _check_rows(classifier, rows):
    config = classifier.gpt.config
    for row in map(as_array, rows):
        if not 1 <= len(row) <= config.context_length:
            raise ValueError(f"a text has {len(row)} tokens; 1 to {config.context_length} fit")
        if row.min() < 0 or row.max() >= config.vocab_size:
            raise ValueError(f"a text has a token id outside 0 to {config.vocab_size - 1}")
