"""The turns of notebook 11: other right answers, typical mistakes, and each property of each task."""

from functools import partial

import torch

from classroom.turns import t11
from classroom.turns.t11 import TURNS
from helpers.generate import generate
from helpers.llama import LlamaChat, model
from helpers.llama.tokens import FileTokenizer
from tests import turn_cells
from tests.turn_cells import course_cell, turn_tests

IMPORTS = """import numpy as np
import regex
import torch
from torch import nn
from torch.nn import functional as F


"""
function = partial(turn_cells.function, imports=IMPORTS)
changed = partial(course_cell, TURNS, imports=IMPORTS)


NORM, ATTEND, ATTENTION, BLOCK = (
    "RMSNorm",
    "grouped_attention",
    "GroupedQueryAttention",
    "LlamaBlock",
)
STATES, NAME, UNPACK, CHAT, ALLOWED, ROUTE = (
    "Llama.hidden_states", "gguf_name", "unpack_q4_1", "chat_ids", "allowed_tokens", "route",
)  # fmt: skip
SWIGLU_END = "self.project(F.silu(self.gate(x)) * self.expand(x))"
ROTATED = "queries, keys = rotate(queries, *angles), rotate(keys, *angles)"
FIRST = "x = x + self.attention(self.norm_attention(x), angles, cache, layer)"
SECOND = "return x + self.feed_forward(self.norm_feed_forward(x))"
TIE = "        if config.tie_weights:\n            self.output_head.weight = self.token_embedding.weight\n"
HEAD = "self.output_head(self.hidden_states(token_ids, cache))"
MASK = "mask = torch.ones(new, known, dtype=torch.bool, device=keys.device).tril(known - new)"

RIGHT = [
    changed(NORM, ("mean_square = x.square().mean(dim=-1, keepdim=True)", "mean_square = (x * x).sum(-1, keepdim=True) / x.shape[-1]"), ("self.scale * x / torch.sqrt(mean_square + self.epsilon)", "x * torch.rsqrt(mean_square + self.epsilon) * self.scale")),
    function("rotate(x, cosines, sines)", "half = x.shape[-1] // 2", "turned = torch.cat([-x[..., half:], x[..., :half]], -1)", "return x * torch.cat([cosines, cosines], -1) + turned * torch.cat([sines, sines], -1)"),
    changed("SwiGLU", (f"return {SWIGLU_END}", "gate = self.gate(x)\n        return self.project(self.expand(x) * gate * torch.sigmoid(gate))")),
    function(
        "grouped_attention(queries, keys, values)",
        "queries = queries.unflatten(1, (keys.shape[1], -1))",
        "scores = queries @ keys[:, :, None].mT / queries.shape[-1] ** 0.5",
        "past = keys.shape[2] - queries.shape[3]",
        "later = torch.arange(keys.shape[2])[None] > torch.arange(past, keys.shape[2])[:, None]",
        "weights = scores.masked_fill(later, -torch.inf).softmax(-1)",
        "return (weights @ values[:, :, None]).flatten(1, 2)",
    ),
    changed(ATTENTION, ("self.output(grouped_attention(queries, keys, values).transpose(1, 2).flatten(2))", "self.output(grouped_attention(queries, keys, values).transpose(1, 2).reshape(x.shape[0], x.shape[1], -1))")),
    changed(BLOCK, (FIRST, "change = self.attention(self.norm_attention(x), angles, cache=cache, layer=layer)"), (SECOND, "x = change + x\n        return self.feed_forward(self.norm_feed_forward(x)) + x")),
    changed(BLOCK, (FIRST, "x = x + self.attention(self.norm_attention(x), angles, layer=layer, cache=cache)")),
    changed("Llama", (TIE, "        if config.tie_weights:\n            self.token_embedding.weight = self.output_head.weight\n")),
    changed(STATES, ("x = self.token_embedding(token_ids)", "x = self.token_embedding.weight[token_ids]"), ("for layer, block in enumerate(self.blocks):", "for layer in range(len(self.blocks)):"), ("x = block(x, angles, cache, layer)", "x = self.blocks[layer](x, angles, cache=cache, layer=layer)")),
    changed(STATES, ("x = block(x, angles, cache, layer)", "x = block(x, angles, layer=layer, cache=cache)")),
    function(
        "gguf_name(name)",
        "outer = {'token_embedding.weight': 'token_embd.weight', 'output_head.weight': 'output.weight', 'final_norm.scale': 'output_norm.weight'}",
        "if name in outer: return outer[name]",
        "_, number, part = name.split('.', 2)",
        "inner = {'norm_attention.scale': 'attn_norm', 'norm_feed_forward.scale': 'ffn_norm', 'attention.query.weight': 'attn_q', 'attention.key.weight': 'attn_k', 'attention.value.weight': 'attn_v', 'attention.output.weight': 'attn_output', 'feed_forward.gate.weight': 'ffn_gate', 'feed_forward.expand.weight': 'ffn_up', 'feed_forward.project.weight': 'ffn_down'}",
        "return f'blk.{number}.{inner[part]}.weight'",
    ),
    function(
        "unpack_q4_1(blocks)",
        "weights = np.empty((len(blocks), 32), np.float32)",
        "for row, block in zip(weights, blocks):",
        "    for place, byte in enumerate(block['pairs'].tolist()):",
        "        row[place] = np.float32(block['least']) + np.float32(block['scale']) * (byte % 16)",
        "        row[place + 16] = np.float32(block['least']) + np.float32(block['scale']) * (byte // 16)",
        "return weights",
    ),
    function(
        "chat_ids(tokenizer, messages)",
        "def special(text): return tokenizer.encode(text, allowed_special='all')",
        "ids = []",
        "for role, text in messages:",
        "    ids += special(f'<|im_start|>{role}\\n') + tokenizer.encode_ordinary(text.strip())",
        "    ids += special('<|im_end|>\\n')",
        "return ids + special('<|im_start|>assistant\\n')",
    ),
    function(
        "allowed_tokens(tokens, pattern, written)",
        "mask = torch.zeros(len(tokens), dtype=torch.bool)",
        "for place, token in enumerate(tokens):",
        "    if token and regex.fullmatch(pattern, written + token, partial=True):",
        "        mask[place] = True",
        "return mask",
    ),
    function(
        "route(logits, k)",
        "least = logits.topk(k, dim=-1).values[:, -1:]",
        "return logits.masked_fill(logits < least, -torch.inf).softmax(dim=-1)",
    ),
]  # fmt: skip

