"""The turns of notebook 02: a word tokenizer, from splitting to the whole class."""

import re

from classroom.turns.turn import Turns
from helpers.tokenizer import END_OF_TEXT, UNKNOWN

TURNS = Turns("02")
your_turn = TURNS.your_turn

# The course's versions


def text_to_tokens(text):
    pieces = re.split(r'([,.:;?_!"()\']|--|\s)', text)
    return [piece for piece in pieces if piece.strip()]


def build_vocabulary(tokens):
    return {token: token_id for token_id, token in enumerate(sorted(set(tokens)))}


def encode(text, vocabulary):
    return [vocabulary[token] for token in text_to_tokens(text)]


def decode(token_ids, vocabulary):
    tokens = {token_id: token for token, token_id in vocabulary.items()}
    text = " ".join(tokens[token_id] for token_id in token_ids)
    return re.sub(r" ([,.:;?!)])", r"\1", text)


def add_special_tokens(vocabulary, special_tokens):
    extended = dict(vocabulary)
    for token in special_tokens:
        extended.setdefault(token, len(extended))
    return extended


def encode_known(text, vocabulary):
    unknown = vocabulary["<|unk|>"]
    return [vocabulary.get(token, unknown) for token in text_to_tokens(text)]


def split_around(text, special_tokens):
    pattern = "|".join(re.escape(token) for token in special_tokens)
    tokens = []
    for part in re.split(f"({pattern})", text):
        tokens += [part] if part in special_tokens else text_to_tokens(part)
    return tokens


class Tokenizer:
    def __init__(self, text, special_tokens):
        self.special_tokens = special_tokens
        words = build_vocabulary(text_to_tokens(text))
        self.vocabulary = add_special_tokens(words, special_tokens)

    def encode(self, text):
        unknown = self.vocabulary["<|unk|>"]
        tokens = split_around(text, self.special_tokens)
        return [self.vocabulary.get(token, unknown) for token in tokens]

    def decode(self, token_ids):
        return decode(token_ids, self.vocabulary)


# The checks


@TURNS.turn(text_to_tokens)
def check_text_to_tokens(trial):
    trial.equal(
        "Hello, world.",
        gives=["Hello", ",", "world", "."],
        why="a word with a mark attached would get an id of its own",
        mistakes=[
            (["Hello,", "world."], "cut at the punctuation too, not only at spaces"),
            (["Hello", "world"], "the marks are gone; round brackets in the pattern keep them"),
            (["Hello", ",", " ", "world", "."], "drop the spaces, with piece.strip()"),
            (["Hello", ",", "", " ", "world", ".", ""], "drop what is empty or only a space"),
            (["Hello", ",", "", "world", ".", ""], "an empty piece is no token; drop it"),
        ],
    )
    trial.equal(
        "this-- a",
        gives=["this", "--", "a"],
        why="the double dash is one token, and a mark of its own",
    )
    trial.equal(
        "a well-known word",
        gives=["a", "well-known", "word"],
        why="a single hyphen belongs to its word; only the double dash is a mark",
    )
    for mark in ",.:;?_!\"()'":
        trial.equal(
            f"to{mark}be",
            gives=["to", mark, "be"],
            why=f"the mark {mark} is a token of its own",
        )
    trial.equal(
        "one\n\ttwo  three",
        gives=["one", "two", "three"],
        why="line breaks and tabs separate words as spaces do",
    )
    trial.equal("naïve 7 %", gives=["naïve", "7", "%"], why="no other character may be lost")
    trial.equal(
        "known[word] 50%",
        gives=["known[word]", "50%"],
        why="only the marks of the list are cut off; any other character stays in its word",
    )
    trial.equal("", gives=[], why="an empty text has no tokens")


@TURNS.turn(build_vocabulary)
def check_build_vocabulary(trial):
    trial.equal(
        ["the", "dog", "saw", "the", "fox"],
        gives={"dog": 0, "fox": 1, "saw": 2, "the": 3},
        why="the sorted distinct tokens are numbered from 0",
        mistakes=[
            ({"dog": 1, "fox": 2, "saw": 3, "the": 4}, "the first id is 0, the first row"),
            ({0: "dog", 1: "fox", 2: "saw", 3: "the"}, "it is the wrong way around: token to id"),
            (
                {"the": 0, "dog": 1, "saw": 2, "fox": 3},
                "sort them, so the order is always the same",
            ),
            ({"dog": 0, "fox": 1, "saw": 2, "the": 4}, "an id is missing; take each token once"),
            (["dog", "fox", "saw", "the"], "this is the list; number it"),
        ],
    )
    trial.equal(
        ["the", "The", "!", "10"],
        gives={"!": 0, "10": 1, "The": 2, "the": 3},
        why="'The' and 'the' are two tokens, sorted as Python sorts strings",
    )
    trial.equal([], gives={}, why="without tokens there is nothing to number")
    tokens = ["b", "a", "b"]
    trial.call(tokens)
    trial.that(tokens == ["b", "a", "b"], "it changes the list it is given; make a new one")


