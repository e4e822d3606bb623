"""`course.py mine`: puts what you wrote together into my_llm.py and my_chat.py, and runs them.

    course.py mine                  write both, and say whose their parts are
    course.py mine train [TEXT]     write and train my_llm.py: on a text file of yours, or on tales
    course.py mine talk             let the trained model go on with what you type
    course.py mine chat COMMAND     run my_chat.py on that model, with one of its commands:
                                    train QUESTIONS.csv, talk, classify LABELED.csv, label
    course.py mine export FOLDER    write that model for transformers, llama.cpp and Ollama
    course.py mine --report         show your report card, and write it as a web page

What follows `train` and `talk` goes to my_llm.py, what follows `chat` to my_chat.py, whose options
`python my_llm.py --help` and `python my_chat.py --help` list.
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
    """Run the command line; return 0, 1 for bad input, or the status of the file that it runs."""
    parser = argparse.ArgumentParser(
        prog="course.py mine",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", nargs="?", choices=("train", "talk", "chat", "export"))
    parser.add_argument(
        "text",
        nargs="?",
        help="a text file to learn from; a command of my_chat.py; a folder to export to",
    )
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
        text = Path(options.text) if options.text else None
        if options.action == "export":
            if text is None or rest:
                parser.error("export takes one folder: course.py mine export FOLDER")
            print(desk.export(folder, text))
            return 0
        if text and options.action != "chat" and not text.is_file():
            raise ValueError(f"there is no file {text}")
        # what my_chat.py prints may go on into a file or a program
        print(desk.write(folder), file=sys.stderr if options.action == "chat" else None, flush=True)
        if options.action == "train":
            return desk.train(folder, text, *rest)
        if options.action == "talk":
            return desk.talk(folder, *rest)
        if options.action == "chat":
            return desk.chat(folder, *([options.text] if options.text else []), *rest)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("Next: python3 course.py mine train, then mine talk and mine chat")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
