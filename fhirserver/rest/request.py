"""Headers and body -> FhirRequest.

Spec: http://hl7.org/fhir/R4/http.html, http://hl7.org/fhir/R4/binary.html#rest
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fhirserver.interactions.query import parse_query, split_presentation
from fhirserver.kernel.exchange import FhirRequest, Interaction, Prefer, Query, Target
from fhirserver.kernel.outcome import UnsupportedMedia
from fhirserver.rest.body import Receive, read_body, stream_body
from fhirserver.rest.headers import Headers, header_text, parse_prefer
from fhirserver.rest.limits import Limits
from fhirserver.rest.negotiate import FORM, MediaType, check_readable, is_fhir, is_generic_json, parse_media_type

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_SEARCHES: Final = frozenset({Interaction.SEARCH_TYPE, Interaction.SEARCH_SYSTEM})
_BINARY_WRITES: Final = frozenset({Interaction.CREATE, Interaction.UPDATE})
_NAMES_BINARY: Final = re.compile(rb'"resourceType"\s*:\s*"Binary"')
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
    chunks: AsyncIterator[bytes] | None = None
    form: Query = ()
    presentation: Query = ()


_NOTHING: Final = _Content()
_NO_PREFERENCE: Final = Prefer()


class RequestReader:
    """Reads requests within limits; remembers the few header values that clients repeat."""

    def __init__(self, limits: Limits) -> None:
        """Refuse what goes beyond ``limits``."""
        self._limits = limits
        self._prefer = lru_cache(_MEMO)(parse_prefer)
        self._media_type = lru_cache(_MEMO)(parse_media_type)

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
            content_type=content.media_type,
            chunks=content.chunks,
            if_match=header_text(headers, b"if-match"),
            if_none_match=header_text(headers, b"if-none-match"),
            if_modified_since=header_text(headers, b"if-modified-since"),
            if_none_exist=header_text(headers, b"if-none-exist"),
            prefer=self.prefer(headers),
            security_context=header_text(headers, b"x-security-context"),
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
        if target.interaction is not Interaction.PATCH and media_type.name:
            check_readable(media_type)
        return await self._whole(receive, headers, media_type)

    async def _whole(self, receive: Receive, headers: Headers, media_type: MediaType) -> _Content:
        return _Content(await read_body(receive, headers, self._limits.max_body_bytes), media_type.name)

    async def _form(self, receive: Receive, headers: Headers, media_type: MediaType) -> _Content:
        body = await read_body(receive, headers, self._limits.max_form_bytes)
        if media_type.name != FORM and body:
            raise UnsupportedMedia(f"`_search` reads `{FORM}`.", expression=["http.Content-Type"])
        form, presentation = split_presentation(parse_query(body.strip()))
        return _Content(form=form, presentation=presentation)

    async def _binary(self, receive: Receive, headers: Headers, media_type: MediaType) -> _Content:
        """Tell a Binary resource from the content of one, which is streamed.

        Plain JSON may be either: it is the resource when it says so.
        """
        own_type = header_text(headers, b"content-type")
        if is_fhir(media_type) or own_type is None:
            if own_type is not None:
                check_readable(media_type)
            return await self._whole(receive, headers, media_type)
        if is_generic_json(media_type):
            content = await self._whole(receive, headers, media_type)
            if _NAMES_BINARY.search(content.body):
                return content
            return _Content(media_type=own_type, chunks=_once(content.body))
        return _Content(media_type=own_type, chunks=stream_body(receive, headers, self._limits.max_binary_bytes))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
