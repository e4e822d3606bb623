"""`course.py data [NAME ...]`: lists the texts of the course, or downloads those named."""

import argparse
import sys

from helpers.texts.corpora import data_folder, fetch, verified_by
from helpers.texts.downloads import CorpusError
from helpers.texts.sources import CORPORA
from tools.terminal import run_command


def show(name):
    """Download a text if it is not embedded, and say where it is and how it was checked."""
    embedded = name in CORPORA and not CORPORA[name].downloads
    where = "embedded" if embedded else fetch(name)
    print(f"{name}: {where} (verified by {verified_by(name)})")


def list_all():
    """Print a line for each text: its name, whether it is here, size, license, what it is."""
    print(f"Downloads are kept in {data_folder()}\n")
    for name, corpus in CORPORA.items():
        here = all((data_folder() / item.file).is_file() for item in corpus.downloads)
        state = "embedded" if not corpus.downloads else "here" if here else "not here"
        print(f"{name:<20}{state:<10}{corpus.size:>7}  {corpus.license:<17} {corpus.about}")


def main(arguments=None):
    """Run the command line; return 0, or 1 with one line where a text cannot be had."""
    parser = argparse.ArgumentParser(prog="course.py data", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args(arguments).names
    try:
        for name in names:
            show(name)
    except (CorpusError, ValueError) as error:
        print(error)
        return 1
    if not names:
        list_all()
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
