"""The turns of notebook 03: other right answers, typical mistakes, and each property of each task."""

from classroom.turns.t03 import TURNS
from helpers.bpe.train import GPT2_SPLIT_PATTERN
from tests.turn_cells import function, turn_tests

COUNTER = "from collections import Counter\n"
PAIRWISE = "from itertools import pairwise\n"
REGEX = "import regex\n"


def count(*lines):
    return function("count_pairs(words)", *lines, imports=COUNTER + PAIRWISE)


def count_each(line, start="counts = Counter()"):
    return count(
        start,
        "for word, n in words.items():",
        "    for pair in pairwise(word):",
        f"        {line}",
        "return counts",
    )


def merge(*lines):
    return function("merge_pair(word, pair)", *lines)


def merge_with(test="word[i:i + 2] == pair", step=2, new="pair[0] + pair[1]", end="tuple(merged)"):
    return merge(
        "merged, i = [], 0",
        "while i < len(word):",
        f"    found = {test}",
        f"    merged.append({new} if found else word[i])",
        f"    i += {step} if found else 1",
        f"return {end}",
    )


WORDS = "words = {tuple(bytes([v]) for v in t.encode()): n for t, n in pretoken_counts.items()}"
BEST = "pair = max(counts, key=lambda pair: (counts[pair], pair))"
AGAIN = "words = {merge_pair(word, pair): n for word, n in words.items()}"


def train(best=BEST, again=AGAIN, words=WORDS, keep="pair", stop="not counts", first="merges = []"):
    return function(
        "train_merges(pretoken_counts, n_merges)",
        words,
        first,
        "for _ in range(n_merges):",
        "    counts = count_pairs(words)",
        f"    if {stop}:",
        "        break",
        f"    {best}",
        f"    merges.append({keep})",
        f"    {again}",
        "return merges",
    )


def split(pattern):
    return function(
        "split_pretokens(text)", f"return regex.findall(r'''{pattern}''', text)", imports=REGEX
    )


def split_without(part, instead=""):
    assert part in GPT2_SPLIT_PATTERN
    return split(GPT2_SPLIT_PATTERN.replace(part, instead))


ENDINGS = "'(?:[sdmt]|ll|ve|re)|"
FAST = """from collections import Counter, defaultdict
from itertools import pairwise

@your_turn
def train_merges_fast(pretoken_counts, n_merges):
    words = [tuple(bytes([v]) for v in t.encode()) for t in pretoken_counts]
    numbers = list(pretoken_counts.values())
    counts, holders, merges = Counter(), defaultdict(set), []
    def add(i, sign):
        for pair in pairwise(words[i]):
            counts[pair] += sign * numbers[i]
            holders[pair].add(i)
    for i in range(len(words)):
        add(i, 1)
    while len(merges) < n_merges and counts and (most := max(counts.values())):
        pair = max(pair for pair in counts if counts[pair] == most)
        merges.append(pair)
        for i in holders.pop(pair):
            add(i, -1)
            words[i] = merge_pair(words[i], pair)
            add(i, 1)
    return merges
"""
NAIVE = function("train_merges_fast(pretoken_counts, n_merges)",
    "found = [train_merges(pretoken_counts, n_merges) for _ in range(3)]",
    "return found[0]",
)  # fmt: skip
SCAN = FAST.replace("holders.pop(pair)", "[i for i, w in enumerate(words) if pair in pairwise(w)]")
SLOW = FAST.replace("max(counts.values()", "max(list(counts.values()) * 400")  # on any machine


def encode_word(*lines, choice="min(known, key=ranks.get)", end="tokens"):
    lines = lines or (
        "tokens = tuple(bytes([value]) for value in word)",
        "while known := [pair for pair in pairwise(tokens) if pair in ranks]:",
        f"    tokens = merge_pair(tokens, {choice})",
        f"return {end}",
    )
    return function("encode_word(word, ranks)", *lines, imports=PAIRWISE)


