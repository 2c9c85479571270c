"""Versions of code systems for all machines: a record each, and its file in GridFS.

A record is written when its file is whole, and names it: that is the moment from which machines fetch it. Files that no
record names are left of uploads that were broken off, or of versions that were replaced.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

from bson.objectid import ObjectId
from gridfs.asynchronous import AsyncGridFSBucket
from gridfs.errors import GridFSError, NoFile
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from fhirserver.store.errors import translated
from fhirserver.store.layout import Document

_RECORDS: Final = "terminology"
_FILES: Final = "terminology_file"
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


class Terminologies:
    """The records and files of one network."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        """Keep them in ``database``."""
        self._records: AsyncCollection[Document] = database[_RECORDS]
        self._files = AsyncGridFSBucket(database, _FILES, chunk_size_bytes=_CHUNK)
        self._chunks: AsyncCollection[Document] = database[f"{_FILES}.chunks"]

    async def all(self) -> list[dict[str, Any]]:
        """Return the records, without their files."""
        with translated():
            return await self._records.find({}, {"_id": 0, _FILE: 0}).to_list()

    async def put(self, key: str, fields: Mapping[str, Any], path: Path) -> None:
        """Store a file, then its record in the place of what there was."""
        with translated():
            with path.open("rb") as source:
                file = await self._files.upload_from_stream(key, source)
            await self._records.replace_one({"_id": key}, {**fields, _FILE: file}, upsert=True)
            await self._sweep()

    async def change(self, key: str, fields: Mapping[str, Any]) -> bool:
        """Set fields of a record; tells whether there is one."""
        with translated():
            changed = await self._records.update_one({"_id": key}, {"$set": dict(fields)})
        return changed.matched_count == 1

    async def remove(self, key: str) -> bool:
        """Delete a record and its file; tells whether there was one."""
        with translated():
            deleted = await self._records.delete_one({"_id": key})
            await self._sweep()
        return deleted.deleted_count == 1

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
        whole = {file._id async for file in self._files.find({})}
        begun = ObjectId.from_datetime(datetime.now(UTC) - _BROKEN_OFF)
        for file in await self._chunks.distinct("files_id"):
            if file not in named and (file in whole or file < begun):
                await self._delete(file)

    async def _delete(self, file: ObjectId) -> None:
        try:
            await self._files.delete(file)
        except NoFile:  # its chunks were all there was, and are deleted now
            return
