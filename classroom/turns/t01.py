"""The turns of notebook 01: a small ELIZA, a bigram counter, and what a GPT is given to read."""

import random
import re
from collections import Counter

from classroom.turns.turn import Turns
from helpers.eliza import Eliza, rules
from helpers.eliza.script import parse_script

TURNS = Turns("01")
your_turn = TURNS.your_turn

# The course's versions


def reflect(words, swaps):
    return [swaps.get(word, word) for word in words]


def match(pattern, words):
    if not pattern:
        return None if words else []
    if pattern[0] != "0":
        rest = match(pattern[1:], words[1:]) if words[:1] == pattern[:1] else None
        return None if rest is None else [words[:1], *rest]
    for length in range(len(words) + 1):
        rest = match(pattern[1:], words[length:])
        if rest is not None:
            return [words[:length], *rest]
    return None


def fill(answer, pieces):
    def piece(found):
        return "".join(" " + word for word in pieces[int(found[1]) - 1])

    return re.sub(r" ?(\d+)", piece, answer).strip()


def kept_words(text, ranks):
    for part in re.split(r"[.,;:!?]|\bbut\b", text.lower()):
        words = re.findall(r"[a-z0-9']+", part)
        if any(word in ranks for word in words):
            return words
    return []


def stack_keywords(words, ranks):
    stack = []
    for word in words:
        if word in ranks:
            higher = stack and ranks[word] > ranks[stack[0]]
            stack.insert(0 if higher else len(stack), word)
    return stack


def apply_rules(keyword, words, rules, given):
    for pattern, answers in rules[keyword]:
        pieces = match(pattern.split(), words)
        if pieces is not None:
            answer = answers[given[keyword, pattern] % len(answers)]
            given[keyword, pattern] += 1
            if answer.startswith("="):
                return apply_rules(answer[1:], words, rules, given)
            return fill(answer, pieces)
    return None


def remember(stack, words, memory):
    keyword, pattern, remark = memory
    if stack[:1] != [keyword]:
        return None
    pieces = match(pattern.split(), words)
    return None if pieces is None else fill(remark, pieces)


class MiniEliza:
    def __init__(self, script):
        self.script, self.given = script, Counter()
        self.memory, self.number = [], 0

    def respond(self, text):
        self.number += 1
        typed = kept_words(text, self.script["ranks"])
        stack = stack_keywords(typed, self.script["ranks"])
        words = reflect(typed, self.script["swaps"])
        remark = remember(stack, words, self.script["memory"])
        self.memory += [remark] if remark else []
        if not stack and self.memory and self.number % 4 == 3:
            return self.memory.pop(0)
        for keyword in [*stack, "none"]:
            if answer := apply_rules(keyword, words, self.script["rules"], self.given):
                return answer


def count_followers(words):
    followers = {}
    for before, after in zip(words, words[1:], strict=False):
        followers.setdefault(before, Counter())[after] += 1
    return followers


def next_word_pairs(text, context_size):
    words, pairs = text.split(), []
    for i in range(1, len(words)):
        pairs.append((words[max(0, i - context_size) : i], words[i]))
    return pairs


def few_shot_prompt(task, examples, query):
    shots = [f"{question}\n{answer}" for question, answer in examples]
    return "\n\n".join([*([task] if task else []), *shots, f"{query}\n"])


# The small script that the notebook plays, and the same in the form of 1966