_SMALL = {",": 0, ".": 1, "The": 2, "dog": 3, "fox": 4, "saw": 5, "the": 6}


@TURNS.turn(encode)
def check_encode(trial):
    trial.equal(
        "The fox saw the dog.",
        _SMALL,
        gives=[2, 4, 5, 6, 3, 1],
        why="each token of the text is replaced by its id, in order",
        mistakes=[
            ([2, 4, 5, 6], "'dog.' was not split; cut with text_to_tokens, not at spaces"),
            ([1, 2, 3, 4, 5, 6], "the order of the text is lost: look up the tokens one by one"),
            (["The", "fox", "saw", "the", "dog", "."], "these are the tokens; look up their ids"),
        ],
    )
    trial.equal("dog, dog", _SMALL, gives=[3, 0, 3], why="a token that occurs twice has two ids")
    trial.equal("a", {"a": 41}, gives=[41], why="the id is what the vocabulary says")
    trial.equal("", _SMALL, gives=[], why="an empty text has no ids")
    trial.raises(KeyError, "The cat", _SMALL, why="a word without an id must not vanish silently")


@TURNS.turn(decode)
def check_decode(trial):
    trial.equal(
        [2, 4, 5, 6, 3],
        _SMALL,
        gives="The fox saw the dog",
        why="the tokens come back, joined with spaces",
        mistakes=[
            ("Thefoxsawthedog", "join with a space between the words"),
            (["The", "fox", "saw", "the", "dog"], "join the tokens to one text"),
        ],
    )
    trial.equal(
        [6, 3, 0, 6, 4, 1],
        _SMALL,
        gives="the dog, the fox.",
        why="English puts no space before a comma or period",
        mistakes=[("the dog , the fox .", "remove the space before a mark, with re.sub")],
    )
    marks = {mark: token_id for token_id, mark in enumerate(",.:;?!)")} | {"so": 7}
    for mark, token_id in list(marks.items())[:-1]:
        trial.equal([7, token_id], marks, gives=f"so{mark}", why=f"no space before {mark}")
    trial.equal([1, 0], {"a": 0, "b": 1}, gives="b a", why="the ids decide the order")
    trial.equal([9, 2], {"x": 2, "y": 9}, gives="y x", why="the id is what the vocabulary says")
    trial.equal(
        [0, 1, 0], {"(": 0, "--": 1}, gives="( -- (", why="other tokens keep their spaces here"
    )
    for mark in "\"'_":
        trial.equal(
            [1, 0, 1, 0, 1],
            {mark: 0, "so": 1},
            gives=f"so {mark} so {mark} so",
            why=f"the mark {mark} keeps its spaces here",
        )
    trial.equal([], _SMALL, gives="", why="no ids are an empty text")


@TURNS.turn(add_special_tokens)
def check_add_special_tokens(trial):
    words, both = {"a": 0, "b": 1}, [END_OF_TEXT, UNKNOWN]
    trial.equal(
        words,
        both,
        gives={"a": 0, "b": 1, END_OF_TEXT: 2, UNKNOWN: 3},
        why="the special tokens get the next free ids, in the order given",
        mistakes=[
            ({"a": 0, "b": 1, END_OF_TEXT: 3, UNKNOWN: 4}, "the next free id is the length, 2"),
            ({"a": 0, "b": 1, END_OF_TEXT: 2, UNKNOWN: 2}, "two tokens share the id 2"),
            ({END_OF_TEXT: 0, UNKNOWN: 1, "a": 2, "b": 3}, "the words must keep their ids"),
        ],
    )
    trial.that(
        words == {"a": 0, "b": 1},
        "it changes the vocabulary it is given, which the first tokenizer still uses: copy it",
    )
    trial.equal(
        {UNKNOWN: 0, "a": 1},
        both,
        gives={UNKNOWN: 0, "a": 1, END_OF_TEXT: 2},
        why="a token that has an id keeps it, and no id is left out",
    )
    trial.equal({}, ["[PAD]"], gives={"[PAD]": 0}, why="any special token can be added")
    trial.equal(words, [], gives={"a": 0, "b": 1}, why="without special tokens nothing is added")


