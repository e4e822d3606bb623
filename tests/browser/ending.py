"""Tests that do not end well, for test_processes.py to run; by itself pytest leaves this file alone."""

import pytest

from tests.browser import pages


@pytest.fixture
def at_work(lab, tab):
    """A notebook is open, its kernel runs."""
    pages.open_notebook(tab, lab, "02_tokenizer.ipynb")
    print("\nat work", flush=True)
    return tab


def test_fails(at_work):
    assert at_work.locator(".jp-Notebook").count() == 0, "as it was meant to: the notebook is open"


def test_waits(at_work):
    assert at_work.wait_for_selector(".never-there", timeout=300_000)
