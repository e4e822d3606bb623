"""The turns of notebook 04: other right answers, typical mistakes, and each property of each task."""

from functools import partial

from classroom.turns.t04 import TURNS
from tests import turn_cells
from tests.turn_cells import turn_tests

function = partial(turn_cells.function, imports="import torch\n\n")


def windows(*lines):
    return function("windows(ids, context_length, stride)", *lines)


def windows_of(inputs, targets, last="len(ids) - context_length", step="stride"):
    return windows(
        "ids, T = torch.as_tensor(ids, dtype=torch.long), context_length",
        f"starts = range(0, {last}, {step})",
        f"inputs = [{inputs} for s in starts]",
        f"targets = [{targets} for s in starts]",
        "if not inputs:",
        "    return torch.empty(0, T, dtype=torch.long), torch.empty(0, T, dtype=torch.long)",
        "return torch.stack(inputs), torch.stack(targets)",
    )


def batches(*lines):
    return function("batches(inputs, targets, batch_size, seed=None)", *lines)


def batches_by(order, size="batch_size", stop="len(order) - batch_size + 1"):
    return batches(
        "order = torch.arange(len(inputs))",
        *order,
        f"for start in range(0, {stop}, {size}):",
        "    rows = order[start : start + batch_size]",
        "    yield inputs[rows], targets[rows]",
    )


SHUFFLED = (
    "if seed is not None:",
    "    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))",
)


def product(*lines):
    return function("lookup_by_product(token_ids, table)", *lines)


def embedding(start, forward, name="weight"):
    return (
        "import torch\nfrom torch import nn\n\n\n@your_turn\nclass Embedding(nn.Module):\n"
        "    def __init__(self, n_rows, dimensions):\n        super().__init__()\n"
        f"        self.{name} = {start}\n\n"
        f"    def forward(self, token_ids):\n        return {forward}\n"
    )


def similar(*lines):
    return function("most_similar(table, index, count)", *lines)


def embed(*lines):
    return function("embed(token_ids, token_table, position_table, past=0)", *lines)


CHECKED = (
    "length = past + token_ids.shape[-1]",
    "if length > len(position_table):",
    "    raise ValueError('too long')",
)


def sinusoidal(*lines):
    return function("sinusoidal(positions, dimensions)", *lines)


WAVES = (
    "even = torch.arange(0, dimensions, 2)",
    "angles = positions[:, None] / 10000 ** (even / dimensions)",
)
BESIDE = "return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)"


def rotate(*lines):
    return function("rotate(x, positions, base=10000.0)", *lines)


ANGLES = (
    "even = torch.arange(0, x.shape[-1], 2)",
    "angles = positions[:, None] / base ** (even / x.shape[-1])",
)


def rotated(a="x[..., 0::2]", b="x[..., 1::2]", angles=ANGLES, first="-", second="+"):
    return rotate(
        *angles,
        f"a, b = {a}, {b}",
        f"one = a * angles.cos() {first} b * angles.sin()",
        f"two = {'-' if second == '-' else ''}a * angles.sin() + b * angles.cos()",
        "return torch.stack([one, two], dim=-1).flatten(-2)",
    )


def overlap(*lines):
    return function("overlap(one, other, size=5)", *lines, imports="")


def overlap_by(result, words="text.lower().split()", starts="max(1, len(words) - size + 1)"):
    return overlap(
        "sets = []",
        "for text in (one, other):",
        f"    words = {words}",
        f"    sets.append({{tuple(words[i : i + size]) for i in range({starts})}})",
        "a, b = sets",
        f"return {result}",
    )


def unique(*lines):
    return function("without_copies(documents, limit=0.5)", *lines, imports="")


def mixture(*lines):
    imports = "import itertools\nimport random\n\n"
    return function("mixture(sources, weights, count, seed)", *lines, imports=imports)


def mixture_by(names, following="next(texts[name])"):
    return mixture(
        "texts = {name: itertools.cycle(texts) for name, texts in sources.items()}",
        *names,
        f"return [{following} for name in names]",
    )


CHOSEN = (
    "chances = [weights[name] for name in sources]",
    "names = random.Random(seed).choices(list(sources), chances, k=count)",
)

