"""The report card: what the reader wrote and knows, which file it is in, how good their model is.

`read_report` collects it from the reader's state, `report_text` and `as_html` show it; the same state gives
the same bytes. `ReportCard` shows it in a notebook.
"""

import html
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from classroom.mine.assemble import assemble
from classroom.mine.outline import FILES
from classroom.pages.knobs import live_and_still
from classroom.study import progress as study
from classroom.study.flash_cards import box_of, load_cards
from classroom.study.quiz_bank import load_quiz
from classroom.turns.kept import kept_turns
from classroom.turns.registry import exercises_by_notebook

ROOT = Path(__file__).parents[2]
STYLE = Path(__file__).parent.parent / "assets" / "report_card.css"


@dataclass(frozen=True)
class Section:
    """One notebook: its turns with the date on which each was right, or None; its exercises, too.

    `files` has the name of the file that a turn is in, my_llm.py or my_chat.py, where it is in one.
    """

    number: str
    title: str
    turns: dict[str, str | None]
    exercises: dict[str, bool]
    files: dict[str, str]


@dataclass(frozen=True)
class Report:
    """Everything on the card. `boxes` counts the known cards by box; `figures` are the model's.

    `parts` has, for each file that is put together, how many of its parts are the reader's, of how many.
    """

    sections: list[Section]
    parts: dict[str, tuple[int, int]]
    quiz_right: int
    quiz_answered: int
    quiz_total: int
    boxes: list[int]
    cards_total: int
    figures: dict[str, object]

    @property
    def written(self):
        """How many turns are written, and how many there are."""
        dates = [date for section in self.sections for date in section.turns.values()]
        return sum(date is not None for date in dates), len(dates)

    @property
    def solved(self):
        """How many exercises are solved, and how many there are."""
        each = [done for section in self.sections for done in section.exercises.values()]
        return sum(each), len(each)


def read_report() -> Report:
    """Collect the report from the reader's state."""
    kept = {(turn.notebook, turn.name): turn.date for turn in kept_turns()}
    solved, exercises = study.read_state("exercises"), exercises_by_notebook()
    made = {file.name: assemble(file=file) for file in FILES}
    of_turn = {(piece.notebook, piece.turn): name for name in made for piece in made[name].pieces}
    sections = []
    for number, title in _titles().items():
        names = _turns_of(number)
        turns = {name: kept.get((number, name)) for name in names}
        here = {name: name in solved for name in exercises.get(number, [])}
        if turns or here:
            files = {name: of_turn[number, name] for name in names if (number, name) in of_turn}
            sections.append(Section(number, title, turns, here, files))
    cards, known = load_cards(), study.read_state("cards")
    boxes = [0] * 5
    for card in cards:
        if card.name in known:
            boxes[box_of(card) - 1] += 1
    answers = [right for right in study.read_state("quiz").values() if isinstance(right, bool)]
    figures = study.read_state("model").get("figures")
    return Report(
        sections,
        {name: (len(file.yours), len(file.pieces)) for name, file in made.items()},
        sum(answers),
        len(answers),
        len(load_quiz()),
        boxes,
        len(cards),
        figures if isinstance(figures, dict) else {},
    )


@cache
def _titles():
    """The title of each notebook by its number."""
    titles = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        first = "".join(json.loads(path.read_text("utf-8"))["cells"][0]["source"])
        titles[path.name[:2]] = re.sub(r"^#\s*\d*\s*·?\s*", "", first.partition("\n")[0])
    return titles


def _turns_of(number):
    module = f"t{number}"
    if not (Path(__file__).parents[1] / "turns" / f"{module}.py").exists():
        return []
    return list(import_module(f"classroom.turns.{module}").TURNS.turns)