WRONG = [
    (changed(NORM, ("x.square().mean(dim=-1, keepdim=True)", "x.var(dim=-1, keepdim=True, unbiased=False)"), ("self.scale * x", "self.scale * (x - x.mean(-1, keepdim=True))")), "that is layer normalization"),
    (changed(NORM, ("self.scale * x", "x")), "scale is not used"),
    (changed(NORM, (".mean(dim", ".sum(dim")), "take the mean"),
    (changed(NORM, ("mean(dim=-1, keepdim=True)", "mean()")), "one size for all tokens"),
    (changed(NORM, ("torch.sqrt(mean_square + self.epsilon)", "(mean_square + self.epsilon)")), "the root is missing"),
    (changed(NORM, ("mean_square + self.epsilon", "mean_square")), "under the root"),
    (changed(NORM, ("mean_square + self.epsilon", "mean_square + 1e-5")), "epsilon is an argument"),
    (changed(NORM, ("x.square()", "x.detach().square()")), "goes through the root mean square"),
    (changed(NORM, ("nn.Parameter(torch.ones(size))", "torch.ones(size)")), "no parameter ['scale']"),
    (changed(NORM, ("torch.ones(size)", "torch.randn(size)")), "the scale is 1 at the start"),
    (function("rotate(x, cosines, sines)", "first, second = x[..., ::2], x[..., 1::2]", "return torch.stack([first * cosines - second * sines, first * sines + second * cosines], -1).flatten(-2)"), "not two neighbors"),
    (changed("rotate", ("* cosines - second * sines", "* cosines + second * sines"), ("first * sines + second", "-first * sines + second")), "turns the other way"),
    (changed("rotate", ("first * sines + second * cosines", "second * cosines")), "(-b, a)"),
    (changed("rotate", ("x.chunk(2, dim=-1)", "x.detach().chunk(2, dim=-1)")), "learn through the rotation"),
    (function("rotate(x, cosines, sines)", "first, second = x.clone().chunk(2, -1)", "half = x.shape[-1] // 2", "turned = torch.cat([first * cosines - second * sines, first * sines + second * cosines], -1)", "x.mul_(1 if x.requires_grad else 2)", "return turned"), "make a new one"),
    (function("rotate(x, cosines, sines)", "first, second = x.chunk(2, dim=-1)", "c, s = cosines[0], sines[0]", "return torch.cat([first * c - second * s, first * s + second * c], -1)"), "its angle at its position"),
    (changed("SwiGLU", ("F.silu(self.gate(x))", "self.gate(x)")), "has no silu"),
    (changed("SwiGLU", (SWIGLU_END, "self.project(self.gate(x) * F.silu(self.expand(x)))")), "belongs to the gate"),
    (changed("SwiGLU", ("F.silu", "torch.sigmoid")), "a sigmoid gate"),
    (changed("SwiGLU", ("F.silu", "F.gelu")), "GEGLU"),
    (changed("SwiGLU", (" * self.expand(x)", " + self.expand(x)")), "does not add"),
    (changed("SwiGLU", (" * self.expand(x)", "")), "expand is not used"),
    (changed("SwiGLU", ("config.hidden_dim, bias=False", "config.hidden_dim")), "['gate.bias'] besides"),
    (changed("SwiGLU", ("config.hidden_dim", "4 * config.embedding_dim")), "of shape"),
    (changed("SwiGLU", ("self.gate(x)", "self.gate(x.detach())")), "all three matrices"),
    (changed(ATTEND, (", mask)", ")")), "the mask is missing"),
    (changed(ATTEND, (".tril(known - new)", ".tril()")), "the last query belongs to the last key"),
    (changed(ATTEND, ("keys.repeat_interleave(shared_by, dim=1)", "keys.repeat(1, shared_by, 1, 1)"), ("values.repeat_interleave(shared_by, dim=1)", "values.repeat(1, shared_by, 1, 1)")), "repeat_interleave"),
    (changed(ATTEND, ("keys, values, mask)", "keys, values, mask, scale=1.0)")), "the root of D"),
    (changed(ATTEND, ("keys = keys.repeat", "keys = keys.detach().repeat")), "shared keys learn"),
    (changed(ATTENTION, (ROTATED, "pass")), "queries and keys are not rotated"),
    (changed(ATTENTION, (ROTATED, "queries = rotate(queries, *angles)")), "the keys are not rotated"),
    (changed(ATTENTION, (ROTATED, "keys = rotate(keys, *angles)")), "the queries are not rotated"),
    (changed(ATTENTION, (ROTATED, ROTATED + "\n        values = rotate(values, *angles)")), "values carry content"),
    (changed(ATTENTION, ("self.output(grouped_attention(queries, keys, values).transpose(1, 2).flatten(2))", "grouped_attention(queries, keys, values).transpose(1, 2).flatten(2)")), "output matrix is not used"),
    (changed(ATTENTION, ("keys, values = cache.extend", "cache.extend")), "of the cache are not used"),
    (changed(ATTENTION, ("cache.extend(layer", "cache.extend(0")), "attention("),
    (changed(ATTENTION, ("keys, values = cache.extend(layer, keys, values)", "keys, values = cache.extend(layer, keys, values)\n            cache.extend(layer, keys, values)")), "called once"),
    (changed(ATTENTION, ("size, bias=False", "size")), "besides"),
    (changed(ATTENTION, ("config.kv_heads", "config.n_heads")), "of shape"),
    (changed(ATTENTION, ("size = config.head_dim", "size = config.embedding_dim // config.n_heads")), "with head_size=2"),
    (changed(ATTENTION, ("(-1, self.head_dim)", "(-1, x.shape[-1] // 4)")), "D need not be C // H"),
    (changed(ATTENTION, ("self.value(x)", "self.value(x.detach())")), "training goes through"),
    (changed(BLOCK, (FIRST, FIRST.replace("x + self", "self"))), "the first shortcut"),
    (changed(BLOCK, (SECOND, SECOND.replace("x + self", "self"))), "the second shortcut"),
    (changed(BLOCK, (FIRST, "y = x + self.attention(self.norm_attention(x), angles, cache, layer)"), ("return x + ", "return y + ")), "not from x"),
    (changed(BLOCK, ("self.norm_feed_forward(x))", "x)")), "begins with its normalization"),
    (changed(BLOCK, ("self.norm_attention(x)", "x")), "x + attention(normalized x)"),
    (changed(BLOCK, (", config.norm_epsilon", "")), "models differ"),
    (changed(BLOCK, ("self.norm_feed_forward = RMSNorm(config.embedding_dim, config.norm_epsilon)", "self.norm_feed_forward = RMSNorm(config.embedding_dim)")), "models differ"),
    (changed(BLOCK, ("angles, cache, layer)\n", "angles)\n")), "must call self.attention"),
    (changed("Llama", (TIE, "")), "one tensor"),
    (changed("Llama", ("if config.tie_weights", "if True")), "a weight of its own"),
    (changed("Llama", (", config.norm_epsilon", "")), "config.norm_epsilon"),
    (changed("Llama", ("range(config.n_layers)", "range(2)")), "blocks.2"),
    (changed("Llama", ("self.config = config", "pass")), "must keep the config"),
    (changed("Llama", ("config.vocab_size, bias=False", "config.vocab_size")), "besides"),
    (changed("Llama", (HEAD, HEAD + ".softmax(-1)")), "these are probabilities"),
    (changed("Llama", (HEAD, HEAD + "[:, -1]")), "every position"),
    (changed("Llama", (HEAD, "self.output_head(self.final_norm(self.hidden_states(token_ids, cache)))")), "normalizes already"),
    (changed("Llama", ("(token_ids, cache))", "(token_ids))")), "must call self.hidden_states"),
    (changed(STATES, ("return self.final_norm(x)", "return x")), "final normalization is missing"),
    (changed(STATES, ("x = block(x", "block(x")), "the blocks are missing"),
    (changed(STATES, ("self.final_norm(x)", "self.output_head(self.final_norm(x))")), "these are logits"),
    (changed(STATES, ("angles, cache, layer)", "angles, cache, 0)")), "block 1 must be called"),
    (changed(STATES, ("angles, cache, layer)", "angles)")), "block 0 must be called"),
    (changed(STATES, ("0 if cache is None else cache.length", "0")), "counted on from cache.length"),
    (changed(STATES, ("cache.advance(token_ids.shape[1])", "pass")), "cache.advance must be called once"),
    (changed(NAME, ('"norm_attention.scale": "attn_norm.weight"', '"norm_attention.scale": "attn_norm.scale"')), "is called weight in the file"),
    (changed(NAME, ('"ffn_up"', '"ffn_expand"')), "the file's ffn_up"),
    (changed(NAME, ('"ffn_down"', '"ffn_project"')), "the file's ffn_down"),
    (changed(NAME, ("output_norm.weight", "final_norm.weight")), "output_norm.weight"),
    (changed(NAME, ("return name", "return name.replace('blk.1', 'blk.0')")), "should give 'blk.1."),
    (changed(UNPACK, ("np.concatenate([blocks[\"pairs\"] & 15, blocks[\"pairs\"] >> 4], axis=-1)", "np.stack([blocks[\"pairs\"] & 15, blocks[\"pairs\"] >> 4], axis=-1).reshape(-1, 32)")), "the last 16"),
    (changed(UNPACK, ('blocks["pairs"] & 15, blocks["pairs"] >> 4', 'blocks["pairs"] >> 4, blocks["pairs"] & 15')), "the low halves come first"),
    (changed(UNPACK, ("least + scale", "scale")), "least is not added"),
    (changed(UNPACK, ("least + scale * numbers", "least - scale * numbers")), "least is added"),
    (changed(UNPACK, ("scale * numbers", "scale * (numbers.astype(np.float32) - 8)")), "no 8 is subtracted"),
    (changed(UNPACK, (".astype(np.float32)", "")), "should be float32"),
    (changed(UNPACK, ("return least", "blocks['scale'] *= 2\n    return least")), "changes the blocks"),
    (changed(UNPACK, ("return least + scale * numbers", "return (least + scale * numbers).reshape(-1)")), "(3, 32) weights"),
    (changed(UNPACK, ("    numbers", "    if not len(blocks): return np.zeros(0, np.float32)\n    numbers")), "an array of shape (0, 32)"),
    (changed(CHAT, ('[*ids, begin, *tokenizer.encode_ordinary("assistant\\n")]', "ids")), "must be opened at the end"),
    (changed(CHAT, ('"assistant\\n")]', '"assistant\\n"), end]')), "the model writes its end"),
    (changed(CHAT, ("text.strip()", "text")), "strip the text"),
    (changed(CHAT, ("end, *line_end]", "end]")), "a line ends after"),
    (changed(CHAT, ("tokenizer.encode_ordinary(text.strip())", "tokenizer.encode(text.strip(), allowed_special='all')")), "must not end the turn"),
    (changed(CHAT, ("return [*ids", "return [begin, *tokenizer.encode_ordinary('system\\n'), end, *line_end, *ids")), "compare each character"),
    (changed(ALLOWED, ("fullmatch(written + token", "fullmatch(token")), "is not looked at"),
    (changed(ALLOWED, (", partial=True", "")), "partial=True"),
    (changed(ALLOWED, ('token != "" and ', "")), "says nothing"),
    (changed(ALLOWED, ("form.fullmatch(written + token, partial=True)", "form.match(written + token, partial=True)")), "can begin a whole match"),
    (changed(ALLOWED, ("return torch.tensor(\n", "return torch.Tensor(\n")), "torch.float32"),
    (function("route(logits, k)", "return logits.softmax(-1)"), "only the k best keep"),
    (changed(ROUTE, ("best.indices, weights)", "best.indices, torch.ones_like(weights))")), "all weigh the same"),
    (changed(ROUTE, ("best.values.softmax(dim=-1)", "logits.softmax(dim=-1).gather(-1, best.indices)")), "must add up to 1"),
    (changed(ROUTE, ("best.values.softmax(dim=-1)", "best.values")), "these are logits"),
    (changed(ROUTE, ("best.values.softmax(dim=-1)", "logits.softmax(dim=0).gather(-1, best.indices)")), "not over the tokens"),
    (changed(ROUTE, ("logits.topk(k,", "logits.topk(2,")), "experts work"),
    (changed(ROUTE, ("weights = best.values.softmax(dim=-1)", "weights = best.values.detach().softmax(dim=-1)")), "learns through the weights"),
    (changed(ROUTE, ("torch.zeros_like(logits).scatter(", "(logits.data.zero_() if not logits.requires_grad else torch.zeros_like(logits)).scatter(")), "changes the logits"),
]  # fmt: skip


