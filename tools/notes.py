"""Holds the lecture notes to their form: `python -m tools.notes [NN ...]`.

Writes the generated lines of every note (the links under its title and the last line) and says
what is wrong with the notes of the lectures named, or with all. What a note owes its reader
stands in `SECTIONS` and the checks below.
"""

import re
import sys
from functools import cache, partial
from pathlib import Path

from tools.exercises import PAGE, lectures_of
from tools.lectures import ROOT, Lecture, read_map, section_of
from tools.note_numbers import FENCE, NO_PROSE, check_numbers
from tools.terminal import run_command

SECTIONS = (
    "The question",
    "The picture",
    "The mathematics",
    "By hand",
    "In code",
    "What people get wrong",
    "Interview questions",
    "Read on",
)
WORDS = (1200, 2500)
QUESTIONS = (3, 5)
CODE_WIDTH = 88  # characters that fit a page of the book
IMAGE = re.compile(r"!\[([^\]]*)\]\((figures/[\w-]+\.svg)\)")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
QUESTION = re.compile(r"^\*\*Q(\d)\. (.+?\?)\*\*$", re.MULTILINE)
MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\w$])\$(?! )([^$\n]+?)(?<! )\$(?![\w$])", re.DOTALL)
CODE_SPAN = re.compile(r"`[^`\n]+`")


def notes_folder(root=ROOT) -> Path:
    """Where the notes lie."""
    return root / "lecture_notes"


def written(root=ROOT) -> list[Lecture]:
    """The lectures whose note exists, in order."""
    return [lecture for lecture in read_map(root) if (notes_folder(root) / lecture.note).is_file()]


def with_generated_lines(text: str, lecture: Lecture, root=ROOT) -> str:
    """The note with the links under its title, and at its end those to exercises and next note."""
    lectures = read_map(root)
    place = [other.number for other in lectures].index(lecture.number)
    before = lectures[place - 1] if place else None
    after = lectures[place + 1] if place + 1 < len(lectures) else None
    parts = [
        _to_note(before, "← {0.number} · {0.title}", root),
        f"[Video]({lecture.video})" if lecture.video else "",
        _to_notebook(lecture, root),
        "[Glossary](glossary.md)",
        _to_note(after, "{0.number} · {0.title} →", root),
    ]
    title, rest = without_generated_lines(text)
    next_note = _to_note(after, "{0.heading}", root)
    last = [_to_exercises(lecture, root), f"Next: {next_note}" if next_note else ""]
    ending = "\n\n".join(filter(None, last))
    ending = f"\n---\n\n{ending}\n" if ending else ""
    return f"{title}\n\n{' · '.join(filter(None, parts))}\n{rest}{ending}"


def without_generated_lines(text: str) -> tuple[str, str]:
    """The title of a note, and what was written below it."""
    title, _, rest = text.partition("\n")
    rest = re.sub(r"^\n*(?:[^\n]*\[Glossary\]\(glossary\.md\)[^\n]*\n)?\n*", "\n", rest)
    return title, ENDING.sub("\n", rest)


def with_arrows(glossary: str, root=ROOT) -> str:
    """The glossary with a link in each `→ Lecture NN` or `→ Note NN` line to the notes that exist by now."""
    lectures = {lecture.number: lecture for lecture in read_map(root)}

    def linked(match):
        found = [lectures[number] for number in re.findall(r"(?:Lecture|Note) (\d\d)", match[0])]
        names = [_to_note(lecture, "{0.name}", root) or lecture.name for lecture in found]
        return f"→ {', '.join(names)}"

    return re.sub(r"^→ .*$", linked, glossary, flags=re.MULTILINE)


def _to_note(lecture, words, root):
    if lecture is None or not (notes_folder(root) / lecture.note).is_file():
        return ""
    return f"[{words.format(lecture)}]({lecture.note})"


def _to_exercises(lecture, root):
    page = notes_folder(root) / PAGE
    if not page.is_file() or lecture.number not in lectures_of(page.read_text("utf-8")):
        return ""
    return f"With a pencil: [three exercises]({PAGE}#{anchor_of(lecture.name)})"


def _to_notebook(lecture, root):
    section = section_of(lecture, root)
    name = "Notebook" if lecture.beyond else "Notebook section"
    return f"[{name}](../{section})" if section else ""


def section(text: str, name: str) -> tuple[int, int]:
    """Where the section of that name starts and ends in the note; (0, 0) where it is missing."""
    match = re.search(rf"^## {re.escape(name)}\n", text, re.MULTILINE)
    if not match:
        return (0, 0)
    following = re.search(r"^## |^---$", text[match.end() :], re.MULTILINE)
    return (match.end(), match.end() + following.start() if following else len(text))


def count_words(text: str) -> int:
    """Words of prose: without code, comments, formulas and addresses."""
    for pattern in (*NO_PROSE[:3], MATH):
        text = pattern.sub(" ", text)
    return len(re.findall(r"\w[\w'’.,-]*", text))


ENDING = re.compile(r"\n*(?:---\n\n(?:With a pencil|Next): .*)?\s*\Z", re.DOTALL)


def find_problems(lecture: Lecture, root=ROOT) -> list[str]:
    """What is wrong with the note of a lecture, a sentence each."""
    text = (notes_folder(root) / lecture.note).read_text("utf-8")
    problems = [
        *_form(text, lecture, root),
        *_figures(text, root),
        *_questions(text),
        *_links(text, root),
        *_formulas(text),
        *_tables(text),
        *check_numbers(text, section(text, "By hand")),
    ]
    return [f"{lecture.note}: {problem}" for problem in problems]


