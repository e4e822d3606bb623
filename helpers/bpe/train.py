"""Learn byte pair merges from text: count pre-tokens once, then merge the best pair again and again.

Three ideas make it fast. Text repeats itself, so pairs are counted once for each distinct
pre-token. A merge changes few positions, so only those are visited. The best pair is on top of a
heap, so there is no search for it.

Sources: Gage, "A New Algorithm for Data Compression" (1994); Sennrich, Haddow and Birch,
"Neural Machine Translation of Rare Words with Subword Units" (2016), for subwords; Radford et
al., "Language Models are Unsupervised Multitask Learners" (2019), for bytes and pre-tokens.
"""

import concurrent.futures
import heapq
import itertools
import os
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import regex

from helpers.limits import check_whole

# GPT-2's rule: contractions, words, numbers, punctuation (each with the space before it), spaces.
GPT2_SPLIT_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
BLOCK_SIZE = 1_000_000  # characters handed to one process at a time
PARALLEL_FROM = 8  # blocks; a shorter text is counted before processes have started


def split_special(text: str, special_tokens: Iterable[str]) -> list[str]:
    """Split a text at its special tokens and keep them: every second item is a special token.

    Where two special tokens start at the same position, the longer one wins.

    >>> split_special("one<|end|>two", ["<|end|>"])
    ['one', '<|end|>', 'two']
    """
    names = sorted(special_tokens, key=len, reverse=True)
    if not names:
        return [text]
    return regex.split("(" + "|".join(map(regex.escape, names)) + ")", text)


def cut_text(text: str, pattern: str, size: int = BLOCK_SIZE) -> Iterator[str]:
    """Cut a long text into blocks of about `size` characters without cutting a pre-token.

    GPT-2's pattern never joins a visible character to white space that follows it, so between
    the two a cut is safe. Nothing is known about other patterns: their text stays whole.

    >>> list(cut_text("a cut between words", GPT2_SPLIT_PATTERN, size=4))
    ['a cut', ' between', ' words']
    """
    start = 0
    if pattern == GPT2_SPLIT_PATTERN:
        boundary = regex.compile(r"(?<=\S)(?=\s)")
        while len(text) - start > size and (found := boundary.search(text, start + size)):
            yield text[start : found.start()]
            start = found.start()
    if start < len(text):
        yield text[start:]


