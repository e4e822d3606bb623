"""The turns of notebook 03: byte pair encoding, from counting pairs to GPT-2's vocabulary.

A token is a `bytes` object, a word is a tuple of tokens, and a merge is a pair of tokens.
"""

import functools
import inspect
import itertools
import sys
from collections import Counter
from itertools import pairwise

import regex

from classroom.turns.registry import Wrong, wrong
from classroom.turns.trial import shown
from classroom.turns.turn import Slow, Turns
from helpers.bpe.files import BYTE_TO_CHARACTER
from helpers.bpe.train import GPT2_SPLIT_PATTERN, count_pretokens
from helpers.texts import load_corpus
from helpers.tokenizer import END_OF_TEXT

TURNS = Turns("03")
your_turn = TURNS.your_turn

# The course's versions


def count_pairs(words):
    counts = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] += count
    return counts


def merge_pair(word, pair):
    merged, i = [], 0
    while i < len(word):
        found = word[i : i + 2] == pair
        merged.append(pair[0] + pair[1] if found else word[i])
        i += 2 if found else 1
    return tuple(merged)


def train_merges(pretoken_counts, n_merges):
    words = {
        tuple(bytes([value]) for value in pretoken.encode()): count
        for pretoken, count in pretoken_counts.items()
    }
    merges = []
    while len(merges) < n_merges and (counts := count_pairs(words)):
        merges.append(max(counts, key=lambda pair: (counts[pair], pair)))
        words = {merge_pair(word, merges[-1]): count for word, count in words.items()}
    return merges


def split_pretokens(text):
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return regex.findall(pattern, text)


def train_merges_fast(pretoken_counts, n_merges):
    words, counts, holders, merges = {}, Counter(), {}, []
    changes = {text: tuple(bytes([value]) for value in text.encode()) for text in pretoken_counts}
    while True:
        for text, new in changes.items():
            count = pretoken_counts[text]
            for word, change in ((words.get(text, ()), -count), (new, count)):
                for pair in pairwise(word):
                    counts[pair] += change
                    holders.setdefault(pair, set()).add(text)
            words[text] = new
        most = max(counts.values(), default=0)
        if most == 0 or len(merges) >= n_merges:
            return merges
        merges.append(max(pair for pair, count in counts.items() if count == most))
        changes = {text: merge_pair(words[text], merges[-1]) for text in holders.pop(merges[-1])}


def encode_word(word, ranks):
    tokens = tuple(bytes([value]) for value in word)
    while known := [pair for pair in pairwise(tokens) if pair in ranks]:
        tokens = merge_pair(tokens, min(known, key=ranks.get))
    return tokens


def split_at_special(text, special_tokens):
    if not special_tokens:
        return [text]
    names = sorted(special_tokens, key=len, reverse=True)
    return regex.split("(" + "|".join(map(regex.escape, names)) + ")", text)


class BytePairTokenizer:
    def __init__(self, merges, special_tokens=(), byte_order=range(256)):
        self.merges = list(merges)
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        tokens = [bytes([value]) for value in byte_order] + [a + b for a, b in merges]
        self.ids = {token: token_id for token_id, token in enumerate(tokens)}
        self.special_tokens = {name: len(tokens) + i for i, name in enumerate(special_tokens)}
        names = [name.encode() for name in special_tokens]
        self.vocab = dict(enumerate(tokens + names))

    def encode(self, text, allowed_special=()):
        token_ids, known = [], {}
        for i, part in enumerate(split_at_special(text, self.special_tokens)):
            if i % 2 == 0:
                for pretoken in split_pretokens(part):
                    if pretoken not in known:
                        tokens = encode_word(pretoken.encode(), self.ranks)
                        known[pretoken] = [self.ids[token] for token in tokens]
                    token_ids += known[pretoken]
            elif part in allowed_special:
                token_ids.append(self.special_tokens[part])
            else:
                raise ValueError(f"{part} is a special token; name it in allowed_special")
        return token_ids

    def decode(self, token_ids):
        return b"".join(self.vocab[i] for i in token_ids).decode("utf-8", errors="replace")

    @classmethod
    def train(cls, text, vocab_size, special_tokens=("<|endoftext|>",)):
        counts = Counter()
        for part in split_at_special(text, special_tokens)[::2]:
            counts.update(split_pretokens(part))
        merges = train_merges_fast(counts, vocab_size - 256 - len(special_tokens))
        return cls(merges, special_tokens)


