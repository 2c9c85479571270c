"""Query strings and forms: percent-decoding that refuses what is malformed, and encoding for links.

Spec: http://hl7.org/fhir/R4/http.html#general (URLs are UTF-8), https://www.rfc-editor.org/rfc/rfc3986
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from fhirserver.kernel.exchange import Query
from fhirserver.kernel.outcome import BadRequest, TooLong
from fhirserver.search.query import shown

MAX_PARAMETERS: Final = 1000
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SAFE: Final = ":/,@$!*'()~"
"""Left readable in a rendered query beside letters, digits and ``-._``."""
_READABLE: Final = re.compile(r"[\w\-.:/,@$!*'()~]*", re.ASCII)
"""Text that stays as it is, which most is."""
_PRESENTATION: Final = frozenset({"_format", "_pretty"})


def parse_query(raw: bytes) -> Query:
    """Read ``name=value&…`` (``+`` is a space); raises BadRequest: percent-encoding, UTF-8, NUL, nameless value."""
    if not raw:
        return ()
    pairs = [part.partition(b"=") for part in raw.split(b"&") if part]
    if len(pairs) > MAX_PARAMETERS:
        raise TooLong(f"The request has {len(pairs)} parameters; at most {MAX_PARAMETERS} are accepted.")
    query = tuple(_decode_pair(_spaced(name), _spaced(value)) for name, _, value in pairs)
    if any(not name for name, _ in query):
        raise BadRequest("A parameter has no name.")
    return query


def _decode_pair(name: bytes, value: bytes) -> tuple[str, str]:
    decoded = decode_text(name)
    try:
        return decoded, decode_text(value)
    except BadRequest as error:
        raise BadRequest(error.diagnostics, expression=[f"http.{shown(decoded)}"]) from None


def parse_criteria_text(text: str) -> Query:
    """Read the search part of ``If-None-Exist`` or of a URL written inside a resource, with or without ``?``."""
    return parse_query(text.removeprefix("?").encode())


def parse_path(raw: bytes) -> tuple[str, ...]:
    """Split a percent-encoded path below the base into segments; one trailing slash is allowed."""
    trimmed = raw.removeprefix(b"/").removesuffix(b"/")
    return tuple(decode_text(segment) for segment in trimmed.split(b"/")) if trimmed else ()


def decode_text(raw: bytes) -> str:
    """Percent-decode UTF-8 text."""
    if raw.isalnum():  # of ASCII: ids and type names, the hot path
        return raw.decode()
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise BadRequest("The URL has a `%` that is not followed by two hexadecimal digits.")
        raw = unquote_to_bytes(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadRequest("The URL or form is not UTF-8.") from None
    if "\0" in text:
        raise BadRequest("The URL or form contains a NUL character.")
    return text


def _spaced(raw: bytes) -> bytes:
    return raw.replace(b"+", b" ")


def render_query(query: Iterable[tuple[str, str]]) -> str:
    """Write parameters as the query part of a link, without ``?``."""
    return "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in query])


def _quoted(text: str) -> str:
    return text if _READABLE.fullmatch(text) else quote(text, safe=_SAFE)


def split_presentation(query: Query) -> tuple[Query, Query]:
    """Part the parameters of an interaction from those of its representation (``_format``, ``_pretty``)."""
    if not query or not any(name in _PRESENTATION for name, _ in query):
        return query, ()
    return (
        tuple(pair for pair in query if pair[0] not in _PRESENTATION),
        tuple(pair for pair in query if pair[0] in _PRESENTATION),
    )
