"""Binary in its own media type, in and out. Spec: http://hl7.org/fhir/R4/binary.html#rest"""

import base64
import binascii
import re
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from fhirserver.interactions.conditions import version_to_match
from fhirserver.kernel.exchange import FhirRequest, Interaction
from fhirserver.kernel.outcome import BadRequest, UnsupportedMedia
from fhirserver.kernel.version import NativeContent, Version
from fhirserver.repository.requests import NativeBinary

_TOKEN: Final = r"[A-Za-z0-9!#$&^_.+-]{1,127}"  # noqa: S105 - RFC 9110's word for a name, not a secret
_MEDIA_TYPE: Final = re.compile(rf'{_TOKEN}/{_TOKEN}(?:\s*;\s*{_TOKEN}=(?:{_TOKEN}|"[^"\\\r\n]*"))*')
_UNKNOWN: Final = "application/octet-stream"


class _Binary(msgspec.Struct, rename="camel"):
    content_type: str = _UNKNOWN
    data: str = ""


_decoder: Final = msgspec.json.Decoder(_Binary)


def native_binary_of(request: FhirRequest) -> NativeBinary:
    """Read a POST or PUT of bytes as a write; raises UnsupportedMedia, BadRequest for conditions it cannot have."""
    _check_conditions(request)
    content_type = request.content_type or _UNKNOWN
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise UnsupportedMedia("`Content-Type` is not a media type.", expression=["http.Content-Type"])
    return NativeBinary(
        content_type=content_type,
        chunks=request.chunks or _one_chunk(request.body),
        security_context=request.security_context,
        logical_id=request.target.logical_id,
        if_match=version_to_match(request.if_match),
    )


def _check_conditions(request: FhirRequest) -> None:
    """Refuse what only a Binary sent as a resource can be made to depend on."""
    by_criteria = request.target.interaction is Interaction.UPDATE and request.target.logical_id is None
    if by_criteria or request.if_none_exist is not None or request.if_none_match is not None:
        raise BadRequest(
            "In its own media type a Binary is created, or updated by id, with no condition but `If-Match`; "
            "send it as FHIR JSON instead."
        )


def in_own_media_type(version: Version) -> NativeContent:
    """Return the bytes of a Binary: kept apart, or base64 within its JSON."""
    if version.native is not None:
        return NativeContent(_safe(version.native.content_type), version.native.length, version.native.chunks)
    binary = _decoder.decode(version.content or b"{}")
    try:
        data = base64.b64decode("".join(binary.data.split()), validate=True)
    except binascii.Error:
        data = b""
    return NativeContent(_safe(binary.content_type), len(data), lambda: _one_chunk(data))


async def with_data(content: bytes, native: NativeContent) -> bytes:
    """Put the bytes kept apart into the JSON of their Binary, as base64."""
    data = b"".join([chunk async for chunk in native.chunks()])
    return b'%b,"data":"%b"}' % (content[:-1], base64.b64encode(data))


def _safe(content_type: str) -> str:
    """Let no stored text become a header but a media type."""
    return content_type if _MEDIA_TYPE.fullmatch(content_type) else _UNKNOWN


async def _one_chunk(data: bytes) -> AsyncIterator[bytes]:
    yield data