SMALL_SCRIPT = {
    "swaps": {"i": "you", "am": "are", "my": "your", "me": "you", "you": "I"},
    "ranks": {"i": 0, "my": 2, "mother": 3, "dream": 4, "yes": 0, "you": 0, "family": 3},
    "rules": {
        "i": [
            (
                "0 you are 0",
                ["It is because you're 4 that you came to me.", "How long have you been 4?"],
            ),
            ("0 you want 0", ["What would it mean to you if you got 4?"]),
            ("0", ["Tell me more.", "Please go on."]),
        ],
        "my": [
            ("0 your 0", ["Why do you say your 3?", "Tell me more about your 3."]),
            ("0", ["I see."]),
        ],
        "mother": [("0 your mother 0", ["What else comes to mind about your mother?", "=my"])],
        "family": [("0", ["=mother", "Tell me about your family."])],
        "dream": [("0 dream 0", ["Do you often dream 3?", "=my"]), ("0", ["What does that dream say?"])],
        "yes": [("0", ["You seem to be quite positive.", "You are sure."])],
        "you": [("0 I are 0", ["What makes you think I am 4?"]), ("0", ["We were talking about you."])],
        "none": [("0", ["Please go on.", "I am not sure I understand you fully."])],
    },
    "memory": ("my", "0 your 0", "Earlier you said your 3."),
}  # fmt: skip


def in_1966_form(script):
    """Write a script as the text that `helpers.eliza` reads.

    >>> small = {"swaps": {"i": "you"}, "ranks": {}, "rules": {"none": [("0", ["Go on."])]}}
    >>> print(in_1966_form(small | {"memory": None}))
    (Hello.)
    (i = you)
    (none
      ((0) (Go on.)))
    """
    lines = ["(Hello.)"]
    for word in dict.fromkeys([*script["swaps"], *script["ranks"], "none"]):
        swap = f" = {script['swaps'][word]}" if word in script["swaps"] else ""
        rank = f" {script['ranks'][word]}" if script["ranks"].get(word) else ""
        entry = f"({word}{swap}{rank}"
        for pattern, answers in script["rules"].get(word, []):
            said = " ".join(f"({answer})" for answer in answers)
            entry += f"\n  (({pattern}) {said})"
        lines.append(entry + ")")
    if script["memory"]:
        keyword, pattern, remark = script["memory"]
        lines.append(f"(memory {keyword} ({pattern} = {remark}))")
    return "\n".join(lines)


OPENINGS = ("well", "you see", "it rained", "so", "hello")
SAYINGS = (
    "i am sad", "i want a dog", "my mother called", "my dog left", "yes", "i dream of my mother",
    "you are kind", "my family", "the family", "a dream", "it rained", "hm", "mother said so",
    "i am sure my mother came", "my mother and my dog are late", "you said so", "nothing",
)  # fmt: skip


def random_texts(draw, n):
    """Draw n texts of one or two parts for the small script, some without a keyword."""
    texts = []
    for _ in range(n):
        parts = draw.sample((*OPENINGS, *SAYINGS, *SAYINGS), draw.choice((1, 1, 2)))
        texts.append(draw.choice((", ", ". ", " but ")).join(parts) + draw.choice((".", "!", "")))
    return texts


# The checks


@TURNS.turn(reflect)
def check_reflect(trial):
    swaps = {"i": "you", "am": "are", "my": "your", "you": "I", "me": "you"}
    trial.equal(
        ["i", "am", "tired"],
        swaps,
        gives=["you", "are", "tired"],
        why="what is I for you is you for the one who listens; other words stay",
        mistakes=[
            ("you are tired", "return the list of words; they are joined only at the end"),
            (["you", "are"], "a word without a swap is gone; it must stay"),
            (["you"], "only the first word came back; return after the loop, not inside it"),
            (["you", "are", None], "a word without a swap became None; it must stay"),
            (["I", "are", "tired"], "'i' became 'you' and then 'I': swap each word once"),
        ],
    )
    trial.equal(
        ["you", "and", "i"],
        swaps,
        gives=["I", "and", "you"],
        why="each word is swapped once; a swap must not be undone by the next one",
    )
    trial.equal(["my", "my"], swaps, gives=["your", "your"], why="every occurrence is swapped")
    trial.equal(["army"], swaps, gives=["army"], why="only whole words are swapped, not parts")
    trial.equal([], swaps, gives=[], why="without words there is nothing to swap")
    words = ["i", "am"]
    trial.call(words, swaps)
    trial.that(
        words == ["i", "am"],
        "it changes the list it is given, and the keywords are looked up in the words as typed: "
        "make a new list",
    )


