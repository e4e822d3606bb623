"""JupyterLab and Chromium for the tests of this folder; whatever happens, both are gone at the end."""

import contextlib
import os
import secrets
import signal
import threading
import time

import pytest

from tests.browser import pages, server
from tools import book_pdf
from tools.test import LONGEST_FIRST

LEFT = os.environ.get("COURSE_BROWSER_SECONDS")  # a test that may need more is skipped
ALL_SECONDS = int(LEFT or 40 * 60)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Where two processes share these tests, each takes its hand."""
    part, n_parts = map(int, os.environ.get("COURSE_TEST_PART", "0 1").split())
    kept = hands(items, n_parts)[part]
    left_out = [item for item in items if item not in kept]
    items[:] = kept
    if left_out:
        config.hook.pytest_deselected(items=left_out)


def hands(items, n_parts):
    """The tests dealt to so many processes, those of long notebooks first, forth and back."""

    def rank(item):
        number = getattr(getattr(item, "callspec", None), "id", "")
        return LONGEST_FIRST.index(number) if number in LONGEST_FIRST else len(LONGEST_FIRST)

    dealt = [[] for _ in range(n_parts)]
    for place, item in enumerate(sorted(items, key=rank)):
        turn, seat = divmod(place, n_parts)
        dealt[n_parts - 1 - seat if turn % 2 else seat].append(item)
    return dealt


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What the tab looked like when a test failed is kept as well."""
    report = yield
    tab = getattr(item, "funcargs", {}).get("tab")
    if report.when == "call" and report.failed and tab is not None:
        with contextlib.suppress(Exception):  # the browser itself may be gone
            pages.PICTURES.mkdir(parents=True, exist_ok=True)
            tab.screenshot(path=str(pages.PICTURES / f"failed_{item.callspec.id}.png"))
    return report


@pytest.fixture(scope="session")
def mark():
    """Marks every process that the tests start; at the end none with the mark is left."""
    for module in ("jupyterlab", "playwright.sync_api"):
        pytest.importorskip(
            module, reason="python3 course.py test --browser installs what it needs"
        )
    try:
        book_pdf.find_browser()
    except book_pdf.NoBrowser:
        pytest.skip("there is no Chromium or Chrome here (Debian, Ubuntu: apt install chromium)")
    # a stop from outside ends the tests as Ctrl-C does: with everything put away
    stopped = signal.signal(signal.SIGTERM, signal.default_int_handler)
    before, value = {process.pid for process in server.family()}, secrets.token_hex(16)
    os.environ[server.MARK] = value

    def ours():
        started = [each for each in server.family() if each.pid not in before]
        return list({each.pid: each for each in [*started, *server.marked(value)]}.values())

    try:
        yield value
    finally:
        left = server.wait_until_gone(ours)
        said = server.describe(left)
        server.end_all(left)
        del os.environ[server.MARK]
        signal.signal(signal.SIGTERM, stopped)
    assert not left, f"processes were left behind, and have now been killed:\n{said}"


@pytest.fixture(scope="session")
def lab(mark, tmp_path_factory):
    with server.running(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def chromium(mark):
    with book_pdf.browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def deadline():
    """When all tests of this folder have to be over."""
    return time.monotonic() + ALL_SECONDS


@pytest.fixture
def in_time(request, deadline):
    """Skips a test that may take longer than what is left, where the deadline came from outside."""
    named = getattr(request.node, "callspec", None)
    needed = pages.patience(named.id if named else "")
    if LEFT and time.monotonic() + needed > deadline:
        pytest.skip(f"it may take {needed} seconds; COURSE_BROWSER_SECONDS={LEFT} are nearly over")


@pytest.fixture
def tab(in_time, lab, chromium, deadline, mark):
    """A tab for one notebook. Past the deadline its processes are ended, so that nothing waits on."""
    left = deadline - time.monotonic()
    assert left > 0, f"the browser tests have taken {ALL_SECONDS} seconds: no time is left"
    watch = threading.Timer(left, lambda: server.end_all(server.marked(mark)))
    watch.start()
    page = chromium.new_page(viewport=pages.SCREEN)
    page.set_default_timeout(pages.ANSWER_SECONDS * 1000)
    try:
        yield page
    finally:
        watch.cancel()
        if time.monotonic() < deadline:
            page.close()
            lab.end_kernels()
            assert lab.kernels() == []
        else:
            pytest.fail(f"the browser tests took {ALL_SECONDS} seconds and were ended")