def byte_characters():
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [value for value in range(256) if value not in shown]
    characters = {chr(value): value for value in shown}
    return characters | {chr(256 + i): value for i, value in enumerate(hidden)}


def read_merges(text):
    values = byte_characters()
    merges = []
    for line in text.splitlines():
        if line and not line.startswith("#version"):
            left, right = line.split(" ")
            merges.append((bytes(values[c] for c in left), bytes(values[c] for c in right)))
    return merges


# The checks


def _letters(word):
    return tuple(bytes([value]) for value in word)


_WORDS = {_letters(b"low"): 5, _letters(b"lower"): 2}
_MERGES = [(b"w", b"e"), (b"l", b"o"), (b"we", b"s"), (b"wes", b"t"), (b"lo", b"w")]


def _both(counts, message):
    """A typical mistake, as the dictionary and as the Counter that it may be."""
    return [(counts, message), (Counter(counts), message)]


@TURNS.turn(count_pairs)
def check_count_pairs(trial):
    lo, ow, we, er = pairwise(_letters(b"lower"))
    across = (b"w", b"l")
    trial.equal(
        _WORDS,
        gives={lo: 7, ow: 7, we: 2, er: 2},
        why="each pair counts as often as its word occurs",
        mistakes=[
            *_both(
                {lo: 2, ow: 2, we: 1, er: 1}, "each word is counted once; add its count, 5 or 2"
            ),
            *_both(
                {lo: 7, ow: 7, across: 5, we: 2, er: 2, (b"r", b"l"): 1},
                "w and l are neighbors only across two words",
            ),
            *_both(
                {lo: 2, ow: 2, we: 2, er: 2},
                "the count of a later word replaces an earlier one; add them up",
            ),
        ],
    )
    a = b"a"
    trial.equal(
        {(a, a, a): 4},
        gives={(a, a): 8},
        why="aaa holds the pair a a at two positions, and each counts",
    )
    trial.equal(
        {(b"lo", b"we", b"r"): 3},
        gives={(b"lo", b"we"): 3, (b"we", b"r"): 3},
        why="a token may have several bytes; the neighbors are tokens, not bytes",
    )
    trial.equal({(a,): 9, (): 1}, gives={}, why="a single token has no neighbor")


@TURNS.turn(merge_pair)
def check_merge_pair(trial):
    trial.equal(
        _letters(b"lowest"),
        (b"w", b"e"),
        gives=(b"l", b"o", b"we", b"s", b"t"),
        why="w and e become the one token we",
        mistakes=[
            ((b"l", b"o", b"we", b"e", b"s", b"t"), "the e is still there; skip both tokens"),
            ((b"l", b"o", (b"w", b"e"), b"s", b"t"), "join the two tokens with +"),
            (_letters(b"lowest"), "nothing was merged; a slice of a tuple is a tuple"),
            ([b"l", b"o", b"we", b"s", b"t"], "make it a tuple, so that it can be a key"),
        ],
    )
    trial.equal(
        (b"a", b"b", b"a", b"b"),
        (b"a", b"b"),
        gives=(b"ab", b"ab"),
        why="the pair is replaced wherever it occurs, not only once",
    )
    a = b"a"
    trial.equal(
        (a, a, a),
        (a, a),
        gives=(b"aa", a),
        why="of pairs that overlap, the left one is merged",
        mistakes=[
            ((b"aa", b"aa"), "the a in the middle was used twice"),
            ((b"aaa",), "the new token must not be merged again"),
        ],
    )
    trial.equal(
        (b"a", b"bc", b"abc"),
        (b"ab", b"c"),
        gives=(b"a", b"bc", b"abc"),
        why="the pair is the two tokens ab and c; a and bc have the same letters only",
    )
    trial.equal((b"e", b"w"), (b"w", b"e"), gives=(b"e", b"w"), why="the order of a pair matters")
    trial.equal((), (a, a), gives=(), why="an empty word stays empty")


@TURNS.turn(train_merges)
def check_train_merges(trial):
    _check_training(trial)


