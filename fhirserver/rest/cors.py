"""Cross-origin resource sharing: which web pages may call, and what they may read.

Spec: https://fetch.spec.whatwg.org/#http-cors-protocol, http://hl7.org/fhir/R4/security.html#cors
"""

from dataclasses import dataclass
from typing import Final

from fhirserver.rest.headers import Headers

RawHeaders = list[tuple[bytes, bytes]]

_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_EXPOSED: Final = (
    b"ETag, Location, Last-Modified, Content-Location, Content-Disposition, Preference-Applied, X-Request-Id"
)
_REQUEST_HEADERS: Final = (
    b"Accept, Authorization, Content-Type, Content-Encoding, If-Match, If-Modified-Since, If-None-Exist, "
    b"If-None-Match, Prefer, X-Provenance, X-Request-Id, X-Security-Context"
)


@dataclass(frozen=True, slots=True)
class Cors:
    """The origins that may call; ``*`` is every one. Credentials (cookies) are never allowed: tokens are headers."""

    origins: frozenset[str] = frozenset({"*"})

    def headers(self, request: Headers) -> RawHeaders:
        """Return the headers that let the page read a response; none for callers that are no web page."""
        origin = request.get(b"origin")
        if origin is None:
            return []
        allowed = self._allowed(origin)
        if allowed is None:
            return [(b"vary", b"Origin")]
        headers = [(b"access-control-allow-origin", allowed), (b"access-control-expose-headers", _EXPOSED)]
        return headers if allowed == b"*" else [*headers, (b"vary", b"Origin")]

    def preflight(self, request: Headers) -> RawHeaders:
        """Return what is allowed, beside ``headers``, to a page that asks first."""
        if self._allowed(request[b"origin"]) is None:
            return []
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", b"7200"),
        ]

    def _allowed(self, origin: bytes) -> bytes | None:
        if "*" in self.origins:
            return b"*"
        return origin if origin.decode("latin-1") in self.origins else None


def is_preflight(method: str, request: Headers) -> bool:
    """Tell a page's question from another OPTIONS request."""
    return method == "OPTIONS" and b"origin" in request and b"access-control-request-method" in request
