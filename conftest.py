"""pytest for the whole course: how notebooks are compared, timed and skipped.

`pytest --nbval notebooks/05_attention.ipynb` runs a notebook and compares every output with the
committed one: decimals with a tolerance, pictures by their alt text, all else exactly.
"""

import os
import shutil
import tempfile

import pytest

from tools import compare_outputs, execute
from tools.test import APART, LONGEST_FILE, LONGEST_FIRST

NBVAL_DEFAULT_SECONDS = 2000


def pytest_configure(config):
    # what a reader has solved must not change a test, nor a test what a reader has solved
    config.course_state = tempfile.mkdtemp(prefix="course-tests-")
    os.environ["LLM_COURSE_STATE"] = os.path.join(config.course_state, "state.json")
    check_needs(os.environ.pop("LLM_COURSE_NEEDS", "").split())  # not those that tests start
    if getattr(config.option, "nbval", False):
        use_nbval(config)


def check_needs(names):
    """Stop where a download is missing that must be here, so that nothing is skipped for want of it."""
    from helpers.texts.corpora import CORPORA, data_folder

    files = [
        (name, data_folder() / item.file) for name in names for item in CORPORA[name].downloads
    ]
    missing = sorted({name for name, file in files if not file.is_file()})
    if missing:
        raise pytest.UsageError(f"not here: run python3 course.py data {' '.join(missing)}")


def use_nbval(config):
    """Sets nbval up: this environment's kernel, our time limit and our comparison."""
    config.option.nbval_current_env = True
    if config.option.nbval_cell_timeout == NBVAL_DEFAULT_SECONDS:
        config.option.nbval_cell_timeout = execute.CELL_SECONDS
    teach_nbval()


def pytest_unconfigure(config):
    shutil.rmtree(config.course_state, ignore_errors=True)


def teach_nbval():
    """Gives nbval's cells our comparison."""
    from nbval.plugin import IPyNbCell

    if hasattr(IPyNbCell, "compares_with_tolerance"):
        return
    sanitize, compare = IPyNbCell.sanitize, IPyNbCell.compare_outputs

    def compare_without_bars(self, test, ref, skip_compare=None):
        test, ref = (
            [output for output in outputs if not compare_outputs.is_progress_bar(output)]
            for outputs in (test, ref)
        )
        return compare(self, test, ref, skip_compare)

    IPyNbCell.sanitize = lambda self, text: compare_outputs.comparable(sanitize(self, text))
    IPyNbCell.compare_outputs = compare_without_bars
    IPyNbCell.compares_with_tolerance = True


def named(config, folder):
    """Whether the command line names this folder or file, or something in it."""
    paths = [config.invocation_params.dir / str(item).split("::")[0] for item in config.args]
    return any(folder == path or folder in path.parents for path in paths)


def skip_apart(config, items):
    """Skips the tests that run only when they are asked for: they take many minutes."""
    for flag, place in APART.items():
        folder = config.rootpath / place
        if named(config, folder):
            continue
        mark = pytest.mark.skip(reason=f"only when asked for: python3 course.py test {flag}")
        for item in items:
            if folder == item.path or folder in item.path.parents:
                item.add_marker(mark)


def longest_first(items):
    """Sorts whole files: the longest, notebooks by the time that they take, slow tests, the rest."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def rank(item):
        if item.path.name == LONGEST_FILE:
            return -1
        number = item.path.name[:2]
        if item.path.suffix == ".ipynb":
            return LONGEST_FIRST.index(number) if number in LONGEST_FIRST else len(LONGEST_FIRST)
        return len(LONGEST_FIRST) + (1 if item.path in slow else 2)

    items.sort(key=rank)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Skips what is not asked for, and `online` cells whose data is not in the cache."""
    longest_first(items)
    skip_apart(config, items)
    for item in items:
        tags = item.cell.metadata.get("tags", []) if hasattr(item, "cell") else []
        if missing := execute.missing_data(tags):
            reason = f"needs {', '.join(missing)}: python3 course.py data {missing[0]}"
            item.add_marker(pytest.mark.skip(reason=reason))