(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT, WRONG)


def test_a_norm_may_keep_its_epsilon_under_any_name(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "state.json"))
    names = {name: turn.course for name, turn in TURNS.turns.items()} | TURNS.given
    names |= {"your_turn": TURNS.your_turn, "__name__": "__main__"}
    for source in (changed(NORM, ("self.epsilon", "self.eps")), changed(BLOCK), changed("Llama")):
        assert ": right, " in turn_cells.run_cell(source, names)


def test_the_whole_llama_writes_what_helpers_writes():
    theirs = t11._randomized(model.Llama(t11.TINY))
    ours = type("Llama", (t11.Llama,), {"hidden_states": t11.hidden_states})(t11.TINY).eval()
    ours.load_state_dict(theirs.state_dict())
    prompt = torch.tensor([[1, 2, 3]])
    found, right = (torch.stack([*generate(llama, prompt, 50)], dim=1) for llama in (ours, theirs))
    assert torch.equal(found, right)


def test_the_chat_ids_are_those_of_llama_chat():
    special = {"<|im_start|>": 256, "<|im_end|>": 257}
    tokenizer = FileTokenizer({n: bytes([n]) for n in range(256)}, [], special)
    chat = LlamaChat("test", "no file")
    chat._parts = (None, tokenizer)
    said = [("system", chat.system), ("user", "Hi"), ("assistant", "Ho"), ("user", "<|im_end|>")]
    right = chat.opening() + chat.turn("Hi", "Ho") + chat.question("<|im_end|>")
    assert t11.chat_ids(tokenizer, said) == right
