"""Figures for notebook 00: arrows, a valley, a graph of operations, a surface, curves with a floor."""

from helpers.plots import COLORS, INK, new_axes, show


def plot_arrows(vectors):
    """Show named vectors of two numbers as arrows from the origin."""
    ax = new_axes(4.2, 4.0)
    reach = 1.15 * max(abs(number) for vector in vectors.values() for number in vector)
    for color, (name, (x, y)) in zip(COLORS, vectors.items(), strict=False):
        ax.annotate(
            "", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 2}
        )
        ax.annotate(
            name,
            (x, y),
            xytext=(6 if x > 0 else -12, 6 if y > 0 else -12),
            textcoords="offset points",
            color=color,
        )
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ends = ", ".join(f"{name} to ({x:g}, {y:g})" for name, (x, y) in vectors.items())
    show(ax, alt=f"Arrows from the origin: {ends}.")


def plot_function(functions, low, high):
    """Show named functions of one number between two limits."""
    ax = new_axes(5.5, 3.2)
    points = [low + (high - low) * number / 200 for number in range(201)]
    for name, function in functions.items():
        ax.plot(points, [function(x) for x in points], label=name)
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.legend(frameon=False)
    ends = ", ".join(
        f"{name} from {function(low):.2f} to {function(high):.2f}"
        for name, function in functions.items()
    )
    show(ax, alt=f"Curves between {low:g} and {high:g}: {ends}.")


def plot_valley(height, paths):
    """Show the level lines of a function of two numbers, and walks over them."""
    ax = new_axes(6.2, 3.8)
    xs = [-3.2 + 6.4 * number / 80 for number in range(81)]
    ys = [-1.6 + 3.2 * number / 60 for number in range(61)]
    levels = [[height([x, y]) for x in xs] for y in ys]
    ax.contour(xs, ys, levels, levels=12, colors="#b9b4a3", linewidths=0.8)
    for color, (name, points) in zip(COLORS, paths.items(), strict=False):
        ax.plot(*zip(*points, strict=True), "o-", color=color, markersize=3, label=name)
    ax.set(xlim=(-3.2, 3.2), ylim=(-1.6, 1.6))
    ax.legend(frameon=True, framealpha=0.95, fontsize=9, loc="upper right")
    ends = ", ".join(
        f"{name} in {len(points) - 1} steps to ({points[-1][0]:.2f}, {points[-1][1]:.2f})"
        for name, points in paths.items()
    )
    show(ax, alt=f"Level lines of a long valley, and walks into it: {ends}.")


def _places(output):
    """Where each value of a graph is drawn: (column, row); columns count operations from the left."""
    depth = {}

    def visit(value):
        if value not in depth:
            depth[value] = 1 + max((visit(parent) for parent in value.parents), default=-1)
        return depth[value]

    visit(output)
    columns = {}
    for value, column in depth.items():
        columns.setdefault(column, []).append(value)
    return {
        value: (column, (len(column_values) - 1) / 2 - row)
        for column, column_values in columns.items()
        for row, value in enumerate(column_values)
    }


def plot_graph(output, names):
    """Show the graph behind a value: a box for each, with data and grad; slopes on the arrows.

    `names` are the names of values, as {name: value}; the others are boxes without one.
    """
    places = _places(output)
    called = {value: name for name, value in names.items()}
    width = 2.2 * (1 + max(column for column, _ in places.values()))
    ax = new_axes(width, 3.0)
    for value, (x, y) in places.items():
        for parent, slope in zip(value.parents, value.slopes, strict=True):
            start = places[parent]
            ax.annotate(
                "",
                (x - 0.17, y + 0.1 * (start[1] > y) - 0.1 * (start[1] < y)),
                (start[0] + 0.17, start[1]),
                arrowprops={"arrowstyle": "-|>", "color": COLORS[0]},
            )
            middle = (0.5 * start[0] + 0.5 * x, 0.5 * start[1] + 0.5 * y)
            ax.text(
                *middle, f"{slope:.2g}", color=COLORS[0], fontsize=9, ha="center", va="center",
                bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
            )  # fmt: skip
        name = called.get(value, "")
        text = f"{name}\n" if name else ""
        text += f"data {value.data:.2f}\ngrad {value.grad:.2f}"
        box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": INK}
        ax.text(x, y, text, ha="center", va="center", fontsize=8, bbox=box)
    rows = [row for _, row in places.values()]
    ax.set(xlim=(-0.5, max(c for c, _ in places.values()) + 0.5))
    ax.set(ylim=(min(rows) - 0.5, max(rows) + 0.5))
    ax.set_axis_off()
    told = ", ".join(f"{name} {value.grad:.2f}" for name, value in names.items())
    show(ax, alt=f"A graph of {len(places)} values; the gradients written into it: {told}.")