def _check_training(trial):
    counts = {"low": 5, "lower": 2, "newest": 6}
    trial.equal(
        counts,
        2,
        gives=[(b"w", b"e"), (b"l", b"o")],
        why="w e occurs 2 + 6 = 8 times, and then l o occurs 7 times",
        mistakes=[
            ([b"we", b"lo"], "give each merge as its pair of tokens"),
            ([(b"w", b"e"), (b"w", b"e")], "the words were not replaced by the merged ones"),
            ([(b"w", b"e"), (b"o", b"w")], "the w of lower was used by the first merge"),
            ([("w", "e"), ("l", "o")], "tokens are bytes; begin with pretoken.encode()"),
        ],
    )
    trial.equal(
        counts,
        4,
        gives=_MERGES[:4],
        why="of pairs that are equally frequent, the greater one is next, so we s comes before s t",
    )
    try:
        trial.call({"ab": 2}, 2)
    except Wrong as stopped:
        wrong(f"{stopped}; after one merge each word is one token and no pair is left: stop there")
    trial.equal(
        {"low": 5, "newest": 6},
        12,
        gives=[
            (b"w", b"e"),
            (b"we", b"s"),
            (b"wes", b"t"),
            (b"n", b"e"),
            (b"ne", b"west"),
            (b"o", b"w"),
            (b"l", b"ow"),
        ],
        why="after 7 merges each word is one token and no pair is left, so training stops",
    )
    trial.equal({"ab": 1}, 3, gives=[(b"a", b"b")], why="a pair that occurs once is merged, too")
    trial.equal(counts, 0, gives=[], why="with 0 merges nothing is learned")
    trial.equal({}, 3, gives=[], why="without words there is nothing to merge")
    trial.equal(
        {"é": 3, "e": 9},
        1,
        gives=[(b"\xc3", b"\xa9")],
        why="é is two bytes in UTF-8, so it is a pair",
    )
    trial.equal(
        {"ab": 5, "aab": 5, "aaaa": 5},
        3,
        gives=[(b"a", b"a"), (b"aa", b"b"), (b"aa", b"aa")],
        why="a pair counts at every position, and overlapping ones are merged from the left",
    )
    trial.that(
        counts == {"low": 5, "lower": 2, "newest": 6},
        "it changes the counts that it is given; make new ones",
    )


@TURNS.turn(split_pretokens)
def check_split_pretokens(trial):
    trial.equal(
        "the old dog",
        gives=["the", " old", " dog"],
        why="a space goes with the word after it",
        mistakes=[
            (["the", "old", "dog"], "the spaces are gone; nothing may be lost"),
            (["the", " ", "old", " ", "dog"], "a space goes with the word after it"),
            (["the ", "old ", "dog"], "a space goes with the word after it, not before"),
        ],
    )
    for text, gives, why in (
        ("can't we'll", ["can", "'t", " we", "'ll"], "'t and 'll are pre-tokens of their own"),
        ("I'd I'm it's", ["I", "'d", " I", "'m", " it", "'s"], "'d, 'm and 's are endings"),
        ("I've we're", ["I", "'ve", " we", "'re"], "'ve and 're are endings"),
        ("CAN'T", ["CAN", "'", "T"], "GPT-2 knows the endings only in small letters"),
        ("'tis", ["'t", "is"], "the endings are taken first, wherever they occur"),
        ("in 1922", ["in", " 1922"], "digits are one run, with a space before them"),
        ("mp3s", ["mp", "3", "s"], "letters and digits never share a pre-token"),
        ("wait-- (no)!", ["wait", "--", " (", "no", ")!"], "other signs are one run"),
        (
            "naïve ٣½ 語",
            ["naïve", " ٣½", " 語"],
            "letters and numbers of all scripts count: \\p{L}, \\p{N}",
        ),
        ("a   b", ["a", "  ", " b"], "of several spaces the last goes with the word"),
        ("a\n\n b", ["a", "\n\n", " b"], "of white space the last character goes with the word"),
        ("a\n\nb", ["a", "\n", "\n", "b"], "the last line break is left over for the last rule"),
        ("a  ", ["a", "  "], "white space at the end is one piece"),
        ("", [], "an empty text has no pre-tokens"),
    ):
        trial.equal(text, gives=gives, why=why)
    text = "Mr. Teague's 24 letters--  you can't\tcarry_them!\r\n '42x' \u3000e\u0301"
    found = trial.call(text)
    trial.that(
        found == regex.findall(GPT2_SPLIT_PATTERN, text),
        f"{text!r} is split as {shown(found)}; GPT-2 splits it otherwise",
    )


