"""The turns of notebook 00: other right answers, typical mistakes, and each property of each task."""

from classroom.turns.t00 import TURNS
from tests.turn_cells import function, method, turn_tests

MATH = "import math\n\n\n"
LOOP = ("total = 0", "for i in range(len(a)):", "    total += a[i] * b[i]", "return total")
LENGTHS = ("if len(a) != len(b):", "    raise ValueError('lengths differ')")
CLASS = """@your_turn
class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad = data, 0.0
        self.parents, self.slopes = parents, slopes

    def __add__(self, other):
        return Value(self.data + other.data, [self, other], [1, 1])

    def __mul__(self, other):
        return Value(self.data * other.data, [self, other], [other.data, self.data])
"""
WALK = (
    "order, waiting = [], [(self, False)]",
    "seen = set()",
    "while waiting:",
    "    value, ready = waiting.pop()",
    "    if ready:",
    "        order.append(value)",
    "    elif value not in seen:",
    "        seen.add(value)",
    "        waiting.append((value, True))",
    "        waiting += [(parent, False) for parent in value.parents]",
    "self.grad = 1.0",
    "for value in reversed(order):",
    "    for parent, slope in zip(value.parents, value.slopes):",
    "        parent.grad {} slope * value.grad",
)
AT_ONCE = (
    "self.grad = 1.0",
    "waiting = [self]",
    "while waiting:",
    "    value = waiting.pop(0)",
    "    for parent, slope in zip(value.parents, value.slopes):",
    "        parent.grad += slope * value.grad",
    "        if parent not in waiting:",
    "            waiting.append(parent)",
)
EACH_PATH = (
    "def walk(value, arriving):",
    "    value.grad += arriving",
    "    for parent, slope in zip(value.parents, value.slopes):",
    "        walk(parent, slope * arriving)",
    "walk(self, 1.0)",
)
LAYER = "layer(weights, biases, inputs)"
TABLE = "bigram_table(texts, n_tokens, extra=0.1)"
COUNT = (
    "table = [[extra] * n_tokens for _ in range(n_tokens)]",
    "for ids in texts:",
    "    for i in range(len(ids) - 1):",
    "        table[ids[i]][ids[i + 1]] += 1",
)
DESCEND = "descend(gradient, start, rate, steps)"

RIGHT = [
    function("dot(a, b)", *LENGTHS, *LOOP),
    function(
        "matmul(a, b)",
        "if len(a[0]) != len(b):",
        "    raise ValueError('inner')",
        "n = range(len(b))",
        "return [[sum(r[k] * b[k][j] for k in n) for j in range(len(b[0]))] for r in a]",
    ),
    function(
        "softmax(scores)",
        "top = max(scores)",
        "log_total = top + math.log(sum(math.exp(s - top) for s in scores))",
        "return [math.exp(s - log_total) for s in scores]",
        imports=MATH,
    ),
    function(
        "average_surprise(probabilities)",
        "return -math.fsum(map(math.log, probabilities)) / len(probabilities)",
        imports=MATH,
    ),
    function(
        "slope(function, x, step=1e-5)",
        "left, right = x - step, x + step",
        "return (function(right) - function(left)) / (right - left)",
    ),
    function(
        DESCEND,
        "points, here = [tuple(start)], tuple(start)",
        "for _ in range(steps):",
        "    slopes = gradient(list(here))",
        "    here = tuple(here[i] - rate * slopes[i] for i in range(len(here)))",
        "    points.append(here)",
        "return points",
    ),
    CLASS,
    method("Value", "backward(self)", *[line.format("+=") for line in WALK]),
    function(
        "tanh(value)",
        "e = math.exp(2 * value.data)",
        "t = (e - 1) / (e + 1)",
        "return Value(t, [value], [(1 - t) * (1 + t)])",
        imports=MATH,
    ),
    function(
        LAYER,
        "out = []",
        "for i in range(len(weights)):",
        "    terms = [w * x for w, x in zip(weights[i], inputs)]",
        "    total = terms[0]",
        "    for term in terms[1:] + [biases[i]]:",
        "        total = total + term",
        "    out.append(tanh(total))",
        "return out",
    ),
    function(
        "dot_node(a, b)",
        "total = sum(x.data * y.data for x, y in zip(a, b))",
        "slopes = [y.data for y in b] + [x.data for x in a]",
        "return Value(total, tuple(a) + tuple(b), slopes)",
    ),
    function(TABLE, *COUNT, "return [[n / sum(row) for n in row] for row in table]"),
]

