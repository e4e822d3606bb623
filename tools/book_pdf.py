"""The lecture notes as one PDF: one long page from the website's notes, printed by Chromium.

Printed twice: the first print tells on which page each note starts, the second has these numbers
in its contents.
"""

import contextlib
import functools
import http.server
import os
import re
import shutil
import sys
import threading
from pathlib import Path

PRINT_CSS = Path(__file__).parent / "book_style" / "print.css"
BACK = ("notation", "glossary", "exercises", "worksheets", "my_llm")  # behind the notes
ANSWERS = "n-exercises"
MINUTES = 10
MATHJAX = '{"options": {"enableMenu": false, "processHtmlClass": "math"}}'
UNRENDERED = """() => [...document.querySelectorAll('.math')]
    .filter(place => !place.querySelector('mjx-container') || place.querySelector('mjx-merror'))
    .map(place => place.textContent.trim())"""


class NoBrowser(Exception):
    """There is no Chromium to print with; the text says how to get one."""


def article(html: str, name: str, pages: dict[str, str]):
    """A note's text cut out of its web page, with ids of its own and links that stay inside.

    `pages` maps the file names of the pages in the PDF to their short names.
    """
    from bs4 import BeautifulSoup

    found = BeautifulSoup(html, "html.parser").select_one("article[role=main]")
    for useless in found.select("a.headerlink, script, hr"):
        useless.decompose()
    for paragraph in found.find_all("p"):
        text = paragraph.get_text()
        links = " · " in text and paragraph.find("a", string="Glossary")
        if links or text.startswith(("Next: ", "With a pencil: ")):
            paragraph.decompose()
    for tag in found.select("[id]"):
        tag["id"] = f"{name}--{tag['id']}"
    for link in found.select("a[href]"):
        link["href"] = inner_link(link["href"], name, pages)
        if not link["href"]:
            link.unwrap()
    found.name, found.attrs = "section", {"class": "note", "id": name}
    return found


def inner_link(href: str, name: str, pages: dict[str, str]) -> str:
    """Where a link of a note leads in the PDF; nothing for pages that are not part of it.

    >>> inner_link("14_a.html#by-hand", "n13", {"14_a.html": "n14"})
    '#n14--by-hand'
    >>> inner_link("#by-hand", "n13", {}), inner_link("../notebooks/05.html", "n13", {})
    ('#n13--by-hand', '')
    """
    if re.match(r"\w+:", href):
        return href
    file, _, anchor = href.partition("#")
    target = pages.get(file, "") if file else name
    if not target:
        return ""
    return f"#{target}--{anchor}" if anchor else f"#{target}"


def take_exercises(page):
    """Take the page of exercises apart: the questions by their lecture, and the page of answers.

    The answers keep the numbers of their questions, and the page its table of logarithms.
    """
    from bs4 import BeautifulSoup

    make = BeautifulSoup("", "html.parser").new_tag
    questions = {}
    for section in page.select("section[id*='--lecture-'], section[id*='--note-']"):
        number = section["id"][-2:]
        asked = questions[number] = make("div", attrs={"class": "exercises"})
        for child in list(section.children):
            if child.name == "p":
                asked.append(child.extract())
                label = child.strong.get_text()
            elif child.name == "details":
                child.summary.decompose()
                child.name = "div"
                first = child.find("p")
                bold = make("strong")
                bold.string = label
                first.insert(0, bold, " ")
    page.h1.string = "Answers to the exercises"
    return questions, page


def with_exercises(note, questions, answers: str, number) -> None:
    """Put the exercises of a note at its end, with the page on which the answers begin."""
    from bs4 import BeautifulSoup

    line = (
        f'<p>Answers and a small table of logarithms: page <a href="#{answers}">{number}</a>.</p>'
    )
    heading = BeautifulSoup(f"<h2>With pencil and paper</h2>{line}", "html.parser")
    questions.insert(0, heading)
    note.append(questions)


def contents(titles: dict[str, str], numbers: dict[str, int]) -> str:
    """The list of notes with page numbers; a dash where a number is not known yet."""
    rows = [
        f'<li><a href="#{name}"><span class="name">{title}</span>'
        f'<span class="page">{numbers.get(name, "–")}</span></a></li>'
        for name, title in titles.items()
    ]
    return f'<section class="contents"><h1>Contents</h1><ul>{"".join(rows)}</ul></section>'


