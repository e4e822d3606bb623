"""Simple wordings of a question by rule, for a table that has one wording of each.

People type the same question in many ways; a model that has seen one of them has learned a
sentence and not a question. These rules write a few of the ways down. They know nothing of meaning,
so an accuracy on such wordings says less than one on wordings of people.
"""

import random

STARTS = (  # the beginning of a question, and how others begin it
    ("what is ", ("what's ", "tell me about ", "explain ")),
    ("what are ", ("tell me about ", "which are ")),
    ("where is ", ("where's ", "where do i find ", "how do i find ")),
    ("where are ", ("where do i find ", "how do i find ")),
    ("when is ", ("when's ", "what time is ")),
    ("when do ", ("what time do ", "at what time do ")),
    ("how much is ", ("what's the price of ", "price of ", "cost of ")),
    ("how do i ", ("how can i ", "how to ", "i want to ")),
    ("how can i ", ("how do i ", "how to ", "i'd like to ")),
    ("can i ", ("may i ", "is it possible to ", "am i allowed to ")),
    ("do you have ", ("is there ", "have you got ", "do you offer ")),
    ("is there ", ("do you have ", "have you got ")),
    ("are there ", ("do you have ", "have you got ")),
)
OPENINGS = (
    "hello, ",
    "hi! ",
    "please tell me: ",
    "quick question: ",
    "can you tell me, ",
    "sorry, ",
)
SMALL_WORDS = frozenset(
    "a an the is are was do does did can could you me how what of in on to it we i your my please".split()
)


def rule_wordings(question: str, n: int, seed: int = 0) -> list[str]:
    """Return up to n different wordings of a question, none of them the question itself.

    Fewer come back where the rules find no more: of a question of one word there are few.

    >>> rule_wordings("Are dogs allowed?", 3)
    ['are dogs allowed', 'Are dogs allowed', 'dogs allowed']
    """
    rng, plain = random.Random(f"{seed} {question}"), question.strip()
    lower = plain.lower()
    found = [
        other + lower.removeprefix(start)
        for start, others in STARTS
        if lower.startswith(start)
        for other in others
    ]
    found = rng.sample(found, len(found))
    bare = lower.rstrip("?.! ")
    words = bare.split()
    kept = " ".join(word for word in words if word not in SMALL_WORDS)
    steps = [bare, plain.rstrip("?.! "), kept, rng.choice(OPENINGS) + lower, _typo(bare, rng)]
    steps += [opening + bare for opening in rng.sample(OPENINGS, len(OPENINGS))]
    mixed = [each for pair in zip(found, steps, strict=False) for each in pair]
    mixed += found[len(steps) :] + steps[len(found) :]
    different = dict.fromkeys(text for text in mixed if text and text != plain)
    return list(different)[:n]


def vary(question: str, rng: random.Random) -> str:
    """Return a question as a person in a hurry types it: words left out or moved, lower case, a typo.

    Half of the small words and a fifth of the others are left out of most questions, and some lose
    their order: a model that has to find the answer by what is left learns no sentence by heart.

    >>> [vary("When do you open on Sundays?", random.Random(seed)) for seed in (0, 8)]
    ['when open sundays', 'you when sundays']
    """
    words = question.split()
    if rng.random() < 0.85:
        small = [word.lower() in SMALL_WORDS for word in words]
        kept = [w for w, s in zip(words, small, strict=True) if rng.random() > (0.5 if s else 0.2)]
        rest = [word for word, is_small in zip(words, small, strict=True) if not is_small]
        if rest and not set(kept) & set(rest):
            kept.append(rng.choice(rest))
        words = kept or words
        if rng.random() < 0.3:
            rng.shuffle(words)
    text = " ".join(words)
    if rng.random() < 0.5:
        text = text.lower().rstrip("?.! ") or text
    if rng.random() < 0.1:
        text = _typo(text, rng)
    return rng.choice(OPENINGS) + text if rng.random() < 0.1 else text


def _typo(text, rng):
    """The text with two neighboring letters of one of its longer words exchanged."""
    words = text.split()
    long = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not long:
        return text
    place = rng.choice(long)
    word = words[place]
    i = rng.randrange(1, len(word) - 2)
    words[place] = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return " ".join(words)