@functools.cache
def _story_counts():
    return dict(count_pretokens([load_corpus("story")], n_processes=1))


def _all_merges_of_the_story(version):
    return version(dict(_story_counts()), 5_000)


class _TooManySteps(BaseException):
    """The steps that were allowed are over; no `except Exception` catches it."""


def _steps(work, most=10**9):
    """How many lines of Python a call runs, and one more than `most` where it runs more."""
    count, before = 0, sys.gettrace()

    def step(frame, event, argument):
        nonlocal count
        count += 1
        if count > most:
            raise _TooManySteps
        return step

    sys.settrace(step)
    try:
        work()
    except _TooManySteps:
        pass
    finally:
        sys.settrace(before)
    return count


def _check_visits(trial):
    """Twenty rounds whose merges change four of many words must not go through all of them."""
    words = {"".join(letters): 1 for letters in itertools.product("abc", repeat=7)}
    most = 20 * len(words) // 2
    words |= dict.fromkeys(("klmnopqr", "stuvwxyz", "zxvtrpnl", "ywusqomk"), 10**6)
    start = _steps(lambda: trial.call(words, 1))
    trial.that(
        _steps(lambda: trial.call(words, 21), start + most) <= start + most,
        f"20 merges that change only 4 of {len(words):,} words take as many steps as going through "
        "all of them in each round: visit only the words that hold the pair",
    )


@TURNS.turn(
    train_merges_fast,
    slow=Slow(
        _all_merges_of_the_story,
        "visit only the words that hold the pair, and keep the counts of the others",
        times=5,
        seconds=0.5,
    ),
)
def check_train_merges_fast(trial):
    _check_training(trial)
    _story_counts()  # made now, so that it is not timed
    pretokens = count_pretokens(["the whole shop smelled of the shop's ink, aaaaaaa banana"])
    trial.equal(
        dict(pretokens),
        40,
        gives=train_merges(pretokens, 40),
        why="the merges must be exactly those of train_merges",
    )
    _check_visits(trial)


@TURNS.turn(encode_word)
def check_encode_word(trial):
    ranks = {pair: rank for rank, pair in enumerate(_MERGES)}
    trial.equal(
        b"lowest",
        ranks,
        gives=(b"lo", b"west"),
        why="w e was learned first, so it goes first, and low can no longer be made",
        mistakes=[
            (
                (b"low", b"e", b"s", b"t"),
                "low was made first, but w e has the lowest rank, so it goes before anything else",
            ),
            (_letters(b"lowest"), "nothing was merged"),
            ((b"l", b"o", b"we", b"s", b"t"), "go on until no pair is known"),
            ([b"lo", b"west"], "make it a tuple, like merge_pair"),
        ],
    )
    trial.equal(b"low", ranks, gives=(b"low",), why="lo and w are a known pair, too")
    trial.equal(
        b"wewe",
        {(b"w", b"e"): 0, (b"we", b"we"): 1},
        gives=(b"wewe",),
        why="a merge may join two merged tokens",
    )
    trial.equal(
        b"abc",
        {(b"a", b"b"): 7, (b"b", b"c"): 3},
        gives=(b"a", b"bc"),
        why="the rank decides, not the order in the dictionary",
    )
    trial.equal(b"xyz", ranks, gives=(b"x", b"y", b"z"), why="unknown pairs stay single bytes")
    trial.equal("é".encode(), {}, gives=(b"\xc3", b"\xa9"), why="the smallest tokens are bytes")
    trial.equal(b"", ranks, gives=(), why="an empty word has no tokens")


