"""WordPiece, BERT's tokenizer: clean the text, split it into words, cut words into known pieces.

    "Unaffordable cafés!"
    clean:    "unaffordable cafes!"          lower case, accents removed, one kind of space
    split:    unaffordable  cafes  !         at spaces; a punctuation mark is a word of its own
    pieces:   una ##ff ##ord ##able  cafes  !      the longest known beginning, again and again

`##` marks a piece that does not begin a word. Byte-level BPE (`helpers.bpe`) keeps every byte and can
give the text back. This one forgets case, accents and spaces, which a model that only reads need not
know. Source: Schuster and Nakajima 2012; the rules of cleaning are those of BERT's published code.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache

START, END, UNKNOWN, PADDING = "[CLS]", "[SEP]", "[UNK]", "[PAD]"
LONGEST_WORD = 100  # characters; longer ones are unknown
INVISIBLE = ("Cc", "Cf", "Co", "Cs")  # Unicode's control, format, private and surrogate characters

# The blocks of Chinese characters, which stand alone: Chinese has no spaces between words.
CHINESE = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


class WordPieceTokenizer:
    """Turn a text into the ids that BERT's models were trained on.

    `tokens` is the vocabulary, in the order of the ids. `[CLS]` begins every text and `[SEP]` ends
    it; where a reader types one of them, it is plain text. Raises ValueError for a token that is
    missing, or there twice.

    >>> tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "una", "##ff", "##ord", "##able", "!"]
    >>> tokenizer = WordPieceTokenizer(tokens)
    >>> tokenizer.split("Unaffordable, unafforded!")
    ['una', '##ff', '##ord', '##able', '[UNK]', '[UNK]', '!']
    >>> tokenizer.encode("unaffordable!")
    [2, 4, 5, 6, 7, 8, 3]
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = list(tokens)
        self.vocab = {token: number for number, token in enumerate(self.tokens)}
        if len(self.vocab) < len(self.tokens):
            raise ValueError(f"{len(self.tokens) - len(self.vocab)} tokens are there twice")
        missing = [token for token in (START, END, UNKNOWN, PADDING) if token not in self.vocab]
        if missing:
            raise ValueError(f"the vocabulary has no {', '.join(missing)}")

    @property
    def vocab_size(self) -> int:
        """The number of tokens, special ones included."""
        return len(self.tokens)

    def encode(self, text: str, most: int | None = None) -> list[int]:
        """Return the ids of `[CLS]`, the text and `[SEP]`, at most `most` of them.

        What is cut off is the end of the text. Raises ValueError for `most` below 2.
        """
        if most is not None and most < 2:
            raise ValueError(f"most is {most}; {START} and {END} alone are 2 tokens")
        pieces = self.split(text)[: None if most is None else most - 2]
        return [self.vocab[token] for token in (START, *pieces, END)]

    def split(self, text: str) -> list[str]:
        """Return the pieces of a text; raises TypeError for a text that is not a str."""
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, got {type(text).__name__}")
        return [piece for word in words(clean(text)) for piece in self.pieces(word)]

    def pieces(self, word: str) -> list[str]:
        """Cut a word into the longest known pieces, from the left; `[UNK]` where a rest is unknown."""
        if len(word) > LONGEST_WORD:
            return [UNKNOWN]
        pieces: list[str] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = word[start:end] if start == 0 else "##" + word[start:end]
                if piece in self.vocab:
                    break
            else:
                return [UNKNOWN]  # not even one character
            pieces.append(piece)
            start = end
        return pieces


def clean(text: str) -> str:
    """Return a text in lower case, without accents and control characters, Chinese set apart.

    >>> clean("Ça va?\\tNa\\u00efve \\u4f60\\u597d")
    'ca va? naive  你  好 '
    """
    spaced = "".join(_cleaned(character) for character in text)
    marks_apart = unicodedata.normalize("NFD", spaced)  # é becomes e and an accent
    letters = (mark for mark in marks_apart if unicodedata.category(mark) != "Mn")
    return "".join(letter.lower() for letter in letters)


def words(text: str) -> list[str]:
    """Split at spaces; a punctuation mark is a word of its own.

    >>> words("it's $5.")
    ['it', "'", 's', '$', '5', '.']
    """
    return "".join(f" {c} " if _is_punctuation(c) else c for c in text).split()


@cache
def _cleaned(character):
    if character in "\t\n\r":
        return " "
    if character == "\ufffd" or unicodedata.category(character) in INVISIBLE:
        return ""
    if character.isspace():
        return " "
    number = ord(character)
    if any(first <= number <= last for first, last in CHINESE):
        return f" {character} "
    return character


@cache
def _is_punctuation(character):
    """Every ASCII sign that is no letter or digit, such as `$`, and what Unicode calls so."""
    if "!" <= character <= "~":
        return not character.isalnum()
    return unicodedata.category(character).startswith("P")