def bars(report):
    """The bits per byte to compare, from the most to the fewest: (name, bits)."""
    names = {
        "gzip": "gzip",
        "xz": "xz",
        "bits_per_byte": "your model",
        "floor": "the least possible",
    }
    found = [(names[key], report.figures[key]) for key in names if _number(report.figures.get(key))]
    return sorted(found, key=lambda bar: -bar[1])


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def facts(report):
    """What else is known of the model: (name, value, explanation)."""
    figures, found = report.figures, []
    if _number(figures.get("bytes_per_token")):
        value = f"{figures['bytes_per_token']:.2f}"
        found.append(("bytes per token", value, "how far your tokenizer compresses held-out text"))
    if _number(figures.get("bits_per_byte")):
        value = f"{figures['bits_per_byte']:.3f}"
        found.append(
            ("bits per byte", value, f"of held-out text of {figures.get('text', 'its text')}")
        )
    if _number(figures.get("floor")) and _number(figures.get("bits_per_byte")):
        above = figures["bits_per_byte"] / figures["floor"] - 1
        found.append(
            ("above the entropy", f"{above:.0%}", "of the tales, which no model can go below")
        )
    if _number(figures.get("tokens_per_second")):
        value = f"{figures['tokens_per_second']:,}"
        found.append(
            ("tokens per second", value, "greedy, one text at a time, where it was trained")
        )
    return found


def report_text(report: Report) -> str:
    """The card as plain text."""
    (written, turns), (solved, exercises) = report.written, report.solved
    lines = [
        "Report card",
        "",
        f"turns      {written} of {turns} written",
        *(
            f"{name:<10} {yours} of its {parts} parts are yours"
            for name, (yours, parts) in report.parts.items()
        ),
        f"exercises  {solved} of {exercises} solved",
        f"quiz       {report.quiz_right} right of {report.quiz_answered} answered, "
        f"{report.quiz_total} questions",
        f"cards      {sum(report.boxes)} of {report.cards_total} begun; "
        f"in boxes 1 to 5: {', '.join(map(str, report.boxes))}",
        "",
    ]
    for section in report.sections:
        done = sum(date is not None for date in section.turns.values())
        solved = sum(section.exercises.values())
        counts = [f"{done} of {len(section.turns)} turns"] if section.turns else []
        counts += [f"{solved} of {len(section.exercises)} exercises"] if section.exercises else []
        lines.append(f"{section.number} {section.title}: {', '.join(counts)}")
        if done:
            names = [_with_file(name, section) for name, date in section.turns.items() if date]
            lines.append(f"   {', '.join(names)}")
    lines.append("")
    if not report.figures:
        lines.append("Your model: not measured yet. python3 course.py mine train")
    for name, value, explanation in facts(report):
        lines.append(f"{value:>7} {name}: {explanation}")
    if bars(report):
        shown = ", ".join(f"{name} {bits:.3f}" for name, bits in bars(report))
        lines.append(f"Bits per byte, fewer is better: {shown}")
    return "\n".join(lines)


def _with_file(name, section):
    """A turn with the file that it is in, if it is in one."""
    return f"{name} (in {section.files[name]})" if name in section.files else name


