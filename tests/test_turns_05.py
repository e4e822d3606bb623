"""The turns of notebook 05: other right answers, typical mistakes, and each property of each task."""

from functools import partial

import torch

from classroom.turns.t05 import (
    DROPPING,
    SMALL,
    TURNS,
    MultiHeadAttention,
    attend_in_blocks,
    attention_scores,
    attention_weights,
    softmax,
)
from helpers import attention as package
from tests import turn_cells
from tests.turn_cells import changed, turn_tests

IMPORTS = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n"
function = partial(turn_cells.function, imports=IMPORTS)


def scores(*lines):
    return function("attention_scores(queries, keys)", *lines)


def weights(*lines):
    return function("softmax(scores)", *lines)


QKV = "q, k, v = x @ weight_query, x @ weight_key, x @ weight_value"


def itself(*lines):
    return function("self_attention(x, weight_query, weight_key, weight_value)", QKV, *lines)


def mask(*lines):
    return function("causal_mask(query_length, key_length)", *lines)


def attends(*lines):
    return function("attend(queries, keys, values, mask=None)", *lines)


SCORES = "scores = queries @ keys.mT / keys.shape[-1] ** 0.5"
MASKED = "scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)"
BOTH = "weights = scores.softmax(-1)"
GIVE = "return weights @ values, weights"


def splits(*lines):
    return function("split_heads(x, n_heads)", *lines)


def joins(*lines):
    return function("join_heads(x)", *lines)


def looks(*lines):
    return function("attention_weights(layer, x)", *lines)


def blocks(*lines):
    return function("attend_in_blocks(query, keys, values, block)", *lines)


MODULE = f"""{IMPORTS}@your_turn
class MultiHeadAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.n_heads = config.n_heads
        self.drop = nn.Dropout(config.dropout)
        for name in ("query", "key", "value"):
            layer = nn.Linear(config.embedding_dim, config.embedding_dim, bias=config.qkv_bias)
            setattr(self, name, layer)
        self.output = nn.Linear(config.embedding_dim, config.embedding_dim)

    def forward(self, x):
        q, k, v = (split_heads(part(x), self.n_heads) for part in (self.query, self.key, self.value))
        mask = causal_mask(x.shape[1], x.shape[1]).to(x.device)
        weights = attend(q, k, v, mask)[1]
        return self.output(join_heads(self.drop(weights) @ v))
"""
WITH_BUFFER = MODULE.replace(
    "        for name in",
    "        mask = causal_mask(config.context_length, config.context_length)\n"
    '        self.register_buffer("mask", mask, persistent=False)\n        for name in',
).replace(
    "mask = causal_mask(x.shape[1], x.shape[1]).to(x.device)",
    "mask = self.mask[: x.shape[1], : x.shape[1]]",
)
LOOP = """m, total, mixed = torch.tensor(-torch.inf), torch.zeros(()), torch.zeros(values.shape[1])
for start in range(0, len(keys), block):
    scores = keys[start : start + block] @ query / len(query) ** 0.5
    new = torch.maximum(m, scores.max())
    powers = torch.exp(scores - new)
    total = total * torch.exp(m - new) + powers.sum()
    mixed = mixed * torch.exp(m - new) + powers @ values[start : start + block]
    m = new
return mixed / total""".splitlines()


def blocks_with(*changes):
    return blocks(*changed("\n".join(LOOP), *changes).splitlines())


