"""Who owes whom: a task in which the words never decide, only their order.

A text tells of a loan between a girl and a boy; its label says who owes money, "she" or "he". Every
text has a twin, in which the two names have changed places: the same words, the other label. So
whatever looks only at which words there are, and how often, is right on exactly one of each pair.

    Until Sunday Mia gave five coins to Tom.    he
    Until Sunday Tom gave five coins to Mia.    she

The names of a split are in no other split, and neither are its sentences. Of a test text, even the
n-grams that occur in training are those of its twin, since they hold no name. A model that is right
on held-out names knows from elsewhere which of them are girls' names; no label says it. The lender is
always named first, so that knowing the names and their order suffices.

The names and most of the words are those of `classroom.worlds.tales`; nothing there is lent or owed.
"""

import random
from typing import NamedTuple

LABELS = ("he", "she")
SPLITS = ("train", "validation", "test")
GIRLS = {
    "train": (
        "Mia Anna Lily Emma Rosa Clara Nora Ella Sara Lucy Ruby Alice Maya Ivy Hannah Julia "
        "Grace Leah Molly Zoe Eva Nina Tara Wendy Amelia"
    ),
    "validation": ("Bella Daisy Iris Karen Laura Naomi Olga Paula Rachel Sophie Thea Vera"),
    "test": (
        "Yuki Amina Beth Carmen Dora Edith Fatima Greta Helen Ingrid Joan Kira Leila Marta "
        "Priya Ramona Selma Tilda Abigail Bianca"
    ),
}
BOYS = {
    "train": (
        "Tom Ben Max Sam Leo Jack Oscar Finn Noah Hugo Adam Peter Omar Henry Felix Paul "
        "Simon Victor Walter Arthur Bruno David Edgar Frank George"
    ),
    "validation": ("Ivan Karl Louis Martin Nathan Otto Pedro Ravi Stefan Theo Amir Boris"),
    "test": (
        "Cyrus Daniel Gustav Hassan Isaac Jamal Kenji Milo Nico Owen Quentin Rafael Samuel "
        "Abel Basil Conrad Dmitri Ezra Fergus Gilbert"
    ),
}
NUMBERS = "two three four five six seven eight nine ten twelve".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
PLACES = "market harbor mill inn station bakery museum fair".split()
LOANS = {
    "train": (
        "On {day} {lender} lent {debtor} {sum}.",
        "{lender} lent {debtor} {sum} at the {place}.",
        "At the {place} {lender} lent {sum} to {debtor}.",
        "On {day} {lender} went to the {place} and lent {debtor} {sum}.",
        "It was {lender} who lent {debtor} {sum}.",
        "On {day} {lender} paid {sum} for {debtor}.",
        "{lender} paid for {debtor} at the {place}, {sum} in all.",
        "{lender} gave {debtor} {sum} until {day}.",
        "At the {place} {lender} gave {sum} to {debtor} until {day}.",
        "{lender} helped {debtor} on {day} with {sum}.",
    ),
    "validation": (
        "At the {place} on {day} {lender} lent {debtor} {sum}.",
        "It was {lender} who gave {debtor} {sum} until {day}.",
        "On {day} {lender} paid at the {place} for {debtor}.",
        "Until {day} {lender} helped {debtor} with {sum}.",
    ),
    "test": (
        "It was on {day} that {lender} lent {debtor} {sum}.",
        "{lender} went to the {place} on {day} and lent {sum} to {debtor}.",
        "It was {lender} who paid {sum} for {debtor}.",
        "On {day} {lender} gave {sum} to {debtor} at the {place}.",
        "At the {place} {lender} helped {debtor} on {day} with {sum}.",
    ),
}


class Debt(NamedTuple):
    """One text, and its label: who of the two owes money, "she" or "he"."""

    text: str
    label: str


def sample(n: int, seed: int, split: str = "train") -> list[Debt]:
    """Draw n texts of a split, twin after twin; the same seed gives the same texts everywhere.

    Raises ValueError for an unknown split, and for an n that is odd or below 0.

    >>> for debt in sample(2, seed=1):
    ...     print(f"{debt.label:<4} {debt.text}")
    he   Sara lent Jack ten coins at the bakery.
    she  Jack lent Sara ten coins at the bakery.
    >>> sample(1, seed=1)
    Traceback (most recent call last):
    ValueError: n is 1; it must be even and 0 or more, since each text comes with its twin
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
    if n < 0 or n % 2:
        raise ValueError(
            f"n is {n}; it must be even and 0 or more, since each text comes with its twin"
        )
    rng = random.Random(f"{seed} {split}")
    return [debt for _ in range(n // 2) for debt in _twins(rng, split)]


def _twins(rng, split):
    girl, boy = rng.choice(GIRLS[split].split()), rng.choice(BOYS[split].split())
    loan, slots = rng.choice(LOANS[split]), {"sum": f"{rng.choice(NUMBERS)} coins"}
    slots |= {"day": rng.choice(DAYS), "place": rng.choice(PLACES)}
    pair = [
        Debt(loan.format(lender=girl, debtor=boy, **slots), "he"),
        Debt(loan.format(lender=boy, debtor=girl, **slots), "she"),
    ]
    rng.shuffle(pair)
    return pair