def as_html(report: Report) -> str:
    """The card as a page of its own, light or dark as the reader's system is."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Report card: an LLM from scratch</title><style>{_style()}"
        "body{margin:0;background:var(--rc-desk)}</style></head>\n"
        f'<body class="rc-page">{card_html(report)}</body></html>\n'
    )


def _style():
    return STYLE.read_text("utf-8")


def card_html(report: Report) -> str:
    """The card alone, to be put into a page that has its style."""
    (written, turns), (solved, exercises) = report.written, report.solved
    numbers = "".join(
        _dial(done, total, name, color)
        for done, total, name, color in (
            (written, turns, "turns written", "a"),
            *((*counts, f"parts of {name} yours", "a") for name, counts in report.parts.items()),
            (solved, exercises, "exercises solved", "b"),
            (report.quiz_right, report.quiz_total, "quiz questions right", "c"),
        )
    )
    return (
        '<main class="rc"><header><p class="rc-over">Building LLMs from scratch</p>'
        f'<h1>Report card</h1></header><section class="rc-dials">{numbers}</section>'
        f"{_model(report)}{_boxes(report)}"
        f"<section><h2>What you wrote</h2>{''.join(map(_notebook, report.sections))}</section></main>"
    )


def _dial(done, total, name, color):
    """A ring that is filled as far as something is done."""
    share = done / total if total else 0
    around = 263.89  # of a circle of radius 42
    return (
        f'<figure class="rc-dial rc-{color}"><svg viewBox="0 0 100 100" role="img" '
        f'aria-label="{done} of {total} {name}"><circle cx="50" cy="50" r="42"/>'
        f'<circle class="rc-fill" cx="50" cy="50" r="42" '
        f'stroke-dasharray="{share * around:.1f} {around}"/>'
        f'<text x="50" y="55">{done}</text><text class="rc-of" x="50" y="70">of {total}</text></svg>'
        f"<figcaption>{name}</figcaption></figure>"
    )


def _model(report):
    if not report.figures:
        return (
            '<section><h2>Your model</h2><p class="rc-quiet">Not measured yet: '
            "<code>python3 course.py mine train</code></p></section>"
        )
    told = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
        f"<p>{html.escape(explanation)}</p></div>"
        for name, value, explanation in facts(report)
    )
    most = max((bits for _, bits in bars(report)), default=1) or 1
    rows = "".join(
        f'<tr{" class=rc-yours" if name == "your model" else ""}><th scope="row">{name}</th>'
        f'<td><span class="rc-bar" style="width:{100 * bits / most:.1f}%"></span></td>'
        f"<td>{bits:.3f}</td></tr>"
        for name, bits in bars(report)
    )
    return (
        f'<section><h2>Your model</h2><dl class="rc-facts">{told}</dl>'
        f'<table class="rc-bars"><caption>Bits per byte of held-out text; fewer is better'
        f"</caption>{rows}</table></section>"
    )


def _boxes(report):
    most = max([*report.boxes, 1])
    columns = "".join(
        f'<div><span style="height:{64 * count / most:.0f}px"></span><b>{count}</b><i>{box}</i></div>'
        for box, count in enumerate(report.boxes, start=1)
    )
    return (
        f'<section><h2>Flash cards</h2><p class="rc-quiet">{sum(report.boxes)} of '
        f"{report.cards_total} begun. A card in box 5 was known four times in a row.</p>"
        f'<div class="rc-boxes" role="img" aria-label="cards in boxes 1 to 5: '
        f'{", ".join(map(str, report.boxes))}">{columns}</div></section>'
    )


def _notebook(section):
    turns = "".join(
        f'<li class="rc-done" title="right on {html.escape(date)}">{html.escape(name)}'
        f"{_file_of(name, section)}</li>"
        if date
        else f"<li>{html.escape(name)}{_file_of(name, section)}</li>"
        for name, date in section.turns.items()
    )
    exercises = "".join(
        f'<li class="{"rc-done rc-b" if done else "rc-b"}">{name}</li>'
        for name, done in section.exercises.items()
    )
    done = sum(date is not None for date in section.turns.values())
    solved = sum(section.exercises.values())
    counts = [f"{done} of {len(section.turns)} turns"] if section.turns else []
    counts += [f"{solved} of {len(section.exercises)} exercises"] if section.exercises else []
    count = ", ".join(counts)
    return (
        f"<article><h3><span>{section.number}</span> {html.escape(section.title)}"
        f"<small>{count}</small></h3><ul>{turns}{exercises}</ul></article>"
    )


def _file_of(name, section):
    return f" <small>{section.files[name]}</small>" if name in section.files else ""


class ReportCard:
    """The report card in a notebook, with a button that reads the state again."""

    def __init__(self):
        import ipywidgets as widgets

        self.page = widgets.HTML(layout={"width": "99%"})
        self.button = widgets.Button(description="Look again", layout={"width": "auto"})
        self.button.on_click(lambda _: self.look())
        self.view = widgets.VBox([self.page, self.button])
        self.look()

    def look(self):
        """Read the state and show it."""
        self.report = read_report()
        self.page.value = f"<style>{_style()}</style>{card_html(self.report)}"

    def __repr__(self):
        written, turns = self.report.written
        return f"ReportCard({written} of {turns} turns)"

    def _repr_mimebundle_(self, **_):
        """The live widget, and a static card for where no kernel runs."""
        return live_and_still(repr(self), self.page.value, self.view)
