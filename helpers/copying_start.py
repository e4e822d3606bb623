"""First weights that can already copy: the circuit that looks up what followed a word before.

Copying a list takes two blocks of attention. In the first, heads look at the token before and note
it; in the second, heads look for the place whose note is the current word, and read out the word
that stands there. A random start finds this pair late, since neither half helps alone. Here both
are set by hand, and training goes on from there. Source: Olsson et al. 2022, In-context Learning
and Induction Heads.

A token's C numbers are cut into rooms, so that the parts do not disturb each other: half of them
hold the word, a quarter the place, and a quarter the word before, which is empty at first.
"""

import math

import torch

from helpers.model import GPT

# Small norms before large weights compute what the usual ones compute. But a step of the optimizer
# has a fixed size, and changes large weights less: the circuit lasts until the texts make use of it.
NORM = 0.25
SPREAD = 0.3  # root mean square of a token's numbers in the rooms that are filled
SHARPNESS = 14.0  # the score, before softmax, of the key that a head looks for
LOUDNESS = 2.0  # what is copied, as a multiple of the word that stands there already


def start_copying(model: GPT, seed: int = 0) -> GPT:
    """Set a GPT's first weights so that it goes on with what followed the current word before.

    Returns the model, changed in place. Raises ValueError where it has less than two blocks, heads
    that are no multiple of four, fewer keys than queries, or an output head of its own.

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
            "copying needs two blocks, a multiple of four heads, a key for every query, and tied weights"
        )
    generator = torch.Generator().manual_seed(seed)
    quarter = config.embedding_dim // 4
    reading = torch.randn(2 * quarter, quarter, generator=generator)
    reading = torch.linalg.qr(reading).Q.T  # (C / 4, C / 2): what is noted of a word
    with torch.no_grad():
        _enlarge(model)
        _embed(model, generator)
        _note_the_word_before(model.blocks[0].attention, reading)
        _read_what_followed(model.blocks[1].attention, reading)
    return model


def rooms(width: int) -> tuple[slice, slice, slice]:
    """Where a token of so many numbers holds its word, its place, and the word before.

    >>> rooms(8)
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
    """Words by chance, places as waves of many lengths, each in a room of its own."""
    words, places = model.token_embedding.weight, model.position_embedding.weight
    word, place, _ = rooms(words.shape[1])
    words.zero_()
    words[:, word] = SPREAD * torch.randn(len(words), word.stop, generator=generator)
    angles = torch.arange(len(places))[:, None] * _speeds(place.stop - place.start)
    waves = torch.stack([angles.cos(), angles.sin()], dim=-1).flatten(1)  # (T, C / 4)
    places.zero_()
    places[:, place] = SPREAD * math.sqrt(2) * waves
    # the scores begin nearly alike: a word's own is 4 above the others
    model.final_norm.scale.fill_(0.1)


def _speeds(width):
    """Turns a place, in radians, of so many pairs of waves: no two alike, none a multiple."""
    golden = (math.sqrt(5) - 1) / 2
    return math.pi * torch.tensor([(i + 1) * golden % 1 for i in range(width // 2)])


def _note_the_word_before(attention, reading):
    """Heads whose query is the place one earlier; they write what was read of the word there."""
    quarter, width = len(reading), attention.query.in_features
    word, place, before = rooms(width)
    size, looking = attention.head_dim, slice(0, quarter)
    # two of three rooms' worth of numbers are filled: the norm makes these larger by so much
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
    """The matrix (width, width) that turns the waves of a place into those of the one before."""
    turns = []
    for speed in _speeds(width).tolist():
        sine, cosine = math.sin(speed), math.cos(speed)
        turns.append(torch.tensor([[cosine, sine], [-sine, cosine]]))
    return torch.block_diag(*turns)


def _read_what_followed(attention, reading):
    """Heads whose query is the current word and whose key is the word before; they copy words."""
    half, width = 2 * len(reading), attention.query.in_features
    word, _, before = rooms(width)
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
