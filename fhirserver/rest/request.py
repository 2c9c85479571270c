"""Headers and body -> FhirRequest.

Spec: http://hl7.org/fhir/R4/http.html, http://hl7.org/fhir/R4/binary.html#rest
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from fhirserver.interactions.query import parse_query, split_presentation
from fhirserver.kernel.exchange import FHIR_JSON, FhirRequest, Interaction, Prefer, Query, Target
from fhirserver.kernel.memory import remembered
from fhirserver.kernel.outcome import UnsupportedMedia
from fhirserver.rest.body import Receive, join_body, read_body, stream_body
from fhirserver.rest.formats import Formats
from fhirserver.rest.headers import Headers, header_text, parse_prefer
from fhirserver.rest.limits import Limits
from fhirserver.rest.negotiate import FORM, Form, MediaType, check_readable, is_fhir, is_generic, parse_media_type

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_SEARCHES: Final = frozenset({Interaction.SEARCH_TYPE, Interaction.SEARCH_SYSTEM})
_BINARY_WRITES: Final = frozenset({Interaction.CREATE, Interaction.UPDATE})
_NAMES_BINARY: Final = re.compile(rb'"resourceType"\s*:\s*"Binary"')
_IS_BINARY: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:(?:<\?[^>]*\?>|<!--(?:(?!-->).)*-->)\s*)*"
    rb"<(?:[\w.-]+:)?Binary\s[^<>]*\bxmlns(?::[\w.-]+)?\s*=\s*[\"']http://hl7\.org/fhir[\"']",
    re.DOTALL,
)
"""What an XML document begins with that is a Binary resource."""
_PEEKED: Final = 4096
"""Bytes of an XML document that tell whether it is one."""
_OWN_MEDIA: Final[dict[str | None, str]] = {"graphql": "application/graphql"}
"""What an operation reads beside resources."""
_MEMO: Final = 512


@dataclass(frozen=True, slots=True)
class Known:
    """What the URL and ``Accept`` have told already."""

    target: Target
    base_url: str
    parameters: Query
    presentation: Query
    wants_native: bool


@dataclass(frozen=True, slots=True)
class _Content:
    """A body as the interaction takes it: whole, in pieces, or as the parameters of a form."""

    body: bytes = b""
    media_type: str | None = None
    xml: bytes | None = None
    chunks: AsyncIterator[bytes] | None = None
    form: Query = ()
    presentation: Query = ()


_NOTHING: Final = _Content()
_NO_PREFERENCE: Final = Prefer()


class RequestReader:
    """Reads requests within limits; remembers the few header values that clients repeat."""

    def __init__(self, limits: Limits, formats: Formats) -> None:
        """Refuse what goes beyond ``limits``; what is not JSON is read by ``formats``."""
        self._limits = limits
        self._formats = formats
        self._prefer = remembered(_MEMO)(parse_prefer)
        self._media_type = remembered(_MEMO)(parse_media_type)

    async def read(self, receive: Receive, headers: Headers, method: str, known: Known) -> FhirRequest:
        """Read the rest of a request; raises UnsupportedMedia, TooLong, BadRequest, ClientGone."""
        content = _NOTHING
        if method in _WITH_BODY:
            content = await self._content(receive, headers, known.target)
        return FhirRequest(
            target=known.target,
            base_url=known.base_url,
            parameters=known.parameters + content.form,
            presentation=known.presentation + content.presentation,
            is_post=method == "POST",
            body=content.body,
            xml=content.xml,
            content_type=content.media_type,
            chunks=content.chunks,
            if_match=header_text(headers, b"if-match"),
            if_none_match=header_text(headers, b"if-none-match"),
            if_modified_since=header_text(headers, b"if-modified-since"),
            if_none_exist=header_text(headers, b"if-none-exist"),
            prefer=self.prefer(headers),
            provenance=header_text(headers, b"x-provenance"),
            security_context=header_text(headers, b"x-security-context"),
            accept_language=header_text(headers, b"accept-language"),
            max_expansion=header_text(headers, b"x-too-costly-threshold"),
            wants_native=known.wants_native,
        )

    def prefer(self, headers: Headers) -> Prefer:
        """Read ``Prefer``."""
        prefer = headers.get(b"prefer")
        return _NO_PREFERENCE if prefer is None else self._prefer(prefer.decode("latin-1"))

    async def _content(self, receive: Receive, headers: Headers, target: Target) -> _Content:
        """Read the body, once its media type is one that the interaction reads."""
        media_type = self._media_type(header_text(headers, b"content-type") or "")
        if target.resource_type == "Binary" and target.interaction in _BINARY_WRITES:
            return await self._binary(receive, headers, media_type)
        if target.interaction in _SEARCHES:
            return await self._form(receive, headers, media_type)
        if target.operation in _OWN_MEDIA and media_type.name == _OWN_MEDIA[target.operation]:
            return await self._whole(receive, headers, media_type)
        if media_type.name and (target.interaction is not Interaction.PATCH or media_type.form is Form.XML):
            check_readable(media_type)
        content = await self._whole(receive, headers, media_type)
        if media_type.form is not Form.XML or (not content.body and target.interaction is Interaction.OPERATION):
            return content
        return await self._in_json(content.body)

    async def _whole(self, receive: Receive, headers: Headers, media_type: MediaType) -> _Content:
        return _Content(await read_body(receive, headers, self._limits.max_body_bytes), media_type.name)

    async def _in_json(self, body: bytes) -> _Content:
        """Convert a resource in XML: from here on it is one in JSON like any other."""
        return _Content(await self._formats.read_xml(body), FHIR_JSON, body)

    async def _form(self, receive: Receive, headers: Headers, media_type: MediaType) -> _Content:
        body = await read_body(receive, headers, self._limits.max_form_bytes)
        if media_type.name != FORM and body:
            raise UnsupportedMedia(f"`_search` reads `{FORM}`.", expression=["http.Content-Type"])
        form, presentation = split_presentation(parse_query(body.strip()))
        return _Content(form=form, presentation=presentation)

    async def _binary(self, receive: Receive, headers: Headers, media_type: MediaType) -> _Content:
        """Tell a Binary resource from the content of one, which is streamed.

        Plain JSON or XML may be either: it is the resource when it says so.
        """
        own_type = header_text(headers, b"content-type")
        if is_fhir(media_type) or own_type is None:
            if own_type is not None:
                check_readable(media_type)
            content = await self._whole(receive, headers, media_type)
            return await self._in_json(content.body) if media_type.form is Form.XML else content
        if is_generic(media_type, Form.JSON):
            content = await self._whole(receive, headers, media_type)
            if _NAMES_BINARY.search(content.body):
                return content
            return _Content(media_type=own_type, chunks=_once(content.body))
        chunks = stream_body(receive, headers, self._limits.max_binary_bytes)
        if not is_generic(media_type, Form.XML):
            return _Content(media_type=own_type, chunks=chunks)
        begun = await _begin(chunks)
        if _IS_BINARY.match(begun[:_PEEKED]):
            return await self._in_json(await join_body(_continue(begun, chunks), self._limits.max_body_bytes))
        return _Content(media_type=own_type, chunks=_continue(begun, chunks))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _begin(chunks: AsyncIterator[bytes]) -> bytes:
    """Read as much of a body as it takes to know what it is."""
    begun = b""
    async for chunk in chunks:
        begun += chunk
        if len(begun) >= _PEEKED:
            break
    return begun


async def _continue(begun: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield begun
    async for chunk in chunks:
        yield chunk