@TURNS.turn(split_at_special)
def check_split_at_special(trial):
    end = END_OF_TEXT
    trial.equal(
        f"one{end} two",
        [end],
        gives=["one", end, " two"],
        why="the special token is one piece, and the text around it stays as it is",
        mistakes=[
            (["one", " two"], "the special token is gone; a group in the pattern keeps it"),
            ([f"one{end} two"], "nothing was cut"),
            (["one", end, "two"], "the space is gone; the text must stay as it is"),
        ],
    )
    trial.equal(
        f"{end}{end}",
        [end],
        gives=["", end, "", end, ""],
        why="every second piece is special, so empty texts stay in the list",
        mistakes=[([end, end], "every second piece is special, so empty texts stay in the list")],
    )
    trial.equal(
        "a[E]b|c.d",
        ["[E]", "."],
        gives=["a", "[E]", "b|c", ".", "d"],
        why="a special token is taken literally, whatever its characters mean in a pattern",
    )
    trial.equal(
        "a<x><x>y",
        ["<x>", "<x><x>"],
        gives=["a", "<x><x>", "y"],
        why="where two special tokens begin at one position, the longer one wins",
    )
    trial.equal("a b", [], gives=["a b"], why="without special tokens the text is one piece")
    trial.equal("ab", {end: 256}, gives=["ab"], why="a dictionary of names will do as well")
    trial.equal("", [end], gives=[""], why="an empty text is one empty piece")


def _tokenizer(trial, *arguments):
    return trial.call(*arguments, name="BytePairTokenizer")


@TURNS.turn(BytePairTokenizer)
def check_byte_pair_tokenizer(trial):
    tokenizer = _tokenizer(trial, _MERGES[:3], (END_OF_TEXT,))
    _check_attributes(trial, tokenizer)
    _check_decode(trial, tokenizer)
    other = _tokenizer(trial, [(b"a", b"b")], ("<a>", "<b>"), [*range(255, -1, -1)])
    trial.that(
        other.vocab[0] == b"\xff" and other.ids.get(b"a") == 158,
        "the byte with id 0 is the first of byte_order, and so on",
    )
    trial.that(
        other.special_tokens == {"<a>": 257, "<b>": 258},
        "several special tokens get the next ids, in the order given",
    )
    trial.that(tokenizer.vocab[256] == b"we", "a second tokenizer must not change the first")
    plain = _tokenizer(trial, [])
    trial.that(
        len(plain.vocab) == 256 and plain.special_tokens == {},
        "BytePairTokenizer([]) has the 256 bytes and no special token",
    )


def _check_attributes(trial, tokenizer):
    for name in ("vocab", "ids", "merges", "ranks", "special_tokens"):
        trial.that(hasattr(tokenizer, name), f"the tokenizer has no {name}: set self.{name}")
    vocab = tokenizer.vocab
    trial.that(isinstance(vocab, dict), "tokenizer.vocab should be a dictionary, from id to bytes")
    for token_id, token, why in (
        (104, b"h", "ids 0 to 255 are the bytes"),
        (256, b"we", "the first merge makes token 256"),
        (258, b"wes", "each merge makes the next id"),
        (259, END_OF_TEXT.encode(), "special tokens come after the merges, as bytes"),
    ):
        found = vocab.get(token_id)
        trial.that(
            found == token,
            f"tokenizer.vocab[{token_id}] is {shown(found)}, and should be {token}: {why}",
        )
    trial.that(len(vocab) == 260, f"vocab has {len(vocab)} tokens, and should have 256 + 3 + 1")
    for name, right, why in (
        ("merges", _MERGES[:3], "the merges, in order"),
        ("ranks", {pair: i for i, pair in enumerate(_MERGES[:3])}, "the first merge has rank 0"),
        ("special_tokens", {END_OF_TEXT: 259}, "the id of each special token"),
    ):
        found = getattr(tokenizer, name)
        if name == "merges" and isinstance(found, tuple):
            found = list(found)
        trial.that(
            found == right,
            f"tokenizer.{name} is {shown(found)}, and should be {shown(right)}: {why}",
        )
    found = tokenizer.ids
    right = {vocab[i]: i for i in range(259)}
    if isinstance(found, dict) and END_OF_TEXT.encode() in found:
        wrong("tokenizer.ids holds the special token; it is for the tokens of plain text")
    trial.that(found == right, f"tokenizer.ids is {shown(found)}, and should map tokens to ids")


