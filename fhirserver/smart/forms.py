"""Requests of OAuth: forms, in which every parameter stands once, and JSON documents, both of bounded size.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-3.2, #appendix-B
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request

from fhirserver.smart.errors import OAuthError, invalid_request

Form: TypeAlias = Mapping[str, str]

MAX_BYTES: Final = 64 * 1024
_MAX_FIELDS: Final = 64
_FORM: Final = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Form:
    """Read the body of a POST; raises OAuthError ``invalid_request``."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise invalid_request(f"The request is a form: `Content-Type: {_FORM}`.")
    return form_of(await _body(request))


def read_query(request: Request) -> Form:
    """Read the query of a GET; raises OAuthError ``invalid_request``."""
    return form_of(request.scope["query_string"])


def form_of(encoded: bytes) -> Form:
    """Read parameters; those without a value count as absent (RFC 6749 §3.1). Raises OAuthError."""
    try:
        pairs = parse_qsl(encoded.decode("ascii"), max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise invalid_request("The parameters are not form-encoded UTF-8.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise invalid_request("A parameter is given more than once.")
    return form


async def read_json(request: Request) -> dict[str, Any]:
    """Read the body of a POST as a JSON object; raises OAuthError ``invalid_request``."""
    try:
        document = orjson.loads(await _body(request))
    except orjson.JSONDecodeError:
        raise invalid_request("The body is not JSON.") from None
    if not isinstance(document, dict):
        raise invalid_request("The body is a JSON object.")
    return document


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise OAuthError("invalid_request", f"The request is larger than {MAX_BYTES} bytes.", status=413)
        parts.append(part)
    return b"".join(parts)
