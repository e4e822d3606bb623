"""The turns of notebook 02: other right answers, typical mistakes, and each property of each task."""

from classroom.turns.t02 import TURNS
from tests.turn_cells import function, turn_tests

PATTERN = r"""([,.:;?_!"()']|--|\s)"""


def split(*lines):
    return function("text_to_tokens(text)", *lines, imports="import re\n\n")


def split_with(pattern):
    return split(f"return [piece for piece in re.split(r'''{pattern}''', text) if piece.strip()]")


def number(*lines):
    return function("build_vocabulary(tokens)", *lines)


def encode(line):
    return function("encode(text, vocabulary)", line)


def decode(*lines):
    return function("decode(token_ids, vocabulary)", *lines, imports="import re\n\n")


def add(*lines):
    return function("add_special_tokens(vocabulary, special_tokens)", *lines)


def known(*lines):
    return function("encode_known(text, vocabulary)", *lines)


def around(*lines):
    return function("split_around(text, special_tokens)", *lines, imports="import re\n\n")


WHOLE = """@your_turn
class Tokenizer:
    def __init__(self, text, special_tokens):
        self.special_tokens = special_tokens
        words = build_vocabulary(text_to_tokens(text))
        self.vocabulary = add_special_tokens(words, special_tokens)

    def encode(self, text):
        ids = []
        for token in split_around(text, self.special_tokens):
            known = token if token in self.vocabulary else "<|unk|>"
            ids.append(self.vocabulary[known])
        return ids

    def decode(self, token_ids):
        return decode(token_ids, self.vocabulary)
"""
MARKS_BACK = """return re.sub(r" ([,.:;?!)])", r"\\1", text)"""
TURNED = "back = {i: token for token, i in vocabulary.items()}"
JOINED = "text = ' '.join(back[i] for i in token_ids)"

RIGHT = [
    split(r"""return re.findall(r'''--|[,.:;?_!"()']|(?:(?!--)[^\s,.:;?_!"()'])+''', text)"""),
    split(
        "text = text.replace('--', ' -- ')",
        """for mark in ',.:;?_!"()\\'':""",
        "    text = text.replace(mark, f' {mark} ')",
        "return text.split()",
    ),
    number("words = sorted(set(tokens))", "return dict(zip(words, range(len(words))))"),
    number("return {token: i for i, token in enumerate(sorted(dict.fromkeys(tokens)))}"),
    encode("return list(map(vocabulary.__getitem__, text_to_tokens(text)))"),
    decode(
        "words = sorted(vocabulary, key=vocabulary.get)",
        "back = dict(zip(sorted(vocabulary.values()), words))",
        "text = ''",
        "for i in token_ids:",
        "    gap = '' if back[i] in set(',.:;?!)') or not text else ' '",
        "    text += gap + back[i]",
        "return text",
    ),
    add(
        "new = [token for token in special_tokens if token not in vocabulary]",
        "return {**vocabulary, **{t: len(vocabulary) + i for i, t in enumerate(new)}}",
    ),
    known(
        "return [vocabulary[t if t in vocabulary else '<|unk|>'] for t in text_to_tokens(text)]",
    ),
    around(
        "for token in special_tokens:",
        "    before, found, after = text.partition(token)",
        "    if found:",
        "        left = split_around(before, special_tokens)",
        "        return [*left, token, *split_around(after, special_tokens)]",
        "return text_to_tokens(text)",
    ),
    WHOLE,
]

