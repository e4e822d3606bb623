"""What the reader's environment may say to the course's Python and pip, and what it may not.

Variables such as PYTHONHOME and settings such as `user = true` in pip.conf would make .venv use,
or fill, another place than itself. Standard library only.
"""

import ast
import os
import subprocess

from helpers import shorten_spinning

# Variables of Python that change neither where it finds modules nor what it prints
PYTHON_KEPT = (
    "PYTHONDONTWRITEBYTECODE PYTHONFAULTHANDLER PYTHONHASHSEED PYTHONIOENCODING PYTHONPYCACHEPREFIX"
    " PYTHONUNBUFFERED"
).split()
# Settings of pip that say where packages come from, and which may; the others say where they go
PIP_KEPT = (
    "cache-dir cert client-cert constraint default-timeout extra-index-url find-links index-url"
    " keyring-provider no-binary no-cache-dir no-index only-binary prefer-binary proxy pypi-url"
    " resume-retries retries timeout trusted-host use-deprecated use-feature"
).split()
PIP_SECTIONS = ("global", "install", ":env:")  # the later wins, as in pip
# `pip config list` reads --user, --global and --site as 'only that file'
EVERY_FILE = {"PIP_USER": "0", "PIP_GLOBAL": "0", "PIP_SITE": "0"}

# what a command says -> what to tell the reader
EXPLANATIONS = (
    (
        ("No space left on device", "Errno 28", "not enough space on the disk", "WinError 112"),
        "The disk is full (or that of temporary files). Free about 3 GB and run the same command "
        "again.",
    ),
    (
        ("Read-only file system", "Errno 30"),
        "The course is in a place that cannot be written to. Copy it to a folder of yours and run "
        "the same command there.",
    ),
    (
        ("Permission denied", "Errno 13", "WinError 5"),
        "A file could not be written. Close what uses .venv; if the folder belongs to someone "
        "else, copy the course to a folder of yours and run the same command there.",
    ),
    (
        (
            "name resolution",
            "Name or service not known",
            "getaddrinfo failed",
            "nodename nor servname",
            "NewConnectionError",
            "ConnectionError",
            "ConnectTimeout",
            "Read timed out",
            "Max retries exceeded",
            "Network is unreachable",
            "ProxyError",
            "SSLError",
            "from versions: none",
        ),
        "The packages could not be downloaded. Check the network and run the same command again.",
    ),
)


class SetupError(Exception):
    """Something in the way of the set-up that the reader can fix; its text says how."""


def explain(text):
    """Turn what a failed command said into one sentence that says what to do."""
    for signs, sentence in EXPLANATIONS:
        if any(sign in text for sign in signs):
            return sentence
    return "The lines above say why. If nothing helps, delete .venv and run the same command again."


def for_python(variables=None):
    """The reader's variables, without those that lead a Python elsewhere; text is UTF-8."""
    variables = os.environ if variables is None else variables
    kept = {
        name: value
        for name, value in variables.items()
        if name.upper() in PYTHON_KEPT
        or not name.upper().startswith(("PYTHON", "__PYVENV_LAUNCHER__"))
    }
    return shorten_spinning({**kept, "PYTHONUTF8": "1"})


def for_command(command):
    """The variables for a command of the set-up; pip's get only the settings of `PIP_KEPT`.

    pip reads no file then: what its files say comes in the variables, so that an index, a mirror
    or a proxy goes on to count.
    """
    variables, words = for_python(), list(map(str, command))
    if "pip" not in words:
        return variables
    pip = words[: words.index("pip") + 1]
    said = subprocess.run(
        [*pip, "config", "list"],
        env={**variables, **EVERY_FILE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    if said.returncode:
        return variables  # the command itself will fail as well, and say why
    kept = {name: value for name, value in variables.items() if not name.upper().startswith("PIP_")}
    for name, value in pip_settings(said.stdout.decode("utf-8", "replace")).items():
        kept[f"PIP_{name.upper().replace('-', '_')}"] = value
    return {**kept, "PIP_CONFIG_FILE": os.devnull}


def pip_settings(listed):
    """What `pip config list` says, as far as it is kept: a value for each name.

    >>> pip_settings("install.user='true'\\nglobal.index-url='https://mirror.example/simple'")
    {'index-url': 'https://mirror.example/simple'}
    """
    sections = {section: {} for section in PIP_SECTIONS}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in sections and name in PIP_KEPT:
            sections[section][name] = ast.literal_eval(value)
    return {
        name: value
        for settings in sections.values()
        for name, value in settings.items()
        if value  # pip passes over what is empty
    }


def run(command, **options):
    """Run a command of the set-up without a word; its output comes back as text."""
    return subprocess.run(
        list(map(str, command)),
        env=for_command(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="surrogateescape",
        **options,
    )


def output_of(title, command):
    """What a command printed; raises SetupError with its own words where it fails."""
    said = run(command)
    if said.returncode:
        raise SetupError(f"{title}: that did not work.\n{last_lines(said.stdout)}")
    return said.stdout


def last_lines(text):
    """The end of what a failed command said, and the sentence that explains it."""
    return f"{end_of(text)}\n{explain(text)}".encode("utf-8", "replace").decode("utf-8")


def end_of(text):
    """The last eight lines of a text, each of at most 200 characters."""
    lines = [line if len(line) <= 200 else f"{line[:199]}…" for line in text.strip().splitlines()]
    return "\n".join(lines[-8:])
