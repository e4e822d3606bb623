"""The book: its pages from the sources, its archives, its contents; and the pages in a browser."""

import hashlib
import io
import json
import re
import tarfile
import urllib.error
from base64 import b64encode
from urllib.parse import urldefrag, urljoin

import nbformat
import pytest

from classroom.mine.assemble import assemble
from classroom.mine.outline import LLM
from tools import book, book_assets, book_back, book_pages, book_pdf
from tools.lectures import ROOT, Lecture, read_map

PHONE = {"width": 390, "height": 844}


def lecture(number, notebook):
    return Lecture(
        number, f"Title {number}", "A video", "https://x", notebook, f"{number}_note.md", ()
    )


# the pages


def test_hidden_markers_go_and_code_stays():
    text = (
        "<!-- python\nx = 1\n-->\n\nThe sum is 3<!-- = x + 2 -->.\n\n```html\n<!-- kept -->\n```\n"
    )
    assert book_pages.page(text) == "\n\nThe sum is 3.\n\n```html\n<!-- kept -->\n```\n"


def test_no_page_of_the_course_shows_a_marker():
    for path in (ROOT / "lecture_notes").glob("*.md"):
        text = book_pages.page(path.read_text("utf-8"))
        assert "<!--" not in re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def test_links_behind_code_spans_are_translated():
    row = "[`a`](helpers/a.py), [`b`](helpers/b.py), `[c](d.py)`"
    assert book_pages.page(row) == "[`a`](helpers/a.md), [`b`](helpers/b.md), `[c](d.py)`"
    assert book_pages.code_links(row, "notes") == {"notes/helpers/a.py", "notes/helpers/b.py"}


def test_every_anchor_of_a_notebook_link_is_a_heading():
    for row in (row for row in read_map() if not row.beyond):
        anchor = "#" + row.heading.replace(" ", "-")
        wanted = book_pages.slug(row.heading)
        assert book_pages.translated(f"x.ipynb{anchor}") == f"x.ipynb#{wanted}"


def test_a_lecture_between_two_of_another_notebook_keeps_its_place():
    rows = [
        lecture("03", "01_a"),
        lecture("04", "10_b"),
        lecture("05", "01_a"),
        lecture("07", "02_c"),
    ]
    files = {f"lecture_notes/{row.note}" for row in rows}
    files |= {f"notebooks/{name}.ipynb" for name in ("01_a", "02_c", "10_b")}
    assert book_pages.chapters(rows, files) == [
        (
            "Lectures 3 to 5",
            [f"lecture_notes/{n}_note" for n in ("03", "04", "05")] + ["notebooks/01_a"],
        ),
        ("Lecture 7", ["lecture_notes/07_note", "notebooks/02_c"]),
        ("More notebooks", ["notebooks/10_b"]),
    ]


def test_what_is_not_written_yet_is_left_out():
    rows = [lecture("01", "01_a"), lecture("02", "02_b"), lecture("03", "")]
    parts = book_pages.chapters(rows, {"lecture_notes/01_note.md", "lecture_notes/03_note.md"})
    assert parts == [
        ("Lecture 1", ["lecture_notes/01_note"]),
        ("Lecture 3", ["lecture_notes/03_note"]),
    ]


def test_a_notebook_loses_its_setup_and_its_bare_widgets(tmp_path):
    def cell(tags, text):
        output = nbformat.v4.new_output("execute_result", {"text/plain": text})
        return nbformat.v4.new_code_cell("x", metadata={"tags": tags}, outputs=[output])

    written = nbformat.v4.new_notebook()
    written.cells = [cell(["setup"], "1"), cell(["widget"], "VBox(children=())"), cell([], "2")]
    nbformat.write(written, str(tmp_path / "a.ipynb"))
    first, second = book_pages.notebook(tmp_path / "a.ipynb").cells
    assert "Sliders" in first.outputs[0].data["text/html"]
    assert second.outputs[0].data["text/plain"] == "2"


def test_the_whole_course_can_be_staged(tmp_path):
    parts = book_pages.stage(tmp_path / "source")
    names = [name for _, pages in parts for name in pages]
    assert len(names) == len(set(names))
    front = (tmp_path / "source" / "index.md").read_text("utf-8")
    assert all(f"</{name}>" in front for name in [*names, *book_pages.LOOK_UP])
    assert 'href="notes.pdf"' in front
    index = (tmp_path / "source" / "lecture_notes" / "index.md").read_text("utf-8")
    assert "(../helpers/bpe.md)" in index and "(../helpers/texts/loaders.md)" in index
    folder = (tmp_path / "source" / "helpers" / "bpe.md").read_text("utf-8")
    assert "[`tokenizer`](bpe/tokenizer.md)" in folder
    assert (tmp_path / "source" / "helpers" / "bpe" / "tokenizer.md").is_file()


