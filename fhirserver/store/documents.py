"""Documents in and out: versions and their index values, and contents too large for a document."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import bson
from bson.objectid import ObjectId
from gridfs.asynchronous import AsyncGridFSBucket

from fhirserver.kernel.version import Method, NativeContent, Version
from fhirserver.search.index import IndexValues
from fhirserver.store.layout import Document, index_fields

_METHODS: Final = {method.value: method for method in Method}
LARGE: Final = 12 * 1024 * 1024
"""A resource's JSON lies in GridFS where it and the index values are more than this; a document ends at 16 MiB."""

_FEW_VALUES: Final = 512 * 1024
"""JSON of fewer bytes cannot have so many index values that their size matters."""


@dataclass(frozen=True, slots=True)
class Content:
    """The native content of a Binary, already in GridFS."""

    file_id: str
    content_type: str
    length: int


def content_of(stored: Document) -> Content | None:
    """Return the native content of the version that a document holds."""
    if "b" not in stored:
        return None
    file_id, content_type, length = stored["b"]
    return Content(str(file_id), content_type, length)


@dataclass(frozen=True, slots=True)
class Draft:
    """A version about to be stored; ``values`` is None for a deletion."""

    version: Version
    values: IndexValues | None
    content: Content | None = None
    beside: tuple["Draft", ...] = ()
    """New instances that are stored in the same commit."""
    happened: tuple[str, ...] = ()
    """What the rules of its type made of it, in sentences without any value."""


def document(draft: Draft, place: int) -> Document:
    """Return the document of a current version; ``place`` is its ``n``."""
    version = draft.version
    fields: Document = {
        "_id": version.key,
        "y": version.resource_type,
        "v": version.version_id,
        "m": version.last_updated_us,
        "n": place,
        "o": version.method.value,
    }
    if version.revives:
        fields["a"] = True
    if version.content is not None:
        fields["x"] = version.content
    if draft.content is not None:
        fields["b"] = [ObjectId(draft.content.file_id), draft.content.content_type, draft.content.length]
    if draft.values is not None:
        fields.update(index_fields(draft.values))
    return fields


def index_size(fields: Document) -> int:
    """Return how many bytes a document has beside its JSON; 0 where these can only be few."""
    if len(fields.get("x", b"")) < _FEW_VALUES:
        return 0
    return len(bson.encode({name: value for name, value in fields.items() if name != "x"}))


def version_of(fields: Document, contents: "Contents") -> Version:
    """Return the version a document of ``resource`` or ``history`` holds."""
    return Version(
        fields["y"],
        fields["_id"].split("/", 2)[1],
        int(fields["v"]),
        int(fields["m"]),
        _METHODS[fields["o"]],
        fields.get("x"),
        contents.native(fields["b"]) if "b" in fields else None,
        "a" in fields,
    )


class Contents:
    """GridFS: large JSON, and Binary contents streamed."""

    def __init__(self, bucket: AsyncGridFSBucket) -> None:
        """Keep files in ``bucket``."""
        self._bucket = bucket

    def native(self, stored: list[Any]) -> NativeContent:
        """Return a handle on a stored Binary content."""
        file_id, content_type, length = stored
        return NativeContent(content_type, length, lambda: self._chunks(file_id))

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
        """Store a stream; returns its file id and length. Nothing of a broken stream stays."""
        stream = self._bucket.open_upload_stream(key)
        length = 0
        try:
            async for chunk in chunks:
                await stream.write(chunk)
                length += len(chunk)
        except BaseException:
            await stream.abort()
            raise
        await stream.close()
        return str(stream._id), length

    async def put_bytes(self, key: str, content: bytes) -> ObjectId:
        """Store one large value."""
        return await self._bucket.upload_from_stream(key, content)

    async def whole(self, fields: Document) -> Document:
        """Put the JSON of a document in place when it lies in GridFS."""
        if "f" in fields:
            stream = await self._bucket.open_download_stream(fields["f"])
            fields["x"] = await stream.read()
        return fields

    async def _chunks(self, file_id: ObjectId) -> AsyncIterator[bytes]:
        stream = await self._bucket.open_download_stream(file_id)
        while chunk := await stream.readchunk():
            yield chunk
