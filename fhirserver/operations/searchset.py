"""Searchset Bundles that operations answer, as joins of stored bytes.

Spec: http://hl7.org/fhir/R4/bundle.html#searchset
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.exchange import FhirRequest, FhirResponse
from fhirserver.kernel.version import Version
from fhirserver.operations.arguments import Arguments, text_of

_SAFE: Final = ":/,@$!*'()~"
_CURSOR: Final = "_cursor"


def searchset(
    request: FhirRequest,
    arguments: Arguments,
    matches: Iterable[Version],
    *,
    included: Iterable[Version] = (),
    total: int | None = None,
    next_cursor: str | None = None,
) -> FhirResponse:
    """Answer resources, with links to this page and the next."""
    given = [(each["name"], text_of(each)) for each in arguments.parameters]
    base = request.base_url.encode()
    entries = [_entry(base, version, b"match") for version in matches]
    entries += [_entry(base, version, b"include") for version in included]
    links = [_link("self", _url(request, given))]
    if next_cursor is not None:
        own = [pair for pair in given if pair[0] != _CURSOR]
        links.append(_link("next", _url(request, [*own, (_CURSOR, next_cursor)])))
    members = [b'"resourceType":"Bundle","type":"searchset"']
    if total is not None:
        members.append(b'"total":%d' % total)
    members.append(b'"link":[%b]' % b",".join(links))
    if entries:
        members.append(b'"entry":[%b]' % b",".join(entries))
    return FhirResponse(status=200, content=b"{%b}" % b",".join(members))


def _entry(base: bytes, version: Version, mode: bytes) -> bytes:
    content = version.content or b"{}"
    return b'{"fullUrl":"%b/%b","resource":%b,"search":{"mode":"%b"}}' % (base, version.key.encode(), content, mode)


def _link(relation: str, url: str) -> bytes:
    return b'{"relation":%b,"url":%b}' % (encode(relation), encode(url))


def _url(request: FhirRequest, given: Iterable[tuple[str, str]]) -> str:
    target = request.target
    path = "/".join(part for part in (target.resource_type, target.logical_id) if part is not None)
    pairs = (*given, *request.presentation)
    query = "&".join(f"{quote(name, safe=_SAFE)}={quote(value, safe=_SAFE)}" for name, value in pairs)
    where = f"{request.base_url}/{path}/${target.operation}"
    return f"{where}?{query}" if query else where
