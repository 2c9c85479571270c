"""What is installed on all machines, code systems and packages: a record each, and its file in GridFS.

A record is written when its file is whole, and names it: that is the moment from which machines fetch it. Files that no
record names are left of uploads that were broken off.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

from bson.objectid import ObjectId
from gridfs.asynchronous import AsyncGridFSBucket
from gridfs.errors import GridFSError, NoFile
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from fhirserver.store.errors import translated
from fhirserver.store.layout import Document
from fhirserver.store.transactions import transact

_CHUNK: Final = 4 * 1024 * 1024
_FILE: Final = "file"
_BROKEN_OFF: Final = timedelta(hours=6)
"""No upload takes so long."""


class _Hashed:
    """Writes a file, and hashes what it writes."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._hash = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        self._target.write(chunk)
        self._hash.update(chunk)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class ToInstall:
    """A record and its file."""

    key: str
    fields: Mapping[str, Any]
    path: Path


class Installations:
    """The records and files of one kind in one network."""

    def __init__(self, database: AsyncDatabase[Document], name: str) -> None:
        """Keep them in the collections ``name`` and ``name_file`` of a database."""
        files = f"{name}_file"
        self._client = database.client
        self._records: AsyncCollection[Document] = database[name]
        self._files = AsyncGridFSBucket(database, files, chunk_size_bytes=_CHUNK)
        self._chunks: AsyncCollection[Document] = database[f"{files}.chunks"]

    async def all(self) -> list[dict[str, Any]]:
        """Return the records, without their files."""
        with translated():
            return await self._records.find({}, {"_id": 0, _FILE: 0}).to_list()

    async def put(self, wanted: Sequence[ToInstall]) -> None:
        """Store files, then their records, all at once, in the place of what there was."""
        with translated():
            files = [await self._upload(one) for one in wanted]

            async def replace(session: AsyncClientSession) -> list[Document | None]:
                return [
                    await self._records.find_one_and_replace(
                        {"_id": one.key}, {**one.fields, _FILE: file}, upsert=True, session=session
                    )
                    for one, file in zip(wanted, files, strict=True)
                ]

            async with self._client.start_session() as session:
                before = await transact(session, lambda: replace(session))
            await self._clear(before)

    async def change(self, key: str, fields: Mapping[str, Any]) -> bool:
        """Set fields of a record; tells whether there is one."""
        with translated():
            changed = await self._records.update_one({"_id": key}, {"$set": dict(fields)})
        return changed.matched_count == 1

    async def remove(self, keys: Sequence[str]) -> bool:
        """Delete records, all at once, and their files; tells whether they were all there."""
        with translated():

            async def delete(session: AsyncClientSession) -> list[Document | None]:
                return [await self._records.find_one_and_delete({"_id": key}, session=session) for key in keys]

            async with self._client.start_session() as session:
                before = await transact(session, lambda: delete(session))
            await self._clear(before)
        return None not in before

    async def _upload(self, one: ToInstall) -> ObjectId:
        with one.path.open("rb") as source:
            return await self._files.upload_from_stream(one.key, source)

    async def _clear(self, records: Sequence[Document | None]) -> None:
        """Delete the files of records that are gone, and what was broken off."""
        for record in records:
            if record is not None:
                await self._delete(record[_FILE])
        await self._sweep()

    async def fetch(self, key: str, sha: str, path: Path) -> bool:
        """Write the file of a record to ``path``; tells whether it is there and whole."""
        with translated():
            record = await self._records.find_one({"_id": key, "sha": sha})
            if record is None:
                return False
            with path.open("wb") as target:
                found = _Hashed(target)
                try:
                    stream = await self._files.open_download_stream(record[_FILE])
                    while chunk := await stream.readchunk():
                        await asyncio.to_thread(found.write, chunk)
                except GridFSError:  # replaced meanwhile
                    return False
        return found.digest == sha

    async def _sweep(self) -> None:
        """Delete the files that no record names, but those that may be on their way."""
        named = {record[_FILE] async for record in self._records.find({}, {_FILE: 1})}
        begun = ObjectId.from_datetime(datetime.now(UTC) - _BROKEN_OFF)
        for file in await self._chunks.distinct("files_id"):
            if file not in named and file < begun:
                await self._delete(file)

    async def _delete(self, file: ObjectId) -> None:
        try:
            await self._files.delete(file)
        except NoFile:  # its chunks were all there was, and are deleted now
            return
