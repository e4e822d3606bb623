"""Apply byte pair merges to one pre-token: the merge learned first comes first, from the left.

A merge's rank is the id of the token it produces: the lower the id, the earlier it was learned.
"""

import heapq
import itertools
import sys
from collections.abc import Mapping

LONG_PIECE = 400  # ids; from here on a heap finds the next merge faster than a scan does


def merge_piece(token_ids: list[int], merged: Mapping[tuple[int, int], int]) -> list[int]:
    """Apply merges to the ids of one pre-token, with the method that is faster for its length.

    `merged` maps a pair of ids to the id of the merged token.

    >>> merge_piece([1, 1, 1, 2], {(1, 1): 3, (3, 1): 4})
    [4, 2]
    """
    merge = merge_with_heap if len(token_ids) > LONG_PIECE else merge_with_scan
    return merge(token_ids, merged)


def merge_with_scan(token_ids: list[int], merged: Mapping[tuple[int, int], int]) -> list[int]:
    """Apply merges to a short list, the lowest id first; each step scans the whole list.

    `merged` maps a pair of ids to the id of the merged token.

    >>> merge_with_scan([1, 1, 1, 2], {(1, 1): 3, (3, 1): 4})
    [4, 2]
    """
    token_ids, never = list(token_ids), sys.maxsize
    candidates = [merged.get(pair, never) for pair in itertools.pairwise(token_ids)]
    while candidates and (best := min(candidates)) < never:
        i = candidates.index(best)
        token_ids[i : i + 2] = [best]
        del candidates[i]
        if i > 0:
            candidates[i - 1] = merged.get((token_ids[i - 1], best), never)
        if i < len(candidates):
            candidates[i] = merged.get((best, token_ids[i + 1]), never)
    return token_ids


def merge_with_heap(token_ids: list[int], merged: Mapping[tuple[int, int], int]) -> list[int]:
    """Apply merges as `merge_with_scan` does, with a heap and a linked list for long inputs.

    Takes O(n log n) steps for n ids, where the scan takes O(n²).

    >>> merge_with_heap([1, 1, 1, 2], {(1, 1): 3, (3, 1): 4})
    [4, 2]
    """
    gone = -1
    tokens = [*token_ids, gone]  # the last item marks both ends of the row
    before, after = list(range(-1, len(token_ids))), list(range(1, len(tokens) + 1))
    heap = [
        (merged[pair], i, *pair)
        for i, pair in enumerate(itertools.pairwise(token_ids))
        if pair in merged
    ]
    heapq.heapify(heap)
    while heap:
        new_id, i, first, second = heapq.heappop(heap)
        j = after[i]
        if tokens[i] != first or tokens[j] != second:
            continue  # an earlier merge took one of the two
        tokens[i], tokens[j] = new_id, gone
        after[i], before[after[j]] = after[j], i
        for left, right in ((before[i], i), (i, after[i])):
            pair = (tokens[left], tokens[right])
            if pair in merged:
                heapq.heappush(heap, (merged[pair], left, *pair))
    return [token for token in tokens if token != gone]


def recover_merges(vocab: Mapping[int, bytes]) -> list[tuple[bytes, bytes]]:
    """Find the merges that produce a vocabulary whose ids are ranks.

    Each token is encoded with the merges of lower rank. The two parts that remain are the pair
    that produces it. (A token of which more parts remain is used only where it is a whole
    pre-token, and needs no merge.)

    >>> recover_merges({0: b"a", 1: b"b", 2: b"ab", 3: b"bab"})
    [(b'a', b'b'), (b'b', b'ab')]
    """
    byte_ids = {token: token_id for token_id, token in vocab.items() if len(token) == 1}
    merged: dict[tuple[int, int], int] = {}
    for token_id, token in sorted(vocab.items()):
        parts = merge_piece([byte_ids[bytes([value])] for value in token], merged)
        if len(parts) == 2:
            merged[parts[0], parts[1]] = token_id
    return [(vocab[a], vocab[b]) for a, b in merged]