@TURNS.turn(match)
def check_match(trial):
    trial.equal(
        "0 you are 0".split(),
        "today you are late".split(),
        gives=[["today"], ["you"], ["are"], ["late"]],
        why="one list of words for each element of the pattern",
        mistakes=[
            (["today", "you", "are", "late"], "each piece is a list of words, even of one word"),
            ([["today"], ["late"]], "the words of the pattern are pieces, too"),
            ([[], ["you"], ["are"], []], "each 0 must hold the words that it took, today and late"),
            (
                [["today"], ["you"], ["are"], []],
                "the pattern must use up every word, and late is left over",
            ),
        ],
    )
    cases = [
        ("0 you", "you there", "the pattern must use up every word, and one is left over"),
        ("you 0", "if you go", "the pattern must fit from the first word on"),
        ("0 you 0", "you", "a 0 may take no word at all"),
        ("0 you 0", "if you say you can", "a 0 takes as few words as it can"),
        ("0 a 0 b", "a b a b", "a 0 must take more words where the rest needs it"),
        ("0 x 0", "we went home", "without the word x it does not match: return None"),
        ("0", "", "a 0 fits no words, with one empty piece"),
        ("you", "", "a word does not fit an empty sentence: return None"),
        ("0 0", "a b", "the first 0 takes nothing, and the last one the rest"),
    ]
    for pattern, text, why in cases:
        _match_as_eliza(trial, pattern, text, why)
    draw = random.Random(0)
    for _ in range(40):
        pattern = " ".join(draw.choice("0ab") for _ in range(draw.randint(1, 5)))
        text = " ".join(draw.choice("ab") for _ in range(7))
        _match_as_eliza(trial, pattern, text, "helpers.eliza cuts it like this")
    pattern, words = ["0", "a"], ["b", "a"]
    trial.call(pattern, words)
    trial.that(
        (pattern, words) == (["0", "a"], ["b", "a"]),
        "it changes the lists it is given: the next pattern needs all the words",
    )


def _match_as_eliza(trial, pattern, text, why):
    elements = [0 if element == "0" else element.upper() for element in pattern.split()]
    pieces = rules.match(elements, text.split())
    found = trial.call(pattern.split(), text.split())
    trial.that(
        found == pieces,
        f"match({pattern.split()}, {text.split()}) gives {found}, and should give {pieces}: {why}",
    )


@TURNS.turn(fill)
def check_fill(trial):
    pieces = [["today"], ["you"], ["are"], ["late", "again"]]
    trial.equal(
        "How long have you been 4?",
        pieces,
        gives="How long have you been late again?",
        why="the number 4 stands for the fourth piece, its words with spaces between",
        mistakes=[
            ("How long have you been 4?", "the 4 is still there, with its question mark"),
            ("How long have you been lateagain?", "put spaces between the words of a piece"),
            ("How long have you been ['late', 'again']?", "join the words of the piece"),
        ],
    )
    trial.equal("So 1 2 3 4.", pieces, gives="So today you are late again.", why="every number")
    trial.equal("Please go on.", pieces, gives="Please go on.", why="no number, no change")
    trial.equal("1, you say?", pieces, gives="today, you say?", why="a number may come first")
    trial.equal(
        "You have 2?",
        [["a"], ["3", "dogs"], ["b"]],
        gives="You have 3 dogs?",
        why="a number inside a piece is the speaker's own and stays as it is",
    )
    trial.equal(
        "Is your 1 here?",
        [[]],
        gives="Is your here?",
        why="a piece may be empty, and leaves no second space behind",
        mistakes=[("Is your  here?", "the empty piece has left two spaces")],
    )
    trial.equal("Your 1?", [[]], gives="Your?", why="an empty piece leaves no space before a mark")
    many = [[letter] for letter in "abcdefghijkl"]
    trial.equal("Why 12?", many, gives="Why l?", why="12 is one number, not a 1 and a 2")