def _check_decode(trial, tokenizer):
    back = {"function": tokenizer.decode, "name": "tokenizer.decode"}
    trial.equal([108, 111, 258], gives="lowes", why="the tokens' bytes are joined", **back)
    trial.equal([259, 104], gives=f"{END_OF_TEXT}h", why="a special token is its name", **back)
    pieces = list("語".encode())
    trial.equal(
        [97, *pieces],
        gives="a語",
        why="one character may be split across several tokens: join the bytes first, then decode",
        mistakes=[("a\ufffd\ufffd\ufffd", "join the bytes of all tokens first, then decode")],
        **back,
    )
    trial.equal(
        pieces[:2],
        gives="\ufffd",
        why="half a character is shown as the replacement character, and is no error",
        **back,
    )
    trial.equal([98, 255, 98], gives="b\ufffdb", why="a byte that is not UTF-8 is replaced", **back)
    trial.equal([], gives="", why="no ids are an empty text", **back)


@TURNS.turn(BytePairTokenizer.encode, of="BytePairTokenizer")
def check_encode(trial):
    tokenizer = _tokenizer(trial, _MERGES, (END_OF_TEXT, "<|user|>"))
    here = {"function": tokenizer.encode, "name": "tokenizer.encode"}
    trial.equal(
        "lowest",
        gives=[257, 259],
        why="the word is merged by rank, and each token replaced by its id",
        mistakes=[
            ([b"lo", b"west"], "these are the tokens; look up their ids"),
            ([108, 111, 119, 101, 115, 116], "these are the bytes; merge them with encode_word"),
        ],
        **here,
    )
    trial.equal(
        "low low",
        gives=[260, 32, 260],
        why="the space belongs to the second word and is a byte of its own here",
        **here,
    )
    trial.equal("é", gives=[195, 169], why="text becomes UTF-8 bytes first", **here)
    crossing = _tokenizer(trial, [(b"e", b" ")], ())
    trial.equal(
        "e e",
        gives=[101, 32, 101],
        why="no merge crosses the border of two pre-tokens: split first",
        function=crossing.encode,
        name="tokenizer.encode",
    )
    _check_special(trial, tokenizer, here)
    trial.equal("", gives=[], why="an empty text has no ids", **here)
    swapped = _tokenizer(trial, [(b"a", b"b")], (), [*range(255, -1, -1)])
    trial.equal(
        "abc",
        gives=[256, 156],
        why="the id of a byte is what tokenizer.ids says",
        function=swapped.encode,
        name="tokenizer.encode",
    )


def _check_special(trial, tokenizer, here):
    text = f"low{END_OF_TEXT}low"
    trial.checks += 1
    try:
        found = tokenizer.encode(text)
        wrong(
            f"tokenizer.encode({text!r}) gives {shown(found)}, and should stop with ValueError: "
            "a special token in a user's text must not pass unseen"
        )
    except ValueError:
        pass
    trial.equal(
        text,
        {END_OF_TEXT},
        gives=[260, 261, 260],
        why="a special token that is allowed is one id",
        **here,
    )
    trial.checks += 1
    try:
        found = tokenizer.encode(f"low{END_OF_TEXT}<|user|>", ["<|user|>"])
        wrong(f"one special token is allowed and another is not, yet it gives {shown(found)}")
    except ValueError:
        pass
    trial.equal("<|user|>", ["<|user|>"], gives=[262], why="special_tokens has its id", **here)


