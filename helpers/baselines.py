"""Two spam filters without a network, as baselines: a keyword rule and naive Bayes."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

KEYWORDS = ("free", "win", "winner", "won", "prize", "cash", "urgent", "claim", "click", "offer")


def words_and_signs(text: str) -> list[str]:
    """Split a text, in lower case, into words, numbers (all as "0") and single other characters.

    >>> words_and_signs("You WON $500!")
    ['you', 'won', '$', '0', '!']
    """
    return re.sub(r"[0-9]+", "0", " ".join(re.findall(r"[a-z']+|[0-9]+|\S", text.lower()))).split()


def n_grams(text: str, longest: int) -> list[str]:
    """The words and signs of a text, and its runs of up to `longest` of them.

    >>> n_grams("You won!", 2)
    ['you', 'won', '!', 'you won', 'won !']
    """
    words = words_and_signs(text)
    lengths = range(1, longest + 1)
    return [" ".join(words[i : i + n]) for n in lengths for i in range(len(words) - n + 1)]


class KeywordRule:
    """Predicts 1 (spam) if a text contains one of the keywords, else 0; nothing is learned.

    >>> KeywordRule().predict(["You won a prize", "See you at seven"])
    [1, 0]
    """

    def __init__(self, keywords: Iterable[str] = KEYWORDS):
        self.keywords = frozenset(keywords)

    def predict(self, texts: Iterable[str]) -> list[int]:
        """The class of each text."""
        return [int(not self.keywords.isdisjoint(words_and_signs(text))) for text in texts]


class NaiveBayes:
    """Counts how often each word occurs in each class, and treats the words as independent.

    With `longest` above 1 it counts runs of words up to this length as well. Every count starts at 1, so that a new word rules out no class. Source: Sahami et al. 1998.
    Raises ValueError if there are no texts, or not one label per text.

    >>> NaiveBayes(["win a prize", "see you soon"], [1, 0]).predict(["you win a prize"])
    [1]
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[int], longest: int = 1):
        self.longest = longest
        if not texts or len(texts) != len(labels):
            raise ValueError(f"{len(texts)} texts and {len(labels)} labels do not fit")
        self.texts_of = Counter(labels)
        self.words_of: dict[int, Counter[str]] = {
            label: Counter() for label in sorted(self.texts_of)
        }
        for text, label in zip(texts, labels, strict=True):
            self.words_of[label].update(n_grams(text, longest))
        self.vocabulary = set().union(*self.words_of.values())

    def scores(self, text: str) -> dict[int, float]:
        """Log-probability, up to a constant, of each class given the text's words."""
        scores = {}
        for label, counts in self.words_of.items():
            total = counts.total() + len(self.vocabulary)
            known = [word for word in n_grams(text, self.longest) if word in self.vocabulary]
            evidence = sum(math.log((counts[word] + 1) / total) for word in known)
            scores[label] = math.log(self.texts_of[label]) + evidence
        return scores

    def predict(self, texts: Iterable[str]) -> list[int]:
        """The most probable class of each text."""
        scores = map(self.scores, texts)
        return [max(score, key=score.__getitem__) for score in scores]
