"""The turns of notebook 10: looking across, filling gaps, recurrent cells, patches, a real BERT.

Shapes: B sequences, T tokens, S tokens of the source, C embedding dimensions, H heads, D = C / H,
V tokens in the vocabulary, N patches of s by s pixels, or N texts.
"""

import math
from collections import Counter

import torch
from torch import nn
from torch.nn import functional as F

from classroom.turns.turn import Turns
from helpers.family import bert, encoder, encoder_decoder, scores, search, sentences, vision
from helpers.family.encoder import EncoderConfig
from helpers.family.recurrent import RecurrentModel
from helpers.loss import IGNORED

TURNS = Turns("10")
your_turn = TURNS.your_turn

# The course's versions


class CrossAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.n_heads, size = config.n_heads, config.dimensions
        self.query, self.key = nn.Linear(size, size), nn.Linear(size, size)
        self.value, self.output = nn.Linear(size, size), nn.Linear(size, size)

    def forward(self, x, memory, mask=None):
        parts = self.query(x), self.key(memory), self.value(memory)
        parts = (part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in parts)
        allowed = None if mask is None else mask[:, None, None, :]
        context = F.scaled_dot_product_attention(*parts, attn_mask=allowed)
        return self.output(context.transpose(1, 2).flatten(2))


def shift_right(targets, start_id):
    start = torch.full_like(targets[:, :1], start_id)
    before = torch.cat([start, targets[:, :-1]], dim=1)
    return before.masked_fill(before == -100, start_id)


def translate(model, sources, max_new_tokens, start_id, end_id):
    mask = sources != 0
    memory = model.encoder(sources, mask)
    written = torch.full_like(sources[:, :1], start_id)
    for _ in range(max_new_tokens):
        new = model.decode(written, memory, mask)[:, -1].argmax(dim=-1, keepdim=True)
        written = torch.cat([written, new], dim=1)
        if (written == end_id).any(dim=1).all():
            break
    return written[:, 1:]


def hide(token_ids, allowed, mask_id, vocab_size, share, split, generator):
    chosen = (torch.rand(token_ids.shape, generator=generator) < share) & allowed
    fate = torch.rand(token_ids.shape, generator=generator)
    random = torch.randint(vocab_size, token_ids.shape, generator=generator)
    inputs = torch.where(chosen & (fate < split[0]), mask_id, token_ids)
    replaced = chosen & (fate >= split[0]) & (fate < split[0] + split[1])
    return torch.where(replaced, random, inputs), torch.where(chosen, token_ids, -100)


def fill_gap(model, ids, position, mask_id):
    hidden = ids.clone()
    hidden[position] = mask_id
    return model(hidden[None])[0, position].log_softmax(dim=-1)


def read_on(model, ids, position, candidates):
    texts = ids.repeat(len(candidates), 1)
    texts[:, position] = candidates
    log_probs = model(texts[:, :-1]).log_softmax(dim=-1)
    return log_probs.gather(-1, texts[:, 1:, None]).squeeze(-1).sum(dim=-1)