RIGHT = [
    windows_of("ids[s : s + T]", "ids[s + 1 : s + T + 1]"),
    windows(
        "ids = torch.as_tensor(ids, dtype=torch.long)",
        "if len(ids) <= context_length:",
        "    empty = torch.empty(0, context_length, dtype=torch.long)",
        "    return empty, empty",
        "rows = ids.unfold(0, context_length + 1, stride)",
        "return rows[:, :-1], rows[:, 1:]",
    ),
    batches(
        "import random",
        "order = list(range(len(inputs)))",
        "if seed is not None:",
        "    random.Random(seed).shuffle(order)",
        "whole = len(order) // batch_size * batch_size",
        "rows = [order[i : i + batch_size] for i in range(0, whole, batch_size)]",
        "return [(inputs[part], targets[part]) for part in rows]",
    ),
    product("return torch.nn.functional.one_hot(token_ids, len(table)).to(table.dtype) @ table"),
    product("return (token_ids[:, None] == torch.arange(len(table))).float().matmul(table)"),
    embedding(
        "nn.Parameter(nn.init.normal_(torch.empty(n_rows, dimensions)))",
        "nn.functional.embedding(token_ids, self.weight)",
    ),
    similar(
        "rows = torch.nn.functional.normalize(table, dim=1)",
        "cosines = rows @ rows[index]",
        "cosines[index] = -2",
        "return cosines.topk(count).indices.tolist()",
    ),
    embed(
        *CHECKED,
        "positions = torch.arange(past, length)",
        "return token_table[token_ids] + position_table[positions]",
    ),
    sinusoidal(
        "numbers = torch.arange(dimensions)",
        "angles = positions[:, None] / 10000 ** ((numbers - numbers % 2) / dimensions)",
        "return torch.where(numbers % 2 == 0, angles.sin(), angles.cos())",
    ),
    rotate(
        *ANGLES,
        "pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())",
        "turned = pairs * torch.polar(torch.ones_like(angles), angles)",
        "return torch.view_as_real(turned).flatten(-2)",
    ),
    overlap(
        "def shingles(text):",
        "    words = text.casefold().split()",
        "    if len(words) < size:",
        "        return {' '.join(words)}",
        "    return {' '.join(words[i : i + size]) for i in range(len(words) - size + 1)}",
        "a, b = shingles(one), shingles(other)",
        "return sum(part in b for part in a) / len(a.union(b))",
    ),
    unique(
        "kept = []",
        "for document in documents:",
        "    if max((overlap(other, document) for other in kept), default=-1) < limit:",
        "        kept = [*kept, document]",
        "return kept",
    ),
    mixture(
        "generator, taken, found = random.Random(seed), {}, []",
        "total = sum(weights.values())",
        "for _ in range(count):",
        "    left = generator.random() * total",
        "    for name in sources:",
        "        left -= weights[name]",
        "        if left < 0:",
        "            break",
        "    number = taken.get(name, 0)",
        "    found.append(sources[name][number % len(sources[name])])",
        "    taken[name] = number + 1",
        "return found",
    ),
]

