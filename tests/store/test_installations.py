"""What is installed on all machines: a record says what there is when its file is whole."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson.objectid import ObjectId

from fhirserver.store.connection import Connection
from fhirserver.store.installations import Installations, ToInstall

KEY = "http://a.b|1"


class Stored:
    """A database with versions of code systems."""

    def __init__(self, terminologies: Installations, database: pymongo.database.Database[dict[str, Any]]) -> None:
        self.terminologies, self.database = terminologies, database

    async def put(self, folder: Path, content: bytes, key: str = KEY) -> str:
        sha = hashlib.sha256(content).hexdigest()
        (folder / "file").write_bytes(content)
        await self.terminologies.put([ToInstall(key, {"url": "http://a.b", "sha": sha}, folder / "file")])
        return sha

    @property
    def files(self) -> int:
        return len(self.database["terminology_file.chunks"].distinct("files_id"))

    def break_off(self, age: timedelta) -> None:
        """Leave what an upload leaves that was killed."""
        file = ObjectId.from_datetime(datetime.now(UTC) - age)
        self.database["terminology_file.chunks"].insert_one({"files_id": file, "n": 0, "data": b"a"})


@pytest.fixture
async def stored(mongodb_uri: str) -> AsyncIterator[Stored]:
    name = f"test_{secrets.token_hex(6)}"
    connection = Connection(mongodb_uri)
    with pymongo.MongoClient[dict[str, Any]](mongodb_uri) as client:
        try:
            yield Stored(connection.terminologies(name), client[name])
        finally:
            await connection.close()
            client.drop_database(name)


async def test_a_file_comes_back_as_it_was(stored: Stored, tmp_path: Path) -> None:
    content = secrets.token_bytes(9 * 1024 * 1024)
    sha = await stored.put(tmp_path, content)
    assert await stored.terminologies.all() == [{"url": "http://a.b", "sha": sha}]
    assert await stored.terminologies.fetch(KEY, sha, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


async def test_another_file_takes_the_place_of_the_one_before(stored: Stored, tmp_path: Path) -> None:
    old = await stored.put(tmp_path, b"old")
    new = await stored.put(tmp_path, b"new")
    assert [one["sha"] for one in await stored.terminologies.all()] == [new]
    assert not await stored.terminologies.fetch(KEY, old, tmp_path / "copy")
    assert await stored.terminologies.fetch(KEY, new, tmp_path / "copy")
    assert stored.files == 1


async def test_a_file_that_is_damaged_is_not_whole(stored: Stored, tmp_path: Path) -> None:
    sha = await stored.put(tmp_path, b"as it was")
    stored.database["terminology_file.chunks"].update_one({}, {"$set": {"data": b"as it is."}})
    assert not await stored.terminologies.fetch(KEY, sha, tmp_path / "copy")


async def test_a_file_that_goes_while_it_is_fetched_is_not_whole(stored: Stored, tmp_path: Path) -> None:
    sha = await stored.put(tmp_path, b"as it was")
    stored.database["terminology_file.chunks"].delete_many({})
    assert not await stored.terminologies.fetch(KEY, sha, tmp_path / "copy")
    stored.database["terminology_file.files"].delete_many({})
    assert not await stored.terminologies.fetch(KEY, sha, tmp_path / "copy")


async def test_what_is_removed_is_gone_with_its_file(stored: Stored, tmp_path: Path) -> None:
    await stored.put(tmp_path, b"one")
    other = await stored.put(tmp_path, b"other", "http://a.b|2")
    assert await stored.terminologies.remove([KEY])
    assert not await stored.terminologies.remove([KEY])
    assert [one["sha"] for one in await stored.terminologies.all()] == [other]
    assert stored.files == 1


async def test_what_a_killed_upload_left_goes_when_none_can_take_so_long(stored: Stored, tmp_path: Path) -> None:
    stored.break_off(timedelta(minutes=1))
    stored.break_off(timedelta(days=1))
    await stored.put(tmp_path, b"one")
    assert stored.files == 2