RIGHT = [
    scores("return torch.einsum('...td,...sd->...ts', queries, keys)"),
    scores("return (queries.unsqueeze(-2) * keys.unsqueeze(-3)).sum(-1)"),
    weights("return torch.softmax(scores, dim=-1)"),
    weights("return (scores - scores.logsumexp(-1, keepdim=True)).exp()"),
    itself("return F.scaled_dot_product_attention(q, k, v)"),
    itself("return ((q / k.shape[1] ** 0.5) @ k.mT).softmax(-1) @ v").replace("k.shape[1]", "k.shape[-1]"),
    mask("ones = torch.ones(query_length, key_length, dtype=torch.bool)",
         "return ones.tril(key_length - query_length)"),
    mask("past = key_length - query_length",
         "rows = [[j <= i + past for j in range(key_length)] for i in range(query_length)]",
         "return torch.tensor(rows)"),
    attends("scores = queries @ keys.mT / keys.shape[-1] ** 0.5",
            "if mask is not None:",
            "    scores = torch.where(mask, scores, -torch.inf)",
            BOTH, GIVE),
    attends(SCORES, "powers = torch.exp(scores - scores.amax(-1, keepdim=True))",
            "powers = powers if mask is None else powers * mask",
            "weights = powers / powers.sum(-1, keepdim=True)", GIVE),
    splits("return torch.stack(x.chunk(n_heads, dim=-1), dim=1)"),
    splits("b, t, c = x.shape", "return x.view(b, t, n_heads, c // n_heads).permute(0, 2, 1, 3)"),
    joins("return torch.cat(x.unbind(1), dim=-1)"),
    joins("b, h, t, d = x.shape", "return x.permute(0, 2, 1, 3).reshape(b, t, h * d)"),
    MODULE,
    WITH_BUFFER,
    looks("q, k = (split_heads(part(x), layer.n_heads) for part in (layer.query, layer.key))",
          "scores = q @ k.mT / q.shape[-1] ** 0.5",
          "return scores.masked_fill(~causal_mask(len(x[0]), len(x[0])), -torch.inf).softmax(-1)"),
    MODULE.replace("weights = attend(q, k, v, mask)[1]",
                   "heads = [attend(q[:, [h]], k[:, [h]], v[:, [h]], mask) for h in range(self.n_heads)]\n"
                   "        weights = torch.cat([weights for _, weights in heads], dim=1)"),
    blocks_with(),
    blocks("largest, mixed = torch.tensor(-torch.inf), torch.zeros(values.shape[1])",
           "for k, v in zip(keys.split(block), values.split(block)):",
           "    scores = k @ query / len(query) ** 0.5",
           "    new = torch.logaddexp(largest, scores.logsumexp(0))",
           "    mixed = mixed * (largest - new).exp() + (scores - new).exp() @ v",
           "    largest = new", "return mixed"),
    blocks_with(("scores = keys[start : start + block] @ query",
                 "scores = (keys[torch.arange(len(keys))[start : start + block]] * query).sum(-1)")),
    blocks("m, total, mixed = -torch.inf, 0.0, 0.0", "for key, value in zip(keys, values):",
           "    score = key @ query / len(query) ** 0.5", "    new = score.clamp(min=m)",
           "    total = total * torch.exp(m - new) + torch.exp(score - new)",
           "    mixed = mixed * torch.exp(m - new) + torch.exp(score - new) * value",
           "    m = new", "return mixed / total"),
]  # fmt: skip

