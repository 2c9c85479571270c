"""Pages return every match exactly once, whoever writes meanwhile — http://hl7.org/fhir/R4/search.html#count

R4 leaves to the server "how to handle ongoing updates to the resources while the search is proceeding"; here,
what others do to other resources neither drops nor repeats one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.kernel.resource import Resource
from fhirserver.repository.requests import Delete, SearchPage
from tests.door import Door

Values: TypeAlias = tuple[str | None, str | None]
Change: TypeAlias = tuple[str, int, str | None, str | None]
Disturb: TypeAlias = Callable[[], Awaitable[None]]

FAMILIES = st.sampled_from((None, "a", "b", "B", "é", "zz"))
BIRTHDAYS = st.sampled_from((None, "1980", "1980-01", "1981-02-02"))
ORDERED = ("family", "birthdate", "_lastUpdated", "_id", "gender")
KEYS = st.builds("{}{}".format, st.sampled_from(("", "-")), st.sampled_from(ORDERED))
SORTS = st.lists(KEYS, max_size=2, unique_by=lambda key: key.lstrip("-")).map(",".join)


def patient(name: str, family: str | None, born: str | None) -> Resource:
    parts = {"name": family and [{"family": family}], "birthDate": born}
    return {"resourceType": "Patient", "id": name, "active": True, **{k: v for k, v in parts.items() if v}}


PATIENTS = st.lists(st.tuples(FAMILIES, BIRTHDAYS), min_size=1, max_size=12)
CHANGES = st.lists(st.tuples(st.sampled_from(("write", "delete")), st.integers(0, 3), FAMILIES, BIRTHDAYS), max_size=12)


class Others:
    """Creates, updates, deletes and revives resources that match the same search."""

    def __init__(self, door: Door, changes: list[Change]) -> None:
        self._door = door
        self._changes = iter(changes)

    async def __call__(self, some: int = 2) -> None:
        for kind, number, family, born in islice(self._changes, some):
            name = f"other{number}"
            if kind == "write":
                await self._door.put(patient(name, family, born))
            else:
                await self._door.repository.write(Delete(resource_type="Patient", logical_id=name))


async def walk(door: Door, query: str, page: SearchPage, disturb: Disturb, *, forward: bool) -> list[SearchPage]:
    """Follow the links of a page to the end."""
    found = [page]
    while (cursor := found[-1].next_cursor if forward else found[-1].previous_cursor) is not None:
        await disturb()
        found.append(await door.search(query, f"_cursor={cursor}"))
    return found


def own(page: SearchPage) -> list[str]:
    return [version.logical_id for version in page.matches if version.logical_id.startswith("own")]


async def nothing() -> None:
    pass


async def fill(door: Door, patients: list[Values]) -> None:
    await door.clear()
    await door.put(*(patient(f"own{i}", *values) for i, values in enumerate(patients)))


@settings(max_examples=40)
@given(patients=PATIENTS, sort=SORTS, count=st.integers(1, 5), changes=CHANGES)
async def test_each_match_comes_once_forward_and_once_backward(
    door: Door, patients: list[Values], sort: str, count: int, changes: list[Change]
) -> None:
    await fill(door, patients)
    query = f"Patient?active=true&_sort={sort}&_count={count}"
    in_order = own(await door.search(f"Patient?active=true&_sort={sort}"))
    assert sorted(in_order) == sorted(f"own{i}" for i in range(len(patients)))
    disturb = Others(door, changes)
    forward = await walk(door, query, await door.search(query), disturb, forward=True)
    assert [name for page in forward for name in own(page)] == in_order
    backward = await walk(door, query, forward[-1], disturb, forward=False)
    assert [name for page in reversed(backward) for name in own(page)] == in_order
    assert all(len(page.matches) <= count for page in forward + backward)
    assert {page.total for page in forward + backward} == {len(patients)}


@pytest.mark.parametrize("sort", ["", "family", "-birthdate,family", "-_lastUpdated"])
async def test_while_others_write_at_the_same_time(door: Door, sort: str) -> None:
    await fill(door, [(family, None) for family in "cabdabcedafgh"])
    query = f"Patient?active=true&_sort={sort}&_count=2"
    in_order = own(await door.search(f"Patient?active=true&_sort={sort}"))
    changes = [("write" if i % 3 else "delete", i % 5, "abz"[i % 3], "1980") for i in range(200)]
    writers = [asyncio.create_task(Others(door, changes[start::2])(100)) for start in range(2)]
    for _ in range(3):
        forward = await walk(door, query, await door.search(query), nothing, forward=True)
        backward = await walk(door, query, forward[-1], nothing, forward=False)
        assert [name for page in forward for name in own(page)] == in_order
        assert [name for page in reversed(backward) for name in own(page)] == in_order
    await asyncio.gather(*writers)
