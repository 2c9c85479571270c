"""Sets of concepts of several code systems, in order, as expansions need them: united, narrowed, taken away.

Of a code system whose concepts are listed, a set is numbers; of another one, the concepts that were named.
Spec: http://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concepts import CodeSystem, Concept, ListedCodeSystem, Mask, Numbers, is_listed


@dataclass(frozen=True, slots=True)
class Member:
    """One concept of a set, and how the value set that lists it declares it."""

    system: CodeSystem
    concept: Concept
    number: int | None = None
    declared: Resource | None = None


@dataclass(slots=True)
class Selection:
    """A set of concepts; ``segments`` are numbers in order, no number twice."""

    systems: dict[str, CodeSystem] = field(default_factory=dict)
    """By canonical with version."""
    segments: list[tuple[str, Numbers]] = field(default_factory=list)
    named: dict[tuple[str, str], Member] = field(default_factory=dict)
    """Of code systems that do not list their concepts: by canonical and code."""
    declared: dict[tuple[str, int], Resource] = field(default_factory=dict)
    """How value sets declare the concepts that they list."""

    def __len__(self) -> int:
        """Return how many concepts there are."""
        return sum(len(numbers) for _, numbers in self.segments) + len(self.named)

    def members(self) -> Iterator[Member]:
        """Yield the concepts in order."""
        for key, numbers in self.segments:
            system = self.listing(key)
            for number in numbers:
                yield self.member(key, system, int(number))
        yield from self.named.values()

    def member(self, key: str, system: ListedCodeSystem, number: int) -> Member:
        """Return one concept."""
        return Member(system, system.concept(number), number, self.declared.get((key, number)))

    def listing(self, key: str) -> ListedCodeSystem:
        """Return a code system of which there are segments."""
        system = self.systems[key]
        if not is_listed(system):
            raise LookupError(f"{key} does not list its concepts")
        return system

    def add_numbers(self, system: ListedCodeSystem, numbers: Numbers) -> None:
        """Add concepts of a code system at the end, those that are not there yet."""
        key = system.head.canonical
        self.systems.setdefault(key, system)
        before = self.mask(key)
        fresh = numbers if before is None else numbers[~before[numbers]]
        if len(fresh):
            self.segments.append((key, fresh))

    def add_named(self, member: Member) -> None:
        """Add a concept of a code system that does not list its own."""
        key = member.system.head.canonical
        self.systems.setdefault(key, member.system)
        self.named.setdefault((key, member.concept.code), member)

    def mask(self, key: str) -> Mask | None:
        """Return which concepts of a code system there are; None: none at all."""
        parts = [numbers for one, numbers in self.segments if one == key]
        if not parts:
            return None
        found = np.zeros(len(self.listing(key)), np.bool_)
        for numbers in parts:
            found[numbers] = True
        return found

    def unite(self, other: "Selection") -> None:
        """Add all that another set has."""
        for key, system in other.systems.items():
            self.systems.setdefault(key, system)
        for key, numbers in other.segments:
            self.add_numbers(other.listing(key), numbers)
        for found in other.named.values():
            self.add_named(found)
        self.declared = other.declared | self.declared

    def narrow(self, other: "Selection") -> None:
        """Keep what another set has too."""
        self._keep({key: other.mask(key) for key, _ in self.segments})
        self.named = {key: one for key, one in self.named.items() if key in other.named}

    def take_away(self, other: "Selection", *, any_version: bool) -> None:
        """Leave out what another set has, or has in any version."""
        self._keep({key: self._unlike(key, other, any_version) for key, _ in self.segments}, none_is_all=True)
        taken = {(key.partition("|")[0], code) for key, code in other.named} if any_version else set()
        self.named = {
            (key, code): one
            for (key, code), one in self.named.items()
            if (key, code) not in other.named and (key.partition("|")[0], code) not in taken
        }

    def keep_where(self, wanted: Mapping[str, Mask]) -> None:
        """Keep the concepts of code systems that are wanted; of those that are not mentioned all."""
        self._keep(wanted, none_is_all=True)

    def merge_versions(self) -> None:
        """Keep each code once, of the last version that has it."""
        for key in sorted({key for key, _ in self.segments}, reverse=True):
            url, system = self.systems[key].head.url, self.listing(key)
            earlier = [one for one, _ in self.segments if one < key and self.systems[one].head.url == url]
            mask = self.mask(key)
            if mask is not None and earlier:
                codes = [system.code(int(number)) for number in np.flatnonzero(mask)]
                self._keep({one: ~_mask_of(self.listing(one), codes) for one in earlier}, none_is_all=True)

    def _unlike(self, key: str, other: "Selection", any_version: bool) -> Mask | None:
        """Return which concepts of a code system another set does not have; None: it has none of it."""
        same = other.mask(key)
        found = None if same is None else ~same
        if not any_version:
            return found
        system = self.listing(key)
        for theirs in {one for one, _ in other.segments if one != key}:
            mask = other.mask(theirs)
            if mask is not None and other.systems[theirs].head.url == system.head.url:
                listing = other.listing(theirs)
                unlike = ~_mask_of(system, (listing.code(int(number)) for number in np.flatnonzero(mask)))
                found = unlike if found is None else found & unlike
        return found

    def _keep(self, wanted: Mapping[str, Mask | None], *, none_is_all: bool = False) -> None:
        kept = []
        for key, numbers in self.segments:
            mask = wanted.get(key)
            left = numbers[mask[numbers]] if mask is not None else numbers if none_is_all else numbers[:0]
            if len(left):
                kept.append((key, left))
        self.segments = kept


def _mask_of(system: ListedCodeSystem, codes: Iterable[str]) -> Mask:
    numbers = [number for number in map(system.number, codes) if number is not None]
    found = np.zeros(len(system), np.bool_)
    found[numbers] = True
    return found
