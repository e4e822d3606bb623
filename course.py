"""One entry for the whole course: `python3 course.py lab`, `python3 course.py test` and the rest.

Standard library only. The syntax here is old on purpose, so that an old Python can still read this
file and say which Python to use. Every command but `setup` lives in `tools/<command>.py`.
"""

import os
import sys

LOWEST, HIGHEST = (3, 11), (3, 13)

# name, needs the course's .venv, what it does
COMMANDS = (
    ("lab", True, "set up, then open your copy of the notebooks in JupyterLab: lab [NN]"),
    ("setup", True, "make .venv with the tested packages, fetch a chat model (--small: do not)"),
    ("test", True, "unit tests and every notebook; --quick, --browser, --colab: see test --help"),
    ("chat", True, "talk to SmolLM2 or the course's chat model; --model FOLDER for one of yours"),
    ("finetune", True, "a chat of your own from a table of questions: finetune FILE.csv"),
    ("train", True, "train a GPT: train --corpus pydocs --preset laptop; see train --help"),
    ("mine", True, "write my_llm.py from what you wrote; mine train, mine talk, mine --report"),
    ("run", True, "run all notebooks in order; web pages of them in build/"),
    ("notebooks", True, "run notebooks in place and write their outputs: notebooks [NN ...]"),
    ("figures", True, "draw the figures of the lecture notes again: figures [NN ...]"),
    ("book", True, "the notes and notebooks as a website, the notes as a PDF, in build/book/"),
    ("data", True, "list the texts and models to download, or download one: data NAME"),
    ("bench", True, "measure the speed, or one thing: bench NAME; --list lists them"),
    ("zip", False, "write course.zip, to upload to Colab"),
    ("repo", True, "say where the course is published: repo OWNER/NAME"),
)


def usage():
    lines = ["usage: python3 course.py COMMAND", ""]
    lines += ["  {0:<11}{1}".format(name, text) for name, _, text in COMMANDS]
    return "\n".join(lines)


def unknown(name):
    """The message for a command that does not exist, with the nearest one that does."""
    import difflib

    near = difflib.get_close_matches(name, [command[0] for command in COMMANDS], 1)
    guess = " Did you mean '{0}'?".format(near[0]) if near else ""
    return "course.py: there is no command '{0}'.{1}\n\n{2}".format(name, guess, usage())


def runs(name):
    """Whether a Python of this name is installed and starts."""
    import subprocess

    try:
        with open(os.devnull, "w") as silence:
            return subprocess.call([name, "-c", ""], stdout=silence, stderr=silence) == 0
    except OSError:
        return False


def wrong_python():
    """The message for a Python that the course does not support; names a better one if it is here."""
    message = (
        "course.py: this is Python {0}.{1}; the course needs Python {2}.{3} to {4}.{5}.".format(
            *(sys.version_info[:2] + LOWEST + HIGHEST)
        )
    )
    if os.name == "nt":
        advice = "\nTry: py -3.{0} course.py lab (or install it from python.org)"
        return message + advice.format(HIGHEST[1])
    for minor in range(HIGHEST[1], LOWEST[1] - 1, -1):
        name = "python3.{0}".format(minor)
        if runs(name):
            return message + "\nOne is here: {0} course.py lab".format(name)
    return message + "\nInstall one from https://www.python.org/downloads/ and try again."


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else 2
    needs = dict((name, needs_venv) for name, needs_venv, _ in COMMANDS)
    name, rest = arguments[0], arguments[1:]
    if name not in needs:
        sys.stderr.write(unknown(name) + "\n")
        return 2
    if not LOWEST <= sys.version_info[:2] <= HIGHEST:
        sys.stderr.write(wrong_python() + "\n")
        return 1
    from tools import environment

    return environment.dispatch(name, rest, needs[name])


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    if LOWEST <= sys.version_info[:2] <= HIGHEST:
        from tools.terminal import run_command

        sys.exit(run_command(main, title="course.py"))
    sys.exit(main(sys.argv[1:]))