@TURNS.turn(BytePairTokenizer.__dict__["train"], of="BytePairTokenizer")
def check_train(trial):
    if not isinstance(inspect.getattr_static(trial.attempt, "train"), classmethod):
        wrong("put @classmethod between @your_turn(...) and def train")

    def train(*arguments):
        return trial.call(*arguments, function=trial.attempt.train, name="BytePairTokenizer.train")

    text = "low low low low low lower lower newest newest newest newest newest newest"
    tokenizer = train(text, 259, ())
    trial.that(tokenizer is not None, "train returned None: is there a return?")
    trial.that(
        isinstance(tokenizer, trial.attempt),
        f"train gives {shown(tokenizer, 60)}, and should give a tokenizer: return cls(...)",
    )
    right = train_merges({"low": 1, " low": 4, " lower": 2, " newest": 6}, 3)
    trial.that(
        tokenizer.merges == right,
        f"it learned {shown(tokenizer.merges)}, and should learn {shown(right)} from the "
        "pre-tokens of 'low low ... newest' for a vocabulary of 259",
    )
    tokenizer = train("a b a b a b", 257, ())
    trial.that(
        tokenizer.merges == [(b" ", b"b")],
        f"no merge crosses two pre-tokens, so the space and b are merged first, not "
        f"{shown(tokenizer.merges)}",
    )
    tokenizer = train(text, 260)
    trial.that(
        tokenizer.special_tokens == {END_OF_TEXT: 259} and len(tokenizer.vocab) == 260,
        f"vocab_size counts the special tokens, too: 256 bytes, 3 merges and {END_OF_TEXT} make "
        f"260, yours has {len(tokenizer.vocab)}",
    )
    tokenizer = train(f"ab{END_OF_TEXT}ab{END_OF_TEXT}xy", 258)
    trial.that(
        tokenizer.merges == [(b"a", b"b")],
        f"special tokens in the text are left out, so a b is the most frequent pair, not "
        f"{shown(tokenizer.merges)}",
    )
    tokenizer = train(f"a{END_OF_TEXT}b", 258)
    trial.that(
        tokenizer.merges == [],
        "a special token separates what is around it: a and b are no neighbors in "
        f"{f'a{END_OF_TEXT}b'!r}, and there is nothing to merge",
    )
    tokenizer = train("ab", 1000, ())
    trial.that(len(tokenizer.vocab) == 257, "a small text runs out of pairs, and that is no error")
    trial.that(train("", 256, ()).merges == [], "an empty text has no merges")


@TURNS.turn(byte_characters)
def check_byte_characters(trial):
    found = trial.call()
    trial.that(found is not None, "byte_characters() returned None: is there a return?")
    right = {character: value for value, character in enumerate(BYTE_TO_CHARACTER)}
    if isinstance(found, dict) and found == {value: key for key, value in right.items()}:
        wrong("it is the wrong way around: from characters to bytes")
    trial.that(
        isinstance(found, dict) and len(found) == 256,
        "it should give a dictionary with one character for each of the 256 bytes",
    )
    for character, value, why in (
        ("a", 97, "a visible character stands for its own byte"),
        ("é", 233, "so does a visible character of Latin-1"),
        ("\u0100", 0, "byte 0 is not visible; it is the first to get a character from U+0100 on"),
        ("Ġ", 32, "the space is the 33rd byte that is not visible, U+0120"),
        ("\u0143", 173, "the soft hyphen, byte 173, is the last that is not visible"),
    ):
        trial.that(
            found.get(character) == value,
            f"{character!r} stands for {found.get(character)}, and should stand for {value}: {why}",
        )
    trial.that(
        list(found.values())[:2] == [33, 34] and list(found.values())[188] == 0,
        "the order matters, for it is that of GPT-2's ids: first the visible bytes, from '!' on, "
        "then the others",
    )
    trial.that(found == right, "some of the 256 characters stand for other bytes in GPT-2")
    trial.that(list(found.values())[-1] == 173, "each of the two groups is in rising order")


@TURNS.turn(read_merges)
def check_read_merges(trial):
    trial.equal(
        "#version: 0.2\nĠ t\nĠ a\n",
        gives=[(b" ", b"t"), (b" ", b"a")],
        why="each line is a pair, and Ġ stands for the space",
        mistakes=[
            ([("Ġ", "t"), ("Ġ", "a")], "turn the characters into bytes with byte_characters()"),
            (
                [("Ġ".encode(), b"t"), ("Ġ".encode(), b"a")],
                "Ġ stands for one byte; look it up with byte_characters()",
            ),
        ],
    )
    trial.equal(
        "#version: 0.2\n# #\n## ##\n",
        gives=[(b"#", b"#"), (b"##", b"##")],
        why="only the line that begins with #version is no merge; GPT-2 has merges of #",
    )
    trial.equal("Ã ©\nĠt he\n", gives=[("é".encode()[:1], "é".encode()[1:]), (b" t", b"he")],
                why="a file without the first line has merges from its first line on, and a "
                "token may have several characters")  # fmt: skip
    trial.equal("", gives=[], why="an empty file has no merges")