def test_stubs_become_worksheets(tmp_path):
    def cell(kind, source):
        return {"cell_type": kind, "metadata": {}, "source": source}

    solution = "<summary>Solution</summary>\n\n```python\n@your_turn\ndef f(x):\n    a = x\n    b = a\n    return a + b\n```\n"
    cells = [
        cell("markdown", "# 05 · Attention"),
        cell("markdown", "## Lecture 15 · Queries"),
        cell("code", '@your_turn\ndef f(x):\n    """Twice x."""\n    ...'),
        cell("markdown", solution),
        cell("code", "@your_turn(of=GPT)\ndef forward(self, x): ..."),
    ]
    path = tmp_path / "05_attention.ipynb"
    path.write_text(json.dumps({"cells": cells}), "utf-8")
    first, second = book_back.stubs_of(path)
    assert (first.name, first.lecture, first.notebook) == ("f", "15", "05")
    assert first.source == '@your_turn\ndef f(x):\n    """Twice x."""'
    assert first.lines == 3 + 2  # those of the solution, and room
    assert (second.name, second.source.splitlines()[-1]) == ("GPT.forward", "def forward(self, x):")


def test_every_turn_has_a_worksheet_and_no_answer_on_it():
    page = book_back.worksheets()
    stubs = [s for path in (ROOT / "notebooks").glob("*.ipynb") for s in book_back.stubs_of(path)]
    assert len(stubs) >= 70 and all(f"### `{stub.name}`" in page for stub in stubs)
    assert page.count('class="line"') == sum(stub.lines for stub in stubs)
    assert not re.search(r"^[ ]*\.\.\.$|: \.\.\.$", page, re.MULTILINE) and "Solution" not in page


def test_the_printed_llm_is_whole_and_its_references_are_right():
    page, text = book_back.printed(), assemble([]).text
    blocks = re.findall(
        r"^````\{code-block\} python\n:linenos:\n:lineno-start: (\d+)\n\n(.+?)\n````",
        page,
        re.M | re.S,
    )
    lines = text.splitlines()
    for start, block in blocks:
        here = lines[int(start) - 1 : int(start) - 1 + len(block.splitlines())]
        assert here == block.splitlines()
    assert sum(len(block.split()) for _, block in blocks) == len(text.split())
    rows = re.findall(r"^\| `([\w.]+)` \| (\d+) \| (\d\d) \| \[Lecture (\d\d)\]", page, re.M)
    assert len(rows) == len(assemble([]).pieces)
    for name, line, _, _ in rows:
        assert re.match(rf"\s*(def|class) {name.rpartition('.')[2]}\b", lines[int(line) - 1]), name
    assert set(book_back.BEHIND) == set(LLM.parts)


def test_exercises_are_taken_apart():
    from bs4 import BeautifulSoup

    html = (
        "<section id='n-exercises'><h1>Exercises</h1><section id='n-exercises--lecture-07'><h2>Lecture 07</h2>"
        "<p><strong>07a</strong> How many?</p><details><summary>Answer</summary><p>It is 4.</p>"
        "</details></section><section id='n-exercises--note-44'><h2>Note 44</h2>"
        "<p><strong>44a</strong> How far?</p><details><summary>Answer</summary><p>It is 5.</p>"
        "</details></section></section>"
    )
    page = BeautifulSoup(html, "html.parser").section
    questions, answers = book_pdf.take_exercises(page)
    assert questions["07"].get_text() == "07a How many?"
    assert questions["44"].get_text() == "44a How far?"
    text = "Answers to the exercisesLecture 0707a It is 4.Note 4444a It is 5."
    assert answers.get_text() == text


def test_the_settings_name_no_other_host():
    assert "//" not in str(book.settings())


# the archives from npm


def archive(tmp_path):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as stream:
        for name in ("package/es5/a.js", "package/es5/b.js", "package/LICENSE"):
            stream.addfile(member := tarfile.TarInfo(name))
            assert member.isfile()
    digest = b64encode(hashlib.sha512(data.getvalue()).digest()).decode()
    package = book_assets.Package("@a/b", "1.0", f"sha512-{digest}", ("es5/a.js", "LICENSE"))
    (tmp_path / package.archive).write_bytes(data.getvalue())
    return package


def test_a_cached_archive_needs_no_network(tmp_path, monkeypatch):
    package = archive(tmp_path)
    monkeypatch.setattr(book_assets.urllib.request, "urlopen", None)
    path = book_assets.fetch(package, tmp_path)
    assert path.name == "b-1.0.tgz"
    book_assets.unpack(package, path, tmp_path / "out")
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    assert found == {"es5/a.js"} and (tmp_path / "out" / "LICENSE").is_file()


