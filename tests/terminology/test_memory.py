"""What is worked out of definitions is worked out again when these change, and then only

http://hl7.org/fhir/R4/terminology-service.html
"""

import tracemalloc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from fhirserver.terminology.concepts import Head
from fhirserver.terminology.memory import Found, Marks, Memory, Named
from fhirserver.terminology.selected import Selected
from fhirserver.terminology.selection import Selection
from fhirserver.terminology.sources import Undecidable
from fhirserver.terminology.terms import SUPPLEMENTS_OF, Terms

SYSTEM = "http://a.b/cs"


@dataclass
class Shelf:
    """Definitions in memory; it counts how often it was asked for one, and for marks."""

    known: dict[Named, tuple[dict[str, Any], int]] = field(default_factory=dict)
    finds: int = 0
    checks: int = 0
    countable: bool = True

    def put(self, resource: dict[str, Any]) -> None:
        named = (resource["resourceType"], resource["url"])
        self.known[named] = (resource, self.known.get(named, ({}, 0))[1] + 1)

    @property
    def view(self) -> None:
        """Whoever asks, marks are looked at."""

    async def find(self, names: Sequence[Named]) -> Mapping[Named, Found]:
        self.finds += sum(not canonical.startswith(SUPPLEMENTS_OF) for _, canonical in names)
        return {named: self._found(named) for named in names}

    def _found(self, named: Named) -> Found:
        resource, _ = self.known.get(named, (None, 0))
        return Found(() if resource is None else (resource,), self._marks([named]) if self.countable else None)

    async def marks(self, needed: Iterable[Named]) -> Marks | None:
        self.checks += 1
        return self._marks(needed)

    def _marks(self, needed: Iterable[Named]) -> Marks:
        return frozenset((canonical, self.known[kind, canonical][1], 0) for kind, canonical in needed
                         if (kind, canonical) in self.known)  # fmt: skip


def code_system(*codes: str) -> dict[str, Any]:
    concept = [{"code": code} for code in codes]
    return {"resourceType": "CodeSystem", "url": SYSTEM, "content": "complete", "concept": concept}


def value_set(name: str, *include: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": name, "compose": {"include": list(include)}}


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put(code_system("a", "b"))
    shelf.put(value_set("vs", {"system": SYSTEM}))
    shelf.put(value_set("importing", {"valueSet": ["vs"]}))
    return shelf


def of(*codes: str) -> tuple[tuple[str, str], ...]:
    return tuple((SYSTEM, code) for code in codes)


async def test_a_question_asked_again_takes_one_look_at_the_versions(shelf: Shelf) -> None:
    terms = Terms()
    assert (await terms.selected("importing", shelf)).codes() == of("a", "b")
    assert (shelf.finds, shelf.checks) == (3, 0)
    assert (await terms.selected("importing", shelf)).codes() == of("a", "b")
    assert (shelf.finds, shelf.checks) == (3, 1)
    assert (await terms.related((SYSTEM, "a"), shelf, above=False)).codes() == of("a")
    assert (shelf.finds, shelf.checks) == (4, 1)
    assert (await terms.related((SYSTEM, "b"), shelf, above=True)).codes() == of("b")
    assert (shelf.finds, shelf.checks) == (4, 2)


async def test_a_change_of_anything_needed_counts_at_once(shelf: Shelf) -> None:
    terms = Terms()
    assert (await terms.selected("importing", shelf)).codes() == of("a", "b")
    shelf.put(code_system("a", "b", "c"))
    assert (await terms.selected("importing", shelf)).codes() == of("a", "b", "c")
    shelf.put(value_set("vs", {"system": SYSTEM, "concept": [{"code": "b"}]}))
    assert (await terms.selected("importing", shelf)).codes() == of("b")
    shelf.put(value_set("importing", {"valueSet": ["other"]}))
    with pytest.raises(Undecidable):
        await terms.selected("importing", shelf)
    shelf.put(value_set("other", {"system": SYSTEM, "concept": [{"code": "a"}]}))
    assert (await terms.selected("importing", shelf)).codes() == of("a")
    del shelf.known["ValueSet", "other"]
    with pytest.raises(Undecidable):
        await terms.selected("importing", shelf)


async def test_callers_who_see_different_definitions_have_different_answers(shelf: Shelf) -> None:
    terms, other = Terms(), Shelf(dict(shelf.known))
    other.put(code_system("c"))
    for _ in range(2):
        assert (await terms.selected("vs", shelf)).codes() == of("a", "b")
        assert (await terms.selected("vs", other)).codes() == of("c")
        with pytest.raises(Undecidable):
            await terms.selected("vs", Shelf())
    assert (shelf.finds, other.finds) == (2, 2)


async def test_what_cannot_be_told_by_its_marks_is_not_remembered(shelf: Shelf) -> None:
    shelf.countable = False
    terms = Terms()
    for _ in range(2):
        assert (await terms.selected("vs", shelf)).codes() == of("a", "b")
        assert (await terms.related((SYSTEM, "a"), shelf, above=False)).codes() == of("a")
    assert (shelf.finds, shelf.checks) == (6, 0)


async def test_what_was_not_asked_for_longest_is_forgotten(shelf: Shelf) -> None:
    memory = Memory[str](10)

    async def known(subject: str) -> bool:
        return await memory.recall(subject, shelf) is not None

    async def keep(subject: str, weight: int) -> None:
        named = ("ValueSet", "vs")
        memory.keep(subject, (await shelf.find([named])).items(), subject, weight - 1)

    await keep("one", 4)
    await keep("two", 4)
    assert await known("one")
    await keep("three", 4)
    assert [await known(name) for name in ("one", "two", "three")] == [True, False, True]
    await keep("huge", 11)
    assert [await known(name) for name in ("one", "huge", "three")] == [True, False, True]
    assert memory.weight == 8
    await keep("one", 2)
    assert memory.weight == 6
    await keep("all", 10)
    assert [await known(name) for name in ("one", "three", "all")] == [False, False, True]
    assert memory.weight == 10


async def test_versions_of_the_past_make_room(shelf: Shelf) -> None:
    memory = Memory[int](1000)
    named = ("ValueSet", "vs")
    for number in range(20):
        shelf.put(value_set("vs"))
        memory.keep("vs", (await shelf.find([named])).items(), number, 9)
    assert await memory.recall("vs", shelf) == 19
    assert memory.weight == 80


def test_a_long_subject_weighs_as_more_than_one() -> None:
    memory = Memory[int](1000)
    for number in range(100):
        memory.keep(f"{number}" + "x" * 10_000, [], number, 1)

    assert memory.weight <= 1000
    assert len(memory._shelves) < 10


class Large:
    """A code system of very many concepts, called by their numbers."""

    head = Head(url=SYSTEM, version="1")

    def __len__(self) -> int:
        return 400_000

    def number(self, code: str) -> int | None:
        return int(code)

    def code(self, number: int) -> str:
        return str(number)


def test_codes_of_a_large_code_system_take_a_bit_each() -> None:
    """They are remembered for many value sets and searches at once."""
    large: Any = Large()
    chosen = np.arange(5, 400_000, 4000)
    tracemalloc.start()
    found = Selection()
    found.add_numbers(large, chosen)
    selected = Selected(found)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000
    assert [number for number in range(0, 20_000) if selected.has(SYSTEM, str(number))] == [5, 4005, 8005, 12005, 16005]