@TURNS.turn(encode_known)
def check_encode_known(trial):
    vocabulary = {**_SMALL, UNKNOWN: 7}
    trial.equal(
        "The cat saw the dog.",
        vocabulary,
        gives=[2, 7, 5, 6, 3, 1],
        why=f"'cat' has no id, so it becomes {UNKNOWN}, id 7",
        mistakes=[
            ([2, 5, 6, 3, 1], "the unknown word is gone; the others have moved up"),
            ([2, None, 5, 6, 3, 1], f"None is no id; give get the id of {UNKNOWN}"),
            ([2, UNKNOWN, 5, 6, 3, 1], f"{UNKNOWN} is the token; its id is needed"),
        ],
    )
    trial.equal("Dog dog", vocabulary, gives=[7, 3], why="'Dog' is another token than 'dog'")
    trial.equal(
        "dog cat",
        {UNKNOWN: 0, "dog": 1},
        gives=[1, 0],
        why=f"the id of {UNKNOWN} is what the vocabulary says, not always its last",
    )
    trial.equal(
        "dog owl",
        {"dog": 0, UNKNOWN: 1},
        gives=[0, 1],
        why="id 0 is an id like any other, although Python counts 0 as false",
    )
    trial.equal("", vocabulary, gives=[], why="an empty text has no ids")


@TURNS.turn(split_around)
def check_split_around(trial):
    both = [END_OF_TEXT, UNKNOWN]
    trial.equal(
        f"light. {END_OF_TEXT} The",
        both,
        gives=["light", ".", END_OF_TEXT, "The"],
        why="the special token stays in one piece, the rest is split as before",
        mistakes=[
            (["light. ", END_OF_TEXT, " The"], "split the parts between with text_to_tokens"),
            (["light", ".", "The"], "the special token is gone; round brackets keep it"),
        ],
    )
    trial.equal(
        f"light.{END_OF_TEXT}The",
        both,
        gives=["light", ".", END_OF_TEXT, "The"],
        why="a special token may touch the words around it",
        mistakes=[(["light", ".", f"{END_OF_TEXT}The"], "cut at special tokens first, then split")],
    )
    trial.equal(
        "a[EOS]b",
        ["[EOS]"],
        gives=["a", "[EOS]", "b"],
        why="[, ] and | mean something in a pattern; re.escape takes them as they are",
    )
    trial.equal(
        f"{UNKNOWN}{END_OF_TEXT}",
        both,
        gives=[UNKNOWN, END_OF_TEXT],
        why="two special tokens in a row are two tokens, and nothing lies between",
    )
    trial.equal(
        "a<new_line>b",
        ["<new_line>"],
        gives=["a", "<new_line>", "b"],
        why="a special token is one piece even where it holds a mark: cut at it before splitting",
    )
    trial.equal("a | b", both, gives=["a", "|", "b"], why="a bar alone is no special token")
    trial.equal("It's.", both, gives=["It", "'", "s", "."], why="it splits as text_to_tokens does")
    trial.equal("", both, gives=[], why="an empty text has no tokens")


@TURNS.turn(Tokenizer)
def check_tokenizer(trial):
    both = (END_OF_TEXT, UNKNOWN)
    tokenizer = trial.call("The dog saw the fox, the dog.", both)
    trial.that(
        getattr(tokenizer, "vocabulary", None) == {**_SMALL, END_OF_TEXT: 7, UNKNOWN: 8},
        "Tokenizer('The dog saw the fox, the dog.', ...).vocabulary must hold the 7 sorted tokens "
        f"and the two special ones, and is {getattr(tokenizer, 'vocabulary', 'missing')}",
    )
    both_ways = {"function": tokenizer.encode, "name": "tokenizer.encode"}
    trial.equal(
        "The fox saw the dog.",
        gives=[2, 4, 5, 6, 3, 1],
        why="each token is replaced by its id",
        **both_ways,
    )
    trial.equal("The cat", gives=[2, 8], why=f"an unknown word is {UNKNOWN}, id 8", **both_ways)
    trial.equal(
        f"dog.{END_OF_TEXT}The",
        gives=[3, 1, 7, 2],
        why="a special token in the text is one id, also where it touches a word",
        mistakes=[([3, 1, 8], "use split_around, not text_to_tokens")],
        **both_ways,
    )
    back = {"function": tokenizer.decode, "name": "tokenizer.decode"}
    trial.equal(
        [2, 8, 5, 6, 3, 1],
        gives=f"The {UNKNOWN} saw the dog.",
        why="decoding turns ids into text again",
        **back,
    )
    other = trial.call("zebra", ("<|unk|>",))
    trial.equal(
        "zebra dog",
        gives=[0, 1],
        why="each tokenizer has its own vocabulary: keep it in self",
        function=other.encode,
        name="tokenizer.encode",
    )
    trial.equal(
        "dog",
        gives=[3],
        why="a second tokenizer must not change the first: keep the vocabulary in self",
        **both_ways,
    )
