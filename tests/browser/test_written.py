"""A notebook as a reader leaves it: every turn written in JupyterLab, and judged right there."""

import re

import pytest

from tests.browser import pages
from tests.turn_cells import SOLUTION, turns_of
from tools.lectures import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "02_tokenizer.ipynb"  # the shortest; CONTRIBUTING.md says how the others are walked


def write_all(tab, path):
    """Write the folded solution of each turn into its cell; returns their places."""
    places = []
    for place, _, below in turns_of(path):
        cell = tab.locator(".jp-Notebook .jp-Cell").nth(place)
        cell.locator(".cm-content").click()
        tab.keyboard.press("Control+a")
        tab.keyboard.insert_text(SOLUTION.search(below)[1].rstrip("\n"))
        places.append(place)
    return places


def verdicts(tab, places):
    """What the cells at these places print, with single spaces."""
    cells = tab.locator(".jp-Notebook .jp-Cell")
    return [
        pages.plain(cells.nth(place).locator(".jp-OutputArea").inner_text()) for place in places
    ]


def test_every_turn_that_is_written_in_the_page_is_right(lab, tab):
    path = ROOT / "notebooks" / NOTEBOOK
    pages.open_notebook(tab, lab, NOTEBOOK)
    places = write_all(tab, path)
    pages.run_all(tab, pages.patience(NOTEBOOK[:2]))
    assert pages.faults(tab) == []
    said = verdicts(tab, places)
    assert [text for text in said if not re.search(r": right, \d+ checks", text)] == []