def combine(site: Path, title: str, numbers: dict[str, int]) -> str:
    """All notes of the website as one page of HTML, lying in the folder of the notes."""
    files = sorted((site / "lecture_notes").glob("[0-9][0-9]_*.html"))
    files += [site / "lecture_notes" / f"{name}.html" for name in BACK]
    pages = {path.name: f"n-{path.stem.replace('_', '-')}" for path in files}
    notes = [article(path.read_text("utf-8"), pages[path.name], pages) for path in files]
    (page,) = (note for note in notes if note["id"] == ANSWERS)
    questions, _ = take_exercises(page)
    for path, note in zip(files, notes, strict=True):
        if path.name[:2] in questions:
            asked = questions[path.name[:2]]
            with_exercises(note, asked, ANSWERS, numbers.get(ANSWERS, "–"))
    titles = {note["id"]: note.h1.get_text().strip() for note in notes}
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="../_static/pygments.css">
<style>{PRINT_CSS.read_text("utf-8")}</style>
<script>MathJax = {MATHJAX}</script><script src="../_static/mathjax/es5/tex-svg.js"></script></head>
<body data-theme="light"><section class="title"><h1>{title}</h1><p>The lecture notes</p></section>
{contents(titles, numbers)}
{"".join(str(note) for note in notes)}</body></html>"""


def find_browser() -> str:
    """The path of a Chromium or Chrome. Raises NoBrowser."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    places = [os.environ.get("CHROME", ""), *(shutil.which(name) or "" for name in names)]
    places += [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "C:/Program Files/Google/Chrome/Application/chrome.exe",
        "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
    ]
    for place in places:
        if place and Path(place).is_file():
            return place
    raise NoBrowser(
        "The PDF is printed by Chromium or Chrome, and there is none here. Install one, or name "
        "it in the variable CHROME; `course.py book --no-pdf` builds the website alone."
    )


@contextlib.contextmanager
def served(folder: Path):
    """Serve a folder on this machine alone while the block runs; gives its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def browser():
    """A headless Chromium, closed at the end. Raises NoBrowser."""
    from playwright.sync_api import Error, sync_playwright

    path = find_browser()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            # after Ctrl-C it may no longer answer; the driver, which ends next, takes it along
            with contextlib.suppress(Error):
                chromium.close()


def print_page(chromium, address: str, pdf: Path) -> None:
    """Open a page, wait until its mathematics and pictures stand, print it."""
    page = chromium.new_page()
    page.set_default_timeout(MINUTES * 60_000)
    page.goto(address)
    page.evaluate("() => MathJax.startup.promise")
    if faults := page.evaluate(UNRENDERED):
        raise ValueError(f"{len(faults)} formulas could not be set, the first: {faults[0]}")
    page.emulate_media(media="print")
    page.pdf(
        path=str(pdf),
        prefer_css_page_size=True,
        print_background=True,
        outline=True,
        tagged=True,
    )
    page.close()


def first_pages(pdf: Path) -> dict[str, int]:
    """On which page, counted from 1, each place that is linked stands."""
    from pypdf import PdfReader

    reader = PdfReader(str(pdf))
    places = reader.named_destinations
    return {
        name.lstrip("/"): reader.get_destination_page_number(place) + 1
        for name, place in places.items()
    }


def main(site: Path, pdf: Path, title: str) -> int:
    """Write the PDF and put a copy beside the website's front page."""
    page = site / "lecture_notes" / "_print.html"
    try:
        with served(site) as address, browser() as chromium:
            numbers = {}
            for _ in range(2):
                page.write_text(combine(site, title, numbers), "utf-8")
                print_page(chromium, f"{address}/lecture_notes/{page.name}", pdf)
                before, numbers = numbers, first_pages(pdf)
            if {name: numbers[name] for name in before if name in numbers} != before:
                raise ValueError("the second print moved pages: the contents would be wrong")
    except (NoBrowser, ValueError) as error:
        print(f"course.py book: {error}", file=sys.stderr)
        return 1
    finally:
        page.unlink(missing_ok=True)
    shutil.copy(pdf, site / pdf.name)
    print(f"{_n_pages(pdf)} pages: {pdf}")
    return 0


def _n_pages(pdf):
    from pypdf import PdfReader

    return len(PdfReader(str(pdf)).pages)
