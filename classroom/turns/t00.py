"""The turns of notebook 00: vectors, probability, slopes, an autograd and a bigram, in plain Python."""

import math

from classroom.turns.registry import wrong
from classroom.turns.turn import Turns

TURNS = Turns("00")
your_turn = TURNS.your_turn

# The course's versions


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def matmul(a, b):
    columns = list(zip(*b, strict=True))
    return [[dot(row, column) for column in columns] for row in a]


def softmax(scores):
    largest = max(scores)
    powers = [math.exp(score - largest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def average_surprise(probabilities):
    return sum(-math.log(probability) for probability in probabilities) / len(probabilities)


def slope(function, x, step=1e-5):
    return (function(x + step) - function(x - step)) / (2 * step)


def descend(gradient, start, rate, steps):
    points = [list(start)]
    for _ in range(steps):
        point = points[-1]
        points.append([x - rate * g for x, g in zip(point, gradient(point), strict=True)])
    return points


class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad = data, 0.0
        self.parents, self.slopes = parents, slopes

    def __add__(self, other):
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Value(self.data * other.data, (self, other), (other.data, self.data))


def backward(self):
    order, seen = [], {self}

    def visit(value):
        for parent in value.parents:
            if parent not in seen:
                seen.add(parent)
                visit(parent)
        order.append(value)

    visit(self)
    self.grad = 1.0
    for value in reversed(order):
        for parent, slope in zip(value.parents, value.slopes, strict=True):
            parent.grad += slope * value.grad


def tanh(value):
    output = math.tanh(value.data)
    return Value(output, (value,), (1 - output**2,))


def layer(weights, biases, inputs):
    outputs = []
    for row, bias in zip(weights, biases, strict=True):
        total = bias
        for weight, number in zip(row, inputs, strict=True):
            total = total + weight * number
        outputs.append(tanh(total))
    return outputs


def dot_node(a, b):
    left, right = [x.data for x in a], [y.data for y in b]
    return Value(dot(left, right), [*a, *b], right + left)


def bigram_table(texts, n_tokens, extra=0.1):
    counts = [[extra] * n_tokens for _ in range(n_tokens)]
    for ids in texts:
        for first, second in zip(ids, ids[1:], strict=False):
            counts[first][second] += 1
    return [[count / sum(row) for count in row] for row in counts]


# The checks


def _numbers(trial, found, gives, call, why, mistakes=(), tolerance=1e-6):
    """Check a list of numbers, or a list of such lists, to a tolerance."""
    trial.that(found is not None, f"{call} returned None: is there a return?")
    trial.that(
        isinstance(found, (list, tuple)), f"{call} must give a list, and gives {_kind(found)}"
    )
    for value, message in mistakes:
        if _near(found, value, tolerance):
            wrong(f"{call} gives {_text(found)}: {message}")
    trial.that(
        _near(found, gives, tolerance),
        f"{call} gives {_text(found)}, and should give {_text(gives)}: {why}",
    )


def _near(found, gives, tolerance):
    if isinstance(gives, (list, tuple)):
        same = isinstance(found, (list, tuple)) and len(found) == len(gives)
        return same and all(_near(a, b, tolerance) for a, b in zip(found, gives, strict=True))
    return isinstance(found, (int, float)) and abs(found - gives) <= tolerance


def _text(value):
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"[:160]
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:60]


def _kind(value):
    return f"a {type(value).__name__}"


@TURNS.turn(dot)
def check_dot(trial):
    trial.close(
        [2, 0, 1],
        [3, 5, -1],
        gives=5,
        why="multiply the first numbers, the second, the third, and add: 6 + 0 - 1",
        mistakes=[(21, "add the products up; do not multiply the sums")],
    )
    trial.close([1.5], [2], gives=3.0, why="vectors of one number have one product")
    trial.close([], [], gives=0, why="an empty sum is 0")
    trial.close((1, 2), (3, 4), gives=11, why="tuples are vectors, too")
    trial.raises(
        ValueError, [1, 2], [1, 2, 3], why="zip stops at the shorter one unless strict=True"
    )


@TURNS.turn(matmul)
def check_matmul(trial):
    _numbers(
        trial,
        trial.call([[1, 2], [0, 1]], [[3, 5], [4, 6]]),
        [[11, 17], [4, 6]],
        "matmul([[1, 2], [0, 1]], [[3, 5], [4, 6]])",
        "row 0 with column 0 is 1·3 + 2·4",
        [
            ([[13, 16], [5, 6]], "take the columns of the second matrix, not its rows"),
            ([[11, 4], [17, 6]], "rows and columns are exchanged; one list per row of the first"),
            ([[3, 10], [0, 6]], "that multiplies entry by entry; each entry is a dot product"),
        ],
    )
    a, b = [[1, 2, 0], [0, 1, -1]], [[1, 0], [2, 1], [3, 5]]
    call = "matmul of a (2, 3) and a (3, 2) matrix"
    found = trial.call(a, b)
    _numbers(
        trial,
        found,
        [[5, 2], [-1, -4]],
        call,
        "row 0 with column 0 is 1·1 + 2·2 + 0·3",
        [([[5, -1], [2, -4]], "rows and columns are exchanged; one list per row of the first")],
    )
    call = "matmul of a (1, 2) and a (2, 3) matrix"
    gives = [[9, 12, 15]]
    _numbers(
        trial, trial.call([[1, 2]], [[1, 2, 3], [4, 5, 6]]), gives, call, "the shape is (1, 3)"
    )
    call = "matmul of a (3, 1) and a (1, 2) matrix"
    gives = [[2, 3], [4, 6], [6, 9]]
    _numbers(trial, trial.call([[1], [2], [3]], [[2, 3]]), gives, call, "the shape is (3, 2)")
    trial.raises(ValueError, [[1, 2]], [[1, 2], [3, 4], [5, 6]], why="2 columns do not fit 3 rows")
    trial.that(a == [[1, 2, 0], [0, 1, -1]], "it changes the matrix that it is given")


@TURNS.turn(softmax)
def check_softmax(trial):
    found = trial.call([0.0, 0.0])
    _numbers(trial, found, [0.5, 0.5], "softmax([0, 0])", "equal scores share equally")
    scores = [1.0, 2.0, 3.0]
    gives = [0.0900306, 0.2447285, 0.6652410]
    mistakes = [
        ([1 / 6, 2 / 6, 3 / 6], "these are the scores' shares; take the exponential of each first"),
        ([math.exp(s) for s in scores], "divide by the sum of the exponentials"),
        ([math.exp(s - 3) for s in scores], "divide by the sum of the exponentials"),
    ]
    found = trial.call(scores)
    _numbers(trial, found, gives, "softmax([1, 2, 3])", "e to each score, over their sum", mistakes)
    trial.that(scores == [1.0, 2.0, 3.0], "it changes the list that it is given")
    found = trial.call([-1.0, -2.0])
    gives = [0.7310586, 0.2689414]
    _numbers(trial, found, gives, "softmax([-1, -2])", "negative scores are scores like any other")
    found = trial.call([1000.0, 1001.0])
    gives = [0.2689414, 0.7310586]
    _numbers(trial, found, gives, "softmax([1000, 1001])", "subtract the largest score first")
    why = "subtract the largest score, wherever it is in the list"
    found = trial.call([-1000.0, 3000.0, 0.0])
    _numbers(trial, found, [0.0, 1.0, 0.0], "softmax([-1000, 3000, 0])", why)
    found = trial.call([-1000.0, -1000.0, -3000.0])
    _numbers(trial, found, [0.5, 0.5, 0.0], "softmax([-1000, -1000, -3000])", why)
    _numbers(trial, trial.call([5.0]), [1.0], "softmax([5])", "a single choice is certain")


@TURNS.turn(average_surprise)
def check_average_surprise(trial):
    trial.close(
        [0.5, 0.5],
        gives=math.log(2),
        why="each has the surprise -ln 0.5",
        mistakes=[
            (-math.log(2), "the sign: a surprise is never below 0"),
            (2 * math.log(2), "divide by how many there are"),
            (1.0, "the natural logarithm, math.log, not log2"),
        ],
    )
    trial.close(
        [1.0, 0.25],
        gives=math.log(4) / 2,
        why="certain things surprise by 0, and the average is of the logarithms",
        mistakes=[(-math.log(0.625), "average the surprises, not the probabilities")],
    )
    trial.close([1e-300] * 3, gives=300 * math.log(10), why="a product of them would be 0")


@TURNS.turn(slope)
def check_slope(trial):
    def named(function, x, gives, text, why, mistakes=()):
        found = trial.call(function, x)
        trial.same(found, gives, f"slope({text}, {x})", why, mistakes, tolerance=1e-4)

    named(lambda x: 3 * x + 1, 2.0, 3.0, "3x + 1", "a straight line has one slope everywhere")
    square = [(6.00001, "nearly: step to both sides, then the error is far smaller")]
    found = trial.call(lambda x: x * x, 3.0)
    trial.same(found, 6.0, "slope(x², 3)", "the slope of x² is 2x", square, tolerance=1e-4)
    trial.that(
        abs(trial.call(lambda x: x**3, 1.0, 0.1) - 3.01) < 1e-6,
        "slope(x³, 1, step=0.1) must use points 0.1 to both sides: (1.1³ - 0.9³) / 0.2",
    )
    named(math.exp, 0.0, 1.0, "exp", "at 0, the exponential has the slope 1")
    named(lambda x: -x, 5.0, -1.0, "-x", "a falling line has a negative slope")


@TURNS.turn(descend)
def check_descend(trial):
    def bowl(point):
        return [2 * point[0], 20 * point[1]]

    start = [1.0, 1.0]
    found = trial.call(bowl, start, 0.1, 2)
    call = "descend(gradient of x² + 10y², [1, 1], 0.1, 2)"
    gives = [[1, 1], [0.8, -1.0], [0.64, 1.0]]
    mistakes = [
        ([[0.8, -1.0], [0.64, 1.0]], "the start is the first point of the list"),
        ([[1, 1], [1.2, 3.0], [1.44, 9.0]], "this goes uphill; subtract the gradient"),
        ([0.64, 1.0], "return all points, the start first"),
        ([[1, 1], [0.8, -1.0], [0.6, -3.0]], "take the gradient at the new point each time"),
    ]
    _numbers(
        trial, found, gives, call, "each point is the last minus rate times gradient", mistakes
    )
    trial.that(start == [1.0, 1.0], "it changes the start that it is given; make new points")
    found = trial.call(lambda point: [1.0], [0.0], 0.5, 0)
    _numbers(trial, found, [[0.0]], "descend(..., [0], 0.5, 0)", "no step leaves the start")


def _slopes(output, inputs):
    """The slope of `output` for each input, by the parents and slopes of its graph."""
    if any(output is value for value in inputs):
        here = [float(output is value) for value in inputs]
    else:
        here = [0.0] * len(inputs)
    for parent, local in zip(output.parents, output.slopes, strict=True):
        here = [a + local * b for a, b in zip(here, _slopes(parent, inputs), strict=True)]
    return here


def _listed(trial, value, what):
    """The parents or slopes of a Value, which must be a tuple or a list."""
    trial.that(
        isinstance(value, (tuple, list)),
        f"{what} must be a tuple or a list, and is a {type(value).__name__}: (x,) is a tuple of one",
    )
    return list(value)


def _shown_value():
    """The course's Value, with a number in messages where Python would print an address."""
    course = TURNS.turns["Value"].course
    return type("Value", (course,), {"__repr__": lambda self: f"Value({self.data:g})"})


@TURNS.turn(Value)
def check_value(trial):
    a, b = trial.call(2.0), trial.call(-3.0)
    for name, gives in (("data", 2.0), ("grad", 0.0)):
        trial.that(
            getattr(a, name, None) == gives,
            f"Value(2.0).{name} must be {gives}, and is {getattr(a, name, 'missing')}",
        )
    for name in ("parents", "slopes"):
        trial.that(
            _listed(trial, getattr(a, name, None), f"Value(2.0).{name}") == [],
            f"Value(2.0).{name} must be empty: a number that is given has no parents",
        )
    total = trial.call(a, b, function=lambda x, y: x + y, name="the sum of Value(2) and Value(-3)")
    for what, out, data, slopes, why in (
        ("a + b", total, -1.0, [1.0, 1.0], "if either grows by 1, the sum grows by 1"),
        ("a * b", trial.call(a, b, function=lambda x, y: x * y, name="the product"), -6.0,
         [-3.0, 2.0], "if a grows by 1, the product grows by b, and the other way around"),
    ):  # fmt: skip
        trial.that(
            out is not None and hasattr(out, "data"),
            f"{what} must return a new Value; is there a return?",
        )
        trial.that(out.data == data, f"({what}).data is {out.data}, and should be {data}")
        parents = _listed(trial, out.parents, f"({what}).parents")
        trial.that(
            len(parents) == 2 and parents[0] is a and parents[1] is b,
            f"({what}).parents must be the two Values themselves, a and b, not their numbers",
        )
        trial.that(
            _listed(trial, out.slopes, f"({what}).slopes") == slopes,
            f"({what}).slopes is {list(out.slopes)}, and should be {slopes}: {why}",
        )
        trial.that(out.grad == 0.0, f"({what}).grad must begin at 0.0")
    trial.that((a.data, b.data) == (2.0, -3.0), "an operation must not change its inputs")


@TURNS.turn(backward, of="Value")
def check_backward(trial):
    def made(number, parents=(), slopes=()):
        value = trial.attempt(number)
        value.parents, value.slopes = parents, slopes
        return value

    a, b = made(2.0), made(-3.0)
    product = made(-6.0, (a, b), (-3.0, 2.0))
    out = made(-4.0, (product, a), (1.0, 1.0))
    trial.call(function=out.backward, name="backward of a·b + a")
    trial.that(out.grad == 1.0, f"the last value's own grad must be 1, and is {out.grad}")
    trial.that(
        product.grad == 1.0,
        f"the product's grad is {product.grad}, and should be 1: slope 1 times 1",
    )
    trial.that(
        a.grad == -2.0,
        f"a is used twice, so its grad is -3 + 1 = -2, and is {a.grad}: add with +=, do not replace",
    )
    trial.that(b.grad == 2.0, f"b.grad is {b.grad}, and should be 2")
    for turned in (False, True):
        x = made(1.0)
        one = made(2.0, (x, x), (1.0, 1.0))
        two = made(6.0, (one,), (3.0,))
        parents, slopes = ((one, two), (-1.0, 1.0)) if turned else ((two, one), (1.0, -1.0))
        three = made(4.0, parents, slopes)
        trial.call(function=three.backward, name="backward")
        trial.that(
            x.grad == 4.0,
            f"where paths of different lengths meet, x.grad should be 2·(3 - 1) = 4, and is {x.grad}: "
            "a value may pass its grad on only when all values after it have been handled",
        )
    chain = made(1.0)
    for _ in range(40):
        chain = made(1.0, (chain, chain), (0.5, 0.5))
    trial.call(function=chain.backward, name="backward of 40 doublings")
    trial.that(chain.grad == 1.0, "each value must be visited once, not once per path")


@TURNS.turn(tanh)
def check_tanh(trial):
    kind = _shown_value()
    for number in (0.0, 0.5, -2.0):
        value = kind(number)
        out = trial.call(value)
        trial.that(hasattr(out, "data"), "tanh must return a Value; is there a return?")
        trial.same(out.data, math.tanh(number), f"tanh(Value({number})).data", "it is math.tanh")
        parents = _listed(trial, out.parents, "the parents of the result")
        _listed(trial, out.slopes, "the slopes of the result")
        trial.that(
            len(parents) == 1 and parents[0] is value,
            "the one parent of the result is the value that was given",
        )
        right = 1 - math.tanh(number) ** 2
        said = f"tanh(Value({number})).slopes[0]"
        trial.same(
            out.slopes[0],
            right,
            said,
            "the slope of tanh is 1 minus its output squared",
            [(1 - number**2, "the square is of the output, not of the input")] if number else [],
        )


@TURNS.turn(layer)
def check_layer(trial):
    kind = _shown_value()
    weights = [[kind(0.5), kind(-1.0)], [kind(2.0), kind(0.0)], [kind(0.1), kind(0.2)]]
    biases, inputs = [kind(0.1), kind(-0.3), kind(0.0)], [kind(1.0), kind(0.5)]
    out = trial.call(weights, biases, inputs)
    trial.that(out is not None, "layer returned None: is there a return?")
    trial.that(
        isinstance(out, list) and len(out) == 3,
        "three rows of weights are three neurons: the result is a list of three Values",
    )
    trial.that(all(hasattr(v, "data") for v in out), "the results must be Values, not numbers")
    sums = [0.1, 1.7, 0.2]
    _numbers(
        trial,
        [v.data for v in out],
        [math.tanh(s) for s in sums],
        "layer on a small example",
        "tanh of weights times inputs, plus the bias",
        [
            (sums, "the tanh is missing"),
            ([math.tanh(s) for s in (0.0, 2.0, 0.2)], "the bias is missing"),
        ],
    )
    first = _slopes(out[0], [*weights[0], biases[0], *inputs])
    local = 1 - math.tanh(0.1) ** 2
    gives = [local, 0.5 * local, local, 0.5 * local, -local]
    _numbers(
        trial,
        first,
        gives,
        "the slopes of the first neuron for its weights, bias and inputs",
        "use Values throughout, so that the graph reaches every weight",
    )
    numbers = [[v.data for v in row] for row in weights]
    trial.that(numbers == [[0.5, -1.0], [2.0, 0.0], [0.1, 0.2]], "it changes the weights")


@TURNS.turn(dot_node)
def check_dot_node(trial):
    kind = _shown_value()
    a, b = [kind(1.0), kind(2.0), kind(3.0)], [kind(4.0), kind(-5.0), kind(6.0)]
    out = trial.call(a, b)
    trial.that(hasattr(out, "data"), "dot_node must return one Value; is there a return?")
    trial.same(out.data, 12.0, "dot_node of (1, 2, 3) and (4, -5, 6)", "4 - 10 + 18")
    _numbers(
        trial,
        _slopes(out, [*a, *b]),
        [4.0, -5.0, 6.0, 1.0, 2.0, 3.0],
        "its slopes for a, then b",
        "the slope for a number is its partner in the other vector",
        [([1.0, 2.0, 3.0, 4.0, -5.0, 6.0], "each slope is the partner's number, not its own")],
    )
    trial.that(
        len(out.parents) == 6 and all(not parent.parents for parent in out.parents),
        "the result must be one node whose parents are the six numbers themselves, with no products "
        "and sums between: that is what makes it fast",
    )


@TURNS.turn(bigram_table)
def check_bigram_table(trial):
    texts = [[0, 1, 2, 0], [0, 1, 1, 0]]
    found = trial.call(texts, 3, 1.0)
    gives = [[1 / 5, 3 / 5, 1 / 5], [2 / 6, 2 / 6, 2 / 6], [2 / 4, 1 / 4, 1 / 4]]
    plain = [[0, 1, 0], [1 / 3, 1 / 3, 1 / 3], [1, 0, 0]]
    counts = [[1, 3, 1], [2, 2, 2], [2, 1, 1]]
    across = [[2 / 6, 3 / 6, 1 / 6], [2 / 6, 2 / 6, 2 / 6], [2 / 4, 1 / 4, 1 / 4]]
    _numbers(
        trial,
        found,
        gives,
        "bigram_table([[0, 1, 2, 0], [0, 1, 1, 0]], 3, extra=1)",
        "row i holds the probabilities of what follows i",
        [
            (counts, "divide each row by its sum"),
            (plain, "each pair starts with `extra` instead of 0"),
            (across, "the last id of one text and the first of the next are no pair"),
            ([list(row) for row in zip(*gives, strict=True)], "rows and columns are exchanged"),
        ],
    )
    found = trial.call([[0, 1]], 2)
    gives = [[0.1 / 1.2, 1.1 / 1.2], [0.5, 0.5]]
    _numbers(
        trial, found, gives, "bigram_table([[0, 1]], 2)", "a token without followers has equal odds"
    )
    _numbers(trial, trial.call([], 2, 1.0), [[0.5, 0.5]] * 2, "bigram_table([], 2, 1)", "no text")