@TURNS.turn(kept_words)
def check_kept_words(trial):
    ranks = {"i": 0, "my": 2, "dream": 4}
    trial.equal(
        "I am late. My dog ate it.",
        ranks,
        gives=["i", "am", "late"],
        why="the first part with a keyword counts, whatever comes later",
        mistakes=[
            (["my", "dog", "ate", "it"], "the first part with a keyword counts, not the best"),
            (["I", "am", "late"], "in lower case, so that I and i are one keyword"),
            ("i am late", "return the list of its words"),
            ([], "look the words up in lower case: I is the keyword i"),
            (["i", "am", "late", "my", "dog", "ate", "it"], "cut at punctuation: one part only"),
        ],
    )
    trial.equal(
        "Well, I won!",
        ranks,
        gives=["i", "won"],
        why="a part without a keyword is left out",
        mistakes=[(["well,", "i", "won!"], "cut at every mark, and leave the marks out of words")],
    )
    for mark in ".,;:!?":
        trial.equal(
            f"so long{mark} my dear",
            ranks,
            gives=["my", "dear"],
            why=f"the mark {mark} ends a part",
        )
    trial.equal(
        "i came but my dog left", ranks, gives=["i", "came"], why="the word but ends a part, too"
    )
    trial.equal(
        "my butter", ranks, gives=["my", "butter"], why="only the whole word but ends a part"
    )
    trial.equal("i don't know", ranks, gives=["i", "don't", "know"], why="don't is one word")
    trial.equal(
        "i have 2 dogs", ranks, gives=["i", "have", "2", "dogs"], why="digits count as words"
    )
    trial.equal("hello there", ranks, gives=[], why="without a keyword nothing is kept")
    trial.equal("in mysterious ways", ranks, gives=[], why="a keyword is a whole word")
    trial.equal("", ranks, gives=[], why="an empty text has no words")


@TURNS.turn(stack_keywords)
def check_stack_keywords(trial):
    ranks = {"i": 0, "my": 2, "mother": 3, "dream": 4}
    trial.equal(
        "i saw my dream".split(),
        ranks,
        gives=["dream", "my", "i"],
        why="a keyword of higher rank than the top goes on top",
        mistakes=[
            (["i", "my", "dream"], "the highest rank must come first"),
            (["dream", "my"], "rank 0 is a rank, although Python counts 0 as false"),
            ([4, 2, 0], "these are the ranks; collect the words"),
            (["dream"], "keep the others below it: they get their turn if its rules do not fit"),
        ],
    )
    trial.equal(
        "my mother i".split(), ranks, gives=["mother", "my", "i"], why="a lower one goes to the end"
    )
    trial.equal(
        "dream i my".split(),
        ranks,
        gives=["dream", "i", "my"],
        why="ELIZA compares only with the top and never sorts: my is below dream, so it goes last",
        mistakes=[(["dream", "my", "i"], "it is sorted, but ELIZA compares only with the top")],
    )
    trial.equal(
        ["b", "a"], {"a": 1, "b": 1}, gives=["b", "a"], why="on equal ranks, the first stays on top"
    )
    trial.equal(
        ["my", "i", "my"], ranks, gives=["my", "i", "my"], why="a repeated keyword counts each time"
    )
    trial.equal(["hello"], ranks, gives=[], why="a word without a rank is no keyword")
    trial.equal(
        ["i"], ranks, gives=["i"], why="rank 0 is a rank, although Python counts 0 as false"
    )


