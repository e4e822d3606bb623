"""The turns of notebook 10: other right answers, typical mistakes, and each property of each task."""

from functools import partial

from classroom.turns.t10 import TURNS
from tests import turn_cells
from tests.turn_cells import turn_tests

IMPORTS = (
    "import math\n\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n"
)
function = partial(turn_cells.function, imports=IMPORTS)
changed = partial(turn_cells.course_cell, TURNS, imports=IMPORTS)

CROSS, LSTM, GRU = "CrossAttention", "LSTMCell", "GRUCell"
PARTS = "parts = self.query(x), self.key(memory), self.value(memory)"
GATES = "write, keep, new, show ="
LOOK = "context = F.scaled_dot_product_attention(*parts, attn_mask=allowed)"

RIGHT = [
    changed(CROSS, (LOOK, "queries, keys, values = parts\n        scores = queries @ keys.mT / queries.shape[-1] ** 0.5\n        if mask is not None:\n            scores = scores.masked_fill(~mask[:, None, None], -torch.inf)\n        context = scores.softmax(-1) @ values")),
    function("shift_right(targets, start_id)", "read = torch.full_like(targets, start_id)", "read[:, 1:] = targets[:, :-1]", "return torch.where(read == -100, start_id, read)"),
    function(
        "translate(model, sources, max_new_tokens, start_id, end_id)",
        "mask = sources != 0",
        "memory = model.encoder(sources, mask)",
        "text = torch.full((len(sources), 1), start_id)",
        "done = torch.zeros(len(sources), dtype=torch.bool)",
        "while text.shape[1] <= max_new_tokens and not done.all():",
        "    new = model.decode(text, memory, mask)[:, -1].max(-1).indices",
        "    text = torch.cat([text, new[:, None]], dim=1)",
        "    done = done | (new == end_id)",
        "return text[:, 1:]",
    ),
    function(
        "hide(token_ids, allowed, mask_id, vocab_size, share, split, generator)",
        "fate = torch.rand(token_ids.shape, generator=generator)",
        "chosen = allowed & (fate < share)",
        "inputs, targets = token_ids.clone(), torch.full_like(token_ids, -100)",
        "targets[chosen] = token_ids[chosen]",
        "inputs[allowed & (fate < share * split[0])] = mask_id",
        "replaced = allowed & (fate >= share * split[0]) & (fate < share * (split[0] + split[1]))",
        "inputs[replaced] = torch.randint(vocab_size, (int(replaced.sum()),), generator=generator)",
        "return inputs, targets",
    ),
    function("fill_gap(model, ids, position, mask_id)", "hidden = torch.cat([ids[:position], torch.tensor([mask_id]), ids[position + 1 :]])", "return F.log_softmax(model(hidden.unsqueeze(0)), dim=-1)[0, position]"),
    function(
        "read_on(model, ids, position, candidates)",
        "found = []",
        "for word in candidates:",
        "    text = ids.clone()",
        "    text[position] = word",
        "    found.append(-F.cross_entropy(model(text[None, :-1])[0], text[1:], reduction='sum'))",
        "return torch.stack(found)",
    ),
    changed(LSTM, ("memory = keep.sigmoid() * memory + write.sigmoid() * new.tanh()", "memory = torch.addcmul(torch.sigmoid(keep) * memory, torch.sigmoid(write), torch.tanh(new))")),
    changed(GRU, ("return keep * hidden + (1 - keep) * candidate", "return candidate + keep * (hidden - candidate)")),
    function("patches(pictures, size)", "squares = pictures.unfold(1, size, size).unfold(2, size, size)", "return squares.flatten(1, 2).flatten(2)"),
]  # fmt: skip

