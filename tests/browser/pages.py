"""What a test does with a page of JupyterLab: open, run, find the widgets, use them, keep pictures."""

import re
import time

import nbformat

from classroom.pages import widgets
from tools.lectures import ROOT

SCREEN = {"width": 1250, "height": 1400}
PICTURES = ROOT / "build" / "screens"
OPEN_SECONDS, ANSWER_SECONDS = 120, 60
MINUTES = {"00": 3, "01": 1, "02": 1, "03": 1, "07": 5, "12": 3, "14": 3}  # on two quiet cores
OTHER_MINUTES, PATIENCE = 2, 4
try:
    from playwright.sync_api import expect
except ImportError:  # then the tests of this folder are skipped
    expect = None
else:
    expect.set_options(timeout=ANSWER_SECONDS * 1000)
ERROR = "[data-mime-type='application/vnd.jupyter.error']"
STDERR = "[data-mime-type='application/vnd.jupyter.stderr']"
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
EXPLORER = "[aria-label='Attention explorer']"
# True when the last code cell has a number, and none waits
HAS_RUN = """() => {
    const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
        .map(prompt => prompt.textContent.trim());
    return prompts.length && !prompts.some(text => text.includes('*'))
        && prompts[prompts.length - 1] !== '[ ]:'
        || document.querySelector("[data-mime-type='application/vnd.jupyter.error']") !== null;
}"""
KINDS = """names => [...document.querySelectorAll('.jp-OutputArea-output [class*="course-"]')]
    .flatMap(place => [...place.classList])
    .filter(name => /^course-[A-Z]/.test(name)).map(name => name.slice(7))"""


def patience(number):
    """The seconds after which a notebook, or another test of this folder, is given up."""
    return 60 * MINUTES.get(number, OTHER_MINUTES) * PATIENCE


def widgets_in(path):
    """The names of the widgets that a notebook shows, in order, as its committed outputs say."""
    named = {thing.__name__ for thing in widgets.DESCRIPTIONS if isinstance(thing, type)}
    found = []
    for cell in nbformat.read(str(path), 4).cells:
        for output in cell.get("outputs", []):
            words = output.get("data", {}).get("text/plain", "").partition("(")[0]
            found += [words] if words in named else []
    return found


def open_notebook(page, lab, name):
    """Open a notebook and wait until its kernel is ready."""
    page.goto(lab.page(name), timeout=OPEN_SECONDS * 1000)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=OPEN_SECONDS * 1000)
    end = time.monotonic() + OPEN_SECONDS
    while [kernel["execution_state"] for kernel in lab.kernels()] != ["idle"]:
        assert time.monotonic() < end, f"{name}: no kernel after {OPEN_SECONDS} seconds"
        page.wait_for_timeout(300)
    page.wait_for_selector(IDLE, timeout=OPEN_SECONDS * 1000)


def run_all(page, seconds):
    """Press Run All Cells in the menu, wait until all have run."""
    page.click(".lm-MenuBar-item:has-text('Run')")
    page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
    page.wait_for_function(HAS_RUN, timeout=seconds * 1000, polling=500)


def faults(page):
    """What a learner would see in red: errors, and what was written to stderr."""
    return [
        text[:2000] for place in (ERROR, STDERR) for text in page.locator(place).all_inner_texts()
    ]


def widgets_on(page):
    """The names of the widgets on the page, in order, by their classes."""
    return page.evaluate(KINDS)


def plain(text):
    """A text with single blanks, as a page shows it."""
    return " ".join(text.split())


def press(button, key="Enter"):
    """Reach a button by keyboard and press it."""
    expect(button).to_be_enabled()
    button.focus()
    button.press(key)


def turn(widget, name, key, times=1):
    """Move the slider of this name by keyboard, step by step; returns what stands beside it."""
    row = widget.locator(".widget-hslider, .widget-inline-hbox").filter(
        has=widget.page.locator("label", has_text=re.compile(f"^{re.escape(name)}$"))
    )
    handle, readout = row.locator(".noUi-handle"), row.locator(".widget-readout")
    for _ in range(times):
        before = readout.inner_text()
        handle.press(key)
        expect(readout).not_to_have_text(before)
    return readout.inner_text()


def picture(element, name):
    """Keep what an element looks like in build/screens, once the kernel has answered."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    element.scroll_into_view_if_needed()
    for _ in range(2):
        element.page.wait_for_timeout(200)
        element.page.wait_for_selector(IDLE)
    element.screenshot(path=str(PICTURES / f"{name}.png"))
