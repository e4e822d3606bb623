"""The texts of the course's GPT as its training reads them: a tokenizer, and rows of tokens.

Every document begins a row of its own, so that it is met at the same positions as later, when the
model is asked.
"""

import random
import re

from helpers.bpe import BPETokenizer
from helpers.texts.documents import DocumentLoader
from helpers.tokenizer import END_OF_TEXT

# GPT-2's pattern with three changes. Digits stand alone, the marks of a chat stay whole, and the
# endings s, ed and ing come off: so a plural that was never read can be built.
SPLIT_PATTERN = (
    r"<\|\w+\|>|'(?:[sdmt]|ll|ve|re)"
    r"| ?\p{L}{3,}?(?=(?:(?<=ch|sh|x|ss)es|(?<![suix])s|ed|ing)\b)|(?:es|s|ed|ing)\b"
    r"| ?\p{L}+| ?\p{N}| ?(?:(?!<\|\w+\|>)[^\s\p{L}\p{N}])+|\s+(?!\S)|\s+"
)
CHAT_MARKS = ("<|user|>", "<|end|>", "<|assistant|>")
BATCH_TOKENS = 6144  # places in a batch, padding included
WHOLE_EVERY = 4  # of the tasks, one in so many is scored whole
CUT = "\x00"  # in no text that anybody types
CUT_SHARE = 0.1  # of the words in a typed text are read in two pieces, cut by chance
FIRST_EVERY = 4  # of what is asked and answered, one in so many is read before all other texts


def prepare(sources, shape, batch_size):
    """Train the tokenizer and encode everything.

    Returns (tokenizer, training loader, held-out loader). Every document begins a row of its own;
    what is longer than the context goes on in the next row. Each source is read `times` times.
    """
    sample = [text for source in sources.values() for text in source.training[:8000]]
    sample += [*CHAT_MARKS] * 1000  # often enough to become tokens, which fine-tuning will need
    tokenizer = BPETokenizer.train(sample, shape.vocab_size, (END_OF_TEXT,), pattern=SPLIT_PATTERN)
    training, held_out, limit = [], [], shape.context_length
    for source in sources.values():
        training += _rows(tokenizer, source, source.training * source.times, limit)
        held_out += _rows(tokenizer, source, source.held_out, limit)
    random.Random(0).shuffle(held_out)
    options = {"batch_size": batch_size, "batch_tokens": BATCH_TOKENS, "round_to": 16}
    end_id = tokenizer.special_tokens[END_OF_TEXT]
    return tokenizer, *(
        DocumentLoader(ids, end_id, scored=scored, first=first, shuffle=rows is training, **options)
        for rows in (training, held_out)
        for ids, scored, first in [zip(*rows, strict=True)]
    )


def _rows(tokenizer, source, texts, context_length):
    """(token ids, scored, first) of each row; a text that goes on in the next has no end to score.

    Of tasks only the answers are scored, but for one text in `WHOLE_EVERY`: what is asked about is
    drawn by chance, and little can be learned from guessing it. A share of them comes first: to copy
    and to add are learned soon where nothing else is, and are of use for the rest.
    """
    rows, rng = [], random.Random(0)
    for number, text in enumerate(texts):
        parts = [(text, True)]
        if source.is_typed:
            parts = [(cut_words(text, rng), True)]
        if source.asks and (source.by_chance or number % WHOLE_EVERY):
            parts = _asked_and_answered(text)
        encoded = [(encode_pieces(tokenizer, part), counts) for part, counts in parts]
        ids = [token for part, _ in encoded for token in part]
        marks = [counts for part, counts in encoded for _ in part]
        for start in range(0, len(ids), context_length - 1):
            stop = min(start + context_length - 1, len(ids))
            first = source.asks and number % FIRST_EVERY == 1
            rows.append((ids[start:stop], [*marks[start:stop], stop == len(ids)], first))
    return rows


def cut_words(text, rng, share=CUT_SHARE):
    """The text with a mark in some words of three or more letters, at which `encode_pieces` cuts them.

    A typo cuts a word into tokens that the model has not met together; so that it can read them, it
    meets words in pieces while it learns. Source: Provilkov et al. 2020 (BPE-dropout), simplified.

    >>> cut_words("what is attention", random.Random(4), share=0.5).split(CUT)
    ['w', 'hat is attention']
    """

    def cut(word):
        place = rng.randrange(1, len(word[0])) if rng.random() < share else 0
        return word[0][:place] + CUT * bool(place) + word[0][place:]

    return re.sub(r"[^\W\d_]{3,}", cut, text)


def encode_pieces(tokenizer, text):
    """The token ids of a text; what stands before and behind a mark of `cut_words` shares no token."""
    return [token for piece in text.split(CUT) for token in tokenizer.encode_ordinary(piece)]


def _asked_and_answered(text):
    """The parts of a text of tasks, and whether they are scored: the last line of each block is.

    >>> _asked_and_answered(" Add up.\\n 1 + 2\\n 3\\n\\n Name a color.\\n red")[:2]
    [(' Add up.\\n 1 + 2\\n', False), (' 3\\n\\n', True)]
    """
    blocks = text.split("\n\n")
    ends = ["\n\n"] * (len(blocks) - 1) + [""]
    cut = [block.rpartition("\n") for block in blocks]
    return [
        part
        for (asked, line_end, answer), end in zip(cut, ends, strict=True)
        for part in ((asked + line_end, False), (answer + end, True))
    ]
