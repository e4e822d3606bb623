"""ELIZA, the first chatbot (1966): it answers by taking your sentence apart and rephrasing it.

The rules come from a script; any script in the format of the 1966 paper loads. For each text:

1. Look up every word. Some are replaced (my becomes your), some are keywords with a rank.
   Only the first part of the text with a keyword is kept; a part ends at punctuation or at 'but'.
2. The keyword with the highest rank comes first. Its patterns are tried in order.
3. The first pattern that matches cuts the sentence into pieces. One of its answers, each in turn,
   puts the pieces together again.
4. Without a keyword, an earlier remark may come back (MEMORY), or a stock phrase is said (NONE).

Source: J. Weizenbaum, 'ELIZA - A Computer Program For the Study of Natural Language
Communication Between Man And Machine', Communications of the ACM 9 (1), 1966, pages 36-45.
Where the paper leaves a choice open (which MEMORY rule is picked, and when a remark comes back),
this follows the program listing found in Weizenbaum's papers at MIT in 2021.
"""

import re
import unicodedata
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import regex

from helpers.eliza.rules import Reassembly, Rule, Script, fill, join_words, match, replace_words
from helpers.eliza.script import FIRST_PERSON, parse_script

DEFAULT_SCRIPT = Path(__file__).parent.parent / "assets" / "therapist.script"
# A letter keeps its combining marks, and some scripts join letters by an invisible character.
LETTER = r"[\p{L}\p{N}\p{M}\u200c\u200d]"
WORDS_AND_MARKS = regex.compile(rf"\d+(?:[.,]\d+)+|{LETTER}+(?:['-]{LETTER}+)*|[.,;:!?…\n]")
APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ´`′＇", "'"))
MARKS = frozenset(".,;:!?…\n")
QUESTION_WORDS = frozenset(
    "are can could did do does don't had has have how in is may shall should was were what when "
    "where which who whom whose why will would".split()
)
MAX_LINKS = 1000  # links from keyword to keyword before a script counts as an endless loop
MAX_WORDS = 1000  # PRE may make a sentence longer, up to this length
# The 64 six-bit characters of the IBM 7094; _ fills the codes that have none.
BCD = "0123456789_='___+ABCDEFGHI_.)___-JKLMNOPQR_$*___ /STUVWXYZ_,(___"


def hash_word(word: str, bits: int = 2) -> int:
    """Return a number below 2**bits that looks random but depends only on the word.

    This is the mid-square hash of SLIP, ELIZA's list library: the last chunk of six letters as a
    36-bit number, squared, and a few bits from the middle of the square. ELIZA picked its MEMORY
    rule with it, so that one remark always leads to the same rule.

    >>> [hash_word(word) for word in ("here", "me", "everybody")]
    [3, 2, 1]
    """
    letters = word.upper()
    chunk = letters[(len(letters) - 1) // 6 * 6 :].ljust(6) if letters else " " * 6
    number = 0
    for letter in chunk:
        code = BCD.find(letter) if letter != "_" else -1
        number = number * 64 + (code if code >= 0 else ord(letter) % 64)
    magnitude = number % 2**35  # the 36th bit is the sign
    return (magnitude**2 >> (35 - bits // 2)) % 2**bits


def present(words: list[str]) -> str:
    """Write the words of a reply as sentences, with capital letters and final punctuation.

    >>> present("are you sure".split())
    'Are you sure?'
    """
    text = join_words(words)
    text = re.sub(r"(^|[.!?] +)([¿¡]?[^\W\d_])", lambda found: found[1] + found[2].upper(), text)
    if text and text[-1] not in ".!?":
        text += "?" if text.split()[0].lower() in QUESTION_WORDS else "."
    return text


@dataclass(frozen=True)
class Step:
    """One rule that fired: its keyword, the pieces it cut, and which of its answers it gave."""

    keyword: str
    rule: Rule
    pieces: list[list[str]]
    answer: Reassembly
    turn: int  # 1 for the rule's first answer

    def __str__(self):
        cut = " | ".join(" ".join(piece) or "-" for piece in self.pieces)
        return (
            f"rule of {self.keyword}: {self.rule}, line {self.rule.line}\n"
            f"  cuts:    {cut}\n"
            f"  answer {self.turn} of {len(self.rule.reassemblies)}: {self.answer}"
        )


@dataclass
class Trace:
    """How a reply came about, from the words kept to the rules that fired; for `print`."""

    clause: list[str] = field(default_factory=list)
    keywords: list[tuple[str, int]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    stored: str = ""  # what went to MEMORY
    recalled: str = ""  # what came back from MEMORY
    reply: str = ""

    def __str__(self):
        ranked = ", ".join(f"{word} (rank {rank})" for word, rank in self.keywords)
        lines = [f"kept:      {' '.join(self.clause) or '-'}", f"keywords:  {ranked or 'none'}"]
        lines += [f"stored:    {self.stored}"] if self.stored else []
        lines += [f"recalled:  {self.recalled}"] if self.recalled else []
        return "\n".join([*lines, *map(str, self.steps), f"reply:     {self.reply}"])


class Eliza:
    """A conversation with ELIZA, driven by a script.

    It remembers which answer of each rule comes next, what went to MEMORY, and the number of texts.

    >>> eliza = Eliza.default()
    >>> eliza.greeting
    'How do you do. Please tell me your problem?'
    >>> eliza.respond("I am tired.")
    "It is because you're tired that you came to me."
    """

    def __init__(self, script: Script):
        self.script = script
        self.greeting = present(script.greeting.split())
        self.reset()

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a script file; raises ValueError naming the line if it is malformed."""
        try:
            return cls(parse_script(Path(path).read_text(encoding="utf-8-sig")))
        except ValueError as error:
            raise ValueError(f"{Path(path).name}: {error}") from None

    @classmethod
    def default(cls) -> Self:
        """Return ELIZA with this course's own therapist script."""
        return cls.load(DEFAULT_SCRIPT)

    def reset(self) -> None:
        """Begin a new conversation."""
        self.turn = 0
        self.memory: deque[str] = deque()
        self.trace = Trace()
        self._answers_given: Counter[Rule] = Counter()

    def respond(self, text: str) -> str:
        """Return the reply to one text; `self.trace` then says how it came about.

        Raises TypeError if the text is not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, not {type(text).__name__}")
        self.turn += 1
        words, stack = self._scan(text)
        self.trace = Trace(list(words), [(entry.word, entry.rank) for entry in stack])
        if stack and stack[0].word == self.script.memory_keyword:
            self._remember(words)
        # Weizenbaum's counter runs 1, 2, 3, 4, 1 ...; an old remark comes back only at 4.
        if not stack and self.memory and (self.turn + 1) % 4 == 0:
            reply = self.trace.recalled = self.memory.popleft()
        else:
            reply = self._write(self._answer(words, stack))
        self.trace.reply = reply
        return reply

    def _scan(self, text):
        """Return the words of the first part with a keyword, replaced, and its keywords."""
        text = unicodedata.normalize("NFC", text.translate(APOSTROPHES))
        if text == text.upper() and " " in text.strip():  # typed as in 1966
            text = text.lower()
        words, stack, opening = [], [], True
        for token in WORDS_AND_MARKS.findall(text):
            if token in MARKS or token.upper() == "BUT":
                if stack:
                    break
                words, opening = [], True
                continue
            entry = self.script.keywords.get(token.upper())
            if opening and token[1:] == token[1:].lower():
                token = token.lower()  # capital only because it begins a sentence
            opening = False
            token = FIRST_PERSON.get(token.upper(), token)
            words.append(entry.substitute if entry and entry.substitute else token)
            if entry and entry.rules:
                stack.insert(0 if stack and entry.rank > stack[0].rank else len(stack), entry)
        return words, stack

    def _remember(self, words):
        """Store the words as a remark for later, by the rule that the last word picks."""
        rule = self.script.memory[hash_word(words[-1]) % len(self.script.memory)]
        pieces = match(rule.pattern, words, self.script.tags)
        if pieces is not None:
            self.trace.stored = self._write(fill(rule.reassemblies[0].parts, pieces))
            self.memory.append(self.trace.stored)

    def _write(self, words):
        """Fix the words of a reply with the script's POST list and write them as sentences."""
        return present(replace_words(words, self.script.post))

    def _answer(self, words, stack):
        """Apply rules from the top of the keyword stack until one gives a reply."""
        waiting = deque([*stack, self.script.none])
        entry = waiting.popleft()
        for _ in range(MAX_LINKS):
            step = self._fire(entry, words)
            if step and step.answer.link:
                if step.answer.parts:
                    words = fill(step.answer.parts, step.pieces)[:MAX_WORDS]
                entry = self.script.keywords[step.answer.link]
                continue
            reply = fill(step.answer.parts, step.pieces) if step else []
            if reply or not waiting:
                break
            entry = waiting.popleft()  # NEWKEY, or no pattern matches
        else:
            reply = []
        return reply or self.script.last_resort()

    def _fire(self, entry, words):
        """Apply the first rule of a keyword that matches the words; None if none does."""
        for rule in entry.rules:
            pieces = match(rule.pattern, words, self.script.tags)
            if pieces is not None:
                number = self._answers_given[rule] % len(rule.reassemblies)
                self._answers_given[rule] += 1
                step = Step(entry.word, rule, pieces, rule.reassemblies[number], number + 1)
                self.trace.steps.append(step)
                return step
        return None
