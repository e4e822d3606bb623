"""A text becomes one vector: a real BERT, all-MiniLM-L6-v2, in our own encoder.

The encoder gives a vector per token. Their mean over the real tokens is the vector of the text, and
it is scaled to length 1, so that the product of two vectors is their cosine. BERT alone does this
poorly; MiniLM was trained on a billion pairs of texts that belong together, such as a question and
its answer, until the vectors of a pair lay close and all others apart.
Source: Reimers and Gurevych 2019 (Sentence-BERT); Wang et al. 2020 (MiniLM).

Shapes: N texts, B texts in a batch, T tokens, C embedding dimensions.
"""

import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from helpers.family.encoder import Encoder, EncoderConfig
from helpers.family.word_pieces import PADDING, WordPieceTokenizer
from helpers.pretrained import check_shapes, shapes_only
from helpers.texts.corpora import fetch

# Our name, the name in the file.
OUTER_NAMES = {
    "token_embedding": "embeddings.word_embeddings",
    "position_embedding": "embeddings.position_embeddings",
    "segment_embedding": "embeddings.token_type_embeddings",
    "norm_embedding": "embeddings.LayerNorm",
}
BLOCK_NAMES = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "norm_attention": "attention.output.LayerNorm",
    "expand": "intermediate.dense",
    "project": "output.dense",
    "norm_feed_forward": "output.LayerNorm",
}
# What the file holds besides: the numbers 0 to 511, and a layer of BERT's training task.
NOT_NEEDED = ("position_ids", "pooler.dense.weight", "pooler.dense.bias")

# What the settings may say: what our encoder, tokenizer and pooling do, and nothing else.
_MUST_BE = {
    "config.json": {
        "model_type": "bert",
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
    },
    "1_Pooling/config.json": {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False},
    "tokenizer_config.json": {"do_lower_case": True, "tokenize_chinese_chars": True},
}

_DAMAGE = (ValueError, TypeError, AttributeError, RuntimeError, EOFError)  # what odd contents raise


class SentenceEncoder:
    """Turn texts into vectors of length 1 whose products say how close their meanings are.

    `most` is the number of tokens that are read of each text, `[CLS]` and `[SEP]` included.
    """

    def __init__(self, encoder: Encoder, tokenizer: WordPieceTokenizer, most: int = 256) -> None:
        self.encoder, self.tokenizer, self.most = encoder, tokenizer, most

    @torch.inference_mode()
    def vectors(self, texts: Sequence[str], batch_size: int = 32) -> torch.Tensor:
        """Return the vectors (N, C) of N texts; those of similar length share a batch."""
        rows = [self.tokenizer.encode(text, self.most) for text in texts]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found = torch.empty(len(rows), self.encoder.config.dimensions)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            ids, mask = pad((rows[i] for i in chosen), self.tokenizer.vocab[PADDING])
            found[chosen] = F.normalize(mean_pool(self.encoder(ids, mask), mask), dim=-1)
        return found


