"""FhirResponse -> ASGI messages: headers, pretty printing, gzip, streams.

Spec: http://hl7.org/fhir/R4/http.html#versioning, https://www.rfc-editor.org/rfc/rfc9110
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from isal import igzip

from fhirserver.kernel.exchange import FhirResponse
from fhirserver.kernel.instant import http_date
from fhirserver.kernel.version import NativeContent
from fhirserver.rest.cors import RawHeaders

Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_GZIP_LEVEL: Final = 1
_FIXED: Final[RawHeaders] = [
    (b"cache-control", b"private, no-store"),
    (b"vary", b"Accept, Accept-Encoding, Accept-Language, Authorization"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),  # ids and criteria stand in URLs
]
_NO_PAGE: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_STORED_CONTENT: Final[RawHeaders] = [
    # what users stored may be a web page: it must never run as one of ours
    (b"content-disposition", b"attachment"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
]


def base_headers(response: FhirResponse, request_id: str, *, is_secure: bool = False) -> RawHeaders:
    """Return the headers that do not depend on the body; ``is_secure``: the caller came by https."""
    headers = [*_FIXED, (b"x-request-id", request_id.encode())]
    if response.native is None:
        headers.append(_NO_PAGE)
    if is_secure:
        headers.append(_HSTS)
    if response.etag is not None:
        headers.append((b"etag", response.etag.encode()))
    if response.last_modified_us is not None:
        headers.append((b"last-modified", http_date(response.last_modified_us).encode()))
    if response.location is not None:
        headers.append((b"location", response.location.encode()))
    for name, value in response.headers:
        headers.append((name.lower().encode(), value.encode()))
    return headers


async def send_bytes(send: Send, status: int, headers: RawHeaders, body: bytes, *, is_head: bool = False) -> None:
    """Send a response whole; the answer to HEAD announces the length of the body and keeps it."""
    if status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def compressed(body: bytes, headers: RawHeaders) -> bytes:
    """Gzip a body and say so."""
    headers.append((b"content-encoding", b"gzip"))
    return igzip.compress(body, _GZIP_LEVEL, mtime=0)


async def send_stream(
    send: Send, status: int, headers: RawHeaders, chunks: AsyncIterator[bytes], *, is_head: bool = False
) -> None:
    """Send what comes, of a length that nobody knows yet."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if not is_head:
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_native(
    send: Send, status: int, headers: RawHeaders, native: NativeContent, *, is_head: bool = False
) -> None:
    """Stream the content of a Binary, for saving rather than showing."""
    headers += [
        (b"content-type", native.content_type.encode()),
        (b"content-length", b"%d" % native.length),
        *_STORED_CONTENT,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if not is_head:
        async for chunk in native.chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
