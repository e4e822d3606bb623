"""Every notebook as a learner sees it: JupyterLab in Chromium, all cells run, every widget used."""

import pytest

from tests.browser import explorers, pages, uses
from tools.lectures import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOKS = {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))}


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_it_runs_and_its_widgets_answer(number, lab, tab):
    path, broken = NOTEBOOKS[number], []
    tab.on("pageerror", lambda error: broken.append(str(error)))
    pages.open_notebook(tab, lab, path.name)
    pages.run_all(tab, pages.patience(number))
    assert pages.faults(tab) == []
    wanted = pages.widgets_in(path)
    tab.wait_for_function(f"({pages.KINDS})().length >= {len(wanted)}")
    assert pages.widgets_on(tab) == wanted
    for kind in dict.fromkeys(wanted):
        use = uses.USES.get(f"{kind} {number}") or uses.USES[kind]
        for place in range(wanted.count(kind)):
            widget = tab.locator(f".course-{kind}").nth(place)
            name = f"{number}_{kind}" + (f"_{place + 1}" if wanted.count(kind) > 1 else "")
            use_and_keep(widget, name, use)
    for explorer in tab.locator(pages.EXPLORER).all():
        use_and_keep(explorer, f"{number}_attention", explorers.use_attention)
    assert pages.faults(tab) == [] and broken == []


def use_and_keep(widget, name, use):
    """Use a widget between two pictures of it."""
    pages.picture(widget, f"{name}_before")
    use(widget)
    pages.picture(widget, f"{name}_after")


def test_every_widget_of_the_package_is_used_somewhere():
    from classroom.pages import widgets

    shown = {kind for path in NOTEBOOKS.values() for kind in pages.widgets_in(path)}
    named = {thing.__name__ for thing in widgets.DESCRIPTIONS if isinstance(thing, type)}
    assert named - shown <= {"StreamingWindow"}  # it says it is a ChatWindow
    assert {name.split()[0] for name in uses.USES} == shown