class LSTMCell(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.input, self.recurrent = nn.Linear(size, 4 * size), nn.Linear(size, 4 * size)

    def forward(self, x, state):
        hidden, memory = state
        write, keep, new, show = (self.input(x) + self.recurrent(hidden)).chunk(4, dim=-1)
        memory = keep.sigmoid() * memory + write.sigmoid() * new.tanh()
        return show.sigmoid() * memory.tanh(), memory


class GRUCell(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.input, self.recurrent = nn.Linear(size, 3 * size), nn.Linear(size, 3 * size)

    def forward(self, x, hidden):
        new, old = self.input(x).chunk(3, dim=-1), self.recurrent(hidden).chunk(3, dim=-1)
        reset, keep = (new[0] + old[0]).sigmoid(), (new[1] + old[1]).sigmoid()
        candidate = (new[2] + reset * old[2]).tanh()
        return keep * hidden + (1 - keep) * candidate


def patches(pictures, size):
    n, height, width = pictures.shape
    squares = pictures.reshape(n, height // size, size, width // size, size)
    return squares.transpose(2, 3).reshape(n, -1, size * size)


class EncoderBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = CrossAttention(config)
        self.norm_attention = nn.LayerNorm(config.dimensions, eps=config.norm_epsilon)
        self.expand = nn.Linear(config.dimensions, config.hidden)
        self.project = nn.Linear(config.hidden, config.dimensions)
        self.norm_feed_forward = nn.LayerNorm(config.dimensions, eps=config.norm_epsilon)

    def forward(self, x, mask=None):
        x = self.norm_attention(x + self.attention(x, x, mask))
        return self.norm_feed_forward(x + self.project(F.gelu(self.expand(x))))


def mean_pool(vectors, mask):
    real = mask[..., None]
    return (vectors * real).sum(dim=1) / real.sum(dim=1)


def bm25(question, passage, n_with, n_passages, mean_length):
    damper = 1.2 * (0.25 + 0.75 * len(passage) / mean_length)
    score = 0.0
    for word in set(question) & set(passage):
        n, count = n_with[word], passage.count(word)
        weight = math.log(1 + (n_passages - n + 0.5) / (n + 0.5))
        score += weight * count * 2.2 / (count + damper)
    return score


# The checks

TINY = EncoderConfig(20, 16, 16, 4, 2, 32, 1)


def _randomized(module, std=0.3):
    """Random numbers in all parameters, so that all of them count."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=std)
    return module.eval()


def _fits(trial, module, shapes, name):
    """The module's parameters have these names and shapes; it gets random values."""
    trial.that(isinstance(module, nn.Module), f"{name} must be an nn.Module")
    found = {key: tuple(value.shape) for key, value in module.named_parameters()}
    missing = [key for key in shapes if key not in found]
    trial.that(not missing, f"{name} has no parameter {missing[:1]}")
    left = [key for key in found if key not in shapes]
    trial.that(not left, f"{name} has {left[:1]} besides, which the task does not name")
    bad = [
        f"{key} of shape {found[key]}, not {shapes[key]}"
        for key in shapes
        if found[key] != shapes[key]
    ]
    trial.that(not bad, f"{name} has {bad[:1]}")


def _gradient(run, x):
    """The gradient at x of a weighted sum of what `run(x)` gives."""
    x = x.detach().clone().requires_grad_()
    out = run(x)
    if not out.requires_grad:
        return torch.zeros_like(x)
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    (found,) = torch.autograd.grad((out * weights).sum(), x, allow_unused=True)
    return torch.zeros_like(x) if found is None else found


def _shapes(module):
    return {key: tuple(value.shape) for key, value in module.named_parameters()}


def _cut_without_transpose(queries, keys, values):
    """What comes out when (B, T, C) is reshaped to (B, H, T, D) and back, and nothing exchanged."""
    heads = (
        part.reshape(len(part), TINY.n_heads, part.shape[1], -1) for part in (queries, keys, values)
    )
    return F.scaled_dot_product_attention(*heads).reshape(queries.shape)


@TURNS.turn(CrossAttention)
def check_cross_attention(trial):
    reference = _randomized(encoder_decoder.CrossAttention(TINY))
    cross = trial.call(TINY)
    _fits(trial, cross, _shapes(reference), "CrossAttention(config)")
    cross.load_state_dict(reference.state_dict())
    cross.eval()
    x, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])

    def mixed(queries, keys, values, allowed=None, scale=None):
        parts = [reference.split(part) for part in (queries, keys, values)]
        context = F.scaled_dot_product_attention(*parts, attn_mask=allowed, scale=scale)
        return context.transpose(1, 2).flatten(2)

    queries, keys, values = reference.query(x), reference.key(memory), reference.value(memory)
    trial.close(
        x,
        memory,
        gives=reference(x, memory),
        why="queries from x, keys and values from memory, split into heads, attend, join, project",
        mistakes=[
            (mixed(queries, keys, values), "the output matrix is not used"),
            (
                reference.output(mixed(queries, keys, values, scale=1.0)),
                "divide the scores by the root of D",
            ),
            (reference(x, x), "keys and values come from memory, not from x"),
            (
                reference.output(mixed(queries, keys, reference.value(memory.flip(1)))),
                "keys and values belong together",
            ),
            (reference(memory, x), "the queries come from x, keys and values from memory"),
            (
                reference.output(F.scaled_dot_product_attention(queries, keys, values)),
                "one head only: split into config.n_heads",
            ),
            (
                reference.output(mixed(queries, keys, values, scale=x.shape[-1] ** -0.5)),
                "each head has D = C / H dimensions: divide by the root of D, not of C",
            ),
            (
                reference.output(_cut_without_transpose(queries, keys, values)),
                "a reshape alone mixes the tokens: split C into (H, D), then exchange T and H",
            ),
        ],
        function=cross,
        name="cross",
        tolerance=1e-4,
    )
    turned = reference.output(mixed(queries, keys, values, ~mask[:, None, None, :]))
    _cross_masked(trial, cross, reference, (x, memory, mask), turned)


def _cross_masked(trial, cross, reference, inputs, turned):
    """The mask, and the gradient at memory; `turned` is what a mask read the other way gives."""
    x, memory, mask = inputs
    trial.close(
        x,
        memory,
        mask,
        gives=reference(x, memory, mask),
        why="mask (B, S) is True where a token of memory is real; the others get no weight",
        mistakes=[
            (reference(x, memory), "the mask is not used"),
            (turned, "the mask is True where a token may be looked at"),
        ],
        function=cross,
        name="cross",
        tolerance=1e-4,
    )
    trial.same(
        _gradient(lambda memory: cross(x, memory, mask), memory),
        _gradient(lambda memory: reference(x, memory, mask), memory),
        "the gradient at memory",
        "the encoder learns through keys and values",
        tolerance=1e-4,
    )


@TURNS.turn(shift_right)
def check_shift_right(trial):
    targets = torch.tensor([[7, 8, 9, 2], [5, 2, IGNORED, IGNORED]])
    before = targets.clone()
    trial.close(
        targets,
        1,
        gives=torch.tensor([[1, 7, 8, 9], [1, 5, 2, 1]]),
        why="the start, then every token but the last; -100 becomes the start",
        mistakes=[
            (targets, "that is what the decoder should say; it must not read it yet"),
            (
                torch.tensor([[1, 7, 8, 9], [1, 5, 2, IGNORED]]),
                "-100 is no token: an embedding has no row for it",
            ),
            (
                torch.tensor([[8, 9, 2, 1], [2, 1, 1, 1]]),
                "that is the other way: the decoder would read the word after",
            ),
            (
                torch.tensor([[1, 7, 8, 9, 2], [1, 5, 2, 1, 1]]),
                "as many tokens as targets: the last one is never read",
            ),
            (torch.tensor([[2, 7, 8, 9], [5, 5, 2, 1]]), "rows start with start_id"),
        ],
    )
    trial.that(torch.equal(targets, before), "it changes the targets that it is given")
    trial.close(
        torch.tensor([[4, 3]]),
        6,
        gives=torch.tensor([[6, 4]]),
        why="start_id is an argument",
    )


class _Counting(nn.Module):
    """A model that reads: its encoder keeps the sources, its decoder writes them backwards."""

    def __init__(self, length):
        super().__init__()
        self.length, self.encoded, self.decoded = length, 0, []

    def encoder(self, sources, mask):
        self.encoded += 1
        self.mask = mask
        return sources

    def decode(self, written, memory, mask):
        self.decoded.append(written.shape[1])
        self.started, self.masks = written[:, 0].tolist(), (self.mask, mask)
        logits = torch.zeros(len(written), written.shape[1], 12)
        for row, source in enumerate(memory.tolist()):
            words = [*reversed([word for word in source if word]), 2, *[9] * 20]
            for place in range(written.shape[1]):
                logits[row, place, words[place]] = 1.0
        return logits


@TURNS.turn(translate)
def check_translate(trial):
    sources = torch.tensor([[5, 6, 7, 8], [4, 3, 0, 0]])
    model = _Counting(4)
    right = torch.tensor([[8, 7, 6, 5, 2], [3, 4, 2, 9, 9]])
    trial.close(
        model,
        sources,
        9,
        1,
        2,
        gives=right,
        why="start with start_id, append the likeliest next token, until every row has an end",
        mistakes=[
            (
                torch.cat([torch.ones(2, 1, dtype=torch.long), right], 1),
                "the start is read, not written: leave it out of the result",
            ),
            (right[:, :3], "it stops when one row has its end; go on until all have"),
            (right[:, :4], "the end belongs to what is returned"),
            (
                torch.cat([right, torch.full((2, 4), 9)], 1),
                "it goes on when every row has its end",
            ),
            (
                right[:, :1].expand(2, 9),
                "it says the first word again and again: decode all of the text so far, and take "
                "the logits of its last position",
            ),
        ],
    )
    trial.that(
        model.encoded == 1,
        f"the source does not change: read it once with model.encoder, not {model.encoded} times",
    )
    trial.that(
        model.decoded == [1, 2, 3, 4, 5],
        f"the decoder must see the whole text so far each time; it saw {model.decoded} tokens",
    )
    trial.that(
        all(mask is not None and torch.equal(mask, sources != 0) for mask in model.masks),
        "encoder and decoder both need the mask: True where sources is not 0",
    )
    _translate_arguments(trial, sources, right)


def _translate_arguments(trial, sources, right):
    """max_new_tokens, start_id and end_id are those that are given."""
    trial.close(
        _Counting(4),
        sources,
        2,
        1,
        2,
        gives=right[:, :2],
        why="at most max_new_tokens are written",
    )
    other = _Counting(4)
    trial.call(other, sources, 2, 11, 2)
    trial.that(other.started == [11, 11], "start_id is an argument")
    trial.close(
        _Counting(4),
        sources,
        9,
        1,
        6,
        gives=torch.tensor([[8, 7, 6, 5, 2, 9, 9, 9, 9], [3, 4, 2, 9, 9, 9, 9, 9, 9]]),
        why="end_id is an argument",
    )


def _hiding(trial):
    """A function that runs the reader's `hide` and looks at the form of what it gives."""

    def run(ids, allowed, share, split, seed=0):
        generator = torch.Generator().manual_seed(seed)
        found = trial.call(ids, allowed, 0, 50, share, split, generator)
        trial.that(
            isinstance(found, (tuple, list)) and len(found) == 2,
            "return two tensors: the inputs and the targets",
        )
        for part, name in zip(found, ("inputs", "targets"), strict=True):
            trial.that(
                isinstance(part, torch.Tensor) and part.shape == ids.shape,
                f"the {name} must be a tensor of the shape of token_ids",
            )
        return found

    return run


def _fates(inputs, targets):
    """The shares of the chosen tokens that are hidden, replaced and left as they are."""
    asked = targets != IGNORED
    hidden = (inputs[asked] == 0).float().mean().item()
    left = (inputs[asked] == targets[asked]).float().mean().item()
    return hidden, 1 - hidden - left, left


def _first_can_come(trial):
    """Whether token 0 is drawn where every token is replaced and 0 is not the mask."""
    ids, everywhere = torch.full((20, 20), 3), torch.ones(20, 20, dtype=torch.bool)
    inputs, _ = trial.call(
        ids, everywhere, 4, 5, 1.0, (0.0, 1.0, 0.0), torch.Generator().manual_seed(0)
    )
    return bool((inputs == 0).any())


def _drawn_anew(trial, inputs, replaced):
    """In the text, and at the position, with most replaced tokens, many different ids are drawn."""
    for name, ids, where in (("text", inputs, replaced), ("position", inputs.T, replaced.T)):
        row = where.sum(dim=1).argmax()
        trial.that(
            len(set(ids[row][where[row]].tolist())) > 10,
            f"one random token is used for a whole {name}: draw a new one for each token",
        )


@TURNS.turn(hide)
def check_hide(trial):
    run = _hiding(trial)
    torch.manual_seed(0)
    ids = torch.randint(1, 50, (200, 100))
    before, allowed = ids.clone(), torch.rand(200, 100) < 0.9
    inputs, targets = run(ids, allowed, 0.15, (0.8, 0.1, 0.1))
    trial.that(torch.equal(ids, before), "it changes the token ids that it is given")
    asked = targets != IGNORED
    trial.that(bool(asked.any()), "no target is left: those of the chosen tokens are the true ids")
    trial.that(not bool((asked & ~allowed).any()), "it chose tokens that are not allowed")
    trial.that(
        bool((targets[asked] == ids[asked]).all()),
        "a target is the id that was there before, also where the input was replaced",
    )
    chosen = (asked.sum() / allowed.sum()).item()
    texts, places = (asked.float().mean(dim=dim) for dim in (1, 0))
    trial.that(
        bool((texts < 0.5).all() and (places < 0.5).all()),
        "it chooses whole texts, or one position in all texts: each token has a draw of its own",
    )
    trial.that(
        abs(chosen - 0.15) < 0.015,
        f"{chosen:.2f} of the allowed tokens are asked for, and should be 0.15 of them: "
        "the share says how many are chosen, not how many are hidden",
    )
    trial.that(
        bool((inputs[~asked] == ids[~asked]).all()), "it changed tokens that it does not ask for"
    )

    for split in ((0.8, 0.1, 0.1), (1.0, 0.0, 0.0), (0.2, 0.5, 0.3)):
        inputs, targets = run(ids, allowed, 0.5, split, seed=1)
        asked = ((targets != IGNORED).sum() / allowed.sum()).item()
        trial.that(abs(asked - 0.5) < 0.03, f"with share 0.5, {asked:.2f} of the tokens are chosen")
        found = _fates(inputs, targets)
        names = ("hidden", "replaced", "left as they are")
        for share, wanted, name in zip(found, split, names, strict=True):
            trial.that(
                abs(share - wanted) < 0.04,
                f"with split {split}, {share:.2f} of the chosen tokens are {name}, "
                f"and should be {wanted}",
            )
    replaced = (targets != IGNORED) & (inputs != 0) & (inputs != ids)
    became = set(inputs[replaced].tolist())
    trial.that(
        len(became) > 40,
        "a replaced token becomes any token from 0 to vocab_size - 1, a new draw for each",
    )
    _drawn_anew(trial, inputs, replaced)
    trial.that(
        max(became) == 49 and _first_can_come(trial),
        "the random tokens are those from 0 to vocab_size - 1; the first or the last never comes",
    )
    again = run(ids, allowed, 0.5, (0.2, 0.5, 0.3), seed=1)
    trial.that(
        torch.equal(again[0], inputs) and torch.equal(again[1], targets),
        "the same generator should give the same result: draw from it everywhere",
    )
    other = run(ids, allowed, 0.5, (0.2, 0.5, 0.3), seed=2)
    trial.that(not torch.equal(other[1], targets), "another seed should choose other tokens")


@TURNS.turn(fill_gap)
def check_fill_gap(trial):
    model = _randomized(bert.MaskedLanguageModel(TINY))
    ids = torch.tensor([4, 7, 9, 3, 12])
    before = ids.clone()
    seen = model(ids[None])[0].log_softmax(-1).detach()
    hidden = torch.tensor([4, 7, 19, 3, 12])
    logits = model(hidden[None])[0].detach()
    with torch.no_grad():
        cut = model(hidden[None, :3])[0, 2].log_softmax(-1)
    trial.close(
        model,
        ids,
        2,
        19,
        gives=logits[2].log_softmax(-1),
        why="hide the token at the position, read the whole text, take the log-softmax there",
        mistakes=[
            (seen[2], "the token is still visible: put mask_id there"),
            (logits[2], "these are scores; take log_softmax"),
            (logits[2].softmax(-1), "these are probabilities; take log_softmax"),
            (logits[1].log_softmax(-1), "BERT answers at the gap itself, not one position before"),
            (logits.log_softmax(-1), "take the position only, (V,)"),
            (cut, "the text after the gap is missing: BERT reads both sides"),
        ],
        tolerance=1e-4,
    )
    trial.that(torch.equal(ids, before), "it changes the ids that it is given; make a copy")
    trial.close(
        model,
        ids,
        4,
        18,
        gives=scores.fill(model, ids, torch.tensor([4]), 18)[0],
        why="position and mask_id are arguments",
        tolerance=1e-4,
    )


@TURNS.turn(read_on)
def check_read_on(trial):
    model = _randomized(RecurrentModel("gru", 20, 8, 1))
    ids, candidates = torch.tensor([4, 7, 9, 3, 12]), torch.tensor([1, 9, 5])
    before = ids.clone()
    right = scores.read_on(model, ids, 2, candidates)
    texts = ids.repeat(3, 1)
    texts[:, 2] = candidates
    with torch.no_grad():
        log_probs = model(texts[:, :-1]).log_softmax(-1)
        each = log_probs.gather(-1, texts[:, 1:, None]).squeeze(-1)
        raw = model(texts[:, :-1]).gather(-1, texts[:, 1:, None]).squeeze(-1)
        same = model(texts).log_softmax(-1).gather(-1, texts[..., None]).squeeze(-1)
    trial.close(
        model,
        ids,
        2,
        candidates,
        gives=right,
        why="for each candidate, add the log-probabilities of all tokens but the first",
        mistakes=[
            (each[:, 1], "that is the word alone: read on to the end of the text"),
            (each, "add them up: one number for each candidate"),
            (each.mean(-1), "add, do not average"),
            (raw.sum(-1), "these are sums of scores; take log_softmax first"),
            (same.sum(-1), "logits at a position are about the next token: shift by one"),
            (each[:, 1:3].sum(-1), "read on to the end of the text"),
            (
                each[:, 1:].sum(-1),
                "the words before the gap are left out; that changes no ranking, but the whole text "
                "is asked for",
            ),
            (each.sum(-1).exp(), "give the logarithm"),
        ],
        tolerance=1e-4,
    )
    trial.that(torch.equal(ids, before), "it changes the ids that it is given; make copies")
    for position in (1, 4):
        trial.close(
            model,
            ids,
            position,
            candidates,
            gives=scores.read_on(model, ids, position, candidates),
            why=f"the candidates go to position {position}",
            tolerance=1e-4,
        )


def _cell_shapes(size, parts):
    shape = {"weight": (parts * size, size), "bias": (parts * size,)}
    return {
        f"{name}.{key}": value for name in ("input", "recurrent") for key, value in shape.items()
    }


def _cell(trial, size, parts, name):
    """The reader's cell with random parameters, and PyTorch's cell with the same ones."""
    cell = trial.call(size)
    _fits(trial, cell, _cell_shapes(size, parts), f"{name}({size})")
    _randomized(cell, 0.6)
    reference = (nn.LSTMCell if parts == 4 else nn.GRUCell)(size, size)
    ours = dict(cell.named_parameters())
    with torch.no_grad():
        reference.weight_ih.copy_(ours["input.weight"])
        reference.weight_hh.copy_(ours["recurrent.weight"])
        reference.bias_ih.copy_(ours["input.bias"])
        reference.bias_hh.copy_(ours["recurrent.bias"])
    return cell, reference


@TURNS.turn(LSTMCell)
def check_lstm(trial):
    cell, reference = _cell(trial, 6, 4, "LSTMCell")
    x, hidden, memory = torch.randn(3, 2, 6).unbind(0)
    parts = cell.input(x) + cell.recurrent(hidden)
    write, keep, new, show = parts.chunk(4, dim=-1)

    def after(write, keep, new, show):
        kept = keep.sigmoid() * memory + write.sigmoid() * new.tanh()
        return show.sigmoid() * kept.tanh(), kept

    kept = after(write, keep, new, show)[1]
    trial.close(
        x,
        (hidden, memory),
        gives=tuple(reference(x, (hidden, memory))),
        why="memory = keep · memory + write · new; hidden = show · tanh(memory)",
        mistakes=[
            (after(keep, write, new, show), "PyTorch's order is write, keep, new, show"),
            ((show.sigmoid() * kept, kept), "hidden is show times the tanh of the memory"),
            ((kept.tanh(), kept), "the gate that shows is missing"),
            (
                (
                    show.sigmoid() * (memory + write.sigmoid() * new.tanh()).tanh(),
                    memory + write.sigmoid() * new.tanh(),
                ),
                "that is the LSTM of 1997, which could not forget: keep is missing",
            ),
            (
                tuple(reversed(after(write, keep, new, show))),
                "return hidden first, then the memory",
            ),
        ],
        function=cell,
        name="cell",
        tolerance=1e-6,
    )
    trial.same(
        _gradient(lambda m: cell(x, (hidden, m))[0], memory),
        _gradient(lambda m: reference(x, (hidden, m))[0], memory),
        "the gradient at the memory",
        "what was written long ago learns through the memory",
        tolerance=1e-5,
    )
    trial.same(
        _gradient(lambda h: cell(x, (h, memory))[0], hidden),
        _gradient(lambda h: reference(x, (h, memory))[0], hidden),
        "the gradient at the hidden state",
        "the gates learn from the state before",
        tolerance=1e-5,
    )


@TURNS.turn(GRUCell)
def check_gru(trial):
    cell, reference = _cell(trial, 6, 3, "GRUCell")
    x, hidden = torch.randn(2, 2, 6).unbind(0)
    new, old = cell.input(x).chunk(3, -1), cell.recurrent(hidden).chunk(3, -1)
    reset, keep = (new[0] + old[0]).sigmoid(), (new[1] + old[1]).sigmoid()
    candidate = (new[2] + reset * old[2]).tanh()
    weight, bias = (part.chunk(3)[2] for part in (cell.recurrent.weight, cell.recurrent.bias))
    as_in_paper = (new[2] + (reset * hidden) @ weight.T + bias).tanh()
    trial.close(
        x,
        hidden,
        gives=reference(x, hidden),
        why="hidden = keep · hidden + (1 − keep) · candidate",
        mistakes=[
            (
                (1 - keep) * hidden + keep * candidate,
                "keep says how much of the old state stays: the two are exchanged",
            ),
            (
                keep * hidden + (1 - keep) * (new[2] + old[2]).tanh(),
                "reset is not used: it weighs the old state's part of the candidate",
            ),
            (
                keep * hidden + (1 - keep) * (reset * (new[2] + old[2])).tanh(),
                "reset weighs the old state's part only",
            ),
            (
                keep * hidden + (1 - keep) * as_in_paper,
                "that is the paper's GRU; PyTorch resets after the product with the matrix",
            ),
            (
                reset * hidden + (1 - reset) * (new[2] + keep * old[2]).tanh(),
                "PyTorch's order is reset, keep, candidate",
            ),
        ],
        function=cell,
        name="cell",
        tolerance=1e-6,
    )
    trial.same(
        _gradient(lambda h: cell(x, h), hidden),
        _gradient(lambda h: reference(x, h), hidden),
        "the gradient at the state",
        "what happened before learns through the state",
        tolerance=1e-5,
    )


@TURNS.turn(patches)
def check_patches(trial):
    picture = torch.arange(16.0).reshape(1, 4, 4)
    right = vision.patches(picture, 2)
    trial.close(
        picture,
        2,
        gives=right,
        why="the first row is the patch at the top left: pixels 0, 1, 4, 5",
        mistakes=[
            (
                picture.reshape(1, 4, 4),
                "these are rows of pixels, not squares: a patch takes two of each of two rows",
            ),
            (
                right[:, [0, 2, 1, 3]],
                "patches come in reading order, along the rows of patches",
            ),
            (right[:, :, [0, 2, 1, 3]], "the pixels of a patch come in reading order"),
        ],
    )
    torch.manual_seed(0)
    for shape, size in (((2, 6, 4), 2), ((1, 4, 6), 2), ((3, 6, 9), 3), ((1, 5, 5), 1)):
        pictures = torch.randn(*shape)
        before = pictures.clone()
        trial.close(
            pictures,
            size,
            gives=vision.patches(pictures, size),
            why="height and width may differ, and each picture is cut on its own",
        )
        trial.that(torch.equal(pictures, before), "it changes the pictures that it is given")
    pictures = torch.randn(2, 4, 4)
    trial.same(
        _gradient(lambda p: trial.call(p, 2), pictures),
        _gradient(lambda p: vision.patches(p, 2), pictures),
        "the gradient at the pictures",
        "cutting is differentiable",
    )


def _as_in_a_file(block):
    """The names of a block of ours under those of `nn.LayerNorm`."""
    return {
        name.replace("scale", "weight").replace("shift", "bias"): each.detach()
        for name, each in block.named_parameters()
    }


@TURNS.turn(EncoderBlock)
def check_encoder_block(trial):
    config = EncoderConfig(20, 16, 16, 4, 2, 32, 1, norm_epsilon=0.01)
    reference = _randomized(encoder.EncoderBlock(config))
    weights = _as_in_a_file(reference)
    block = trial.call(config)
    shapes = {name: tuple(each.shape) for name, each in weights.items()}
    _fits(trial, block, shapes, "EncoderBlock(config)")
    block.load_state_dict(weights)
    block.eval()
    torch.manual_seed(1)
    x = torch.randn(2, 5, 16)
    attended, normed = reference.attention(x), reference.norm_attention

    def finish(x, bend=F.gelu):
        return reference.norm_feed_forward(x + reference.project(bend(reference.expand(x))))

    first = x + reference.attention(normed(x))
    before = first + reference.project(F.gelu(reference.expand(reference.norm_feed_forward(first))))
    middle = normed(x + attended)
    trial.close(
        x,
        gives=reference(x),
        why="norm(x + attention), then norm(x + feed-forward)",
        mistakes=[
            (before, "that normalizes first, as GPT-2 does; BERT normalizes the sum, afterwards"),
            (finish(normed(attended)), "the first shortcut is missing: x + attention(x, x, mask)"),
            (
                reference.norm_feed_forward(reference.project(F.gelu(reference.expand(middle)))),
                "the second shortcut is missing: x + project(...)",
            ),
            (
                finish(middle, lambda x: F.gelu(x, approximate="tanh")),
                "that is GELU's tanh formula, as in GPT-2; BERT was trained with the exact one",
            ),
            (finish(middle, F.relu), "that is ReLU; BERT has the exact GELU"),
            (finish(middle, lambda x: x), "between expand and project there is a GELU"),
        ],
        function=block,
        name="block",
    )
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    real = reference(x, mask)[mask]
    trial.same(
        trial.call(x, mask, function=block, name="block")[mask],
        real,
        "block(x, mask), at the real tokens",
        "the mask goes to the attention: padding must not be looked at",
        [(reference(x)[mask], "the mask is not used: padding is looked at")],
    )
    trial.same(
        _gradient(block, x),
        _gradient(reference, x),
        "the gradient through the block",
        "training goes through every part",
    )


@TURNS.turn(mean_pool)
def check_mean_pool(trial):
    vectors = torch.tensor(
        [
            [[1.0, 2.0], [3.0, 4.0], [9.0, -9.0], [8.0, 8.0]],
            [[5.0, 0.0], [9.0, 9.0], [-3.0, 6.0], [0.0, 1.0]],
        ]
    )
    mask = torch.tensor([[True, True, False, False], [True, False, False, False]])
    kept = vectors * mask[..., None]
    trial.close(
        vectors,
        mask,
        gives=torch.tensor([[2.0, 3.0], [5.0, 0.0]]),
        why="the first text has two real tokens, the second one; the others are padding",
        mistakes=[
            (vectors.mean(dim=1), "padding is averaged too; the mask says which tokens are real"),
            (kept.sum(dim=1), "that is the sum; divide by the number of real tokens"),
            (kept.mean(dim=1), "it divides by T; divide by the number of real tokens of each text"),
            (kept.sum(dim=1) / mask.sum(), "it divides by the real tokens of all texts together"),
            (vectors[:, 0], "that is the vector of the first token, [CLS]"),
            (
                F.normalize(torch.tensor([[2.0, 3.0], [5.0, 0.0]]), dim=-1),
                "the length is not brought to 1 here; the notebook does that afterwards",
            ),
        ],
    )
    torch.manual_seed(0)
    vectors, lengths = torch.randn(3, 7, 4), torch.tensor([7, 1, 4])
    mask = torch.arange(7) < lengths[:, None]
    before = vectors.clone()
    trial.close(
        vectors,
        mask,
        gives=sentences.mean_pool(vectors, mask),
        why="every text has its own number of real tokens",
    )
    trial.that(torch.equal(vectors, before), "it changes the vectors it is given; make new ones")


@TURNS.turn(bm25)
def check_bm25(trial):
    passages = [p.split() for p in ("the old key opens the door", "the door is red", "a red fox")]
    n_with = Counter(word for passage in passages for word in set(passage))
    facts = (n_with, 3, 13 / 3)
    index = search.BM25([" ".join(passage) for passage in passages])

    def right(question, place):
        return index.scores(" ".join(question))[place].item()

    why = "sum weight · count · 2.2 / (count + 1.2 · (0.25 + 0.75 · length / mean length))"
    rare = math.log(1 + 2.5 / 1.5)
    trial.close(
        ["key"],
        passages[0],
        *facts,
        gives=right(["key"], 0),
        why=why,
        mistakes=[
            (rare * 2.2 / (1 + 1.2), "the passage's length is not used"),
            (rare / (1 + 1.2 * (0.25 + 0.75 * 18 / 13)), "the factor 2.2 is missing"),
            (right(["key"], 0) / math.log(2), "the logarithm is the natural one, math.log"),
            (
                right(["key"], 0) / rare,
                "the weight of the word is missing: a rare word counts more",
            ),
            (
                math.log(2.5 / 1.5) * right(["key"], 0) / rare,
                "the 1 + in the logarithm is missing; without it a frequent word counts against",
            ),
        ],
    )
    trial.close(
        ["the"],
        passages[0],
        *facts,
        gives=right(["the"], 0),
        why="the word occurs twice, which counts more than once and less than double",
        mistakes=[
            (
                math.log(1 + 1.5 / 2.5) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 18 / 13)),
                "the word occurs twice in the passage; use its count",
            ),
            (
                math.log(1 + 1.5 / 2.5) * 2 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 18 / 13)),
                "count belongs in the divisor too: a second occurrence is worth less",
            ),
        ],
    )
    _bm25_of_several(trial, passages, facts, right)
    _bm25_elsewhere(trial, passages, n_with, facts)


def _bm25_of_several(trial, passages, facts, right):
    """Questions of several words."""
    trial.close(
        ["red", "key", "fox"],
        passages[2],
        *facts,
        gives=right(["red", "fox"], 2),
        why="the words' shares are added; one that is not in the passage adds nothing",
    )
    trial.close(
        ["fox", "fox"],
        passages[2],
        *facts,
        gives=right(["fox"], 2),
        why="a word that the question repeats counts once",
    )


def _bm25_elsewhere(trial, passages, n_with, facts):
    """A word that no passage has, and another collection than that of the example."""
    trial.close(
        ["moon"],
        passages[1],
        dict(n_with),
        *facts[1:],
        gives=0.0,
        why="it is in no passage, and has no count in n_with",
    )
    trial.close(
        ["a", "fox"],
        "a fox and a fox and a fox".split(),
        {"a": 40, "fox": 3, "and": 77},
        90,
        25.0,
        gives=sum(
            math.log(1 + (90 - n + 0.5) / (n + 0.5)) * 3 * 2.2 / (3 + 1.2 * (0.25 + 0.75 * 8 / 25))
            for n in (40, 3)
        ),
        why="the number of passages and the mean length are arguments",
    )