@TURNS.turn(apply_rules)
def check_apply_rules(trial):
    small = {
        "i": [("0 you are 0", ["Why 4?", "Since when 4?"]), ("0", ["Go on.", "I see."])],
        "my": [("0 your 0", ["Your 3?"])],
        "mine": [("0", ["=my"])],
        "chain": [("0", ["=mine", "Enough."])],
    }

    def ask(keyword, text, given, gives, why, mistakes=()):
        found = trial.call(keyword, text.split(), small, given)
        trial.checks += 1
        for wrong_value, message in mistakes:
            trial.that(found != wrong_value, f"apply_rules({keyword!r}, {text!r}) gives {message}")
        shown = f"apply_rules({keyword!r}, {text.split()}, ...)"
        trial.that(found == gives, f"{shown} gives {found!r}, and should give {gives!r}: {why}")

    given = Counter()
    ask("i", "you are late", given, "Why late?", "the first pattern that matches is used",
        [("Go on.", "'Go on.': split the pattern '0 you are 0', and try the patterns from the first to the last"),
         ("Why 4?", "'Why 4?': put the pieces into the answer with fill"),
         (None, "None: is there a return?")])  # fmt: skip
    ask("i", "you are sad", given, "Since when sad?", "the answers of a pattern take turns",
        [("Why sad?", "'Why sad?' a second time: count in given, so that answers take turns")])  # fmt: skip
    ask("i", "you are ill", given, "Why ill?", "after the last answer, the first comes again")
    ask("i", "you slept", given, "Go on.", "each pattern counts its own turns")
    ask("i", "you woke", given, "I see.", "each pattern counts its own turns")
    ask(
        "i",
        "you are here",
        Counter(),
        "Why here?",
        "a new conversation begins with the first answer",
    )
    ask("my", "no dog", given, None, "where no pattern matches, the next keyword has its turn")
    ask("mine", "your dog", given, "Your dog?", "=my goes on with the rules of my",
        [("=my", "'=my': an answer that begins with = is a link, not something to say")])  # fmt: skip
    ask("chain", "your cat", given, "Your cat?", "a link may lead to another link")
    ask("chain", "your cat", given, "Enough.", "links take their turn like the other answers")
    ask("mine", "a cat", given, None, "where the linked keyword has no pattern that fits, None")


@TURNS.turn(remember)
def check_remember(trial):
    memory = ("my", "0 your 0", "Earlier you said your 3.")
    words = "so your dog left".split()
    trial.equal(
        ["my", "i"],
        words,
        memory,
        gives="Earlier you said your dog left.",
        why="the pieces of the pattern go into the remark",
        mistakes=[("Earlier you said your 3.", "put the pieces into the remark, with fill")],
    )
    for stack, said, why in (
        (["i", "my"], words, "only the top keyword counts, and it is i here"),
        ([], words, "without a keyword there is nothing to remember"),
        (["my"], ["our", "dog"], "the pattern does not fit"),
    ):
        found = trial.call(stack, said, memory)
        call = f"remember({stack}, {said}, ...)"
        trial.that(found is None, f"{call} gives {found!r}, and should give None: {why}")
    trial.equal(
        ["dream"],
        ["you", "dream"],
        ("dream", "0 dream 0", "That dream 1 had."),
        gives="That dream you had.",
        why="the keyword, the pattern and the remark come from the script",
    )


@TURNS.turn(MiniEliza)
def check_mini_eliza(trial):
    eliza = trial.call(SMALL_SCRIPT)
    says = {"function": eliza.respond, "name": "respond"}
    trial.equal(
        "I am trying to learn. But it is hard.",
        gives="It is because you're trying to learn that you came to me.",
        why="keep the first part, swap its words, and apply the rules of the top keyword",
        mistakes=[
            ("Tell me more.", "the pattern '0 you are 0' needs the words after the swap"),
            (
                "We were talking about you.",
                "look the keywords up in the words as typed, before the swap",
            ),
        ],
        **says,
    )
    trial.equal("yes", gives="You seem to be quite positive.", why="yes is a keyword", **says)
    trial.equal(
        "yes", gives="You are sure.", why="answers take turns: keep `given` in self", **says
    )
    trial.equal("Hm.", gives="Please go on.", why="without a keyword, the rules of none", **says)
    other = trial.call(SMALL_SCRIPT)
    trial.that(
        other.respond("Hm.") == "Please go on.",
        "a second MiniEliza goes on with the answers of the first: make `given` in __init__",
    )
    _remembers(trial)
    draw = random.Random(0)
    ours, theirs = trial.call(SMALL_SCRIPT), Eliza(parse_script(in_1966_form(SMALL_SCRIPT)))
    for text in random_texts(draw, 60):
        expected, found = theirs.respond(text), ours.respond(text)
        trial.that(
            found == expected,
            f"to {text!r}, in a long conversation, it says {found!r} where helpers.eliza says "
            f"{expected!r}: {_steps(theirs)}",
        )


