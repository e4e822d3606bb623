"""Fit loss = floor + A / N^a + B / D^b to training runs, with the floor free, and use what was found.

N is the number of parameters, D the number of tokens read. With the exponents a and b fixed, the law
is a sum of three columns: least squares finds floor, A and B exactly. So only two exponents have to
be searched, on a grid that follows the best pair and narrows around it. No start has to be guessed,
and no optimizer can stop too early, which happened in the best-known fit of this law.

Residuals are relative, divided by the loss. A pair of exponents whose best floor, A or B is negative
is passed over: that is no law of this form.

Sources: Hoffmann et al. 2022 (Chinchilla), section 3.3, for the law; Besiroglu et al. 2024 for what
went wrong in its fit; Efron 1979 for the bootstrap.
Shapes: R runs, G pairs of exponents.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

EXPONENTS = (0.03, 2.5)  # the range that is searched
POINTS, ROUNDS, NARROWER = 24, 18, 0.6
LEAST_RUNS = 6  # five numbers are fitted


@dataclass(frozen=True)
class Law:
    """floor + A / N^a + B / D^b.

    >>> law = Law(1.0, 100.0, 0.5, 1000.0, 0.5)
    >>> law.loss(10_000, 1_000_000)
    3.0
    """

    floor: float
    size_scale: float  # A
    size_exponent: float  # a
    data_scale: float  # B
    data_exponent: float  # b

    def loss(self, n_parameters: float, n_tokens: float) -> float:
        """The loss that a model of so many parameters should reach after so many tokens."""
        size = self.size_scale / n_parameters**self.size_exponent
        return self.floor + size + self.data_scale / n_tokens**self.data_exponent

    def best_split(self, operations: float) -> tuple[float, float]:
        """The parameters and tokens with the least loss for a budget of 6 N D operations.

        At the best split one more percent of parameters gains as much as one more percent of tokens.

        >>> n, d = Law(1.0, 100.0, 0.5, 1000.0, 0.5).best_split(6e12)
        >>> round(n), round(d), round(d / n)
        (100000, 10000000, 100)
        """
        a, b = self.size_exponent, self.data_exponent
        product = operations / 6  # N times D
        ratio = (a * self.size_scale) / (b * self.data_scale)
        n_parameters = (ratio * product**b) ** (1 / (a + b))
        return n_parameters, product / n_parameters


@dataclass(frozen=True)
class PowerLaw:
    """scale / (N^a D^b): a law without a floor, the control.

    >>> PowerLaw(60.0, 0.5, 0.5).loss(100, 9)
    2.0
    """

    scale: float
    size_exponent: float
    data_exponent: float

    def loss(self, n_parameters: float, n_tokens: float) -> float:
        """The loss that a model of so many parameters should reach after so many tokens."""
        return self.scale / (n_parameters**self.size_exponent * n_tokens**self.data_exponent)


def fit(
    n_parameters: Sequence[float],
    n_tokens: Sequence[float],
    losses: Sequence[float],
    counts: Sequence[float] | None = None,
) -> Law:
    """Fit the law to runs (R,) each; `counts` says how often each run counts (None: once).

    Raises ValueError for fewer than six runs, unequal numbers of values, a value that is not above
    0, and runs that no law of this form describes.
    """
    runs = [torch.as_tensor(x, dtype=torch.float64) for x in (n_parameters, n_tokens, losses)]
    counts = torch.ones(len(runs[0])) if counts is None else torch.as_tensor(counts)
    if len({len(x) for x in (*runs, counts)}) > 1 or len(runs[0]) < LEAST_RUNS:
        raise ValueError(f"a fit needs {LEAST_RUNS} or more runs, with three values each")
    if not all(bool((x > 0).all() and x.isfinite().all()) for x in runs):
        raise ValueError("parameters, tokens and losses must be numbers above 0")
    low, high = (torch.tensor(end).log() for end in EXPONENTS)
    middle, span = torch.stack([(low + high) / 2] * 2).double(), (high - low) / 2
    for _ in range(ROUNDS):
        steps = torch.linspace(-1, 1, POINTS, dtype=torch.float64) * span
        pairs = (middle + torch.cartesian_prod(steps, steps)).exp()  # (G, 2)
        errors, parts = solve(pairs, *runs, counts)
        best = int(errors.argmin())
        if not errors[best].isfinite():
            raise ValueError("no law of this form describes the runs: all have a negative part")
        middle, span = pairs[best].log(), span * NARROWER
    (a, b), (floor, size_scale, data_scale) = pairs[best].tolist(), parts[best].tolist()
    return Law(floor, size_scale, a, data_scale, b)


def solve(
    pairs: torch.Tensor,
    n_parameters: torch.Tensor,
    n_tokens: torch.Tensor,
    losses: torch.Tensor,
    counts: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """For each pair of exponents (G, 2): the sum of squared relative errors, and floor, A, B.

    The error of a pair whose floor, A or B is negative is inf.
    """
    sizes = n_parameters[:, None] ** -pairs[:, 0]  # (R, G)
    data = n_tokens[:, None] ** -pairs[:, 1]
    columns = torch.stack([torch.ones_like(sizes), sizes, data], dim=-1)  # (R, G, 3)
    units = columns.amax(dim=0)  # so that all columns are of one size
    columns = (columns / units / losses[:, None, None]).transpose(0, 1)  # (G, R, 3), relative
    weighted = columns * counts.double()[:, None]
    gram, target = weighted.mT @ columns, weighted.sum(dim=1)  # (G, 3, 3), (G, 3)
    gram = gram + 1e-13 * torch.eye(3, dtype=torch.float64)  # runs drawn twice may leave too few
    parts = torch.linalg.solve(gram, target)  # (G, 3)
    misses = (columns @ parts[..., None])[..., 0] - 1  # (G, R)
    errors = (counts * misses.square()).sum(dim=1)
    wrong = (parts < 0).any(dim=1) | ~parts.isfinite().all(dim=1)
    return errors.masked_fill(wrong, torch.inf), parts / units


def power_law(
    n_parameters: Sequence[float], n_tokens: Sequence[float], losses: Sequence[float]
) -> PowerLaw:
    """Fit the law without a floor, whose logarithm is a sum of three columns, to runs (R,) each.

    >>> law = power_law([1, 4, 1, 4], [1, 1, 9, 9], [12, 6, 4, 2])
    >>> round(law.scale, 6), round(law.size_exponent, 6), round(law.data_exponent, 6)
    (12.0, 0.5, 0.5)
    """
    runs = [torch.as_tensor(x, dtype=torch.float64) for x in (n_parameters, n_tokens, losses)]
    n, d, logs = (x.log() for x in runs)
    columns = torch.stack([torch.ones_like(n), -n, -d], dim=1)  # (R, 3)
    first, a, b = torch.linalg.lstsq(columns, logs[:, None]).solution[:, 0].tolist()
    return PowerLaw(math.exp(first), a, b)


def left_out(
    n_parameters: Sequence[float],
    n_tokens: Sequence[float],
    losses: Sequence[float],
    entropy: float,
) -> dict[str, float]:
    """Fit to the runs without the largest size and the largest budget; how well are these predicted?

    The runs are a grid of sizes and budgets. The errors are means over the runs left out, as shares
    of their losses above `entropy`: of the law (inf where none fits), of a law without a floor, and
    of repeating the nearest run in the fit.
    """
    runs = [torch.as_tensor(x, dtype=torch.float64) for x in (n_parameters, n_tokens, losses)]
    n, d, all_losses = runs
    inside = (n < n.max()) & (d < d.max())
    some = [x[inside] for x in runs]
    near_n, near_d = n.clamp(max=some[0].max()), d.clamp(max=some[1].max())
    nearest = ((n == near_n[:, None]) & (d == near_d[:, None])).int().argmax(dim=1)  # (R,)
    try:
        by_law = torch.as_tensor(fit(*some).loss(n, d))
    except ValueError:
        by_law = torch.full_like(n, torch.inf)
    guesses = {
        "the law": by_law,
        "a law without a floor": torch.as_tensor(power_law(*some).loss(n, d)),
        "the nearest run": all_losses[nearest],
    }
    errors = {
        name: (guess - all_losses).abs() / (all_losses - entropy) for name, guess in guesses.items()
    }
    return {name: error[~inside].mean().item() for name, error in errors.items()}


def simulated_floors(
    law: Law,
    n_parameters: Sequence[float],
    n_tokens: Sequence[float],
    noise: Sequence[float],
    times: int = 200,
    seed: int = 0,
) -> list[float]:
    """The floors fitted to runs made up by the law itself, each with its relative noise (R,).

    They say how far a floor is off by chance alone. A draw that no law describes gives NaN.
    """
    generator, floors = torch.Generator().manual_seed(seed), []
    n, d, noise = (torch.as_tensor(x, dtype=torch.float64) for x in (n_parameters, n_tokens, noise))
    for _ in range(times):
        factor = 1 + noise * torch.randn(len(n), generator=generator, dtype=torch.float64)
        try:
            floors.append(fit(n, d, law.loss(n, d) * factor).floor)
        except ValueError:
            floors.append(math.nan)
    return floors


def bootstrap(
    n_parameters: Sequence[float],
    n_tokens: Sequence[float],
    losses: Sequence[float],
    times: int = 200,
    seed: int = 0,
) -> list[Law]:
    """Fit again to runs drawn with replacement, `times` times: how far do the answers spread?

    A draw that no law describes is left out, so that there may be fewer laws.
    """
    generator, laws = torch.Generator().manual_seed(seed), []
    for _ in range(times):
        drawn = torch.randint(len(losses), (len(losses),), generator=generator)
        counts = torch.bincount(drawn, minlength=len(losses))
        try:
            laws.append(fit(n_parameters, n_tokens, losses, counts))
        except ValueError:
            continue
    return laws


def interval(values: Sequence[float], share: float = 0.95) -> tuple[float, float]:
    """The middle `share` of some numbers: from one quantile to the other.

    >>> interval([float(n) for n in range(101)], share=0.9)
    (5.0, 95.0)
    """
    tail = (1 - share) / 2
    ends = torch.tensor(values, dtype=torch.float64).quantile(
        torch.tensor([tail, 1 - tail], dtype=torch.float64)
    )
    low, high = ends.tolist()
    return low, high
