"""`course.py finetune FILE.csv`: a chat of your own from a table of questions and answers.

The questions of a bank, a restaurant or a school become an assistant: LoRA trains SmolLM2 on them, by
the course's own code, in at most 20 minutes on two cores. The table has the columns `question`,
`answer` and, if you have them, `wordings`: other ways to ask, separated by ` | `.

    question,answer,wordings
    When are you open?,Daily from 10 to 17.,what time do you open? | open on sundays?

Two wordings of each question are held out: one to choose when to refuse, one to measure with, before
and after. Where there are fewer than four, rules make simple ones, and it says so: an accuracy on
those tells less. Questions about everything else are answered with 'I do not know that'.

    python3 course.py finetune --sample museum      40 questions of a small museum, by us
    python3 course.py chat --adapter runs/museum    talk to it

A table with the columns `text` and `label` becomes a classifier instead: a linear layer on the vectors
of MiniLM, or of the course's GPT where MiniLM is not here, measured beside naive Bayes.

    echo 'where is my parcel' | python3 course.py finetune --classify runs/mails

Ctrl-C saves; the same command with --resume goes on. Everything stays on this computer.
"""

import argparse
import re
import sys
from dataclasses import fields, replace
from pathlib import Path

from classroom.worlds.course_qa import ASSETS, foreign_questions
from helpers.assistant.making import Foreign, Recipe, make_assistant
from helpers.device import PRECISIONS, keep_memory, use_every_core
from helpers.files import check_room
from helpers.texts.corpora import CORPORA, data_folder
from tools.labels import classify, make_classifier
from tools.table import kind_of_table, read_labeled, read_questions, separator_of
from tools.terminal import read_as_marked, run_command

SAMPLES = {"museum": ASSETS / "museum.csv"}
LICENSE = "Your table is yours. SmolLM2-135M-Instruct, which the adapter needs: Apache-2.0."
MOST_FOREIGN = 180  # foreign questions to learn to refuse
SETTINGS = ("rank", "alpha", "learning_rate", "tokens", "seed")


def smollm2_file():
    """The path of SmolLM2; raises ValueError, saying how to fetch it, where it is not here."""
    path = data_folder() / CORPORA["smollm2"].downloads[0].file
    if not path.is_file():
        raise ValueError("SmolLM2 is not here; fetch it with: python3 course.py data smollm2")
    return path


def foreign_to(questions):
    """Foreign questions for a table: those whose words are for the most part not in the table.

    A restaurant knows how long an egg is boiled, and must not learn to refuse that.
    """
    known = set()
    for each in questions:
        known |= _words(" ".join((each.question, each.answer, *each.wordings)))

    def is_foreign(text):
        words = _words(text)
        return 2 * len(words & known) <= len(words)

    train, validation, test = map(foreign_questions, ("train", "validation", "test"))
    some = train[:: -(-len(train) // MOST_FOREIGN)]  # a table is small, and must not drown in them
    return Foreign(*(list(filter(is_foreign, part)) for part in (some, validation, test)))


def finetune(path, folder, options):
    """Make an assistant of a table and say how good it is; return the exit status."""
    questions, base = read_questions(path), smollm2_file()
    about = options.about or f"the {path.stem.replace('_', ' ')}"
    given = {name: getattr(options, name) for name in SETTINGS}
    recipe = replace(Recipe(), **{n: value for n, value in given.items() if value is not None})
    wordings = sum(1 + len(each.wordings) for each in questions)
    print(
        f"{path}: {len(questions)} answers, {wordings} wordings, separated by {separator_of(path)}"
    )
    report = make_assistant(
        base,
        folder,
        questions,
        foreign_to(questions),
        says=f"I do not know that; I know {about}.",
        name=f"SmolLM2 with {path.stem}",
        recipe=recipe,
        resume=options.resume,
        precision=options.precision,
        license=LICENSE,
    )
    if report is None:
        print("Stopped; saved. Go on with the same command and --resume.")
        return 130
    for line in told(report):
        print(line)
    print(f"Talk to it: python3 course.py chat --adapter {folder}")
    return 0


def told(report):
    """What a report says, line by line."""
    before, after = report["before"], report["after"]
    made = " (wordings made by rule: those of people are harder)" * report["held_out_by_rule"]
    yield f"{report['minutes']} minutes, {report['tokens']:,} tokens in {report['steps']} steps"
    yield f"held-out wordings answered right{made}:"
    yield f"  before, SmolLM2 as it is: {before['right']:.0%}"
    yield f"  no model, the learned wording that shares most words: {after['right_by_words']:.0%}"
    yield f"  after: {after['right']:.0%} of {report['questions']}"
    yield (
        f"refused: {after['known_refused']:.0%} of these, and {after['foreign_refused']:.0%} of "
        f"{after['foreign_asked']} foreign questions"
    )


def finetune_classifier(path, folder):
    """Make a classifier of a table and say how good it is; return the exit status."""
    report = make_classifier(read_labeled(path), folder)
    names = {"minilm": "MiniLM", "course_gpt": "the course's GPT"}
    print(
        f"{report['learned']} texts to learn from, {report['held_out']} held out, of these right:"
    )
    print(
        f"  a linear layer on the vectors of {names[report['encoder']]}: {report['accuracy']:.1%}"
    )
    print(f"  naive Bayes, which counts words: {report['naive_bayes']:.1%}")
    print(f"  always the commonest label: {report['commonest_label']:.1%}")
    print(f"Use it: python3 course.py finetune --classify {folder} < texts.txt")
    return 0


def label_lines(folder):
    """Print the label of each line that is piped or typed in; return the exit status."""
    read_as_marked(sys.stdin)
    texts = [line.strip() for line in sys.stdin if line.strip()]
    if not texts:
        raise ValueError("there is no text to classify: type or pipe one a line")
    for label, text in zip(classify(folder, texts), texts, strict=True):
        print(f"{label}\t{text}")
    return 0


def _words(text):
    """The words of four letters and more, in lower case."""
    return set(re.findall(r"[^\W\d_]{4,}", text.lower()))


def _parser():
    parser = argparse.ArgumentParser(
        prog="course.py finetune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"The sample is {SAMPLES['museum']}: open it to see what a table looks like.",
    )
    parser.add_argument("file", nargs="?", type=Path, help="the table, a CSV file")
    parser.add_argument("--sample", choices=sorted(SAMPLES), help="a table of ours instead")
    parser.add_argument("--out", type=Path, help="folder of the assistant (runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--about", help="what it knows, for 'I do not know that; I know ...'")
    parser.add_argument("--classify", type=Path, metavar="FOLDER", help="label lines of text")
    parser.add_argument("--precision", default="auto", choices=PRECISIONS)
    for field in fields(Recipe):
        if field.name in SETTINGS:
            flag = f"--{field.name.replace('_', '-')}"
            kind = type(field.default)
            parser.add_argument(flag, type=kind, help=f"default {field.default}")
    return parser


def main(arguments=None):
    """Run the command line; return 0, 130 where it was stopped, or 1 with one line for bad input."""
    options = _parser().parse_args(arguments)
    use_every_core()
    keep_memory()
    try:
        if options.classify:
            return label_lines(options.classify)
        path = SAMPLES.get(options.sample, options.file)
        if path is None:
            raise ValueError("name a table, or take ours: course.py finetune --sample museum")
        folder = options.out or Path("runs") / path.stem
        check_room(folder)
        if kind_of_table(path) == "labels":
            return finetune_classifier(path, folder)
        return finetune(path, folder, options)
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run_command(main))
