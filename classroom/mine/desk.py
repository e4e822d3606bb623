"""What a reader does with `my_llm.py`: write it, train it, talk with it, look at the report card.

    from classroom.mine.desk import mine
    mine()                   # in a notebook: writes my_llm.py here, and says whose its parts are
    mine(report=True)        # the report card

`python3 course.py mine` calls the same functions.
"""

import subprocess
import sys
from pathlib import Path

from classroom.mine.assemble import Assembled, assemble
from classroom.mine.measure import measure, write_tales
from classroom.study import progress as study
from classroom.study.report_card import ReportCard
from classroom.turns import kept
from helpers.files import write_whole

FILE, RUN = "my_llm.py", "my_llm"


def readers_folder() -> Path:
    """Return the folder that `course.py mine` writes into, beside the reader's progress."""
    return kept.folder().parent


def write(folder: Path) -> Assembled:
    """Write my_llm.py into a folder, whole; raises OSError where that fails."""
    made = assemble()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, made.text)
    return made


def described(made: Assembled, path: Path) -> str:
    """Say where the file is, whose its parts are, and what could not be taken."""
    parts, yours = len(made.pieces), len(made.yours)
    lines = [f"{path}: {len(made.text.splitlines())} lines"]
    if parts:
        lines[0] += f", {yours} of its {parts} taught parts are yours"
    lines[0] += "."
    return "\n".join([*lines, *made.remarks])


def train(folder: Path, text: Path | None = None, *options: str) -> int:
    """Train my_llm.py of a folder on a text (default: tales), measure the model; return the status."""
    path = write_tales(folder) if text is None else text.absolute()
    if (folder / RUN / "model").exists():
        print(f"The finished run is now {_put_aside(folder / RUN)}.", flush=True)
    command = [sys.executable, FILE, "train", str(path), "--out", RUN, *options]
    status = subprocess.call(command, cwd=folder)
    if status == 0:
        print("Measuring it.", flush=True)
        study.remember("model", "figures", measure(folder / FILE, folder / RUN / "model", path))
    return status


def _put_aside(run: Path) -> Path:
    """Rename the folder of a finished run, so that a new one can begin."""
    number = 1
    while (aside := run.with_name(f"{run.name}-{number}")).exists():
        number += 1
    return run.rename(aside)


def talk(folder: Path, *options: str) -> int:
    """Talk with the model that my_llm.py trained; return the exit status."""
    return subprocess.call([sys.executable, FILE, "talk", "--out", RUN, *options], cwd=folder)


def mine(folder: Path | str = ".", report: bool = False) -> ReportCard | None:
    """In a notebook: write my_llm.py into a folder and say so; with `report`, return the card."""
    if report:
        return ReportCard()
    made = write(Path(folder))
    print(described(made, Path(folder) / FILE))
    return None
