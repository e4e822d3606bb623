"""`course.py test [--quick | --browser | --colab] [pytest's options]`: unit tests and every notebook.

Notebooks run under nbval: each output is compared with the committed one. `--quick` leaves out the
notebooks and the slow tests. `--browser` uses every notebook in JupyterLab and Chromium instead,
`--colab` runs some in a second environment with Colab's versions. Paths and options go to pytest: `course.py test tests/test_bpe.py -x`.
"""

import os
import subprocess
import sys
from pathlib import Path

from tools.lectures import ROOT

WORKERS = 2
APART = {"--browser": "tests/browser", "--colab": "tests/test_colab.py"}  # only when asked for


def command(arguments, cores):
    """pytest's command line and the number of threads that each worker may use."""
    quick = "--quick" in arguments
    rest = [argument for argument in arguments if argument not in ("--quick", *APART)]
    named = [item for item in rest if (ROOT / item.split("::")[0]).exists()]
    line = [sys.executable, "-m", "pytest", "-q", "-rsfE"]
    workers = 1
    if apart := [place for flag, place in APART.items() if flag in arguments]:
        return [*line, *apart, *rest], cores
    if quick:
        line += ["-m", "not slow"]
    if not named:
        line += (
            ["tests", "helpers", "classroom"]
            if quick
            else ["tests", "helpers", "classroom", "notebooks"]
        )
        if cores > 1:
            workers = WORKERS
            line += ["-n", str(workers), "--dist", "loadscope"]
    return [*line, "--nbval", *rest], max(1, cores // workers)


def environment(threads):
    """The environment of the tests: no library asks the network, no worker takes every core."""
    return {
        "HF_HUB_OFFLINE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "OMP_NUM_THREADS": str(threads),
        **os.environ,
        # tools that tests call by name (ruff, codespell) are those of this environment
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    line, threads = command(arguments, os.cpu_count() or 1)
    process = subprocess.Popen(line, cwd=ROOT, env=environment(threads))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # pytest got it too, and ends with a summary


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
