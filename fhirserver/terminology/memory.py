"""What was worked out from definitions, remembered for as long as these are what they were.

It is kept with the definitions that were needed and with their marks: the resources that could have been these, and
which versions. Who asks again says which marks they have now; with any others it is worked out anew. So a change counts
from the next question on, whoever made it, and nobody is answered from definitions that they do not see.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from fhirserver.kernel.resource import Resource

Named: TypeAlias = tuple[str, str]
"""(resource type, canonical or address)"""
Marks: TypeAlias = frozenset[tuple[str, int, int]]
"""(``Type/id``, version, instant of its writing)"""
T = TypeVar("T")

_VARIANTS: Final = 8
"""Of one subject, as different callers see its definitions."""
_FRESH_S: Final = 0.3
"""For so long a change may go unnoticed that another machine has made."""
_CHARACTERS: Final = 100
"""Of a subject, that weigh as much as one definition."""


@dataclass(frozen=True, slots=True)
class Found:
    """The versions of a definition that a caller may use; ``marks`` of None: too many resources could be it."""

    resources: tuple[Resource, ...]
    marks: Marks | None


class Changes(Protocol):
    """Tells all who share it that definitions have changed."""

    @property
    def count(self) -> int:
        """A number that is another one after every change."""
        ...

    def tell(self) -> None:
        """Say that something has changed."""
        ...


class Keeper(Protocol):
    """Finds the CodeSystems and ValueSets that a caller may use."""

    @property
    def view(self) -> str | None:
        """A name for what the caller sees, the same for all who see the same; None where it has none."""
        ...

    async def find(self, names: Sequence[Named]) -> Mapping[Named, Found]:
        """Return the definitions with these canonicals, or at these addresses (``ValueSet/1``)."""
        ...

    async def marks(self, needed: Iterable[Named]) -> Marks | None:
        """Return the marks that some definitions have now, all of them at once; None: there are too many."""
        ...


@dataclass(slots=True)
class _Shelf(Generic[T]):
    """What is known of one subject: by the marks of what it needed, with its weight."""

    needed: tuple[Named, ...]
    seen: dict[str, tuple[Marks, int, float]] = field(default_factory=dict)
    """By the view of callers: the marks that were seen, at which count of changes, and until when they count."""
    variants: OrderedDict[Marks, tuple[T, int]] = field(default_factory=OrderedDict)

    @property
    def weight(self) -> int:
        return sum(weight for _, weight in self.variants.values())


class Memory(Generic[T]):
    """Remembers what was asked for last, up to a weight of all together."""

    def __init__(self, bound: int, changes: Changes | None = None) -> None:
        """Forget what was not asked for longest when all that is known weighs more than ``bound``.

        With ``changes`` marks are asked for when something has changed, and each 0.3 s.
        """
        self._bound = bound
        self._changes = changes
        self._shelves: OrderedDict[str, _Shelf[T]] = OrderedDict()
        self.weight = 0

    async def recall(self, subject: str, keeper: Keeper) -> T | None:
        """Return what is known of a subject, if its definitions are for this caller what they were then."""
        shelf = self._shelves.get(subject)
        marks = await self._marks(shelf, keeper) if shelf is not None else None
        if shelf is None or marks is None or marks not in shelf.variants:
            return None
        shelf.variants.move_to_end(marks)
        if subject in self._shelves:  # nothing has made room meanwhile
            self._shelves.move_to_end(subject)
        return shelf.variants[marks][0]

    async def _marks(self, shelf: _Shelf[T], keeper: Keeper) -> Marks | None:
        """Return the marks that what a subject needs has for a caller: as they were if nothing can have changed."""
        view, now = keeper.view, time.monotonic()
        if self._changes is None or view is None:
            return await keeper.marks(shelf.needed)
        count = self._changes.count
        known = shelf.seen.get(view)
        if known is not None and known[1] == count and now < known[2]:
            return known[0]
        marks = await keeper.marks(shelf.needed)
        if marks is not None:
            shelf.seen[view] = marks, count, now + _FRESH_S
        return marks

    def keep(self, subject: str, found: Iterable[tuple[Named, Found]], value: T, weight: int) -> None:
        """Remember what was worked out from some definitions, if it can be told when they change."""
        needed: list[Named] = []
        marks: set[tuple[str, int, int]] = set()
        for named, definition in found:
            if definition.marks is None:
                return
            needed.append(named)
            marks |= definition.marks
        weight += len(needed) + len(subject) // _CHARACTERS
        if weight > self._bound:
            return
        shelf = self._shelf(subject, tuple(needed))
        self.weight -= shelf.weight
        shelf.variants[frozenset(marks)] = (value, weight)
        if len(shelf.variants) > _VARIANTS:
            shelf.variants.popitem(last=False)
        self.weight += shelf.weight
        while self.weight > self._bound:
            _, forgotten = self._shelves.popitem(last=False)
            self.weight -= forgotten.weight

    def _shelf(self, subject: str, needed: tuple[Named, ...]) -> _Shelf[T]:
        """Return the shelf of a subject, the last to go now; an empty one where it needed other definitions before."""
        shelf = self._shelves.pop(subject, None)
        if shelf is None or shelf.needed != needed:
            self.weight -= 0 if shelf is None else shelf.weight
            shelf = _Shelf(needed)
        self._shelves[subject] = shelf
        return shelf
