"""Read the table that an assistant is made from: a CSV file with questions and answers.

    question,answer,wordings
    When are you open?,Daily from 10 to 17.,what time do you open? | open on sundays?

`wordings` may be missing, holds several separated by ` | `, and a question may also have several
rows with the same answer. A file with the columns `text` and `label` is for a classifier.
Tables come from many programs: commas, semicolons or tabs, in UTF-8 or in UTF-16 with its mark.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path

from helpers.assistant.making import Question

QUESTIONS, LABELS = ("question", "answer"), ("text", "label")
WORDINGS = "wordings"
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MOST_BYTES = 20_000_000
LONGEST_TEXT, LONGEST_ANSWER = 1000, 1000  # characters: what a small model can hold and say
FEWEST = 2


def read_questions(path: Path | str) -> list[Question]:
    """Return the questions of a table; rows with one answer are wordings of one question.

    Raises ValueError naming the file, and the line where there is one: if it is empty, not UTF-8, or
    has other columns; for a question without an answer, a text that is too long, one question with two
    answers, and fewer than two different answers. Raises OSError if it cannot be read.
    """
    found: dict[str, list[str]] = {}  # the wordings of each answer
    owner: dict[str, tuple[str, int]] = {}  # the answer of each wording, and its line
    for line, row in _rows(path, QUESTIONS, (WORDINGS,)):
        question, answer = (row[name] for name in QUESTIONS)
        _check_text(path, line, "question", question, LONGEST_TEXT)
        if not answer:
            raise ValueError(f"{path}, line {line}: the question {_short(question)} has no answer")
        _check_text(path, line, "answer", answer, LONGEST_ANSWER)
        others = [part.strip() for part in row.get(WORDINGS, "").split("|")]
        for words in (question, *filter(None, others)):
            _check_text(path, line, "wording", words, LONGEST_TEXT)
            known = owner.setdefault(words.casefold(), (answer, line))
            if known[0] != answer:
                raise ValueError(
                    f"{path}, line {line}: {_short(words)} has another answer in line {known[1]}"
                )
            if words not in found.setdefault(answer, []):
                found[answer].append(words)
    if len(found) < FEWEST:
        raise ValueError(f"{path} has {len(found)} answers; an assistant needs {FEWEST} or more")
    return [Question(words[0], answer, tuple(words[1:])) for answer, words in found.items()]


def read_labeled(path: Path | str) -> list[tuple[str, str]]:
    """Return the `(label, text)` pairs of a table for a classifier, each text once.

    Raises ValueError as `read_questions` does, for a text with two labels, and for fewer than two
    labels or fewer than five texts of one.
    """
    labels: dict[str, tuple[str, int]] = {}
    for line, row in _rows(path, LABELS):
        text, label = (row[name] for name in LABELS)
        _check_text(path, line, "text", text, 20 * LONGEST_TEXT)
        if not label:
            raise ValueError(f"{path}, line {line}: the text {_short(text)} has no label")
        known = labels.setdefault(text, (label, line))
        if known[0] != label:
            raise ValueError(
                f"{path}, line {line}: {_short(text)} has another label in line {known[1]}"
            )
    pairs = [(label, text) for text, (label, _) in labels.items()]
    counts = {label: sum(label == other for other, _ in pairs) for label, _ in pairs}
    if not pairs:
        raise ValueError(f"{path} has no texts below its header")
    if len(counts) < 2:
        raise ValueError(f"{path} has one label, {min(counts)!r}: a classifier needs two or more")
    rare = min(counts, key=lambda label: counts[label])
    if counts[rare] < 5:
        raise ValueError(f"{path} has {counts[rare]} texts with the label {rare!r}; it needs 5")
    return pairs


def kind_of_table(path: Path | str) -> str:
    """Return "questions" or "labels", by the columns; raises ValueError for others, as above."""
    names, _, _ = _header(path)
    for kind, needed in (("questions", QUESTIONS), ("labels", LABELS)):
        if set(needed) <= set(names):
            return kind
    raise ValueError(_other_columns(path, names))


def separator_of(path: Path | str) -> str:
    """Return what separates the cells of a table, in a word: "commas", "semicolons" or "tabs"."""
    return SEPARATORS[_header(path)[2]]


def read_any_text(path: Path | str) -> str:
    """Return a text in UTF-8, or in UTF-16 with its mark; raises ValueError for other encodings."""
    path = Path(path)
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes; a table has at most {MOST_BYTES:,}"
        )
    data = path.read_bytes()
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 ({error.reason} at byte {error.start}): save it as 'CSV UTF-8'"
        ) from None
    if "\0" in text:
        raise ValueError(f"{path} holds zero bytes, so it is not a text: save it as 'CSV UTF-8'")
    return text


def _header(path):
    """The column names, the text, and the separator that gives the names."""
    text = read_any_text(path)
    if not text.strip():
        raise ValueError(f"{path} is empty")
    first = text.lstrip().splitlines()[0]
    best = max(SEPARATORS, key=first.count)
    return [name.strip().lower() for name in next(csv.reader([first], delimiter=best))], text, best


def _rows(path, needed, optional=()) -> Iterator[tuple[int, dict[str, str]]]:
    """The line number and the cells, stripped, of each row that is not empty."""
    names, text, separator = _header(path)
    if not set(needed) <= set(names):
        raise ValueError(_other_columns(path, names))
    doubled = [name for name in (*needed, *optional) if names.count(name) > 1]
    if doubled:
        raise ValueError(f"{path} has two columns called {doubled[0]!r}")
    reader = csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=separator, strict=True)
    skipped = len(text[: len(text) - len(text.lstrip())].splitlines())
    try:
        for row in reader:
            line = reader.line_num + skipped
            if reader.line_num == 1 or not any(cell.strip() for cell in row):
                continue
            if len(row) > len(names):
                raise ValueError(
                    f"{path}, line {line}: there are {len(row)} cells under {len(names)} columns; a "
                    "text with a separator in it needs quotation marks around it"
                )
            cells = dict(zip(names, row, strict=False))
            yield line, {n: cells.get(n, "").strip() for n in (*needed, *optional)}
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num + skipped}: {error}") from None


def _other_columns(path, names):
    shown = ", ".join(name[:30] or "''" for name in names[:6])
    return (
        f"{path} has the columns {shown}; it needs {' and '.join(QUESTIONS)} for an assistant, or "
        f"{' and '.join(LABELS)} for a classifier"
    )


def _check_text(path, line, what, text, longest):
    if not text:
        raise ValueError(f"{path}, line {line}: the {what} is empty")
    if len(text) > longest:
        raise ValueError(
            f"{path}, line {line}: the {what} has {len(text):,} characters; {longest:,} fit"
        )


def _short(text):
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
