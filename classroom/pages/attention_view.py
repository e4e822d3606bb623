"""Views of attention weights: a heat map, all heads at a glance, and an explorer without JavaScript.

Shapes: L layers, H heads, T tokens that attend (queries), S tokens attended to (keys); here S = T.
"""

import hashlib
import html

import numpy as np
import torch

from classroom.pages.token_view import visible
from helpers.plots import COLORS, INK, PAPER, image_tag, new_axes, plot_matrix

_STYLE = """
@id .fallback{display:none}
@id .live{display:flex!important;flex-wrap:wrap;align-items:center;background:@paper;color:@ink;
 padding:10px 14px;border-radius:6px;font:14px/1.35 system-ui,sans-serif;color-scheme:light}
@id .live *{box-sizing:border-box}
@id .layer{min-width:4.6em;font-weight:600}
@id .break{flex-basis:100%}
@id input{margin:2px 3px 2px 8px;accent-color:@blue}
@id label{margin:0;color:@ink;cursor:pointer}
@id label:focus,@id input:focus-visible+label{outline:2px solid @blue;outline-offset:2px}
@id .head{display:contents}
@id .pane{display:none;order:1;flex-basis:100%;position:relative;margin-top:8px}
@id input:checked~.pane,@id .head:focus-within .pane{display:block}
@id .live:has(.head:focus-within) .head:not(:focus-within) .pane{display:none}
@id .say{margin:6px 0 2px;font-size:13px;color:@ink}
@id .token,@id .row i{display:inline-block;width:@widthem;height:3em;margin:1px;padding:2px 0;
 border-radius:4px;text-align:center;font-style:normal;font-size:13px;vertical-align:top;
 white-space:nowrap}
@id .token{height:1.7em;background:#e8e5da;cursor:pointer}
@id .token:hover,@id .token:focus{background:#f3c98b;outline:2px solid @ink}
@id .row{display:none;position:absolute;left:0;right:0;bottom:0;background:@paper;color:@ink;
 cursor:default;text-align:left;white-space:normal}
@id .row.first{display:block;position:static}
@id .token:focus .row{display:block;z-index:2}
@id .token:hover .row{display:block;z-index:3}
@id .row i{background:rgb(31 111 180/calc(var(--w,0)*1%));border:1px solid #d9d5c8}
@id .row i.dark{color:#fff}
@id .row i.self{border-color:@ink;box-shadow:inset 0 0 0 1px @ink}
@id .row b{font-weight:400;opacity:.35}
@id .row small{display:block;font-size:11px}
"""


def plot_attention(weights, tokens, ax=None, digits=None):
    """Draw attention weights (T, T) as a heat map, one row for each token that attends.

    `digits` is the number of decimals to write; by default two, for at most eight tokens.
    Raises ValueError if the weights do not fit the tokens.

    >>> ax = plot_attention(torch.eye(2), ["a", "b"])
    >>> ax.get_xlabel()
    'looked at'
    """
    layers = _as_layers(weights, tokens)
    if len(layers) != 1 or len(layers[0]) != 1:
        raise ValueError(f"weights have shape {tuple(weights.shape)}; give one head's (T, T)")
    size = min(3.6 + 0.15 * max(0, len(tokens) - 6), 7.0)
    ax = ax if ax is not None else new_axes(size + 0.7, size)
    if digits is None and len(tokens) <= 8:
        digits = 2
    names = [visible(token) for token in tokens]
    plot_matrix(layers[0][0], names, names, ax, digits)
    ax.tick_params(axis="x", rotation=45 if max(map(len, names)) > 3 else 0)
    ax.set_xlabel("looked at", color=INK)
    ax.set_ylabel("looks", color=INK)
    return ax


def plot_heads(weights, tokens=None):
    """Draw every head's attention map, one row of maps per layer; return the array of axes (L, H).

    `weights` holds (H, T, T) per layer, as `GPT.attention_weights` returns them for one text.

    >>> plot_heads([torch.ones(3, 2, 2) / 2] * 2).shape
    (2, 3)
    """
    layers = _as_layers(weights, tokens)
    n_heads = max(len(layer) for layer in layers)
    axes = new_axes(0.3 + 1.9 * n_heads, 0.2 + 2.0 * len(layers), len(layers), n_heads)
    axes = np.asarray(axes, dtype=object).reshape(len(layers), n_heads)
    for number, (row, layer) in enumerate(zip(axes, layers, strict=True), 1):
        for head, ax in enumerate(row, 1):
            ax.grid(False)
            ax.set(xticks=[], yticks=[])
            if head <= len(layer):
                ax.imshow(layer[head - 1].numpy(), cmap="Blues", vmin=0, vmax=1)
                ax.set_title(f"layer {number}, head {head}", fontsize=9, color=INK)
    return axes


def show_attention_explorer(weights, tokens, alt, start=None):
    """Display the attention explorer: choose a layer, a head and a token, see what it attends to.

    Arguments and errors as for `explorer_html`.
    """
    from IPython.display import HTML, display

    display(HTML(explorer_html(weights, tokens, alt, start)))


