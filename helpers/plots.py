"""Plots in one style, each with an alternative text; and source code shown as it is now.

A plot is displayed as an HTML `<img>` with an `alt` text, because Jupyter drops the alternative
texts of ordinary plot outputs. The background is opaque and light, so that it is legible on dark
pages.
"""

import ast
import base64
import html
import inspect
import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER = "#fbfaf6"
INK = "#22262e"
COLORS = ["#1f6fb4", "#d1495b", "#2e933c", "#e09f3e", "#7b4fa3", "#3a9ea5", "#8a5a44", "#6c757d"]


def new_axes(
    width: float = 6.0, height: float = 3.5, rows: int = 1, columns: int = 1, **subplot_options: Any
) -> Any:
    """Make axes in the course's style: one `Axes`, or an array of them.

    `width` and `height` are the size of the whole figure in inches.

    >>> ax = new_axes(4, 3)
    >>> ax.figure.get_size_inches().tolist()
    [4.0, 3.0]
    """
    from cycler import cycler
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor=PAPER)
    axes = figure.subplots(rows, columns, squeeze=False, **subplot_options)
    for ax in axes.flat:
        ax.set_facecolor(PAPER)
        ax.set_prop_cycle(cycler(color=COLORS))
        ax.tick_params(colors=INK, labelsize=9)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(True, color="#e3e0d6", linewidth=0.6)
        ax.set_axisbelow(True)
    return axes[0, 0] if rows == columns == 1 else axes.squeeze()


def show(picture: Any, alt: str) -> None:
    """Display a figure (or that of an `Axes` or array of `Axes`) with an alternative text.

    Raises ValueError if `alt` is empty: some readers cannot see the picture.
    """
    from IPython.display import HTML, display

    display(HTML(image_tag(picture, alt)))


def image_tag(picture: Any, alt: str) -> str:
    """Return the HTML `<img>` that `show` displays, with the picture embedded as a PNG.

    >>> image_tag(new_axes(1, 1), alt="An empty plot")[:36]
    '<img alt="An empty plot" style="max-'
    """
    if not alt.strip():
        raise ValueError("alt is empty: say in a sentence what the picture shows")
    data = base64.b64encode(png_bytes(picture)).decode()
    return (
        f'<img alt="{html.escape(alt, quote=True)}" style="max-width:100%;border-radius:6px" '
        f'src="data:image/png;base64,{data}">'
    )


def png_bytes(picture: Any) -> bytes:
    """Return a figure, or that of an `Axes`, as the bytes of a small PNG."""
    buffer = io.BytesIO()
    _figure_of(picture).savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return _fewer_colors(buffer)


def _figure_of(picture):
    if hasattr(picture, "savefig"):
        return picture
    first = picture.flat[0] if hasattr(picture, "flat") else picture
    return first.get_figure()


def _fewer_colors(buffer):
    """Store 128 colors instead of millions: a third of the bytes, no visible difference.

    They are chosen to cover all colors, also those of few pixels, such as the ends of a color bar.
    """
    from PIL import Image

    small = io.BytesIO()
    picture = Image.open(buffer).convert("RGB")
    covering = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 3, "dither": Image.Dither.NONE}
    picture.quantize(128, **covering).save(small, format="PNG", optimize=True)
    return small.getvalue()


def source_of(thing: Any, docstring: bool = False) -> str:
    """Return the source code of a function, class or module; by default without docstrings.

    >>> print(source_of(_figure_of).splitlines()[0])
    def _figure_of(picture):
    """
    source = textwrap.dedent(inspect.getsource(thing))
    return source if docstring else _without_docstrings(source)


def _without_docstrings(source):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
    drop = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) and len(node.body) > 1:
            first = node.body[0]
            drop.update(range(first.lineno, first.end_lineno + 1))
    lines = [line for number, line in enumerate(source.splitlines(), 1) if number not in drop]
    while lines and not lines[0].strip():
        lines.pop(0)
    return "\n".join(lines)


def show_source(*things: Any, docstring: bool = False) -> None:
    """Display the current source code of functions or classes, with syntax highlighting."""
    from IPython.display import Markdown, display

    for thing in things:
        where = f"{thing.__module__.replace('.', '/')}.py"
        display(Markdown(f"`{where}`\n```python\n{source_of(thing, docstring)}\n```"))


def plot_matrix(
    matrix: Any,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    ax: "Axes | None" = None,
    digits: int | None = 2,
    color_map: str = "Blues",
    framed: Iterable[tuple[int, int]] = (),
) -> "Axes":
    """Draw a (rows, columns) matrix as a heat map with its values.

    `framed` lists the (row, column) cells to draw a frame around; with `digits` None the values are
    not written.
    """
    from matplotlib.patches import Rectangle

    ax = ax if ax is not None else new_axes(5, 4)
    values = matrix.detach().numpy() if hasattr(matrix, "detach") else matrix
    ax.imshow(values, cmap=color_map, aspect="auto")
    ax.grid(False)
    middle = (float(values.min()) + float(values.max())) / 2
    for row in range(values.shape[0]) if digits is not None else ():
        for column in range(values.shape[1]):
            value = float(values[row, column])
            ink = "white" if value > middle else INK
            ax.text(column, row, f"{value:.{digits}f}", ha="center", va="center", color=ink)
    for row, column in framed:
        corner = (column - 0.5, row - 0.5)
        ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=COLORS[1], linewidth=3))
    for axis, labels in ((ax.yaxis, row_labels), (ax.xaxis, column_labels)):
        if labels is not None:
            axis.set_ticks(range(len(labels)), labels)
    return ax


def plot_losses(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    ax: "Axes | None" = None,
    floor: float | None = None,
    unit: str = "nats per token",
) -> "Axes":
    """Draw loss curves: `curves` maps a name to (steps, losses); `floor` is a known lowest loss."""
    ax = ax if ax is not None else new_axes(6, 3.5)
    for name, (steps, losses) in curves.items():
        ax.plot(steps, losses, label=name)
    if floor is not None:
        ax.axhline(floor, color=INK, linestyle="--", linewidth=1, label="lowest possible")
    ax.set_xlabel("step")
    ax.set_ylabel(f"loss ({unit})")
    ax.legend(frameon=False)
    return ax