WRONG = [
    (changed(CROSS, (PARTS, "parts = self.query(x), self.key(x), self.value(x)")), "come from memory"),
    (changed(CROSS, (PARTS, "parts = self.query(memory), self.key(x), self.value(x)")), "the queries come from x"),
    (changed(CROSS, ("return self.output(context.transpose(1, 2).flatten(2))", "return context.transpose(1, 2).flatten(2)")), "output matrix is not used"),
    (changed(CROSS, ("attn_mask=allowed)", "attn_mask=allowed, scale=1.0)")), "the root of D"),
    (changed(CROSS, ("attn_mask=allowed)", "attn_mask=None)")), "the mask is not used"),
    (changed(CROSS, ("else mask[:", "else ~mask[:")), "may be looked at"),
    (changed(CROSS, ("(self.n_heads, -1)", "(1, -1)")), "one head only"),
    (changed(CROSS, ("attn_mask=allowed)", "attn_mask=allowed, scale=x.shape[-1] ** -0.5)")), "not of C"),
    (changed(CROSS, ("part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)", "part.reshape(len(part), self.n_heads, part.shape[1], -1)"), ("context.transpose(1, 2).flatten(2)", "context.reshape(x.shape)")), "exchange T and H"),
    (changed(CROSS, ("self.value(memory)", "self.value(memory.detach())"), ("self.key(memory)", "self.key(memory.detach())")), "the encoder learns"),
    (changed(CROSS, ("self.value, self.output = nn.Linear(size, size)", "self.value, self.output = nn.Linear(size, size, bias=False)")), "no parameter ['value.bias']"),
    (changed(CROSS, ("self.n_heads, size = config.n_heads, config.dimensions", "self.n_heads, size = config.n_heads, config.dimensions\n        self.more = nn.Linear(size, size)")), "['more.weight'] besides"),
    (function("shift_right(targets, start_id)", "return targets"), "must not read it yet"),
    (changed("shift_right", ("before.masked_fill(before == -100, start_id)", "before")), "-100 is no token"),
    (function("shift_right(targets, start_id)", "ids = torch.where(targets == -100, start_id, targets)", "return torch.cat([ids[:, 1:], torch.full_like(ids[:, :1], start_id)], 1)"), "the other way"),
    (changed("shift_right", ("targets[:, :-1]", "targets")), "the last one is never read"),
    (function("shift_right(targets, start_id)", "ids = targets.roll(1, 1)", "ids[:, 0] = 1", "ids[ids == -100] = 1", "return ids"), "start_id is an argument"),
    (function("shift_right(targets, start_id)", "targets[targets == -100] = start_id", "return torch.cat([torch.full_like(targets[:, :1], start_id), targets[:, :-1]], 1)"), "changes the targets"),
    (changed("translate", ("return written[:, 1:]", "return written")), "the start is read, not written"),
    (changed("translate", (".all()", ".any()")), "go on until all have"),
    (changed("translate", ("        if (written == end_id).any(dim=1).all():\n            break\n", "")), "goes on when every row"),
    (changed("translate", ("model.decode(written,", "model.decode(written[:, -1:],")), "all of the text so far"),
    (changed("translate", ("(written == end_id).any(dim=1).all()", "(new == end_id).all()")), "goes on when every row"),
    (changed("translate", ("        new = model", "        memory = model.encoder(sources, mask)\n        new = model")), "read it once"),
    (changed("translate", ("model.decode(written, memory, mask)", "model.decode(written, memory, None)")), "both need the mask"),
    (changed("translate", ("model.encoder(sources, mask)", "model.encoder(sources, None)")), "both need the mask"),
    (changed("translate", ("range(max_new_tokens)", "range(9)")), "at most max_new_tokens"),
    (changed("translate", ("sources[:, :1], start_id", "sources[:, :1], 1")), "start_id is an argument"),
    (changed("hide", ("torch.where(chosen, token_ids, -100)", "torch.where(chosen & (inputs == mask_id), token_ids, -100)")), "the share says how many are chosen"),
    (changed("hide", (") & allowed", ")")), "not allowed"),
    (changed("hide", ("torch.where(chosen, token_ids, -100)", "torch.where(chosen, inputs, -100)")), "was there before"),
    (changed("hide", ("fate = torch.rand", "fate = 0 * torch.rand")), "are hidden, and should be 0.8"),
    (changed("hide", ("chosen & (fate >= split[0])", "(fate >= split[0])")), "does not ask for"),
    (changed("hide", ("random = torch.randint(vocab_size, token_ids.shape, generator=generator)", "random = torch.randint(vocab_size, (1,), generator=generator)")), "a new draw for each"),
    (changed("hide", ("random = torch.randint(vocab_size, token_ids.shape, generator=generator)", "random = torch.randint(vocab_size, (len(token_ids), 1), generator=generator)")), "for a whole text"),
    (changed("hide", ("random = torch.randint(vocab_size, token_ids.shape, generator=generator)", "random = torch.randint(vocab_size, (1, token_ids.shape[1]), generator=generator)")), "for a whole position"),
    (changed("hide", ("torch.randint(vocab_size,", "torch.randint(vocab_size - 1,")), "the first or the last never comes"),
    (changed("hide", ("torch.randint(vocab_size,", "torch.randint(1, vocab_size,")), "the first or the last never comes"),
    (changed("hide", ("chosen = (torch.rand(token_ids.shape, generator=generator)", "chosen = (torch.rand(1, token_ids.shape[1], generator=generator)")), "a draw of its own"),
    (changed("hide", ("chosen = (torch.rand(token_ids.shape, generator=generator)", "chosen = (torch.rand(len(token_ids), 1, generator=generator)")), "a draw of its own"),
    (changed("hide", ("split[0] + split[1]", "0.9"), ("(fate < split[0])", "(fate < 0.8)"), ("(fate >= split[0])", "(fate >= 0.8)")), "with split (1.0, 0.0, 0.0)"),
    (changed("hide", ("fate = torch.rand(token_ids.shape, generator=generator)", "fate = torch.rand(token_ids.shape)")), "draw from it everywhere"),
    (changed("hide", ("< share) & allowed", "< 0.15) & allowed")), "with share 0.5"),
    (changed("hide", ("inputs = torch.where(chosen & (fate < split[0]), mask_id, token_ids)", "token_ids[chosen & (fate < split[0])] = mask_id\n    inputs = token_ids")), "changes the token ids"),
    (changed("fill_gap", ("hidden[position] = mask_id", "pass")), "still visible"),
    (changed("fill_gap", (".log_softmax(dim=-1)", "")), "these are scores"),
    (changed("fill_gap", (".log_softmax(dim=-1)", ".softmax(dim=-1)")), "these are probabilities"),
    (changed("fill_gap", ("[0, position]", "[0, position - 1]")), "at the gap itself"),
    (changed("fill_gap", ("[0, position]", "[0]")), "take the position only"),
    (changed("fill_gap", ("model(hidden[None])", "model(hidden[None, : position + 1])")), "reads both sides"),
    (changed("fill_gap", ("ids.clone()", "ids")), "make a copy"),
    (changed("read_on", (".sum(dim=-1)", "[:, position - 1]")), "read on to the end"),
    (changed("read_on", (".sum(dim=-1)", "[:, position - 1 :].sum(dim=-1)")), "changes no ranking"),
    (changed("read_on", (".sum(dim=-1)", "")), "one number for each"),
    (changed("read_on", (".sum(dim=-1)", ".mean(dim=-1)")), "do not average"),
    (changed("read_on", (".log_softmax(dim=-1)", "")), "sums of scores"),
    (changed("read_on", ("texts[:, :-1]", "texts"), ("texts[:, 1:, None]", "texts[:, :, None]")), "shift by one"),
    (changed("read_on", (".sum(dim=-1)", ".sum(dim=-1).exp()")), "give the logarithm"),
    (changed("read_on", ("ids.repeat(len(candidates), 1)", "ids.expand(len(candidates), -1).clone()"), ("texts[:, position]", "ids[position] = candidates[0]\n    texts[:, position]")), "make copies"),
    (changed("read_on", ("texts[:, position]", "texts[:, 2]")), "go to position 1"),
    (changed(LSTM, (GATES, "keep, write, new, show =")), "PyTorch's order"),
    (changed(LSTM, ("* memory.tanh()", "* memory")), "the tanh of the memory"),
    (changed(LSTM, ("show.sigmoid() * memory.tanh()", "memory.tanh()")), "the gate that shows"),
    (changed(LSTM, ("keep.sigmoid() * memory", "memory")), "could not forget"),
    (changed(LSTM, ("show.sigmoid() * memory.tanh(), memory", "memory, show.sigmoid() * memory.tanh()")), "hidden first"),
    (changed(LSTM, ("keep.sigmoid() * memory", "keep.sigmoid() * memory.detach()")), "learns through the memory"),
    (changed(LSTM, ("self.recurrent(hidden)", "self.recurrent(hidden.detach())")), "from the state before"),
    (changed(LSTM, ("nn.Linear(size, 4 * size), nn.Linear(size, 4 * size)", "nn.Linear(size, 4 * size), nn.Linear(size, 4 * size, bias=False)")), "no parameter ['recurrent.bias']"),
    (changed(GRU, ("keep * hidden + (1 - keep) * candidate", "(1 - keep) * hidden + keep * candidate")), "the two are exchanged"),
    (changed(GRU, ("reset * old[2]", "old[2]")), "reset is not used"),
    (changed(GRU, ("new[2] + reset * old[2]", "reset * (new[2] + old[2])")), "the old state's part only"),
    (changed(GRU, ("reset, keep =", "keep, reset =")), "reset, keep, candidate"),
    (changed(GRU, ("candidate = (new[2] + reset * old[2]).tanh()", "weight, bias = self.recurrent.weight.chunk(3)[2], self.recurrent.bias.chunk(3)[2]\n        candidate = (new[2] + F.linear(reset * hidden, weight, bias)).tanh()")), "the paper's GRU"),
    (changed(GRU, ("return keep * hidden", "return keep * hidden.detach()")), "learns through the state"),
    (function("patches(pictures, size)", "return pictures.reshape(len(pictures), -1, size * size)"), "not squares"),
    (changed("patches", ("squares.transpose(2, 3)", "squares.permute(0, 3, 1, 2, 4)")), "in reading order"),
    (changed("patches", ("squares.transpose(2, 3)", "squares.permute(0, 1, 3, 4, 2)")), "pixels of a patch"),
    (changed("patches", ("width // size", "height // size")), "is invalid for input"),
    (changed("patches", ("    n, height, width =", "    pictures[:] = pictures if pictures.requires_grad else pictures.round()\n    n, height, width =")), "gives"),
    (changed("patches", ("return squares", "return squares.detach()")), "differentiable"),
]  # fmt: skip