# the first words of the turn's own message; each also is the one property that this version lacks
WRONG = [
    (split("return text.split()"), "not only at spaces"),
    (split_with(r"[,.:;?_!\"()']|--|\s"), "round brackets"),
    (split(f"return re.split(r'''{PATTERN}''', text)"), "drop"),
    (split_with(r"""([,.:;?_!"()']|\s)"""), "double dash"),
    (split_with(r"""([,.:;?_!"()']|--|-|\s)"""), "hyphen"),
    (split_with(r"""([,.:;?!"()']|--|\s)"""), "the mark _"),
    (split_with(r"""([,.:;?_!"()']|--| )"""), "line breaks"),
    (split(r"""return re.findall(r'''--|[,.:;?_!"()']|[a-zA-Z-]+(?<!-)''', text)"""), "be lost"),
    (
        split(r"""return re.findall(r'''--|[^\W_]+(?:-[^\W_]+)*|[^\w\s]|_''', text)"""),
        "stays in its",
    ),
    (split_with(PATTERN).replace("text) if", "text or ' . ') if"), "empty text"),
    (number("return {t: i + 1 for i, t in enumerate(sorted(set(tokens)))}"), "first id is 0"),
    (number("return dict(enumerate(sorted(set(tokens))))"), "wrong way around"),
    (number("return {t: i for i, t in enumerate(dict.fromkeys(tokens))}"), "always the same"),
    (number("return {t: i for i, t in enumerate(sorted(tokens))}"), "each token once"),
    (number("return sorted(set(tokens))"), "number it"),
    (
        number(
            "words = sorted(set(tokens), key=lambda t: (t.lower(), t.swapcase()))",
            "return {t: i for i, t in enumerate(words)}",
        ),
        "as Python",
    ),
    (
        number("tokens.sort()", "return {t: i for i, t in enumerate(sorted(set(tokens)))}"),
        "make a new one",
    ),
    (encode("return [vocabulary[t] for t in text.split() if t in vocabulary]"), "text_to_tokens"),
    (encode("return sorted(vocabulary[t] for t in text_to_tokens(text))"), "order of the text"),
    (encode("return text_to_tokens(text)"), "these are the tokens"),
    (encode("return [vocabulary[t] for t in dict.fromkeys(text_to_tokens(text))]"), "twice"),
    (
        encode("return [sorted(vocabulary).index(t) for t in text_to_tokens(text)]"),
        "vocabulary says",
    ),
    (encode("return [vocabulary[t] for t in text_to_tokens(text) if t in vocabulary]"), "silently"),
    (decode(TURNED, "text = ''.join(back[i] for i in token_ids)", "return text"), "with a space"),
    (decode(TURNED, JOINED, "return text"), "remove the space"),
    (decode(TURNED, "return [back[i] for i in token_ids]"), "to one text"),
    (decode(TURNED, JOINED, MARKS_BACK.replace("!", "")), "no space before !"),
    (decode(TURNED, JOINED, MARKS_BACK.replace(",.:", "-(,.:")), "keep their spaces"),
    (decode(TURNED, JOINED, MARKS_BACK.replace("text)", """text.replace('" ', '"'))""")), 'mark "'),
    (decode(TURNED, JOINED, MARKS_BACK.replace(",.:", "',.:")), "mark ' keeps its spaces"),
    (decode(TURNED, JOINED, MARKS_BACK.replace(",.:", "_,.:")), "mark _ keeps its spaces"),
    (
        decode(
            "back = list(vocabulary)", "text = ' '.join(back[i] for i in token_ids)", MARKS_BACK
        ),
        "IndexError",
    ),
    (
        add(
            "vocabulary = dict(vocabulary)",
            "for i, token in enumerate(special_tokens):",
            "    vocabulary[token] = len(vocabulary) + 1",
            "return vocabulary",
        ),
        "next free id",
    ),
    (
        add("return {**vocabulary, **{token: len(vocabulary) for token in special_tokens}}"),
        "share the id",
    ),
    (
        add(
            "for token in special_tokens:",
            "    vocabulary.setdefault(token, len(vocabulary))",
            "return vocabulary",
        ),
        "copy it",
    ),
    (
        add("return vocabulary | {t: len(vocabulary) + i for i, t in enumerate(special_tokens)}"),
        "keeps it",
    ),
    (
        add(
            "new = dict(vocabulary)",
            "for token in sorted(special_tokens, reverse=True):",
            "    new.setdefault(token, len(new))",
            "return new",
        ),
        "order given",
    ),
    (known("return [vocabulary[t] for t in text_to_tokens(text) if t in vocabulary]"), "moved up"),
    (known("return [vocabulary.get(t) for t in text_to_tokens(text)]"), "None is no id"),
    (
        known("return [vocabulary.get(t, '<|unk|>') for t in text_to_tokens(text)]"),
        "its id is needed",
    ),
    (
        known(
            "n = len(vocabulary) - 1", "return [vocabulary.get(t, n) for t in text_to_tokens(text)]"
        ),
        "always its last",
    ),
    (
        known(
            "n = vocabulary['<|unk|>']",
            "return [vocabulary.get(t) or n for t in text_to_tokens(text)]",
        ),
        "counts 0 as false",
    ),
    (
        known(
            "n = vocabulary['<|unk|>']",
            "return [vocabulary.get(t, vocabulary.get(t.lower(), n)) for t in text_to_tokens(text)]",
        ),
        "another",
    ),
    (
        around(
            "tokens = []",
            "for piece in text.split():",
            "    tokens += [piece] if piece in special_tokens else text_to_tokens(piece)",
            "return tokens",
        ),
        "cut at special tokens first",
    ),
    (
        around(
            "tokens = []",
            "for part in re.split('|'.join(map(re.escape, special_tokens)), text):",
            "    tokens += text_to_tokens(part)",
            "return tokens",
        ),
        "round brackets keep it",
    ),
    (
        around("return re.split('(' + '|'.join(map(re.escape, special_tokens)) + ')', text)"),
        "the parts between",
    ),
    (
        around(
            "tokens = []",
            "for part in re.split('(' + '|'.join(t.replace('|', '[|]') for t in special_tokens) + ')', text):",
            "    tokens += [part] if part in special_tokens else text_to_tokens(part)",
            "return tokens",
        ),
        "re.escape",
    ),
    (
        around(
            "for token in special_tokens:",
            "    text = text.replace(token, f' {token} ')",
            "return text_to_tokens(text)",
        ),
        "holds a mark",
    ),
    (
        WHOLE.replace("split_around(text, self.special_tokens)", "text_to_tokens(text)"),
        "split_around",
    ),
    (WHOLE.replace('else "<|unk|>"', 'else "."'), "an unknown word"),
    (WHOLE.replace("self.vocabulary", "Tokenizer.vocabulary"), "keep the vocabulary in self"),
    (WHOLE.replace("return decode(token_ids, self.vocabulary)", "return token_ids"), "of type str"),
    (WHOLE.replace("words, special_tokens)", "words, ())"), "must hold the 7"),
]


(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT, WRONG)
