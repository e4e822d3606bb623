"""`course.py mine`: puts what you wrote together into one file, my_llm.py, and runs it.

    course.py mine                  write my_llm.py, and say whose its parts are
    course.py mine train [TEXT]     write it and train it: on a text file of yours, or on tales
    course.py mine talk             let the trained model go on with what you type
    course.py mine --report         show your report card, and write it as a web page

Options after `train` and `talk` go to my_llm.py: `python my_llm.py --help` lists them.
"""

import argparse
import sys
from pathlib import Path

from classroom.mine import desk
from classroom.study.report_card import as_html, read_report, report_text
from helpers.files import write_whole
from tools.terminal import run_command

PAGE = "report_card.html"


def main(arguments=None):
    """Run the command line; return 0, 1 for bad input, or the status of my_llm.py."""
    parser = argparse.ArgumentParser(
        prog="course.py mine",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", nargs="?", choices=("train", "talk"))
    parser.add_argument("text", nargs="?", type=Path, help="a text file to learn from")
    parser.add_argument("--out", type=Path, help="another folder than the one of your progress")
    parser.add_argument("--report", action="store_true", help="show the report card")
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.action:
        parser.error(f"unknown option {rest[0]}")
    folder = options.out or desk.readers_folder()
    try:
        if options.report:
            report = read_report()
            print(report_text(report))
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / PAGE, as_html(report))
            print(f"\nAs a page to keep: {folder / PAGE}")
            return 0
        if options.text and not options.text.is_file():
            raise ValueError(f"there is no file {options.text}")
        print(desk.described(desk.write(folder), folder / desk.FILE), flush=True)
        if options.action == "train":
            return desk.train(folder, options.text, *rest)
        if options.action == "talk":
            return desk.talk(folder, *rest)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("Next: python3 course.py mine train, then python3 course.py mine talk")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