# the first words of the turn's own message; each also is the one property that this version lacks
WRONG = [
    (windows_of("ids[s : s + T]", "ids[s : s + T]"), "only learn to copy"),
    (windows_of("ids[s : s + T]", "ids[s + T : s + T + 1]"), "not only the last one"),
    (
        windows_of(
            "ids[s : s + T]", "ids[s + 1 : s + T + 1]", last="len(ids) - context_length - 1"
        ),
        "so it counts",
    ),
    (windows_of("ids[s : s + T]", "ids[s + 1 : s + T + 1]", step="1"), "start at every token"),
    (
        windows_of("ids[s : s + T]", "ids[s + 1 : s + T + 1]").replace("torch.long", "torch.int"),
        "only (torch.long)",
    ),
    (
        windows_of("ids[s : s + T]", "ids[s + 1 : s + T + 1]", step="min(stride, T)"),
        "may skip tokens",
    ),
    (
        windows(
            "ids = torch.as_tensor(ids, dtype=torch.long)",
            "rows = ids.unfold(0, context_length + 1, stride)",
            "return rows[:, :-1], rows[:, 1:]",
        ),
        "has no windows",
    ),
    (
        windows(
            "starts = range(0, len(ids) - context_length, stride)",
            "inputs = [ids[s : s + context_length] for s in starts]",
            "targets = [ids[s + 1 : s + context_length + 1] for s in starts]",
            "return torch.tensor(inputs), torch.tensor(targets)",
        ),
        "the ids are a tensor",
    ),
    (
        windows(
            "starts = range(0, len(ids) - context_length, stride)",
            "ids = list(map(int, ids))",
            "inputs = [ids[s : s + context_length] for s in starts]",
            "return inputs, [ids[s + 1 : s + context_length + 1] for s in starts]",
        ),
        "a list",
    ),
    (batches_by(SHUFFLED, stop="len(order)"), "leave the incomplete batch out"),
    (batches_by(SHUFFLED, stop="len(order) - batch_size"), "5 batches of two"),
    (batches_by(["order = torch.randperm(len(inputs))"]), "they come in order"),
    (batches_by([line.replace(" is not None", "") for line in SHUFFLED]), "0 is a seed too"),
    (
        batches_by(["if seed is not None:", "    order = order.roll(seed + 1)"]),
        "shuffle single windows",
    ),
    (
        batches_by(
            [SHUFFLED[0], "    order = torch.randint(len(inputs), (len(inputs),))"],
        ),
        "exactly once",
    ),
    (
        batches_by(
            [SHUFFLED[0], "    torch.manual_seed(seed)", "    order = torch.randperm(len(order))"]
        ),
        "torch.Generator() of its own",
    ),
    (
        batches_by(
            [
                SHUFFLED[0],
                "    import random",
                "    random.seed(seed)",
                "    order = order[random.sample(range(len(order)), len(order))]",
            ]
        ),
        "of Python or NumPy",
    ),
    (
        batches_by(
            [
                SHUFFLED[0],
                "    import numpy as np",
                "    np.random.seed(seed)",
                "    order = torch.from_numpy(np.random.permutation(len(order)))",
            ]
        ),
        "of Python or NumPy",
    ),
    (batches_by([*SHUFFLED[:1], SHUFFLED[1].replace("(seed)", "(7)")]), "use the seed"),
    (
        batches_by([SHUFFLED[0], "    order = torch.randperm(len(order))"]),
        "could not be repeated",
    ),
    (
        batches_by(SHUFFLED).replace("targets[rows]", "targets[start : start + batch_size]"),
        "belong to other texts",
    ),
    (batches("list(zip(inputs, targets))"), "yield each batch"),
    (product("return table[token_ids]"), "multiplies nothing"),
    (product("return torch.nn.functional.one_hot(token_ids, len(table)).float()"), "multiply them"),
    (
        product("return torch.eye(len(table)).roll(-1, 0)[token_ids - 1].roll(-1, 1) @ table"),
        "ids count from 0",
    ),
    (
        product("return torch.eye(len(table))[token_ids] @ table.detach()"),
        "no gradient reaches",
    ),
    (
        product("return torch.stack([row @ table for row in torch.eye(len(table))[token_ids]])"),
        "stopped with",
    ),
    (embedding("torch.randn(n_rows, dimensions)", "self.weight[token_ids]"), "nn.Parameter"),
    (
        embedding(
            "nn.Parameter(torch.randn(n_rows, dimensions))", "self.table[token_ids]", "table"
        ),
        "nn.Parameter",
    ),
    (
        embedding("nn.Parameter(torch.randn(dimensions, n_rows))", "self.weight.T[token_ids]"),
        "4 rows of 2",
    ),
    (
        embedding("nn.Linear(dimensions, n_rows).weight", "self.weight[token_ids]"),
        "torch.randn",
    ),
    (
        embedding("nn.Parameter(torch.zeros(n_rows, dimensions))", "self.weight[token_ids]"),
        "start at random",
    ),
    (
        embedding("nn.Parameter(torch.rand(n_rows, dimensions))", "self.weight[token_ids]"),
        "torch.randn",
    ),
    (
        embedding(
            "nn.Parameter(torch.randn(n_rows, dimensions))",
            "torch.stack([self.weight[i] for i in token_ids.flatten()])",
        ),
        "whatever the shape",
    ),
    (
        embedding(
            "nn.Parameter(torch.randn(n_rows, dimensions))", "self.weight[token_ids].detach()"
        ),
        "no gradient reaches",
    ),
    (
        embedding(
            "nn.Parameter(torch.randn(n_rows, dimensions))\n"
            "        self.bias = nn.Parameter(torch.zeros(dimensions))",
            "self.weight[token_ids] + self.bias",
        ),
        "no bias",
    ),
    (
        similar(
            "order = (table @ table[index]).argsort(descending=True).tolist()",
            "return [row for row in order if row != index][:count]",
        ),
        "divide by the lengths",
    ),
    (
        similar(
            "rows = torch.nn.functional.normalize(table, dim=1)",
            "return (rows @ rows[index]).topk(count).indices.tolist()",
        ),
        "leave row `index` out",
    ),
    (
        similar(
            "rows = torch.nn.functional.normalize(table, dim=1)",
            "order = (rows @ rows[index]).topk(count).indices.tolist()",
            "return [row for row in order if row != index]",
        ),
        "before you cut",
    ),
    (
        similar(
            "rows = torch.nn.functional.normalize(table, dim=1)",
            "order = (rows @ rows[index]).argsort().tolist()",
            "return [row for row in order if row != index][:count]",
        ),
        "from large to small",
    ),
    (
        similar(
            "distances = (table - table[index]).norm(dim=1)",
            "return distances.argsort().tolist()[1 : count + 1]",
        ),
        "nearest points",
    ),
    (
        similar(
            "rows = torch.nn.functional.normalize(table, dim=1)",
            "order = (rows @ rows[index]).argsort(descending=True)",
            "return [row for row in order if row != index][:count]",
        ),
        "tolist() makes numbers",
    ),
    (
        similar(
            "rows = torch.nn.functional.normalize(table, dim=1)",
            "order = (rows @ rows[index]).argsort(descending=True, stable=True)",
            "return order[1 : count + 1].tolist()",
        ),
        "it need not come first",
    ),
    (embed("return token_table[token_ids]"), "add the positions"),
    (
        embed(
            *[line.replace(">", ">=") for line in CHECKED],
            "return token_table[token_ids] + position_table[past:length]",
        ),
        "just fill the 4 positions",
    ),
    (embed(*CHECKED, "return token_table[token_ids] + position_table[token_ids]"), "not its id"),
    (
        embed(*CHECKED, "return token_table[token_ids] + position_table[: len(token_ids), None]"),
        "along the batch",
    ),
    (
        embed(*CHECKED, "return token_table[token_ids] + position_table[past + 1 : length + 1]"),
        "first position is 0",
    ),
    (embed(*CHECKED, "return token_table[token_ids] + position_table"), "stopped with"),
    (
        embed(*CHECKED, "return token_table[token_ids] + position_table[: token_ids.shape[-1]]"),
        "next position is 3",
    ),
    (
        embed(
            "length = past + token_ids.shape[-1]",
            "return token_table[token_ids] + position_table[past:length]",
        ),
        "should stop with ValueError",
    ),
    (
        embed(
            CHECKED[0],
            "if token_ids.shape[-1] > len(position_table):",
            CHECKED[2],
            "return token_table[token_ids] + position_table[past:length]",
        ),
        "take positions too",
    ),
    (
        embed(*CHECKED, "return (token_table[token_ids] + position_table[past:length].detach())"),
        "no gradient reaches",
    ),
    (sinusoidal(*WAVES, "return torch.cat([angles.sin(), angles.cos()], dim=1)"), "side by side"),
    (
        sinusoidal(*WAVES, BESIDE.replace("sin(), angles.cos", "cos(), angles.sin")),
        "sine comes first",
    ),
    (
        sinusoidal(
            "half = torch.arange(dimensions // 2)",
            "angles = positions[:, None] / 10000 ** (half / dimensions)",
            BESIDE,
        ),
        "even dimension itself",
    ),
    (sinusoidal("positions = torch.arange(len(positions))", *WAVES, BESIDE), "not their order"),
    (
        sinusoidal(
            "wanted, positions = positions, torch.arange(int(positions.max()) + 1001)",
            *WAVES,
            BESIDE + "[wanted.long()]",
        ),
        "must not count from the end",
    ),
    (sinusoidal("positions = positions.long()", *WAVES, BESIDE), "between two whole ones"),
    (rotated(first="+", second="-"), "the wrong way"),
    (rotated(first="+"), "keeps the length"),
    (
        rotate(
            *ANGLES,
            "a, b = x.chunk(2, dim=-1)",
            "one = a * angles.cos() - b * angles.sin()",
            "return torch.cat([one, a * angles.sin() + b * angles.cos()], dim=-1)",
        ),
        "pairs are neighbors",
    ),
    (
        rotated(angles=("positions = torch.arange(x.shape[-2])", *ANGLES)),
        "not the numbers of the rows",
    ),
    (rotated(a="x[:, 0::2]", b="x[:, 1::2]"), "stopped with"),
    (rotated(angles=("x = x.detach()", *ANGLES)), "no gradient reaches x"),
    (
        rotated().replace(
            "    return torch", "    x[..., 0::2], x[..., 1::2] = one, two\n    return x  # "
        ),
        "changes x itself",
    ),
    (rotated(angles=[line.replace("base **", "10000 **") for line in ANGLES]), "the base is"),
    (
        rotated(angles=[line.replace("base ** (even / x.shape[-1])", "1.0") for line in ANGLES]),
        "pair i is rotated",
    ),
    (overlap_by("len(a & b) / (len(a) + len(b))"), "not by the sum"),
    (overlap_by("len(a & b) / len(a)"), "not of one of them"),
    (
        overlap("a, b = set(one.split()), set(other.split())", "return len(a & b) / len(a | b)"),
        "in a row",
    ),
    (overlap_by("float(len(a & b))"), "how many they share"),
    (overlap_by("len(a & b) / len(a | b)", starts="len(words)"), "starts `size` before the end"),
    (overlap_by("len(a & b) / len(a | b)", words="text.split()"), "capitals"),
    (
        overlap_by("len(a & b) / len(a | b)", words="text.lower().split(' ')"),
        "capitals and spacing",
    ),
    (
        overlap_by("len(a & b) / len(a | b)").replace("tuple(words", "frozenset(words"),
        "another order",
    ),
    (
        overlap_by("len(a & b) / len(a | b) if a | b else 0.0", starts="len(words) - size + 1"),
        "is one shingle",
    ),
    (
        overlap_by("len(a & b) / len(a | b) if one and other else 0.0"),
        "two empty texts",
    ),
    (
        overlap_by("sum(1 for part in both if part in a and part in b) / len(both)").replace(
            "    a, b = sets", "    a, b = sets\n    both = [*a, *b] if len(a) == 2 else a | b"
        ),
        "counts once",
    ),
    (
        overlap_by("len(a & b) / len(a | b)").replace("size=5", "size=3"),
        "without a size",
    ),
    (unique("return list(dict.fromkeys(documents))"), "only exact copies"),
    (
        unique(
            "kept = []",
            "for n, document in enumerate(documents):",
            "    if all(overlap(document, other) < limit for other in documents[n + 1 :]):",
            "        kept.append(document)",
            "return kept",
        ),
        "the first",
    ),
    (
        unique(
            "def alone(document):",
            "    return sum(overlap(document, other) >= limit for other in documents) == 1",
            "return [document for document in documents if alone(document)]",
        ),
        "lost altogether",
    ),
    (
        unique(
            "kept = []",
            "for document in documents:",
            "    if all(overlap(document, other) <= limit for other in kept):",
            "        kept.append(document)",
            "return kept",
        ),
        "exactly the limit",
    ),
    (
        unique(
            "kept = []",
            "for document in documents:",
            "    if all(overlap(document, other) < 0.5 for other in kept):",
            "        kept.append(document)",
            "return kept",
        ),
        "the limit decides",
    ),
    (
        unique(
            "kept = []",
            "for n, document in enumerate(documents):",
            "    if all(overlap(document, other) < limit for other in documents[:n]):",
            "        kept.append(document)",
            "return kept",
        ),
        "with those you keep",
    ),
    (
        unique(
            "kept = []",
            "for document in documents:",
            "    if all(overlap(document, other) < limit for other in kept):",
            "        kept.append(document)",
            "documents[:] = kept",
            "return kept",
        ),
        "make a new one",
    ),
    (
        mixture_by(
            [
                "names = random.Random(seed).choices(list(sources), list(weights.values()), k=count)",
            ]
        ),
        "take weights[name]",
    ),
    (
        mixture(
            "documents = [text for texts in sources.values() for text in texts]",
            "return random.Random(seed).choices(documents, k=count)",
        ),
        "weights must decide",
    ),
    (
        mixture_by(["names = random.Random(seed).choices(list(sources), k=count)"]),
        "should be books",
    ),
    (mixture_by(CHOSEN, "random.Random(seed).choice(sources[name])"), "come in order"),
    (
        mixture_by(
            [CHOSEN[0], "names = random.choices(list(sources), chances, k=count)"],
        ),
        "could not be repeated",
    ),
    (
        mixture_by([CHOSEN[0], CHOSEN[1].replace("(seed)", "(1)")]),
        "draw the sources at random",
    ),
    (
        mixture_by(
            [
                CHOSEN[0],
                "random.seed(seed)",
                "names = random.choices(list(sources), chances, k=count)",
            ],
        ),
        "random.Random(seed) of its own",
    ),
    (
        mixture_by(
            [
                CHOSEN[0].replace("[weights", "[max(1, weights").replace("name]", "name])", 1),
                CHOSEN[1],
            ]
        ),
        "weight 0",
    ),
    (mixture_by(CHOSEN).replace("k=count", "k=count + 1"), "not 4001"),
    (
        mixture_by(CHOSEN).replace("itertools.cycle(texts)", "itertools.cycle(texts[:3])"),
        "before all of it was used",
    ),
]


(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT, WRONG)