def plot_decisions(score, points):
    """Show the score of each point of a square as color, and labeled points: {(x, y): label}."""
    ax = new_axes(4.4, 3.8)
    grid = [-0.4 + 1.8 * number / 24 for number in range(25)]
    surface = [[score([x, y]) for x in grid] for y in grid]
    image = ax.imshow(
        surface, origin="lower", extent=(-0.4, 1.4, -0.4, 1.4), cmap="RdBu", vmin=-1, vmax=1
    )
    ax.figure.colorbar(image, ax=ax, label="output of the network")
    for (x, y), label in points.items():
        ax.plot(x, y, "o" if label > 0 else "X", color=INK, markersize=9)
    ax.grid(False)
    told = ", ".join(f"{score([x, y]):+.2f} at ({x}, {y})" for x, y in points)
    show(ax, alt=f"The output of the network over the plane as color; at the four points: {told}.")


def plot_training(losses, lines):
    """Show the loss of each step, its running mean, and named levels to compare with."""
    ax = new_axes(6.6, 3.8)
    ax.plot(range(1, len(losses) + 1), losses, color=COLORS[0], alpha=0.25)
    window = max(1, len(losses) // 20)
    mean = [
        sum(losses[max(0, end - window) : end]) / len(losses[max(0, end - window) : end])
        for end in range(1, len(losses) + 1)
    ]
    ax.plot(range(1, len(losses) + 1), mean, color=COLORS[0], label="the tiny GPT, training")
    for color, (name, level) in zip(COLORS[1:], lines.items(), strict=False):
        ax.axhline(level, color=color, linestyle="--", linewidth=1.2, label=name)
    ax.set(xlabel="step", ylabel="loss (nats per token)", ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)
    told = ", ".join(f"{name} at {level:.2f}" for name, level in lines.items())
    show(ax, alt=f"The loss falls from {losses[0]:.1f} to about {mean[-1]:.1f}; levels: {told}.")


def plot_looks(tokens, heads):
    """Show from each token (row) how much attention goes to each earlier one, for every head.

    `heads` holds, for each head, the weights of each token over itself and those before it.
    """
    size = len(tokens)
    axes = new_axes(3.1 * len(heads), 3.6, columns=len(heads))
    for number, (ax, weights) in enumerate(zip(axes, heads, strict=True)):
        table = [[*row, *[float("nan")] * (size - len(row))] for row in weights]
        ax.imshow(table, cmap="Blues", vmin=0, vmax=1)
        ax.set_xticks(range(size), tokens, rotation=90, fontsize=8)
        ax.set_yticks(range(size), tokens if number == 0 else [], fontsize=8)
        ax.set_title(f"head {number}", fontsize=10)
        ax.grid(False)
    axes[0].set_ylabel("looking")
    last = [weights[-1] for weights in heads]
    most = [max(range(size), key=row.__getitem__) for row in last]
    told = ", ".join(
        f"head {number} at {tokens[place]!r} ({row[place]:.2f})"
        for number, (place, row) in enumerate(zip(most, last, strict=True))
    )
    show(
        axes,
        alt="Attention weights of each head as a triangle of squares, white 0 to dark 1; the last "
        f"row, {tokens[-1]!r}, looks most: {told}.",
    )