def pad(rows: Iterable[Sequence[int]], padding_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Fill rows of token ids up to the longest: ids (B, T), and a mask, True at the real tokens.

    >>> ids, mask = pad([[5, 6, 7], [8]], padding_id=0)
    >>> ids.tolist(), mask.int().tolist()
    ([[5, 6, 7], [8, 0, 0]], [[1, 1, 1], [1, 0, 0]])
    """
    rows = list(rows)
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[padding_id] * (longest - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return ids, torch.arange(longest) < lengths[:, None]  # (B, T) each


def mean_pool(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average the vectors (B, T, C) of the tokens where `mask` (B, T) is True: (B, C).

    >>> vectors = torch.tensor([[[1.0], [3.0], [99.0]]])
    >>> mean_pool(vectors, torch.tensor([[True, True, False]])).tolist()
    [[2.0]]
    """
    real = mask[..., None]  # (B, T, 1)
    return (vectors * real).sum(dim=1) / real.sum(dim=1)


def load_minilm(path: Path | str | None = None) -> SentenceEncoder:
    """Return the sentence encoder in a zip file as `fetch("minilm")` keeps it (None: that file).

    Raises OSError if there is no such file; ValueError, naming it, if it is truncated or no zip file,
    lacks a part, has settings that our encoder does not implement, or a tensor that is missing,
    foreign or of a wrong shape.
    """
    path = Path(fetch("minilm") if path is None else path)
    try:
        with zipfile.ZipFile(path) as file:
            settings = {name: _json(file, name) for name in _MUST_BE}
            _check(settings)
            most = _json(file, "sentence_bert_config.json")["max_seq_length"]
            vocab = _json(file, "tokenizer.json")["model"]["vocab"]
            tensors = _tensors(_read(file, "model.safetensors"))
        encoder = _fill(_config(settings["config.json"]), tensors)
        tokenizer = WordPieceTokenizer(sorted(vocab, key=vocab.__getitem__))
        if tokenizer.vocab_size != encoder.config.vocab_size:
            embeddings = encoder.config.vocab_size
            raise ValueError(
                f"it has {tokenizer.vocab_size:,} tokens and {embeddings:,} embeddings"
            )
    except (*_DAMAGE, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be used: {error}") from None
    except KeyError as error:
        raise ValueError(f"{path} cannot be used: it has no {error.args[0]}") from None
    return SentenceEncoder(encoder, tokenizer, most)


def theirs(name: str) -> str:
    """The name in the file of one of our parameters.

    >>> theirs("blocks.3.attention.query.weight")
    'encoder.layer.3.attention.self.query.weight'
    >>> theirs("norm_embedding.scale")
    'embeddings.LayerNorm.weight'
    """
    layer, kind = name.rpartition(".")[::2]
    kind = {"scale": "weight", "shift": "bias"}.get(kind, kind)
    if layer in OUTER_NAMES:
        return f"{OUTER_NAMES[layer]}.{kind}"
    _, number, part = layer.split(".", 2)
    return f"encoder.layer.{number}.{BLOCK_NAMES[part]}.{kind}"


def _config(settings: Mapping[str, Any]) -> EncoderConfig:
    return EncoderConfig(
        vocab_size=settings["vocab_size"],
        context_length=settings["max_position_embeddings"],
        dimensions=settings["hidden_size"],
        n_heads=settings["num_attention_heads"],
        n_layers=settings["num_hidden_layers"],
        hidden=settings["intermediate_size"],
        n_segments=settings["type_vocab_size"],
        norm_epsilon=settings["layer_norm_eps"],
    )


def _fill(config, tensors):
    """An encoder with the tensors of the file, after a check of every name and shape."""
    with shapes_only():
        encoder = Encoder(config)
    names = {name: theirs(name) for name, _ in encoder.named_parameters()}
    shapes = {names[name]: tuple(each.shape) for name, each in encoder.named_parameters()}
    check_shapes({name: tuple(each.shape) for name, each in tensors.items()}, shapes, NOT_NEEDED)
    weights = {name: tensors[names[name]] for name in names}
    for name, weight in weights.items():
        if not weight.is_floating_point():
            raise ValueError(f"tensor {names[name]} holds {weight.dtype}, which are no weights")
    encoder.load_state_dict({name: each.float() for name, each in weights.items()}, assign=True)
    return encoder.eval()


def _check(settings):
    """Raise ValueError for a setting of another model; one that is not named is the usual one."""
    for name, required in _MUST_BE.items():
        for setting, value in required.items():
            if (found := settings[name].get(setting, value)) != value:
                raise ValueError(f"{setting} is {found!r} in its {name}; it must be {value!r}")


def _read(file, name):
    try:
        return file.read(name)
    except KeyError:
        raise ValueError(f"it has no {name}") from None


def _json(file, name):
    text = _read(file, name)
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _tensors(data):
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except SafetensorError as error:
        raise ValueError(f"its model.safetensors is damaged: {error}") from None