# the first words of the turn's own message; each also is the one property that this version lacks
WRONG = [
    (scores("return keys @ queries.transpose(-2, -1)"), "each row belongs to one query"),
    (scores("return queries @ keys"), "multiply by the keys transposed"),
    (scores("return queries @ keys.mT / queries.shape[-1] ** 0.5"), "no division yet"),
    (scores("return (queries @ keys.mT).softmax(-1)"), "these are weights"),
    (scores("return queries @ keys.permute(*range(keys.ndim)[::-1])"), "the batch too"),
    (scores("if queries.ndim > 3:", "    return queries @ keys.mT.flip(1)",
            "return queries @ keys.mT"), "any number of dimensions"),
    (scores("queries @ keys.mT"), "is there a return?"),
    (weights("return scores.exp()"), "divide by the sum"),
    (weights("return scores / scores.sum(-1, keepdim=True)"), "raise e to the scores"),
    (weights("return scores.softmax(0)"), "each row belongs to one query"),
    (weights("powers = (scores - scores.max()).exp()", "return powers / powers.sum()"),
     "the whole table sums to 1"),
    (weights("powers = scores.exp()", "return powers / powers.sum(-1, keepdim=True)"),
     "power of 1000 is inf"),
    (weights("powers = (scores - scores.max()).exp()",
             "return powers / powers.sum(-1, keepdim=True)"), "row's own largest"),
    (weights("powers = (scores - scores.amax(-1, keepdim=True).clamp(min=0)).exp()",
             "return powers / powers.sum(-1, keepdim=True)"), "far below 0"),
    (weights("powers = (scores - scores.amax(-1, keepdim=True)).clamp(min=-1.5).exp()",
             "return powers / powers.sum(-1, keepdim=True)"), "e to its score"),
    (weights("powers = (scores - scores.amax(-1, keepdim=True)).clamp(min=-20).exp()",
             "return torch.where(scores.isinf(), torch.nan, powers / powers.sum(-1, keepdim=True))"),
     "forbidden key"),
    (weights("scores -= scores.max(dim=-1, keepdim=True).values", "powers = scores.exp()",
             "return powers / powers.sum(-1, keepdim=True)"), "changes the scores"),
    (weights("return scores.detach().softmax(-1)"), "without detach"),
    (itself("return (q @ k.mT).softmax(-1) @ v"), "divide the scores by the square root"),
    (itself("return (q @ k.mT / k.shape[-1]).softmax(-1) @ v"), "not by D"),
    (itself("return (q @ k.mT / x.shape[-1] ** 0.5).softmax(-1) @ v"), "the root of C"),
    (itself("return (q @ k.mT / 2 ** 0.5).softmax(-1) @ x"), "shape"),
    (itself("return (q @ k.mT / 2 ** 0.5).softmax(-1) @ k"), "only for being found"),
    (itself("return (k @ q.mT / 2 ** 0.5).softmax(-1) @ v"), "changed places"),
    (itself("return (q @ k.mT / 2 ** 0.5).softmax(-2) @ v"), "must sum to 1"),
    (itself("return (q @ k.mT).softmax(-1) @ v / 2 ** 0.5"), "before softmax"),
    (itself("if x.ndim > 2:", "    return F.scaled_dot_product_attention(*[p.flip(0) for p in (q, k)], v)",
            "return F.scaled_dot_product_attention(q, k, v)"), "each text looks at itself"),
    (itself("return (q @ k.mT / v.shape[-1] ** 0.5).softmax(-1) @ v"), "D is that of the keys"),
    (itself("return (q @ k.mT / 2 ** 0.5).softmax(-1) @ v"), "whatever the size of a key"),
    (mask("return torch.ones(query_length, key_length).tril()"), "truth values"),
    (mask("return torch.ones(query_length, key_length, dtype=torch.bool).triu()"), "upside down"),
    (mask("return torch.ones(query_length, key_length, dtype=torch.bool).triu(1)"),
     "changed places"),
    (mask("past = key_length - query_length - 1",
          "return torch.ones(query_length, key_length, dtype=torch.bool).tril(past)"),
     "must see itself"),
    (mask("return torch.ones(query_length, key_length, dtype=torch.bool).tril()"),
     "two older tokens"),
    (mask("return torch.ones(key_length, key_length, dtype=torch.bool).tril()"), "the shape (4, 4)"),
    (attends(SCORES, MASKED, "return scores.softmax(-1) @ values"), "return two things"),
    (attends(SCORES, MASKED, BOTH, "return weights, weights @ values"), "context first"),
    (attends("scores = queries @ keys.mT", MASKED, BOTH, GIVE), "divide the scores"),
    (attends("scores = queries @ keys.mT / 2 ** 0.5", MASKED, BOTH, GIVE),
     "whatever the size of a key"),
    (attends(SCORES, BOTH, GIVE), "the mask is not used"),
    (attends(SCORES, MASKED.replace("~mask", "mask"), BOTH, GIVE), "forbid where the mask is False"),
    (attends(SCORES, MASKED.replace("~mask", "~mask.mT"), BOTH, GIVE), "the mask is transposed"),
    (attends(SCORES, MASKED.replace("-torch.inf", "0.0"), BOTH, GIVE), "the future leaks in"),
    (attends(SCORES, BOTH, "weights = weights if mask is None else weights * mask", GIVE),
     "no longer sum to 1"),
    (attends(SCORES, "if mask is not None:", "    scores = scores.masked_fill(",
             "        ~torch.ones_like(mask).tril(mask.shape[1] - mask.shape[0]), -torch.inf)",
             BOTH, GIVE), "need not be causal"),
    (attends(SCORES, MASKED.replace("~mask", "~mask[: len(scores)]"), BOTH, GIVE), "stopped with"),
    (attends("queries = queries.detach()", SCORES, MASKED, BOTH, GIVE), "at the queries"),
    (attends("keys = keys.detach()", SCORES, MASKED, BOTH, GIVE), "at the keys"),
    (attends("values = values.detach()", SCORES, MASKED, BOTH, GIVE), "at the values"),
    (splits("b, t, c = x.shape", "return x.view(b, n_heads, t, c // n_heads)"), "different tokens"),
    (splits("return x.unflatten(-1, (n_heads, -1))"), "shape (1, 3, 2, 2)"),
    (splits("return x.unflatten(-1, (-1, n_heads)).permute(0, 3, 1, 2)"), "every other column"),
    (splits("return x.unflatten(-1, (2, -1)).transpose(1, 2)"), "shape"),
    (joins("b, h, t, d = x.shape", "return x.reshape(b, t, h * d)"), "swap H and T back"),
    (joins("return x.permute(0, 2, 3, 1).flatten(2)"), "the heads alternate"),
    (joins("return x.transpose(1, 2)"), "(1, 3, 2, 2)"),
    (joins("b, h, t, d = x.shape", "return x.transpose(1, 2).view(b, t, h * d)"), "view size"),
    (MODULE.replace("self.output = nn", "self.out = nn").replace("self.output(", "self.out("),
     "must be those of helpers"),
    (MODULE.replace("bias=config.qkv_bias", "bias=True"), "must be those of helpers"),
    (WITH_BUFFER.replace(", persistent=False", ""), "with persistent=False it stays out"),
    (MODULE.replace("self.n_heads) for part", "2) for part"), "take sizes from the config"),
    (MODULE.replace("weights = attend(q, k, v, mask)[1]",
                    "weights = (q @ k.mT / 3 ** 0.5).masked_fill(~mask, -torch.inf).softmax(-1)"),
     "take sizes from the config"),
    (MODULE.replace("n_heads = config", "heads = config").replace("self.n_heads", "self.heads"),
     "self.n_heads"),
    (MODULE.replace("q, k, v, mask)", "q, k, v)"), "tokens look ahead"),
    (MODULE.replace("self.output(join_heads(self.drop(weights) @ v))",
                    "join_heads(self.drop(weights) @ v)"), "the output layer is not used"),
    (MODULE.replace("attend(q, k, v, mask)", "attend(q * q.shape[-1] ** 0.5, k, v, mask)"),
     "square root of D"),
    (MODULE.replace("join_heads(self.drop(weights) @ v)",
                    "(self.drop(weights) @ v).reshape(x.shape)"), "mixes up the tokens"),
    (MODULE.replace("weights = attend(q, k, v, mask)[1]",
                    "weights = attend(q, k, v, mask)[1].detach()"), "training goes through it"),
    (MODULE.replace("part(x), self", "F.linear(x, part.weight.detach(), part.bias), self"),
     "query.weight gets no gradient"),
    (MODULE.replace("split_heads(part(x), self.n_heads)",
                    "part(x).view(len(x), self.n_heads, x.shape[1], -1)"), "use split_heads"),
    (MODULE.replace("split_heads(part(x), self.n_heads)", "split_heads(part(x), 1)"),
     "this is one head of size C"),
    (MODULE.replace("attend(q, k, v, mask)", "attend(q * (q.shape[-1] / x.shape[-1]) ** 0.5, k, v, mask)"),
     "the root of C"),
    (MODULE.replace("attend(q, k, v, mask)", "attend(k, q, v, mask)"), "changed places"),
    (MODULE.replace("self.drop(weights)", "weights"), "there is no dropout"),
    (MODULE.replace("join_heads(self.drop(weights) @ v)", "self.drop(join_heads(weights @ v))"),
     "as a whole"),
    (MODULE.replace("self.drop(weights)", "F.dropout(weights, self.drop.p)"), "after eval()"),
    (MODULE.replace("self.drop(weights)", "(self.drop(weights) * (0.5 if self.training else 1))"),
     "divided by 1 - p"),
    (MODULE.replace(".to(x.device)", ""), "another device"),
    (MODULE.replace("forward(self, x):", "forward(self, x):\n        assert x.shape[1] > 1"),
     "stopped with"),
    (looks("q, k = (split_heads(p(x), layer.n_heads) for p in (layer.query, layer.key))",
           "return attend(q, k, k)[1]"), "the causal mask is missing"),
    (looks("q, k = (split_heads(p(x), layer.n_heads) for p in (layer.query, layer.key))",
           "return attend(q, k, k, causal_mask(x.shape[1], x.shape[1]))[0]"), "the shape"),
    (looks("q, k = (split_heads(p(x), layer.n_heads) for p in (layer.query, layer.key))",
           "return attend(k, q, k, causal_mask(x.shape[1], x.shape[1]))[1]"), "changed places"),
    (looks("q = split_heads(layer.query(x), layer.n_heads)",
           "return attend(q, q, q, causal_mask(x.shape[1], x.shape[1]))[1]"), "not with themselves"),
    (looks("q, k = (split_heads(p(x), layer.n_heads) for p in (layer.query, layer.key))",
           "q = q * q.shape[-1] ** 0.5",
           "return attend(q, k, k, causal_mask(x.shape[1], x.shape[1]))[1]"), "square root of D"),
    (looks("return attend(layer.query(x), layer.key(x), x, causal_mask(x.shape[1], x.shape[1]))[1]"),
     "the shape (2, 5, 5)"),
    (looks("return layer.weights(x)"), "no attribute 'weights'"),
    (looks("q, k = (split_heads(p(x), 2) for p in (layer.query, layer.key))",
           "return attend(q, k, k, causal_mask(x.shape[1], x.shape[1]))[1]"), "the shape (3, 2, 4, 4)"),
    (blocks("return attend(query[None], keys, values)[0][0]"), "at most 4 may wait"),
    (blocks("found = [(key @ query).item() / len(query) ** 0.5 for key in keys]",
            "return torch.tensor(found).softmax(-1) @ values"), "at most 4 may wait"),
    (blocks("from_all = torch.tensor([(keys @ query).max() / len(query) ** 0.5])",
            "total, mixed = 0.0, 0.0",
            "for k, v in zip(keys.split(block), values.split(block)):",
            "    powers = torch.exp(k @ query / len(query) ** 0.5 - from_all)",
            "    total, mixed = total + powers.sum(), mixed + powers @ v",
            "return mixed / total"), "at most 4 may wait"),
    (blocks("rows = keys.tolist()",
            "found = torch.tensor(rows) @ query / len(query) ** 0.5",
            "return found.softmax(-1) @ torch.tensor(values.tolist())"), "cannot be counted"),
    (blocks_with(("total * torch.exp(m - new)", "total")), "shrink the old sum"),
    (blocks_with(("mixed * torch.exp(m - new)", "mixed")), "shrink the old sum"),
    (blocks_with((" / len(query) ** 0.5", "")), "divide the scores by"),
    (blocks_with(("return mixed / total", "return mixed")), "divide the mixture"),
    (blocks_with(("len(query) ** 0.5", "block ** 0.5")), "the root of the block"),
    (blocks_with(("len(query) ** 0.5", "3 ** 0.5")), "whatever the size of the query"),
    (blocks("m = max((k @ query).max() for k in keys.split(block)) / len(query) ** 0.5",
            "total, mixed = 0.0, 0.0",
            "for k, v in zip(keys.split(block), values.split(block)):",
            "    powers = torch.exp(k @ query / len(query) ** 0.5 - m)",
            "    total, mixed = total + powers.sum(), mixed + powers @ v",
            "return mixed / total"), "go through the blocks once"),
    (blocks_with(("range(0, len(keys), block)", "range(0, max(len(keys) // block * block, 1), block)")),
     "the last, shorter block"),
    (blocks_with(("new = torch.maximum(m, scores.max())", "new = scores.max()"),
                 ("torch.exp(m - new)", "1.0")), "shrink the old sum"),
    (blocks_with(("torch.tensor(-torch.inf)", "torch.tensor(0.0)")), "large negative"),
    (blocks_with(("new = torch.maximum(m, scores.max())", "new = torch.zeros(())"),
                 ("torch.tensor(-torch.inf)", "torch.zeros(())")), "large scores overflow"),
]  # fmt: skip


