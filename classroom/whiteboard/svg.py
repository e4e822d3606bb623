"""Make the SVG that matplotlib writes small, and readable by a screen reader.

Numbers are rounded to a tenth of a pixel, each glyph is stored once under a short name, empty groups
are removed, and a title and a description are added.
"""

import html
import re
import textwrap
from xml.etree import ElementTree

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"


def tidy(raw: str, width: float, height: float, title: str, description: str) -> str:
    """Return matplotlib's SVG text, shortened, with its title and description inside."""
    root = ElementTree.fromstring(raw)
    glyphs = [glyph for defs in root.iter(f"{_SVG}defs") for glyph in defs.iter(f"{_SVG}path")]
    names = {glyph.get("id"): f"g{number}" for number, glyph in enumerate(glyphs)}
    lines = [_head(width, height, title, description), "<defs>"]
    for glyph in glyphs:
        path = _short_path(glyph.get("d", ""))
        lines.append(
            f'<path id="{names[glyph.get("id")]}" d="{path}" transform="scale(0.015625)"/>'
        )
    lines.append("</defs>")
    for group in root.findall(f"{_SVG}g"):
        lines += _drawn(group, names)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _head(width, height, title, description) -> str:
    about = textwrap.fill(html.escape(" ".join(description.split()), quote=False), 98)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="title description" stroke-linejoin="round">\n'
        f'<title id="title">{html.escape(title, quote=False)}</title>\n'
        f'<desc id="description">{about}</desc>'
    )


def _drawn(element, names) -> list[str]:
    """The lines of one group, its paths and glyphs; only a group with a transform is kept."""
    lines = []
    for child in element:
        tag = child.tag.removeprefix(_SVG)
        if tag == "g" and child.get("transform"):
            lines += [f"<g{_attributes(child)}>", *_drawn(child, names), "</g>"]
        elif tag == "g":
            lines += _drawn(child, names)
        elif tag == "path":
            lines.append(f'<path d="{_short_path(child.get("d"))}"{_attributes(child)}/>')
        elif tag == "use":
            lines.append(f'<use xlink:href="#{names[child.get(_LINK)[1:]]}"{_attributes(child)}/>')
    return lines


def _attributes(element) -> str:
    text = ""
    style = re.sub(r"([:;]) ", r"\1", element.get("style", ""))
    style = style.replace("stroke-linejoin:miter", "").strip(";")
    if style:
        text += f' style="{style}"'
    transform = element.get("transform", "")
    transform = re.sub(r"translate\([^)]*\)", lambda match: _rounded(match[0]), transform)
    level = re.fullmatch(r"translate\((\S+) 0\)", transform)
    if level and element.tag == f"{_SVG}use":
        return f'{text} x="{level[1]}"'
    return f'{text} transform="{transform}"' if transform else text


def _rounded(text: str) -> str:
    shorter = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}", text)
    return re.sub(r"-0(?![\d.])", "0", re.sub(r"\.0\b", "", shorter))


def _short_path(path: str) -> str:
    """Round the numbers, and drop a command that repeats the one before it.

    >>> _short_path("M 1.234 2 L 3.0 4.04 L 5 6 z")
    'M1.2 2L3 4 5 6z'
    """
    shorter, last = [], ""
    for command, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*)", _rounded(path)):
        numbers = " ".join(numbers.split())
        repeats = command == last and command in "LQC"
        shorter.append(f" {numbers}" if repeats else f"{command}{numbers}")
        last = command
    return "".join(shorter)
