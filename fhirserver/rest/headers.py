"""Request headers: scanned once into a mapping, then read where they are needed.

Spec: http://hl7.org/fhir/R4/http.html#custom, https://www.rfc-editor.org/rfc/rfc7240 (Prefer)
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from fhirserver.kernel.exchange import Handling, Prefer, Return
from fhirserver.kernel.outcome import BadRequest

Headers: TypeAlias = Mapping[bytes, bytes]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9\-._]{1,64}")
_NO_GZIP: Final = re.compile(rb"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")
_RETURNS: Final = {value.value.lower(): value for value in Return}
_HANDLINGS: Final = {value.value: value for value in Handling}


def scan_headers(pairs: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Map lower-case names to values; a header sent twice counts as one list (RFC 9110 §5.3)."""
    headers = dict(pairs)
    return headers if len(headers) == len(pairs) else _joined(pairs)


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def header_text(headers: Headers, name: bytes) -> str | None:
    """Return a header as text; raises BadRequest unless it is UTF-8."""
    value = headers.get(name)
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"The header `{name.decode()}` is not UTF-8.") from None


def request_id_of(headers: Headers) -> str | None:
    """Return the caller's ``X-Request-Id`` when it is safe to repeat in headers and logs."""
    value = headers.get(b"x-request-id")
    return value.decode() if value is not None and _REQUEST_ID.fullmatch(value) else None


def new_request_id() -> str:
    """Return an id for a request that came without one: short, as it stands in every log line."""
    return os.urandom(12).hex()


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Tell whether a response may be compressed."""
    return b"gzip" in accept_encoding and not _NO_GZIP.search(accept_encoding)


def parse_prefer(text: str) -> Prefer:
    """Read ``Prefer``; what is unknown is ignored, of two values for one preference the first counts."""
    found: dict[str, str] = {}
    for preference in re.split("[,;]", text):
        name, _, value = preference.strip().partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"').lower())
    return Prefer(
        returns=_RETURNS.get(found.get("return", "")),
        handling=_HANDLINGS.get(found.get("handling", "")),
        respond_async="respond-async" in found,
    )
