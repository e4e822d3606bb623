"""Initial weights that can copy: induction heads, which look up what followed a word earlier.

Copying a list takes attention in two blocks. In the first, heads attend to the previous token and
write down what it is; in the second, heads attend to the position whose previous token is the
current word, and read the word at that position. Training from random weights finds this pair late,
since neither half helps alone. Here both are set by hand, and training continues from there.
Source: Olsson et al. 2022, In-context Learning and Induction Heads.

A token's vector of size C is divided into slices, so that the parts do not interfere: half holds
the word, a quarter its position, and a quarter the previous word, which is zero at first.
"""

import math

import torch

from helpers.model import GPT

# Small scales in the normalizations with large weights after them compute the same as the usual
# ones. But a step of the optimizer has a fixed size and changes large weights less, so the circuit
# lasts until the training texts make use of it.
NORM = 0.25
SPREAD = 0.3  # root mean square of a token's vector in the slices that are filled
SHARPNESS = 14.0  # the attention score, before softmax, of the key that a head looks for
LOUDNESS = 2.0  # what is copied, as a multiple of the word that is there already


def start_copying(model: GPT, seed: int = 0) -> GPT:
    """Set a GPT's initial weights so that it predicts what followed the current word earlier.

    Returns the model, changed in place. Raises ValueError if it has fewer than two blocks, a number
    of heads that is not a multiple of four, fewer heads of keys than of queries, or untied weights.

    >>> from helpers.config import GPTConfig
    >>> from helpers.model import GPT
    >>> model = start_copying(GPT(GPTConfig(50, 32, 128, 4, 2, dropout=0.0)))
    >>> model(torch.tensor([[5, 7, 3, 9, 4, 7]]))[0, -1].argmax().item()
    3
    """
    config = model.config
    heads = config.n_heads
    if config.n_layers < 2 or heads % 4 or config.kv_heads != heads or not config.tie_weights:
        raise ValueError(
            "copying needs two blocks, a multiple of four heads, as many heads of keys as of queries, "
            "and tied weights"
        )
    generator = torch.Generator().manual_seed(seed)
    quarter = config.embedding_dim // 4
    reading = torch.randn(2 * quarter, quarter, generator=generator)
    reading = torch.linalg.qr(reading).Q.T  # (C / 4, C / 2): the projection of a word that is noted
    with torch.no_grad():
        _enlarge(model)
        _embed(model, generator)
        _note_the_word_before(model.blocks[0].attention, reading)
        _read_what_followed(model.blocks[1].attention, reading)
    return model


def slices(width: int) -> tuple[slice, slice, slice]:
    """The slices of a vector of size `width` for the word, its position and the previous word.

    >>> slices(8)
    (slice(0, 4, None), slice(4, 6, None), slice(6, 8, None))
    """
    half, quarter = width // 2, width // 4
    return slice(0, half), slice(half, half + quarter), slice(half + quarter, width)


def _enlarge(model):
    for block in model.blocks:
        attention = block.attention
        for norm in (block.norm_attention, block.norm_feed_forward):
            norm.scale.fill_(NORM)
        layers = (attention.query, attention.key, attention.value, block.feed_forward.expand)
        for layer in layers:
            layer.weight.div_(NORM)


def _embed(model, generator):
    """Random vectors for words, waves of many lengths for positions, each in its own slice."""
    words, places = model.token_embedding.weight, model.position_embedding.weight
    word, place, _ = slices(words.shape[1])
    words.zero_()
    words[:, word] = SPREAD * torch.randn(len(words), word.stop, generator=generator)
    angles = torch.arange(len(places))[:, None] * _speeds(place.stop - place.start)
    waves = torch.stack([angles.cos(), angles.sin()], dim=-1).flatten(1)  # (T, C / 4)
    places.zero_()
    places[:, place] = SPREAD * math.sqrt(2) * waves
    # the logits begin nearly equal: a word's own is 4 above the others
    model.final_norm.scale.fill_(0.1)


def _speeds(width):
    """Radians per position of each pair of waves: all different, none a multiple of another."""
    golden = (math.sqrt(5) - 1) / 2
    return math.pi * torch.tensor([(i + 1) * golden % 1 for i in range(width // 2)])


def _note_the_word_before(attention, reading):
    """Heads that attend to the previous position and write a projection of the word there."""
    quarter, width = len(reading), attention.query.in_features
    word, place, before = slices(width)
    size, looking = attention.head_dim, slice(0, quarter)
    # the last slice is empty, so the normalization makes the others larger by this factor
    filled = NORM * math.sqrt(width / place.stop)
    strength = math.sqrt(SHARPNESS / math.sqrt(size)) / filled
    for layer in (attention.query, attention.key, attention.value):
        layer.weight[looking] = 0
    attention.key.weight[looking, place] = strength * torch.eye(quarter)
    attention.query.weight[looking, place] = strength * _one_back(quarter)
    passed_on = math.sqrt(SPREAD / filled)
    attention.value.weight[looking, word] = passed_on * reading
    attention.output.weight[:, looking] = 0
    attention.output.weight[before, looking] = passed_on * torch.eye(quarter)


def _one_back(width):
    """The rotation (width, width) from the waves of a position to those of the one before."""
    turns = []
    for speed in _speeds(width).tolist():
        sine, cosine = math.sin(speed), math.cos(speed)
        turns.append(torch.tensor([[cosine, sine], [-sine, cosine]]))
    return torch.block_diag(*turns)


def _read_what_followed(attention, reading):
    """Heads whose query is the current word and whose key is the previous word; they copy words."""
    half, width = 2 * len(reading), attention.query.in_features
    word, _, before = slices(width)
    copying = slice(0, half)
    strength = math.sqrt(SHARPNESS / math.sqrt(attention.head_dim)) / NORM
    for layer in (attention.query, attention.key, attention.value):
        layer.weight[copying] = 0
    noted = torch.eye(len(reading)).repeat(2, 1)  # two heads look for the same part of a note
    attention.query.weight[copying, word] = strength * (noted @ reading)
    attention.key.weight[copying, before] = strength * noted
    passed_on = math.sqrt(LOUDNESS * SPREAD / NORM)
    attention.value.weight[copying, word] = passed_on * torch.eye(half)
    attention.output.weight[:, copying] = 0
    attention.output.weight[word, copying] = passed_on * torch.eye(half)