WRONG = [
    (function("dot(a, b)", "sum(x * y for x, y in zip(a, b))"), "return"),
    (function("dot(a, b)", "return sum(a) * sum(b)"), "sums"),
    (function("dot(a, b)", "return sum(x * y for x, y in zip(a, b))"), "strict"),
    (function("dot(a, b)", "return [x * y for x, y in zip(a, b)]"), "number"),
    (
        function("matmul(a, b)", "return [[dot(r, c) for r in a] for c in zip(*b, strict=True)]"),
        "exchanged",
    ),
    (
        function(
            "matmul(a, b)",
            "return [[sum(x * y for x, y in zip(r, c)) for c in zip(*b)] for r in a]",
        ),
        "do not fit",
    ),
    (function("softmax(scores)", "return [s / sum(scores) for s in scores]"), "softmax"),
    (
        function(
            "softmax(scores)",
            "powers = [math.exp(s - scores[0]) for s in scores]",
            "return [p / sum(powers) for p in powers]",
            imports=MATH,
        ),
        "OverflowError",
    ),
    (
        function(
            "softmax(scores)",
            "mean = sum(scores) / len(scores)",
            "powers = [math.exp(s - mean) for s in scores]",
            "return [p / sum(powers) for p in powers]",
            imports=MATH,
        ),
        "OverflowError",
    ),
    (
        function(
            "softmax(scores)",
            "powers = [math.exp(s - scores[-1]) for s in scores]",
            "return [p / sum(powers) for p in powers]",
            imports=MATH,
        ),
        "OverflowError",
    ),
    (
        function(
            "softmax(scores)",
            "powers = [math.exp(s - max(map(abs, scores))) for s in scores]",
            "return [p / sum(powers) for p in powers]",
            imports=MATH,
        ),
        "ZeroDivisionError",
    ),
    (function("matmul(a, b)", "return [[dot(row, other) for other in b] for row in a]"), "not its"),
    (
        function(
            "matmul(a, b)",
            "return [[x * y for x, y in zip(r, s, strict=True)] for r, s in zip(a, b, strict=True)]",
        ),
        "entry by entry",
    ),
    (
        function(
            "softmax(scores)",
            "return [math.exp(s) / sum(map(math.exp, scores)) for s in scores]",
            imports=MATH,
        ),
        "OverflowError",
    ),
    (
        function(
            "softmax(scores)",
            "scores[:] = [math.exp(s - max(scores)) for s in scores]",
            "return [s / sum(scores) for s in scores]",
            imports=MATH,
        ),
        "changes the list",
    ),
    (
        function(
            "average_surprise(probabilities)",
            "return -math.log(math.prod(probabilities)) / len(probabilities)",
            imports=MATH,
        ),
        "stopped",
    ),
    (
        function(
            "average_surprise(probabilities)",
            "return sum(map(math.log, probabilities)) / len(probabilities)",
            imports=MATH,
        ),
        "sign",
    ),
    (
        function(
            "average_surprise(probabilities)",
            "return -math.log(sum(probabilities) / len(probabilities))",
            imports=MATH,
        ),
        "not the probabilities",
    ),
    (
        function(
            "slope(function, x, step=1e-5)", "return (function(x + step) - function(x)) / step"
        ),
        "both sides",
    ),
    (
        function(
            "slope(function, x, step=1e-5)",
            "return (function(x + 1e-5) - function(x - 1e-5)) / 2e-5",
        ),
        "step=0.1",
    ),
    (
        function(
            "slope(function, x, step=1e-5)",
            "return (function(x + step) - function(x - step)) / step",
        ),
        "straight line",
    ),
    (
        function(
            DESCEND,
            "points = [list(start)]",
            "for _ in range(steps):",
            "    points.append([x + rate * g for x, g in zip(points[-1], gradient(points[-1]))])",
            "return points",
        ),
        "uphill",
    ),
    (
        function(
            DESCEND,
            "points = [list(start)]",
            "for _ in range(steps):",
            "    for i, g in enumerate(gradient(start)):",
            "        start[i] -= rate * g",
            "    points.append(list(start))",
            "return points",
        ),
        "changes the start",
    ),
    (
        function(
            DESCEND,
            "points = []",
            "for _ in range(steps):",
            "    start = [x - rate * g for x, g in zip(start, gradient(start))]",
            "    points.append(start)",
            "return points",
        ),
        "first point",
    ),
    (CLASS.replace("[1, 1]", "[other.data, self.data]"), "grows by 1, the sum"),
    (CLASS.replace("[other.data, self.data]", "[self.data, other.data]"), "the product grows"),
    (CLASS.replace("[self, other], [1, 1]", "[self.data, other.data], [1, 1]"), "themselves"),
    (CLASS.replace("0.0", "1.0"), "grad"),
    (
        CLASS.replace("return Value(self.data + other.data", "Value(self.data + other.data"),
        "return",
    ),
    (method("Value", "backward(self)", *[line.format("=") for line in WALK]), "+="),
    (method("Value", "backward(self)", *AT_ONCE), "all values after it"),
    (method("Value", "backward(self)", *EACH_PATH), "still running"),
    (
        method(
            "Value",
            "backward(self)",
            *[line.format("+=") for line in WALK if "self.grad" not in line],
        ),
        "own grad",
    ),
    (
        function(
            "tanh(value)",
            "return Value(math.tanh(value.data), (value,), (1 - value.data**2,))",
            imports=MATH,
        ),
        "not of the input",
    ),
    (function("tanh(value)", "return math.tanh(value.data)", imports=MATH), "a Value"),
    (
        function(
            "tanh(value)",
            "t = math.tanh(value.data)",
            "return Value(t, value, 1 - t * t)",
            imports=MATH,
        ),
        "a tuple of one",
    ),
    (function("dot_node(a, b)", "return Value(dot(a, b), [*a, *b], [*b, *a])"), "Value(1)"),
    (
        function(
            LAYER,
            "return [tanh(Value(sum(w.data * x.data for w, x in zip(r, inputs)) + b.data))"
            " for r, b in zip(weights, biases)]",
        ),
        "throughout",
    ),
    (
        function(
            LAYER,
            "out = []",
            "for row in weights:",
            "    total = row[0] * inputs[0]",
            "    for w, x in zip(row[1:], inputs[1:]):",
            "        total = total + w * x",
            "    out.append(tanh(total))",
            "return out",
        ),
        "bias is missing",
    ),
    (
        function(
            "dot_node(a, b)",
            "total = Value(0.0)",
            "for x, y in zip(a, b):",
            "    total = total + x * y",
            "return total",
        ),
        "one node",
    ),
    (
        function(
            "dot_node(a, b)",
            "left, right = [x.data for x in a], [y.data for y in b]",
            "return Value(dot(left, right), [*a, *b], left + right)",
        ),
        "partner",
    ),
    (function(TABLE, *COUNT, "return table"), "divide each row"),
    (
        function(
            TABLE,
            "texts = [[i for ids in texts for i in ids]]",
            *COUNT,
            "return [[n / sum(row) for n in row] for row in table]",
        ),
        "no pair",
    ),
    (
        function(
            TABLE, "extra = 0.0", *COUNT, "return [[n / max(1, sum(r)) for n in r] for r in table]"
        ),
        "extra",
    ),
]


(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT, WRONG)