BLOCK, WORDS = "EncoderBlock", "bm25"
SUM_1, SUM_2 = (
    "self.norm_attention(x + self.attention(x, x, mask))",
    "self.norm_feed_forward(x + self.project(F.gelu(self.expand(x))))",
)

SEARCH_RIGHT = [
    changed(BLOCK, ("x = " + SUM_1, "x = x + self.attention(x, x, mask=mask)\n        x = self.norm_attention(x)"), ("F.gelu(self.expand(x))", "nn.GELU()(self.expand(x))")),
    changed(BLOCK, ("nn.LayerNorm(config.dimensions, eps=config.norm_epsilon)\n        self.expand", "nn.LayerNorm((config.dimensions,), config.norm_epsilon)\n        self.expand"), (SUM_1, "F.layer_norm(x + self.attention(x, x, mask), x.shape[-1:], self.norm_attention.weight, self.norm_attention.bias, self.norm_attention.eps)")),
    function("mean_pool(vectors, mask)", "return torch.stack([rows[real].mean(0) for rows, real in zip(vectors, mask)])"),
    function("mean_pool(vectors, mask)", "weights = mask / mask.sum(1, keepdim=True)", "return torch.einsum('bt,btc->bc', weights, vectors)"),
    function("mean_pool(vectors, mask)", "kept = vectors.masked_fill(~mask.unsqueeze(-1), 0)", "return kept.sum(1) / mask.sum(1, keepdim=True)"),
    function("bm25(question, passage, n_with, n_passages, mean_length)", "score = 0", "for word in dict.fromkeys(question):", "    if word in passage:", "        rare = math.log((n_passages + 1) / (n_with[word] + 0.5))", "        count = sum(other == word for other in passage)", "        score += rare * (2.2 / (1 + 1.2 * (0.25 + 0.75 * len(passage) / mean_length) / count))", "return score"),
    function("bm25(question, passage, n_with, n_passages, mean_length)", "def share(word):", "    n, count = n_with.get(word, 0), passage.count(word)", "    weight = math.log(1 + (n_passages - n + 0.5) / (n + 0.5))", "    return weight * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(passage) / mean_length))", "return sum(map(share, set(question)))"),
]  # fmt: skip