def _form(text, lecture, root):
    if text.partition("\n")[0] != f"# {lecture.heading}":
        yield f"the first line is not '# {lecture.heading}'"
    if text != with_generated_lines(text, lecture, root):
        yield "the links at the top or the end are out of date: run python -m tools.notes"
    bare = FENCE.sub("", text)
    headings = tuple(re.findall(r"^## (.+)$", bare, re.MULTILINE))
    if headings != SECTIONS:
        yield f"the sections are {headings}, they should be {SECTIONS}"
    words = count_words("".join(without_generated_lines(text)))
    if not WORDS[0] <= words <= WORDS[1]:
        yield f"it has {words} words, it should have {WORDS[0]} to {WORDS[1]}"
    for _, code in FENCE.findall(text):
        for line in code.splitlines():
            if len(line) > CODE_WIDTH:
                yield f"{len(line)} characters of code do not fit the page ({CODE_WIDTH}): {line}"
    start, end = section(text, "In code")
    if "```python" not in text[start:end]:
        yield "the section 'In code' has no python block"


def _figures(text, root):
    images = IMAGE.findall(text)
    if len({target for _, target in images}) < 2:
        yield f"it shows {len(images)} figures, it should show two or more"
    if not IMAGE.search(text[slice(*section(text, "The picture"))]):
        yield "the section 'The picture' shows no figure"
    for alt, target in images:
        if len(alt) < 30:
            yield f"the alternative text of {target} says too little: {alt!r}"
        if not (notes_folder(root) / target).is_file():
            yield f"the figure {target} does not exist"


def _questions(text):
    start, end = section(text, "Interview questions")
    questions = list(QUESTION.finditer(text[start:end]))
    if not QUESTIONS[0] <= len(questions) <= QUESTIONS[1]:
        yield f"it asks {len(questions)} interview questions (**Q1. …?**), not {QUESTIONS}"
    ends = [match.start() for match in questions[1:]] + [end - start]
    for place, (match, stop) in enumerate(zip(questions, ends, strict=True), start=1):
        if int(match[1]) != place:
            yield f"question Q{match[1]} is number {place}"
        words = count_words(text[start + match.end() : start + stop])
        if words < 40:
            yield f"the answer to Q{place} has {words} words: give a full answer"


def _links(text, root):
    bare = FENCE.sub("", text)
    for target in LINK.findall(bare):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        path = notes_folder(root) / file if file else None
        if path and not path.exists():
            yield f"the link to {target} leads nowhere"
        elif (
            anchor and path and path.name == "glossary.md" and anchor not in glossary_anchors(root)
        ):
            yield f"the glossary has no entry for #{anchor}"


@cache
def glossary_anchors(root=ROOT) -> frozenset:
    """The anchors of the glossary's entries, as GitHub makes them from the headings."""
    text = (notes_folder(root) / "glossary.md").read_text("utf-8")
    return frozenset(anchor_of(name) for name in re.findall(r"^### (.+)$", text, re.MULTILINE))


def anchor_of(heading: str) -> str:
    """GitHub's anchor of a heading.

    >>> anchor_of("Top-k sampling")
    'top-k-sampling'
    """
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _formulas(text):
    """Formulas must survive GitHub and Sphinx alike."""
    bare = CODE_SPAN.sub("", FENCE.sub("", text))
    for match in MATH.finditer(bare):
        formula = match[1] or match[2]
        eaten = re.search(r"\\[^a-zA-Z\s]|<[a-zA-Z]", formula)
        if eaten:
            yield f"GitHub may eat {eaten[0]} in {formula.strip()}: write \\cr, \\lbrace, \\lt"
        if match[1] and not (formula.startswith("\n") and formula.endswith("\n")):
            yield f"put $$ on lines of their own around {formula.strip()[:30]}"
    if "$" in MATH.sub("", bare):
        rest = MATH.sub("", bare)
        place = rest.index("$")
        yield f"a lone $ near {rest[max(0, place - 20) : place + 20]!r}: write dollars as a word"


def _tables(text):
    """A bar inside a hidden marker would still cut a table's row in two."""
    for row in re.findall(r"^\|.*$", FENCE.sub("", text), re.MULTILINE):
        for marker in re.findall(r"<!--.*?-->", row):
            if "|" in marker:
                yield f"the bar in {marker} breaks the table: compute the value in a hidden block"


def refresh(path, make) -> None:
    """Write `make(text)` back to the file where it differs."""
    text = path.read_text("utf-8")
    fresh = make(text)
    if fresh != text:
        path.write_text(fresh, "utf-8", newline="\n")
        print(f"{path.name}: links brought up to date")


def main(arguments) -> int:
    """Refresh the generated lines of all notes, then check; returns 1 where something is wrong."""
    sys.path.insert(0, str(ROOT))
    lectures = written()
    refresh(notes_folder() / "glossary.md", with_arrows)
    for lecture in lectures:
        refresh(notes_folder() / lecture.note, partial(with_generated_lines, lecture=lecture))
    chosen = {f"{int(number):02d}" for number in arguments}
    wrong = False
    for lecture in lectures:
        if not chosen or lecture.number in chosen:
            problems = find_problems(lecture)
            text = (notes_folder() / lecture.note).read_text("utf-8")
            words = count_words("".join(without_generated_lines(text)))
            print("\n".join(problems) if problems else f"{lecture.note}: well, {words} words")
            wrong = wrong or bool(problems)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
