"""Permutations by the Fisher-Yates shuffle, from numbers of 32 bits that are drawn for each place but the last."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

LOOPED: Final = 200  # places up to which a loop over them is faster


def permutation(drawn: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return a permutation of one more number than are drawn: step i swaps place i with one of those behind it."""
    count = len(drawn) + 1
    if count <= LOOPED:
        return shuffle_by_loop(drawn)
    partners = np.arange(count)
    partners[:-1] += (drawn % np.arange(count, 1, -1, dtype=np.uint64)).astype(np.int64)
    return shuffle_many(partners)


def shuffle_by_loop(drawn: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return the permutation by its definition."""
    count = len(drawn) + 1
    places = list(range(count))
    for i, number in enumerate(drawn.tolist()):
        partner = i + number % (count - i)
        places[i], places[partner] = places[partner], places[i]
    return np.array(places, np.int64)


# Note [A shuffle without a loop]
# Step i swaps places i and p[i] >= i; later steps do not touch place i. So the result at i is the value at p[i] just
# before step i. If no earlier step had the partner p[i], that value is p[i] itself. Otherwise the last earlier step k
# with p[k] == p[i] put it there, and it is the value at k just before step k. That value depends in the same way on the
# last step before k whose partner was k. The chains of all k form a forest; doubling the steps finds its roots.
#
# Among n places, some sqrt(n) steps in a row touch different ones: they are taken at once, up to one that an earlier of
# them has touched. A million places take a fifteenth of the time of a loop, and a third of that of the forest.
FEW_PLACES = 1 << 15  # up to this many, the forest is faster


def shuffle_many(partners: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    count, start = len(partners), 0
    result, steps, first = np.arange(count), np.arange(count), np.full(count, -1)
    while count - start > FEW_PLACES:
        run = slice(start, start + int((count - start) ** 0.5))
        partner, step, touched = partners[run], steps[run], first[run]
        first[partner[::-1]] = step[::-1]  # If several steps share a partner, the first one counts.
        is_late = (first[partner] != step) | ((touched >= start) & (touched < step))
        end = start + (int(is_late.argmax()) or len(step))
        partner = partners[start:end]
        result[start:end], result[partner] = result[partner], result[start:end].copy()
        start = end
    result[start:] = result[start:][shuffle(partners[start:] - start)]
    return result


def shuffle(partners: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    places = np.arange(len(partners))
    far = np.flatnonzero(partners != places)  # All other steps swap a place with itself.
    before = places.copy()
    before[partners[far]] = far  # If several steps share a partner, the last one counts.
    standing = find_roots(before)
    # Sorting each pair as one number takes a quarter of the time of a stable argsort.
    by_partner = np.sort((partners[far] << 32) | far) & (2**32 - 1)
    repeated = partners[by_partner[1:]] == partners[by_partner[:-1]]
    result: npt.NDArray[np.int64] = partners.copy()
    result[by_partner[1:][repeated]] = standing[by_partner[:-1][repeated]]
    near = partners == places
    result[near] = standing[near]
    return result


def find_roots(parents: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Follow each chain of parents to its root; every pass doubles the steps of the chains that are not there yet."""
    roots = parents.astype(np.int32)
    under_way = np.arange(len(roots), dtype=np.int32)
    while under_way.size:
        here = roots[under_way]
        further = roots[here]
        moved = further != here
        under_way = under_way[moved]
        roots[under_way] = further[moved]
    return roots.astype(np.int64)
