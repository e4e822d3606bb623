"""What a reader does with `my_llm.py` and `my_chat.py`: write, train, talk, see the report card.

    from classroom.mine.desk import mine
    mine()                   # in a notebook: writes both here, and says whose their parts are
    mine(report=True)        # the report card

`python3 course.py mine` calls the same functions.
"""

import subprocess
import sys
from pathlib import Path

from classroom.mine.assemble import Assembled, assemble
from classroom.mine.outline import CHAT, FILES, LLM
from classroom.study import progress as study
from classroom.study.measure import measure, tales_file
from classroom.study.report_card import ReportCard
from classroom.turns import kept
from helpers.checkpoint import load_model
from helpers.files import write_whole
from helpers.interchange.gguf import export_gguf
from helpers.interchange.hugging_face import export_hf

FILE, RUN = LLM.name, "my_llm"


def readers_folder() -> Path:
    """Return the folder that `course.py mine` writes into, beside the reader's progress."""
    return kept.folder().parent


def write(folder: Path) -> str:
    """Write both files into a folder, each whole, and describe them; raises OSError where that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    said = []
    for file in FILES:
        made = assemble(file=file)
        write_whole(folder / file.name, made.text)
        said.append(_described(made, folder / file.name))
    return "\n".join(said)


def _described(made: Assembled, path: Path) -> str:
    """Say where a file is, whose its parts are, and what could not be taken."""
    whose = f"{len(made.yours)} of its {len(made.pieces)} taught parts are yours"
    return "\n".join([f"{path}: {len(made.text.splitlines())} lines, {whose}.", *made.remarks])


def train(folder: Path, text: Path | None = None, *options: str) -> int:
    """Train my_llm.py of a folder on a text (default: tales), measure the model; return the status."""
    path = tales_file(folder) if text is None else text.absolute()
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


def export(folder: Path, place: Path) -> str:
    """Write the model that my_llm.py trained for other programs; return where what is, in words.

    The file's models are those of `helpers`, so its exports take them. Raises ValueError where there
    is no trained model.
    """
    trained = folder / RUN / "model"
    if not trained.is_dir():
        raise ValueError(f"there is no trained model in {folder / RUN}: first course.py mine train")
    model, tokenizer = load_model(trained)
    if tokenizer is None:
        raise ValueError(f"{trained} has no tokenizer")
    place.mkdir(parents=True, exist_ok=True)
    theirs = export_hf(model, tokenizer, place / "transformers")
    gguf = export_gguf(model, tokenizer, place / f"{RUN}.gguf")
    return (
        f"for transformers (AutoModelForCausalLM): {theirs}\n"
        f"for llama.cpp: {gguf}; for Ollama the Modelfile beside it"
    )


def chat(folder: Path, *arguments: str) -> int:
    """Run my_chat.py of a folder with these arguments, a file by its whole path; return the status."""
    given = [str(Path(each).absolute()) if Path(each).is_file() else each for each in arguments]
    return subprocess.call([sys.executable, CHAT.name, *given], cwd=folder)


def mine(folder: Path | str = ".", report: bool = False) -> ReportCard | None:
    """In a notebook: write both files into a folder and say so; with `report`, return the card."""
    if report:
        return ReportCard()
    print(write(Path(folder)))
    return None