def _remembers(trial):
    eliza = trial.call(SMALL_SCRIPT)
    replies = [eliza.respond(text) for text in ("My dog left.", "It rained.", "It snowed.")]
    trial.that(
        replies[1] == "Please go on.",
        f"the second text has no keyword, and it says {replies[1]!r}: a remark comes back only at "
        "texts number 3, 7, 11 and so on",
    )
    trial.that(
        replies[2] == "Earlier you said your dog left.",
        f"the third text has no keyword, and it says {replies[2]!r}, not 'Earlier you said your "
        "dog left.': store the remark in respond, and bring it back at texts 3, 7, 11 ...",
    )
    later = [eliza.respond(text) for text in ("So.", "So.", "So.", "So.")]
    trial.that(
        "Earlier you said your dog left." not in later,
        "the same remark comes back twice: take it out of the memory",
    )
    texts = ("My dog left.", "My cat stayed.", "So.", "So.", "So.", "So.", "So.")
    eliza = trial.call(SMALL_SCRIPT)
    replies = [eliza.respond(text) for text in texts]
    trial.that(
        (replies[2], replies[6])
        == ("Earlier you said your dog left.", "Earlier you said your cat stayed."),
        f"after two remarks, texts 3 and 7 bring back {replies[2]!r} and {replies[6]!r}: the oldest "
        "remark comes first",
    )
    eliza = trial.call(SMALL_SCRIPT)
    replies = [eliza.respond(text) for text in ("My dog left.", "So.", "yes")]
    trial.that(
        replies[2] == "You seem to be quite positive.",
        f"the third text is 'yes', a keyword, and it says {replies[2]!r}: a remark comes back only "
        "where there is no keyword",
    )


def _steps(eliza):
    top = ", ".join(word.lower() for word, _ in eliza.trace.keywords) or "none"
    return f"its keywords are {top}"


@TURNS.turn(count_followers)
def check_count_followers(trial):
    trial.equal(
        "the sea is the sea".split(),
        gives={"the": Counter({"sea": 2}), "sea": Counter({"is": 1}), "is": Counter({"the": 1})},
        why="each word has a Counter of the words right after it",
        mistakes=[
            ({"the": 2, "sea": 2, "is": 1}, "these count words; count what follows each of them"),
            (
                {"the": {"sea"}, "sea": {"is"}, "is": {"the"}},
                "a set forgets how often; use a Counter",
            ),
            (
                {
                    "the": Counter({"sea": 2}),
                    "sea": Counter({"is": 1, None: 1}),
                    "is": Counter({"the": 1}),
                },
                "the last word has nothing after it",
            ),
        ],
    )
    trial.equal(
        ["a", "b", "a"],
        gives={"a": Counter({"b": 1}), "b": Counter({"a": 1})},
        why="the order counts: b after a is not a after b",
    )
    trial.equal(["a", "a"], gives={"a": Counter({"a": 1})}, why="a word may follow itself")
    trial.equal(["a"], gives={}, why="one word has no follower")
    trial.equal([], gives={}, why="no words have no followers")
    trial.that(
        isinstance(trial.call(["a", "b"])["a"], Counter),
        "the followers of each word must be a Counter, not a plain dictionary: the notebook asks it "
        "for words that never followed",
    )