def explorer_html(weights, tokens, alt, start=None):
    """Return the explorer as HTML: radio buttons for the head, tokens that react to hover and focus.

    `weights` holds (H, T, T) per layer; `start` is the (layer, head, token) shown first, counted
    from 0, by default the first head and the last token. There is no JavaScript. If style sheets
    are stripped, as JupyterLab does before a notebook is trusted, a picture of all heads with `alt`
    text appears instead. The same weights give the same HTML.
    Raises ValueError if weights, tokens and `start` do not fit together.

    >>> page = explorer_html([torch.eye(2)[None]], ["a", "b"], alt="Each token looks at itself")
    >>> page.count('type="radio"'), page.count('tabindex="0"'), "<script" in page
    (1, 3, False)
    """
    layers = _as_layers(weights, tokens)
    start = (0, 0, len(tokens) - 1) if start is None else tuple(start)
    _check_start(start, layers, tokens)
    names = [visible(token) for token in tokens]
    numbers = [(layer, head) for layer, heads in enumerate(layers) for head in range(len(heads))]
    panes = [_pane(layers[layer][head], names, start[2]) for layer, head in numbers]
    key = "attention-" + hashlib.sha256("".join([*panes, alt]).encode()).hexdigest()[:10]
    picture = image_tag(plot_heads(layers), alt)
    live = "".join(
        _head(key, layer, head, start, pane)
        for (layer, head), pane in zip(numbers, panes, strict=True)
    )
    return (
        f'<div id="{key}"><style>{_style(key, names)}</style>'
        f'<div class="fallback">{picture}<br>Run this cell to point at single tokens.</div>'
        '<div class="live" role="group" aria-label="Attention explorer" hidden '
        f'style="display:none">{live}</div></div>'
    )


def _as_layers(weights, tokens):
    """Convert weights to a list of (H, T, T) tensors, one per layer, checked against the tokens."""
    if isinstance(weights, torch.Tensor):
        weights = list(weights) if weights.ndim == 4 else [weights]
    layers = []
    for layer in weights:
        shape = tuple(layer.shape)
        if layer.ndim == 4 and shape[0] == 1:
            layer = layer[0]
        if layer.ndim == 2:
            layer = layer[None]
        if layer.ndim != 3 or layer.shape[1] != layer.shape[2]:
            raise ValueError(f"weights have shape {shape}; give (H, T, T) per layer, for one text")
        if tokens is not None and layer.shape[1] != len(tokens):
            raise ValueError(f"weights of shape {shape} do not fit {len(tokens)} tokens")
        layers.append(layer.detach().float())
    if not layers:
        raise ValueError("weights is empty; give (H, T, T) per layer")
    return layers


def _check_start(start, layers, tokens):
    layer, head, token = start
    if not (
        0 <= layer < len(layers) and 0 <= head < len(layers[layer]) and 0 <= token < len(tokens)
    ):
        raise ValueError(
            f"start {start} is outside {len(layers)} layers of {[len(h) for h in layers]} heads "
            f"and {len(tokens)} tokens"
        )


def _style(key, names):
    width = 0.9 + 0.62 * max(2, *map(len, names))
    sheet = _STYLE.replace("@id", f"#{key}").replace("@width", f"{width:.2f}")
    return sheet.replace("@paper", PAPER).replace("@ink", INK).replace("@blue", COLORS[0])


def _head(key, layer, head, start, pane):
    """A head's radio button, name and pane; focusing the name shows the pane, too.

    JupyterLab uses the arrow keys itself, and without them the Tab key reaches only the selected
    button of a group.
    """
    before = ""
    if head == 0:
        before = f'<span class="break"></span><span class="layer">Layer {layer + 1}</span>'
    name, checked = f"{key}-{layer}-{head}", " checked" if (layer, head) == start[:2] else ""
    return (
        f'{before}<div class="head"><input type="radio" name="{key}" id="{name}"{checked} '
        f'aria-label="layer {layer + 1}, head {head + 1}">'
        f'<label for="{name}" tabindex="0">head {head + 1}</label>'
        f'<div class="pane">{pane}</div></div>'
    )


def _pane(weights, names, first):
    """One head: the tokens to point at, each with the row of its attention weights."""
    rows = [_row(weights[query], names, query) for query in range(len(names))]
    tokens = "".join(
        f'<span class="token" role="img" tabindex="0" aria-label="{label}">{html.escape(name)}'
        f'<span class="row" aria-hidden="true">{row}</span></span>'
        for name, row, label in zip(names, rows, _labels(weights, names), strict=True)
    )
    return (
        f'<div class="say">Point at a token, or reach it with the Tab key:</div><div>{tokens}</div>'
        f'<div class="row first" aria-hidden="true">{rows[first]}</div>'
    )


def _row(weights, names, query):
    """Every token as a tile, darker for more attention; faint after the last token with any."""
    end = max(int(weights.nonzero().max()) if weights.any() else 0, query) + 1
    tiles = []
    for key in range(end):
        percent = round(100 * weights[key].item())
        kind = " ".join(["dark"] * (percent > 55) + ["self"] * (key == query))
        kind = f' class="{kind}"' if kind else ""
        shade = f' style="--w:{percent}"' if percent else ""
        number = f"<small>{percent}</small>" if percent else ""
        tiles.append(f"<i{kind}{shade}>{html.escape(names[key])}{number}</i>")
    later = "".join(f"<i>{html.escape(name)}</i>" for name in names[end:])
    say = f"token {query + 1}, {html.escape(names[query])}, looks at (in percent):"
    return f'<div class="say">{say}</div>{"".join(tiles)}<b>{later}</b>'


def _labels(weights, names):
    """The text for screen readers: the three tokens to which each token attends most."""
    labels = []
    for query, name in enumerate(names):
        top = weights[query].topk(min(3, len(names)))
        places = [
            f"{names[key]} at {key + 1}, {round(100 * weight)} percent"
            for weight, key in zip(top.values.tolist(), top.indices.tolist(), strict=True)
            if weight >= 0.005
        ]
        text = f"token {query + 1}, {name}, looks at {'; '.join(places)}"
        labels.append(html.escape(text, quote=True))
    return labels
