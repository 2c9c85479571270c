"""Request bodies: read up to a limit and no further, decompressed up to a limit too.

Spec: https://www.rfc-editor.org/rfc/rfc9110#name-content-encoding
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from isal import isal_zlib

from fhirserver.kernel.outcome import BadRequest, TooLong, UnsupportedMedia
from fhirserver.rest.headers import Headers

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

_GZIP_WINDOW: Final = 31
_STEP: Final = 1024 * 1024
"""Decompressed bytes handed on at once."""


class ClientGone(ConnectionError):
    """The caller hung up before its request was complete."""


async def read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """Return the body, decompressed; raises TooLong, UnsupportedMedia, BadRequest, ClientGone."""
    return b"".join([chunk async for chunk in stream_body(receive, headers, limit)])


async def join_body(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """Return the pieces of a body as one; raises TooLong."""
    return b"".join([chunk async for chunk in _limited(chunks, limit)])


def stream_body(receive: Receive, headers: Headers, limit: int) -> AsyncIterator[bytes]:
    """Yield the body in pieces; raises as ``read_body`` does."""
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    _check_length(headers, limit)
    chunks = _limited(_received(receive), limit)
    if encoding in (b"identity", b""):
        return chunks
    if encoding in (b"gzip", b"x-gzip"):
        return _limited(_inflated(chunks), limit)
    raise UnsupportedMedia(
        "Bodies are read as they are or with `Content-Encoding: gzip`.", expression=["http.Content-Encoding"]
    )


def _check_length(headers: Headers, limit: int) -> None:
    """Refuse by what the caller announces, before anything is read."""
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit():
        raise BadRequest("`Content-Length` is not a number.", expression=["http.Content-Length"])
    if len(announced) > 15 or int(announced) > limit:
        raise _too_long(limit)


def _too_long(limit: int) -> TooLong:
    return TooLong(f"The body is larger than {limit} bytes.")


async def _received(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk


async def _limited(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_long(limit)
        yield chunk


async def _inflated(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    inflater = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
    async for chunk in chunks:
        while chunk:
            if inflater.eof:  # one member of the file ended, another begins
                inflater = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
            try:
                yield inflater.decompress(chunk, _STEP)
            except isal_zlib.error:  # type: ignore[misc]  # its stub says instance for class
                raise BadRequest("The body is not valid gzip.") from None
            chunk = inflater.unused_data if inflater.eof else inflater.unconsumed_tail  # noqa: PLW2901
    if not inflater.eof:
        raise BadRequest("The body ends before its gzip does.")