def test_a_wrong_archive_is_refused(tmp_path, monkeypatch):
    package = archive(tmp_path)
    (tmp_path / package.archive).write_bytes(b"another")
    monkeypatch.setattr(book_assets, "registry", lambda: "https://example.com")
    monkeypatch.setattr(
        book_assets.urllib.request, "urlopen", lambda url, timeout: io.BytesIO(b"another")
    )
    with pytest.raises(book_assets.Unreachable, match="SHA-512 differs"):
        book_assets.fetch(package, tmp_path)


def test_without_a_network_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    def fail(url, timeout):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(book_assets, "registry", lambda: "https://example.com")
    monkeypatch.setattr(book_assets.urllib.request, "urlopen", fail)
    with pytest.raises(book_assets.Unreachable, match="put the file into"):
        book_assets.fetch(book_assets.MATHJAX, tmp_path)


# the PDF


def test_the_contents_have_the_numbers_that_are_known():
    html = book_pdf.contents({"n-01": "One", "n-02": "Two"}, {"n-01": 3})
    assert re.findall(r'class="page">(.+?)<', html) == ["3", "–"]


def test_without_a_browser_it_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(book_pdf.shutil, "which", lambda name: None)
    monkeypatch.setattr(book_pdf.Path, "is_file", lambda path: False)
    with pytest.raises(book_pdf.NoBrowser, match="--no-pdf"):
        book_pdf.find_browser()


# the pages in a browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The website of what is written, freshly built."""
    for module in ("sphinx", "myst_nb", "furo", "bs4", "playwright.sync_api"):
        pytest.importorskip(module, reason="the extra `book` is not installed")
    try:
        book_pdf.find_browser()
        file = book_assets.fetch(book_assets.MATHJAX, book_assets.cache_folder())
    except (book_pdf.NoBrowser, book_assets.Unreachable) as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("book")
    book_pages.stage(folder / "source")
    warnings = book.build_site(folder / "source", folder / "site")
    book_assets.unpack(book_assets.MATHJAX, file, folder / "site" / "_static" / "mathjax")
    assert warnings == []
    return folder / "site"


@pytest.fixture(scope="module")
def tab(site):
    """An open tab, its address, and the errors that its console and network showed."""
    with book_pdf.served(site) as address, book_pdf.browser() as chromium:
        page, errors = chromium.new_page(viewport=PHONE), []
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: _check_host(request.url, address, errors))
        yield page, address, errors


def _check_host(url, address, errors):
    if not url.startswith((address, "data:", "blob:")):
        errors.append(f"asks another host: {url}")


def pages_of(site):
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))


@pytest.mark.slow
@pytest.mark.browser
def test_every_page_opens_and_fits_a_telephone(site, tab):
    page, address, errors = tab
    for name in pages_of(site):
        errors.clear()
        page.goto(f"{address}/{name}")
        page.evaluate("() => window.MathJax && MathJax.startup && MathJax.startup.promise")
        assert errors == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        unset = page.evaluate(book_pdf.UNRENDERED)
        assert not unset, f"{name}: {unset}"


@pytest.mark.slow
@pytest.mark.browser
def test_search_finds_softmax(tab):
    page, address, errors = tab
    errors.clear()
    page.goto(f"{address}/search.html?q=softmax")
    # results appear one after the other
    page.wait_for_selector("#search-results li a:has-text('Lecture 14')")
    assert errors == []


@pytest.mark.slow
@pytest.mark.browser
def test_dark_pages_are_legible(tab):
    page, address, _ = tab
    page.emulate_media(color_scheme="dark")
    page.goto(f"{address}/lecture_notes/14_simplified_attention.html")
    light = """place => { const c = getComputedStyle(document.querySelector(place));
        return [c.color, c.backgroundColor].map(v => v.match(/[\\d.]+/g).slice(0, 3)
            .reduce((sum, part) => sum + Number(part), 0) / 765) }"""
    ink, paper = page.evaluate(light, "body")
    page.emulate_media(color_scheme="light")
    assert ink > 0.6 and paper < 0.2


@pytest.mark.slow
@pytest.mark.browser
def test_links_inside_the_site_work(site):
    from bs4 import BeautifulSoup

    soups = {n: BeautifulSoup((site / n).read_text("utf-8"), "html.parser") for n in pages_of(site)}
    ids = {name: {tag["id"] for tag in soup.select("[id]")} for name, soup in soups.items()}
    for name, soup in soups.items():
        for link in soup.select("article a[href]"):
            target, anchor = urldefrag(urljoin(f"http://site/{name}", link["href"]))
            if not target.startswith("http://site/") or target.endswith("/notes.pdf"):
                continue
            file = target.removeprefix("http://site/")
            assert (site / file).is_file(), f"{name}: {link['href']}"
            assert not anchor or anchor in ids.get(file, ()), f"{name}: {link['href']}"