SEARCH_WRONG = [
    (changed(BLOCK, (SUM_1, "x + self.attention(self.norm_attention(x), self.norm_attention(x), mask)"), (SUM_2, "x + self.project(F.gelu(self.expand(self.norm_feed_forward(x))))")), "normalizes first"),
    (changed(BLOCK, ("self.norm_attention(x + self", "self.norm_attention(self")), "first shortcut"),
    (changed(BLOCK, ("self.norm_feed_forward(x + self", "self.norm_feed_forward(self")), "second shortcut"),
    (changed(BLOCK, ("F.gelu(self.expand(x))", "F.gelu(self.expand(x), approximate='tanh')")), "tanh formula"),
    (changed(BLOCK, ("F.gelu", "F.relu")), "that is ReLU"),
    (changed(BLOCK, ("F.gelu(self.expand(x))", "self.expand(x)")), "there is a GELU"),
    (changed(BLOCK, ("(x, x, mask)", "(x, x)")), "padding is looked at"),
    (changed(BLOCK, (", eps=config.norm_epsilon)\n        self.expand", ")\n        self.expand")), "norm(x + attention)"),
    (changed(BLOCK, (", eps=config.norm_epsilon)\n\n", ")\n\n")), "norm(x + attention)"),
    (changed(BLOCK, ("self.attention(x, x, mask)", "self.attention(x, x, mask).detach()")), "every part"),
    (changed(BLOCK, ("config.dimensions, config.hidden)", "config.dimensions, 4 * config.dimensions)"), ("config.hidden, config.dimensions)", "4 * config.dimensions, config.dimensions)")), "of shape"),
    (changed(BLOCK, ("config.hidden)", "config.hidden, bias=False)")), "has no parameter ['expand.bias']"),
    (function("mean_pool(vectors, mask)", "return vectors.mean(dim=1)"), "padding is averaged"),
    (function("mean_pool(vectors, mask)", "return (vectors * mask[..., None]).sum(dim=1)"), "that is the sum"),
    (function("mean_pool(vectors, mask)", "return (vectors * mask[..., None]).mean(dim=1)"), "divides by T"),
    (function("mean_pool(vectors, mask)", "return (vectors * mask[..., None]).sum(dim=1) / mask.sum()"), "all texts together"),
    (function("mean_pool(vectors, mask)", "return vectors[:, 0]"), "[CLS]"),
    (function("mean_pool(vectors, mask)", "means = (vectors * mask[..., None]).sum(dim=1) / mask.sum(1, keepdim=True)", "return F.normalize(means, dim=-1)"), "brought to 1"),
    (function("mean_pool(vectors, mask)", "vectors *= mask[..., None]", "return vectors.sum(dim=1) / mask.sum(1, keepdim=True)"), "make new ones"),
    (function("mean_pool(vectors, mask)", "(vectors * mask[..., None]).sum(dim=1)"), "is there a return"),
    (changed(WORDS, ("1.2 * (0.25 + 0.75 * len(passage) / mean_length)", "1.2")), "length is not used"),
    (changed(WORDS, (" * 2.2", "")), "2.2 is missing"),
    (changed(WORDS, ("weight * count", "count")), "a rare word counts more"),
    (changed(WORDS, ("math.log(", "math.log2(")), "the natural one"),
    (changed(WORDS, ("math.log(1 + ", "math.log(")), "1 + in the logarithm"),
    (changed(WORDS, ("passage.count(word)", "1")), "use its count"),
    (changed(WORDS, ("/ (count + damper)", "/ (1 + damper)")), "a second occurrence is worth less"),
    (changed(WORDS, ("score += ", "score = ")), "shares are added"),
    (changed(WORDS, ("set(question) & set(passage)", "[w for w in question if w in passage]")), "counts once"),
    (changed(WORDS, ("set(question) & set(passage)", "set(question)")), "KeyError: 'moon'"),
    (changed(WORDS, ("n_passages - n", "3 - n")), "are arguments"),
    (changed(WORDS, ("/ mean_length", "/ (13 / 3)")), "are arguments"),
]  # fmt: skip

(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT + SEARCH_RIGHT, WRONG + SEARCH_WRONG)
