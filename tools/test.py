"""`course.py test [--quick | --smoke | --browser | --colab] [pytest's options]`: all tests and notebooks.

Notebooks run under nbval: each output is compared with the committed one. `--quick` leaves out the
notebooks and the slow tests, `--smoke` does the same but runs one notebook. `--browser` uses every
notebook in JupyterLab and Chromium instead, `--colab` runs some in a second environment with
Colab's versions. Paths and options go to pytest: `course.py test tests/test_bpe.py -x`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.lectures import ROOT
from tools.terminal import run_command, wait_for

WORKERS = 2
FOLDERS = ("tests", "helpers", "classroom")  # with the examples in docstrings
SMOKE = "notebooks/02_tokenizer.ipynb"
APART = {"--browser": "tests/browser", "--colab": "tests/test_colab.py"}  # only when asked for
PART = "COURSE_TEST_PART"  # "0 2": the first of two processes that share the tests in a browser
WITH_VALUE = ("-k", "-m", "-n", "-p", "-r", "--deselect", "--ignore")  # the next word is no path
# A run ends soonest when what takes longest begins first: all notebooks filled in, by one worker, and
# the notebooks by the time that they say they take.
LONGEST_FILE = "test_turn_cells.py"
LONGEST_FIRST = tuple("07 00 14 13 10 11 06 05 09 08 12 04 01 03 02".split())


def named(arguments):
    """The files and folders among pytest's arguments; `path::test` names a test in one."""
    before = [None, *arguments]
    return [
        item
        for last, item in zip(before, arguments, strict=False)
        if last not in WITH_VALUE and (ROOT / item.split("::")[0]).exists()
    ]


def command(arguments, cores):
    """pytest's command line and the number of threads that each worker may use."""
    quick, smoke = "--quick" in arguments, "--smoke" in arguments
    rest = [item for item in arguments if item not in ("--quick", "--smoke", *APART)]
    line = [sys.executable, "-m", "pytest", "-q", "-rsfE"]
    workers = 1
    if apart := [place for flag, place in APART.items() if flag in arguments]:
        # not with xdist, which would leave JupyterLab behind after Ctrl-C: see `parts`
        return [*line, *apart, *rest], max(1, cores // parts(arguments, cores))
    if quick or smoke:
        line += ["-m", "not slow"]
    if not named(rest):
        notebooks = [SMOKE] if smoke else [] if quick else ["notebooks"]
        line += [*FOLDERS, *notebooks]
        if cores > 1:
            workers = WORKERS
            # xdist would begin with the files of most tests; conftest.py knows a better order
            line += ["-n", str(workers), "--dist", "loadscope", "--no-loadscope-reorder"]
    return [*line, "--nbval", *rest], max(1, cores // workers)


def parts(arguments, cores):
    """How many processes share the tests: all those in a browser are shared by two."""
    rest = [item for item in arguments if item not in APART]
    return WORKERS if "--browser" in arguments and not rest and cores > 1 else 1


def run_parts(line, threads, n_parts):
    """Run pytest in so many processes at once; the first one's output is shown as it comes."""
    processes, outputs = [], []
    for part in range(n_parts):
        outputs.append(tempfile.TemporaryFile("w+", encoding="utf-8") if part else None)
        settings = environment(threads) | {PART: f"{part} {n_parts}"}
        processes.append(
            subprocess.Popen(line, cwd=ROOT, env=settings, stdout=outputs[-1], stderr=outputs[-1])
        )
    statuses = [wait_for(process) for process in processes]
    for output in filter(None, outputs):
        output.seek(0)
        print(output.read(), end="", flush=True)
        output.close()
    return max(statuses)


def environment(threads):
    """The environment of the tests: no library asks the network, no worker takes every core."""
    return {
        "HF_HUB_OFFLINE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "OMP_NUM_THREADS": str(threads),
        "GOMP_SPINCOUNT": "10000",  # a thread that waits soon leaves its core to the other worker
        **os.environ,
        # tools that tests call by name (ruff, codespell) are those of this environment
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    cores = os.cpu_count() or 1
    line, threads = command(arguments, cores)
    # Ctrl-C: pytest gets it too, and ends with a summary
    return run_parts(line, threads, parts(arguments, cores))


if __name__ == "__main__":
    sys.exit(run_command(main))
