"""Lists of numbers by number, and what is above and below in a hierarchy, worked out at once for all concepts."""

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.index.sections import Array, SectionWriter


def lists_of(keys: Array, targets: Array, count: int) -> tuple[Array, Array]:
    """Return (offsets, targets) of the pairs, those of one key in the order in which they come."""
    order = np.argsort(keys, kind="stable")
    return offsets_of(keys, count), targets[order].astype(np.int32)


def offsets_of(keys: Array, count: int) -> npt.NDArray[np.uint32]:
    """Return where the list of each key begins when pairs are sorted by key."""
    offsets = np.zeros(count + 1, np.uint32)
    np.cumsum(np.bincount(keys.astype(np.int64), minlength=count), out=offsets[1:])
    return offsets


def write(writer: SectionWriter, name: str, keys: Array, targets: Array, count: int) -> None:
    """Write the pairs as lists."""
    offsets, sorted_targets = lists_of(keys, targets, count)
    writer.add(f"{name}.offsets", offsets)
    writer.add(f"{name}.targets", sorted_targets)


def distinct(below: Array, above: Array, count: int) -> tuple[Array, Array]:
    """Return the pairs without repetitions, and without what is right above itself, in the order of the first."""
    joined = below.astype(np.int64) * count + above.astype(np.int64)
    _, first = np.unique(joined, return_index=True)
    first = np.sort(first[below[first] != above[first]])
    return below[first], above[first]


def closure(below: Array, above: Array, count: int) -> tuple[Array, Array]:
    """Return (offsets, ancestors in order) of all concepts, of pairs that say what is right above what.

    Concepts are taken in layers: when all parents of one are done it is what they have and themselves. Those in a
    circle, which a code system should not have, are walked one by one.
    """
    offsets, parents = lists_of(below, above, count)
    ancestors: list[Array | None] = [None] * count
    child_offsets, children = lists_of(above, below, count)
    missing = np.diff(offsets).astype(np.int64)
    ready = np.flatnonzero(missing == 0)
    while len(ready):
        for number in ready.tolist():
            ancestors[number] = _merged(parents[offsets[number] : offsets[number + 1]], ancestors)
        following = _targets(child_offsets, children, ready)
        np.subtract.at(missing, following, 1)
        ready = np.unique(following[missing[following] == 0])
    for number in np.flatnonzero(missing > 0).tolist():
        ancestors[number] = _walked(number, offsets, parents)
    done = [one for one in ancestors if one is not None]
    lengths = np.fromiter(map(len, done), np.int64, count)
    found = np.zeros(count + 1, np.uint32)
    np.cumsum(lengths, out=found[1:])
    return found, np.concatenate(done) if done else np.zeros(0, np.int32)


def inverted(offsets: Array, targets: Array, count: int) -> tuple[Array, Array]:
    """Return the lists the other way: of each target the numbers that have it, in order."""
    keys = np.repeat(np.arange(count, dtype=np.int32), np.diff(offsets))
    order = np.argsort(targets, kind="stable")
    return offsets_of(targets, count), keys[order]


def _merged(parents: Array, ancestors: list[Array | None]) -> Array:
    if len(parents) == 0:
        return parents
    parts = [ancestors[parent] for parent in parents.tolist()]
    joined = np.concatenate([parents, *(part for part in parts if part is not None)])
    if len(parents) > 1:
        return np.unique(joined)
    joined.sort()
    return joined


def _targets(offsets: Array, targets: Array, numbers: Array) -> Array:
    """Return the lists of some numbers, one after the other."""
    starts, lengths = offsets[numbers].astype(np.int64), np.diff(offsets)[numbers].astype(np.int64)
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    places = np.arange(total) + np.repeat(starts - (ends - lengths), lengths)
    found: Array = targets[places]
    return found


def _walked(start: int, offsets: Array, parents: Array) -> Array:
    found: set[int] = set()
    pending = parents[offsets[start] : offsets[start + 1]].tolist()
    while pending:
        number = pending.pop()
        if number not in found:
            found.add(number)
            pending.extend(parents[offsets[number] : offsets[number + 1]].tolist())
    found.discard(start)
    return np.array(sorted(found), np.int32)
