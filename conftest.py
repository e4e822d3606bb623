"""pytest for the whole course: how notebooks are compared, timed and skipped.

`pytest --nbval notebooks/05_attention.ipynb` runs a notebook and compares every output with the
committed one: decimals with a tolerance, pictures by their alt text, all else exactly.
"""

import os
import tempfile

import pytest

from tools import compare_outputs, execute

NBVAL_DEFAULT_SECONDS = 2000


def pytest_configure(config):
    # what a test solves must not count as the reader's own progress
    os.environ.setdefault("LLM_COURSE_STATE", f"{tempfile.gettempdir()}/course-tests.json")
    if not getattr(config.option, "nbval", False):
        return
    config.option.nbval_current_env = True
    if config.option.nbval_cell_timeout == NBVAL_DEFAULT_SECONDS:
        config.option.nbval_cell_timeout = execute.CELL_SECONDS
    teach_nbval()


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


def pytest_collection_modifyitems(items):
    """Skips `online` notebook cells whose data is not in the cache."""
    for item in items:
        tags = item.cell.metadata.get("tags", []) if hasattr(item, "cell") else []
        if missing := execute.missing_data(tags):
            reason = f"needs {', '.join(missing)}: python3 course.py data {missing[0]}"
            item.add_marker(pytest.mark.skip(reason=reason))