def valid_unicode(text: str) -> str:
    """Return text that UTF-8 can encode: half a surrogate pair becomes the replacement character.

    >>> valid_unicode("half\\ud83d") == "half\\ufffd"
    True
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def compile_pattern(pattern: str) -> regex.Pattern:
    """Compile a split pattern; raises ValueError if it is malformed or has a capturing group."""
    if not isinstance(pattern, str):
        raise TypeError(f"the split pattern must be str, not {type(pattern).__name__}")
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"the split pattern {pattern!r} is malformed: {error}") from None
    if compiled.groups:
        raise ValueError("the split pattern has a capturing group; write (?:…) for (…)")
    return compiled


def count_pretokens(
    texts: Iterable[str],
    pattern: str = GPT2_SPLIT_PATTERN,
    special_tokens: Sequence[str] = (),
    n_processes: int | None = None,
) -> Counter[str]:
    """Count the pre-tokens of a stream of texts, on several cores if the stream is long.

    Special tokens are removed first. Memory holds a few blocks and the distinct pre-tokens,
    never the whole stream. The counts do not depend on `n_processes` (None: all cores).

    >>> sorted(count_pretokens(["low low", "lower"]).items())
    [(' low', 1), ('low', 1), ('lower', 1)]
    """
    compile_pattern(pattern)
    if n_processes is not None:
        check_whole("n_processes", n_processes, least=1)
    blocks = _blocks(texts, pattern, special_tokens)
    n_processes = n_processes or os.cpu_count() or 1
    first = list(itertools.islice(blocks, PARALLEL_FROM)) if n_processes > 1 else []
    blocks = itertools.chain(first, blocks)
    if n_processes > 1 and len(first) == PARALLEL_FROM:
        counters = _count_in_processes(blocks, pattern, n_processes)
    else:
        counters = (_count_block(block, pattern) for block in blocks)
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _blocks(
    texts: Iterable[str], pattern: str, special_tokens: Sequence[str]
) -> Iterator[list[str]]:
    """Group short texts and cut long ones, so that each block has about BLOCK_SIZE characters."""
    block, size = [], 0
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"the training text must be str, not {type(text).__name__}")
        for part in split_special(text, special_tokens)[::2]:
            for piece in cut_text(part, pattern, BLOCK_SIZE):
                block.append(piece)
                size += len(piece)
                if size >= BLOCK_SIZE:
                    yield block
                    block, size = [], 0
    if block:
        yield block


def _count_block(block: list[str], pattern: str) -> Counter[str]:
    split = compile_pattern(pattern).findall
    return Counter(itertools.chain.from_iterable(split(valid_unicode(text)) for text in block))


def _count_in_processes(
    blocks: Iterable[list[str]], pattern: str, n_processes: int
) -> Iterator[Counter[str]]:
    """Count blocks in worker processes, with at most two blocks waiting for each of them."""
    with concurrent.futures.ProcessPoolExecutor(n_processes) as pool:
        waiting: set[concurrent.futures.Future] = set()
        try:
            for block in blocks:
                waiting.add(pool.submit(_count_block, block, pattern))
                if len(waiting) >= 2 * n_processes:
                    done, waiting = concurrent.futures.wait(
                        waiting, return_when=concurrent.futures.FIRST_COMPLETED
                    )
                    yield from (future.result() for future in done)
            yield from (future.result() for future in waiting)
        except concurrent.futures.process.BrokenProcessPool as error:
            raise RuntimeError(
                "the worker processes stopped: call train() under"
                " `if __name__ == '__main__':`, or pass n_processes=1"
            ) from error


class PairIndex:
    """All distinct pre-tokens in one array of tokens, with the count and positions of each pair.

    `tokens[i]` is the token that starts at position i; `before[i]` and `after[i]` are the positions
    of its neighbors; `weights[i]` is how often the pre-token at i occurs in the text. GAP separates
    pre-tokens, so that no pair crosses from one to the next.

    >>> index = PairIndex({"aab": 5})
    >>> index.counts[97, 98], index.merge((97, 98), 256), index.counts[97, 256]
    (5, {(97, 256)}, 5)
    """

    GAP = -1

    def __init__(self, pretoken_counts: Mapping[str, int]):
        self.tokens, self.weights = array("i", [self.GAP]), array("q", [0])
        for pretoken, count in pretoken_counts.items():
            token_ids = pretoken.encode("utf-8")
            if len(token_ids) > 1:  # a single byte holds no pair
                self.tokens.extend(token_ids)
                self.tokens.append(self.GAP)
                self.weights.extend([count] * (len(token_ids) + 1))
        self.before = array("q", range(-1, len(self.tokens) - 1))
        self.after = array("q", range(1, len(self.tokens) + 1))
        self.counts: dict[tuple[int, int], int] = defaultdict(int)
        self.places: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, pair in enumerate(itertools.pairwise(self.tokens)):
            if pair[0] != self.GAP and pair[1] != self.GAP:
                self.counts[pair] += self.weights[i]
                self.places[pair].append(i)

    def merge(self, pair: tuple[int, int], new_id: int) -> set[tuple[int, int]]:
        """Replace a pair by one new token wherever it occurs; return the pairs that this created.

        All positions of a pair are recorded during one merge (the one that created the newer of
        its two tokens), from left to right. So runs such as "aaa" merge from the left, as they do
        when text is encoded, and a pair that exists already can only become rarer.
        """
        first, second = pair
        tokens, counts, places, gap = self.tokens, self.counts, self.places, self.GAP
        new_pairs = set()
        for i in places.pop(pair):
            j = self.after[i]
            if tokens[i] != first or tokens[j] != second:
                continue  # an earlier merge took one of the two
            left, right, weight = self.before[i], self.after[j], self.weights[i]
            tokens[i], tokens[j] = new_id, gap
            self.after[i], self.before[right] = right, i
            if tokens[left] != gap:
                counts[tokens[left], first] -= weight
                new_pair = (tokens[left], new_id)
                counts[new_pair] += weight
                places[new_pair].append(left)
                new_pairs.add(new_pair)
            if tokens[right] != gap:
                counts[second, tokens[right]] -= weight
                new_pair = (new_id, tokens[right])
                counts[new_pair] += weight
                places[new_pair].append(i)
                new_pairs.add(new_pair)
        del counts[pair]
        return new_pairs


def learn_merges(pretoken_counts: Mapping[str, int], n_merges: int) -> list[tuple[bytes, bytes]]:
    """Learn up to `n_merges` merges, each time of the most frequent pair.

    A tie goes to the greater pair; pairs of bytes are compared like words in a dictionary.
    Learning ends early when every pre-token is one token.

    >>> learn_merges({"low": 5, "lower": 2, "newest": 6, "widest": 3}, 3)
    [(b's', b't'), (b'e', b'st'), (b'o', b'w')]
    """
    index = PairIndex(pretoken_counts)
    vocab = [bytes([value]) for value in range(256)]
    order = [_descending(token) for token in vocab]
    heap = [(-count, order[a], order[b], (a, b)) for (a, b), count in index.counts.items()]
    heapq.heapify(heap)
    merges: list[tuple[bytes, bytes]] = []
    while heap and len(merges) < n_merges:
        negative_count, first, second, pair = heapq.heappop(heap)
        count = index.counts.get(pair, 0)
        if count != -negative_count:  # out of date: the pair became rarer since it was pushed
            if count:
                heapq.heappush(heap, (-count, first, second, pair))
            continue
        merges.append((vocab[pair[0]], vocab[pair[1]]))
        vocab.append(vocab[pair[0]] + vocab[pair[1]])
        order.append(_descending(vocab[-1]))
        for a, b in index.merge(pair, len(vocab) - 1):
            if count := index.counts[a, b]:
                heapq.heappush(heap, (-count, order[a], order[b], (a, b)))
    return merges


def _descending(token: bytes) -> str:
    """Return a key that sorts tokens from the greatest to the least, as a min-heap needs.

    Each byte is subtracted from 255; the final character, above every byte, puts "ab" before "a".
    """
    return "".join(chr(255 - value) for value in token) + "\u0100"