@TURNS.turn(next_word_pairs)
def check_next_word_pairs(trial):
    def pairs(*lists):
        return [(list(before.split()), word) for before, word in lists]

    trial.equal(
        "the cat sat on it",
        2,
        gives=pairs(("the", "cat"), ("the cat", "sat"), ("cat sat", "on"), ("sat on", "it")),
        why="each word but the first is the label of the two words before it",
        mistakes=[
            (
                pairs(("the cat", "sat"), ("cat sat", "on"), ("sat on", "it")),
                "the pairs at the beginning are missing; an input may be shorter than context_size",
            ),
            (
                pairs(("the", "cat"), ("the cat", "sat"), ("the cat", "on"), ("the cat", "it")),
                "keep the last words of the context, those next to the label, not the first",
            ),
            (
                pairs(("the", "cat"), ("the cat", "sat"), ("the cat sat", "on"), ("the cat sat on", "it")),
                "an input holds more than context_size words, and a model cannot see those",
            ),
            (
                pairs(("the", "the"), ("the cat", "cat"), ("cat sat", "sat"), ("sat on", "on"), ("on it", "it")),
                "each word is in its own input, so there is nothing to predict",
            ),
            (
                pairs(("", "the"), ("the", "cat"), ("the cat", "sat"), ("cat sat", "on"), ("sat on", "it")),
                "the first word has nothing before it, so it is no label",
            ),
            (
                pairs(("", "cat"), ("the cat", "sat"), ("cat sat", "on"), ("sat on", "it")),
                "a slice that begins below 0 counts from the end; begin at 0 at least",
            ),
            (
                [("the", "cat"), ("the cat", "sat"), ("cat sat", "on"), ("sat on", "it")],
                "each context is a list of words; here it is one string",
            ),
            (
                list(map(list, pairs(("the", "cat"), ("the cat", "sat"), ("cat sat", "on"), ("sat on", "it")))),
                "each pair is a tuple, (words before, word); here it is a list",
            ),
        ],
    )  # fmt: skip
    trial.equal("a b c", 1, gives=pairs(("a", "b"), ("b", "c")), why="a context of one word")
    trial.equal(
        "a b c", 9, gives=pairs(("a", "b"), ("a b", "c")), why="a long context takes all there is"
    )
    trial.equal("alone", 3, gives=[], why="a word alone has nothing before it")
    trial.equal("", 3, gives=[], why="an empty text has no pairs")


@TURNS.turn(few_shot_prompt)
def check_few_shot_prompt(trial):
    examples = [("hot", "cold"), ("big", "small")]
    trial.equal(
        "Name the opposite.",
        examples,
        "fast",
        gives="Name the opposite.\n\nhot\ncold\n\nbig\nsmall\n\nfast\n",
        why="the task, each example on two lines, then the query, with empty lines between",
        mistakes=[
            (
                "Name the opposite.\n\nhot\ncold\n\nbig\nsmall\n\nfast",
                "end with a line break: the model must begin the answer, not go on with the query",
            ),
            (
                "Name the opposite.\nhot\ncold\nbig\nsmall\nfast\n",
                "put an empty line between the parts, so that each can be told from the next",
            ),
            (
                "hot\ncold\n\nbig\nsmall\n\nfast\n",
                "the task is missing",
            ),
            (
                "Name the opposite.\n\nbig\nsmall\n\nhot\ncold\n\nfast\n",
                "the examples keep their order",
            ),
        ],
    )
    trial.equal(
        "Do it.", [], "up", gives="Do it.\n\nup\n", why="without examples, that is zero-shot"
    )
    trial.equal(
        "",
        [(" hot", " cold")],
        " up",
        gives=" hot\n cold\n\n up\n",
        why="without a task there is no empty part before the examples, and spaces stay",
    )
