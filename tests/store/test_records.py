"""Records: small documents that expire, each step whole or not at all."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient

from fhirserver.store.connection import Connection
from fhirserver.store.records import Records

NAME = f"test_{secrets.token_hex(6)}_network"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def records(mongodb_uri: str) -> AsyncIterator[Records]:
    connection = Connection(mongodb_uri)
    records = connection.records(NAME, "thing", indexes=("owner",))
    await records.prepare()
    yield records
    await connection.close()
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(NAME)


@pytest.fixture
def key() -> str:
    return secrets.token_hex(8)


async def test_what_is_inserted_is_read_with_its_key(records: Records, key: str) -> None:
    assert await records.insert(key, {"owner": "a", "n": 1})
    assert await records.get(key) == {"key": key, "owner": "a", "n": 1}


async def test_a_second_insert_of_a_key_is_refused_and_changes_nothing(records: Records, key: str) -> None:
    assert await records.insert(key, {"n": 1}, expires_s=60)
    assert not await records.insert(key, {"n": 2})
    assert (await records.get(key) or {})["n"] == 1


async def test_what_has_expired_is_absent_before_the_database_removes_it(records: Records, key: str) -> None:
    await records.put(key, {"owner": key}, expires_s=-1)
    assert await records.get(key) is None
    assert await records.take(key) is None
    assert await records.change(key, {"n": 2}) is None
    assert await records.find({"owner": key}) == []
    assert await records.insert(key, {"n": 3}, expires_s=60)
    assert (await records.get(key) or {})["n"] == 3


async def test_put_replaces_and_says_when_it_expires(records: Records, key: str) -> None:
    await records.put(key, {"a": 1})
    await records.put(key, {"b": 2}, expires_s=60)
    found = await records.get(key) or {}
    assert isinstance(found.pop("expires"), datetime)
    assert found == {"key": key, "b": 2}


async def test_a_record_that_was_read_can_be_put_again(records: Records, key: str) -> None:
    await records.put(key, {"a": 1}, expires_s=60)
    await records.put(key, await records.get(key) or {})
    assert await records.get(key) == {"key": key, "a": 1}


async def test_one_of_many_takes_a_record(records: Records, key: str) -> None:
    await records.insert(key, {"n": 1}, expires_s=60)
    taken = await asyncio.gather(*(records.take(key) for _ in range(20)))
    assert len([record for record in taken if record is not None]) == 1
    assert await records.get(key) is None


@pytest.mark.parametrize("expired", [False, True])
async def test_one_of_many_inserts_a_record(records: Records, key: str, expired: bool) -> None:
    if expired:
        await records.put(key, {"n": -1}, expires_s=-1)
    inserted = await asyncio.gather(*(records.insert(key, {"n": n}, expires_s=60) for n in range(20)))
    assert inserted.count(True) == 1


async def test_one_of_many_changes_what_is_as_it_was(records: Records, key: str) -> None:
    await records.insert(key, {"state": "new"})
    changes = (records.change(key, {"state": "used"}, where={"state": "new"}) for _ in range(20))
    changed = [record for record in await asyncio.gather(*changes) if record is not None]
    assert changed == [{"key": key, "state": "used"}]


async def test_a_change_can_move_the_expiry(records: Records, key: str) -> None:
    await records.insert(key, {"n": 1}, expires_s=60)
    before = (await records.get(key) or {})["expires"]
    after = (await records.change(key, {}, expires_s=600) or {})["expires"]
    assert after > before


async def test_of_many_a_record_that_is_as_it_was_is_the_same_object(records: Records, key: str) -> None:
    for n in range(3):
        await records.insert(f"{key}{n}", {"n": n}, expires_s=60)
    keys = [f"{key}{n}" for n in range(4)]
    first = {one["key"]: one for one in await records.get_many(keys)}
    await records.change(keys[1], {"n": 7})
    await records.delete(keys[2])
    second = {one["key"]: one for one in await records.get_many(keys)}
    assert [first[one]["n"] for one in keys[:3]] == [0, 1, 2]
    assert second[keys[0]] is first[keys[0]]
    assert {one: fields["n"] for one, fields in second.items()} == {keys[0]: 0, keys[1]: 7}
    assert second[keys[0]] == await records.get(keys[0])


async def test_counts_add_up_and_begin_anew_once_expired(records: Records, key: str) -> None:
    other = f"{key} other"
    counts = await asyncio.gather(*(records.count({key: 1, other: 2}, expires_s=60) for _ in range(20)))
    assert max(count[key] for count in counts) == 20
    assert max(count[other] for count in counts) == 40
    assert min(count[key] for count in counts) >= 1
    await records.put(key, {"count": 7}, expires_s=-1)
    assert await records.count({key: 2.5, other: 0.5}, expires_s=60) == {key: 2.5, other: 40.5}


async def test_records_are_found_and_deleted_by_their_fields(records: Records, key: str) -> None:
    for n in range(3):
        await records.insert(f"{key}{n}", {"owner": key, "n": n})
    assert [record["n"] for record in await records.find({"owner": key})] == [0, 1, 2]
    assert [record["n"] for record in await records.find({"owner": key, "n": {1, 2}})] == [1, 2]
    assert len(await records.find({"owner": key}, limit=2)) == 2
    assert await records.delete(f"{key}0")
    assert not await records.delete(f"{key}0")
    assert await records.delete_where({"owner": key}) == 2


async def test_a_condition_compares_values_and_knows_no_operators(records: Records, key: str) -> None:
    await records.insert(key, {"owner": key})
    assert await records.find({"owner": {"$ne": ""}}) == []
    assert await records.change(key, {"n": 1}, where={"owner": {"$exists": True}}) is None