(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT, WRONG)


# the right values of what the notebook claims


def test_weights_go_to_the_package_and_back():
    for config in (SMALL, DROPPING):
        ours, theirs = MultiHeadAttention(config).eval(), package.MultiHeadAttention(config).eval()
        x = torch.randn(2, 4, 6)
        theirs.load_state_dict(ours.state_dict())
        torch.testing.assert_close(ours(x), theirs(x))
        torch.testing.assert_close(attention_weights(ours, x), theirs.weights(x))
        ours.load_state_dict(package.MultiHeadAttention(config).state_dict())


def test_blocks_equal_the_fused_call():
    query, keys, values = torch.randn(8), torch.randn(50, 8), torch.randn(50, 3)
    fused = torch.nn.functional.scaled_dot_product_attention(
        query[None, None], keys[None], values[None]
    )
    torch.testing.assert_close(attend_in_blocks(query, keys, values, 7), fused[0, 0])


def test_without_the_root_the_mean_gradient_grows_and_the_median_collapses():
    def norms(size, divisor):
        chance = torch.Generator().manual_seed(size)
        queries = torch.randn(1000, 1, size, generator=chance, requires_grad=True)
        keys, values = (torch.randn(1000, 16, size, generator=chance) for _ in range(2))
        context = softmax(attention_scores(queries, keys) / divisor) @ values
        direction = torch.randn(1000, 1, size, generator=chance)
        loss = (context * torch.nn.functional.normalize(direction, dim=-1)).sum()
        norm = torch.autograd.grad(loss, queries)[0].norm(dim=-1)
        return norm.mean().item(), norm.median().item()

    (small_mean, small_median), (mean, median) = norms(2, 1.0), norms(512, 1.0)
    assert mean > 3 * small_mean and median < 0.05 * small_median
    (small_mean, small_median), (mean, median) = norms(2, 2**0.5), norms(512, 512**0.5)
    assert 0.8 < mean / small_mean < 1.4 and 0.8 < median / small_median < 1.6
    assert abs(mean / median - 1) < 0.2