def at_special(*lines):
    return function("split_at_special(text, special_tokens)", *lines, imports=REGEX)


NAMES = "names = sorted(special_tokens, key=len, reverse=True)"
CUT = (
    "return regex.split('(' + '|'.join(map(regex.escape, names)) + ')', text) if names else [text]"
)
CLASS = """@your_turn
class BytePairTokenizer:
    def __init__(self, merges, special_tokens=(), byte_order=range(256)):
        self.vocab, self.ids, self.ranks = {}, {}, {}
        for value in byte_order:
            self.vocab[len(self.vocab)] = bytes([value])
        for rank, (left, right) in enumerate(merges):
            self.vocab[len(self.vocab)] = left + right
            self.ranks[left, right] = rank
        self.ids = {token: i for i, token in self.vocab.items()}
        self.merges, self.special_tokens = merges, {}
        for name in special_tokens:
            self.special_tokens[name] = len(self.vocab)
            self.vocab[len(self.vocab)] = name.encode()

    def decode(self, token_ids):
        data = bytearray()
        for token_id in token_ids:
            data += self.vocab[token_id]
        return data.decode("utf-8", "replace")
"""
SPECIAL_IDS = "self.ids = {token: i for i, token in self.vocab.items()}"


def encode(plain=None, special=None, split="split_at_special(text, self.special_tokens)"):
    plain = plain or [
        "for pretoken in split_pretokens(part):",
        "    tokens = encode_word(pretoken.encode(), self.ranks)",
        "    token_ids += [self.ids[token] for token in tokens]",
    ]
    special = special or [
        "elif part not in allowed_special:",
        "    raise ValueError(part)",
        "else:",
        "    token_ids.append(self.special_tokens[part])",
    ]
    return function(
        "encode(self, text, allowed_special=())",
        "token_ids = []",
        f"for part in {split}:",
        "    if part not in self.special_tokens:",
        *(f"        {line}" for line in plain),
        *(f"    {line}" for line in special),
        "return token_ids",
        decorators="@your_turn(of=BytePairTokenizer)\n",
    )


TRAIN = """from collections import Counter

@your_turn(of=BytePairTokenizer)
@classmethod
def train(cls, text, vocab_size, special_tokens=("<|endoftext|>",)):
    parts = split_at_special(text, special_tokens)
    counts = Counter(p for part in parts[::2] for p in split_pretokens(part))
    merges = train_merges_fast(counts, vocab_size - 256 - len(special_tokens))
    return cls(merges, special_tokens)
"""


def characters(*lines):
    return function("byte_characters()", *lines)


SHOWN = "shown = [v for v in range(256) if chr(v).isprintable() and not chr(v).isspace()]"
HIDDEN = "hidden = [v for v in range(256) if v not in shown]"


def read(*lines):
    return function("read_merges(text)", "values = byte_characters()", *lines)


TURN_BACK = "return [tuple(bytes(values[c] for c in p) for p in line.split(' ')) for line in lines]"

RIGHT = [
    count(
        "counts = {}",
        "for word, n in words.items():",
        "    for i in range(len(word) - 1):",
        "        pair = word[i], word[i + 1]",
        "        counts[pair] = counts.get(pair, 0) + n",
        "return counts",
    ),
    merge(
        "merged = ()",
        "while word:",
        "    if word[:2] == pair:",
        "        merged, word = merged + (b''.join(pair),), word[2:]",
        "    else:",
        "        merged, word = merged + word[:1], word[1:]",
        "return merged",
    ),
    train(
        best="pair = sorted(counts, key=lambda pair: (-counts[pair], pair))[0]\n"
        "        most = max(counts.values())\n"
        "        pair = sorted(pair for pair in counts if counts[pair] == most)[-1]"
    ),
    split(r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
    split(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"),
    FAST,
    encode_word(
        "tokens = [bytes([value]) for value in word]",
        "while len(tokens) > 1:",
        "    rank = [ranks.get(pair, 1e9) for pair in pairwise(tokens)]",
        "    i = rank.index(min(rank))",
        "    if rank[i] == 1e9:",
        "        break",
        "    tokens[i:i + 2] = [tokens[i] + tokens[i + 1]]",
        "return tuple(tokens)",
    ),
    at_special(
        "parts, start = [''], 0",
        "while start < len(text):",
        "    here = [n for n in special_tokens if text.startswith(n, start)]",
        "    if here:",
        "        parts += [max(here, key=len), '']",
        "        start += len(parts[-2])",
        "    else:",
        "        parts[-1] += text[start]",
        "        start += 1",
        "return parts",
    ),
    CLASS,
    encode(),
    TRAIN,
    TRAIN.replace("parts[::2]", "(x for x in parts if x not in special_tokens)"),
    characters(SHOWN, HIDDEN, "text = ''.join(map(chr, shown + [256 + i for i in range(68)]))",
               "return dict(zip(text, shown + hidden))"),
    read("lines = [x for x in text.split('\\n') if x and x[:8] != '#version']", TURN_BACK),
]  # fmt: skip

WRONG = [
    (count_each("counts[pair] += 1"), "add its count, 5 or 2"),
    (count_each("counts[pair] = n"), "add them up"),
    (
        count(
            "tokens = [t for word, n in words.items() for t in word * n]",
            "return Counter(pairwise(tokens))",
        ),
        "only across two words",
    ),
    (count_each("counts[pair] += n").replace("pairwise(word)", "set(pairwise(word))"), "two pos"),
    (
        count_each("counts[pair] += n").replace(
            "pairwise(word)", "pairwise([bytes([v]) for v in b''.join(word)])"
        ),
        "tokens, not bytes",
    ),
    (merge_with(step=1), "skip both"),
    (merge_with(new="pair"), "join the two tokens"),
    (merge_with(test="word[i:i + 2] == list(pair)"), "nothing was merged"),
    (merge_with(end="merged"), "can be a key"),
    (
        merge(
            "for i in range(len(word) - 1):",
            "    if word[i:i + 2] == pair:",
            "        return word[:i] + (pair[0] + pair[1],) + word[i + 2:]",
            "return word",
        ),
        "not only once",
    ),
    (
        merge(
            "i = len(word) - 2",
            "while i >= 0:",
            "    if word[i:i + 2] == pair:",
            "        word = word[:i] + (pair[0] + pair[1],) + word[i + 2:]",
            "        i -= 1",
            "    i -= 1",
            "return word",
        ),
        "the left one",
    ),
    (
        merge_with(test="b''.join(word[i:i + 2]) == b''.join(pair) and i + 1 < len(word)"),
        "same letters only",
    ),
    (merge_with(test="set(word[i:i + 2]) == set(pair) and i + 1 < len(word)"), "order of a pair"),
    (train(keep="pair[0] + pair[1]"), "its pair of tokens"),
    (train(again="words = words"), "not replaced"),
    (train(words="words = {tuple(t): n for t, n in pretoken_counts.items()}"), "tokens are bytes"),
    (train(best="pair = max(counts, key=counts.get)"), "the greater one"),
    (train(best="pair = min(counts, key=lambda pair: (-counts[pair], pair))"), "the greater one"),
    (train(stop="False"), "no pair is left: stop there"),
    (train(stop="not counts or max(counts.values()) < 2"), "occurs once"),
    (train().replace("range(n_merges)", "range(max(1, n_merges))"), "0 merges"),
    (train(words=WORDS.replace("t.encode()", "t.encode('latin-1')")), "é is two bytes"),
    (
        train(first="merges = []\n    pretoken_counts.setdefault('x', 1)"),
        "changes the counts",
    ),
    (split(r"\w+|[^\w\s]+"), "nothing may be lost"),
    (split(r"\w+|[^\w\s]+|\s"), "goes with the word after it"),
    (split(r"\p{L}+ ?|\p{N}+ ?|[^\s\p{L}\p{N}]+ ?|\s+"), "not before"),
    (split_without(ENDINGS), "'t and 'll"),
    (split_without("[sdmt]", "[st]"), "'d, 'm"),
    (split_without("|ve|re"), "'ve and 're"),
    (split_without("'(?:", "(?i)'(?:"), "small letters"),
    (split(GPT2_SPLIT_PATTERN.removeprefix(ENDINGS) + "|'(?:[sdmt]|ll|ve|re)"), "of their own"),
    (split_without(r" ?\p{N}+", r" ?\p{N}{1,3}"), "digits are one run"),
    (split_without(r" ?\p{N}+", r"\p{N}+"), "digits are one run"),
    (split(ENDINGS + r" ?[\p{L}\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "never share"),
    (split_without(r" ?[^\s\p{L}\p{N}]+", r" ?[^\s\p{L}\p{N}]"), "one run"),
    (split(ENDINGS + r" ?[a-zA-Z]+| ?[0-9]+| ?[^\sa-zA-Z0-9]+|\s+(?!\S)|\s+"), "all scripts"),
    (split_without(r"\s+(?!\S)|"), "the last goes with"),
    (split_without(r"\s+(?!\S)|\s+", r" +(?!\S)|\s+"), "the last character goes"),
    (split_without(r"|\s+(?!\S)|\s+", r"|\s+(?!\S)"), "left over"),
    (split_without(r"\s+(?!\S)|\s+", r"\s+(?=\s\S)|\s"), "at the end is one piece"),
    (NAIVE, "visit only the words that hold the pair"),
    (SCAN, "as many steps as going through all"),
    (SLOW, "right, but more than 5 times slower"),
    (FAST.replace("sign * numbers[i]", "sign"), "should give"),
    (FAST.replace("max(pair for", "min(pair for"), "the greater one"),
    (FAST.replace("add(i, -1)", "pass"), "should give"),
    (encode_word(choice="known[0]"), "low was made first"),
    (encode_word("return tuple(bytes([value]) for value in word)"), "nothing was merged"),
    (encode_word().replace("while", "if").replace("known :=", "(known :=").replace("ranks]:", "ranks]):"), "until no pair"),
    (encode_word(end="list(tokens)"), "make it a tuple"),
    (encode_word(choice="min(known, key=list(ranks).index)"), "the rank decides"),
    (encode_word().replace("bytes([value]) for value in word", "c.encode() for c in word.decode()"), "bytes"),
    (at_special(NAMES, "return regex.split('|'.join(map(regex.escape, names)), text)"), "is gone"),
    (at_special("return [text]"), "nothing was cut"),
    (at_special(NAMES, CUT.replace("text) if", "text.strip()) if").replace("regex.split(", "list(map(str.strip, regex.split(").replace("text.strip())", "text)))")), "the space is gone"),
    (at_special(NAMES, "return [p for p in regex.split('(' + '|'.join(map(regex.escape, names)) + ')', text) if p]"), "every second"),
    (at_special(NAMES, CUT.replace("map(regex.escape, names)", "(n.replace('|', '[|]') for n in names)")), "literally"),
    (at_special("names = list(special_tokens)", CUT), "longer one wins"),
    (at_special(NAMES, CUT.replace(" if names else [text]", "")), "without special tokens"),
    (CLASS.replace("in special_tokens:", "in special_tokens[:0]:"), "special tokens come after"),
    (CLASS.replace("= left + right", "= right + left"), "makes token 256"),
    (CLASS.replace("name.encode()", "name"), "as bytes"),
    (CLASS.replace("right] = rank", "right] = 256 + rank"), "has rank 0"),
    (CLASS.replace("self.ranks", "ranks"), "has no ranks"),
    (CLASS.replace("for value in byte_order", "for value in range(256)"), "first of byte_order"),
    (CLASS.replace(f"        {SPECIAL_IDS}\n", "").replace("name.encode()\n\n", f"name.encode()\n        {SPECIAL_IDS}\n\n"), "plain text"),
    (
        CLASS.replace('data = bytearray()', 'data = ""').replace(
            "data += self.vocab[token_id]", 'data += self.vocab[token_id].decode("utf-8", "replace")'
        ).replace('return data.decode("utf-8", "replace")', "return data"),
        "join the bytes of all tokens first",
    ),
    (CLASS.replace(', "replace")', ")"), "UnicodeDecodeError"),
    (CLASS.replace(', "replace")', ', "ignore")'), "replacement character"),
    (CLASS.replace("self.vocab", "BytePairTokenizer.vocab").replace("BytePairTokenizer.vocab, self.ids", "self.vocab, self.ids", 1), "AttributeError"),
    (encode(plain=["token_ids += encode_word(part.encode(), self.ranks)"]), "look up their ids"),
    (encode(plain=["token_ids += part.encode()"]), "these are the bytes"),
    (
        encode(plain=["for token in encode_word(part.encode(), self.ranks):", "    token_ids.append(self.ids[token])"]),
        "split first",
    ),
    (encode(special=["else:", "    token_ids.append(self.special_tokens[part])"]), "pass unseen"),
    (encode(split="[text]"), "pass unseen"),
    (
        encode(special=["elif allowed_special:", "    token_ids.append(self.special_tokens[part])", "else:", "    raise ValueError"]),
        "another is not",
    ),
    (encode(special=["elif part in allowed_special:", "    token_ids.append(len(self.ids))", "else:", "    raise ValueError"]), "has its id"),
    (
        encode(plain=["for pretoken in split_pretokens(part):", "    for token in encode_word(pretoken.encode(), self.ranks):", "        token_ids.append(token[0] if len(token) == 1 else self.ids[token])"]),
        "tokenizer.ids says",
    ),
    (TRAIN.replace("@classmethod\n", ""), "@classmethod"),
    (TRAIN.replace("return cls(merges, special_tokens)", "return merges"), "return cls"),
    (TRAIN.replace("    return cls(merges, special_tokens)\n", ""), "is there a return"),
    (TRAIN.replace(" - len(special_tokens)", ""), "counts the special tokens"),
    (TRAIN.replace("parts[::2]", "parts"), "left out"),
    (TRAIN.replace("parts[::2]", '["".join(parts[::2])]'), "separates what is around it"),
    (TRAIN.replace("split_pretokens(part)", "[part]"), "no merge crosses"),
    (characters("return {}"), "one character for each"),
    (characters(SHOWN, "return {chr(v if v in shown else 256 + v): v for v in range(256)}"), "soft hyphen"),
    (characters("return {chr(v): v for v in range(256)}"), "not visible"),
    (
        characters(SHOWN, HIDDEN, "hidden = {v: 256 + i for i, v in enumerate(hidden)}", "return {chr(hidden.get(v, v)): v for v in range(256)}"),
        "the order matters",
    ),
    (
        characters(SHOWN, HIDDEN, "text = ''.join(map(chr, shown + [256 + i for i in range(68)]))", "return dict(zip(shown + hidden, text))"),
        "wrong way around",
    ),
    (read("return [tuple(line.split(' ')) for line in text.splitlines()[1:]]"), "with byte_characters"),
    (read("return [tuple(p.encode() for p in x.split(' ')) for x in text.splitlines()[1:]]"), "one byte"),
    (read("lines = [x for x in text.splitlines() if x and x[0] != '#']", TURN_BACK), "merges of #"),
    (read("lines = text.splitlines()[1:]", TURN_BACK), "without the first line"),
]  # fmt: skip


(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT, WRONG)
