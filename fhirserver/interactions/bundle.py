"""Searchset, history and response Bundles as byte joins of stored resources: nothing is decoded.

Spec: http://hl7.org/fhir/R4/bundle.html, http://hl7.org/fhir/R4/http.html#paging
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fhirserver.codec.fhir_json import encode
from fhirserver.interactions.query import render_query
from fhirserver.interactions.subset import Subset
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Query
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import Issue, outcome_of
from fhirserver.kernel.version import Method, Version
from fhirserver.repository.requests import HistoryPage, SearchPage, Summary

CURSOR: Final = "_cursor"
_REASONS: Final = {
    200: "OK",
    201: "Created",
    204: "No Content",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


def render_searchset(request: FhirRequest, path: str, page: SearchPage, subset: Subset) -> bytes:
    """Write a page of search results: matches, what was included, and what there is to say about the search."""
    entries: list[bytes] = []
    if page.summary is not Summary.COUNT:
        base = request.base_url.encode()
        entries += _matches(base, page, subset)
        entries += [_search_entry(base, v, _part(v, page, subset, ()), b'"mode":"include"') for v in page.included]
    entries += _outcome_entries(page.issues)
    return _bundle(b"searchset", page.total, _page_links(request, path, page), entries)


def render_history(request: FhirRequest, path: str, page: HistoryPage, subset: Subset) -> bytes:
    """Write a page of a history; a deletion has no resource."""
    base = request.base_url.encode()
    entries = []
    if page.summary is not Summary.COUNT:
        entries = [_history_entry(base, version, page, subset) for version in page.versions]
    return _bundle(b"history", page.total, _page_links(request, path, page), entries)


def render_responses(kind: str, entries: Iterable[bytes]) -> bytes:
    """Write a ``batch-response`` or ``transaction-response``."""
    return _bundle(kind.encode(), None, (), entries)


def response_entry(response: FhirResponse) -> bytes:
    """Write what became of one entry: status, location, ETag, and the resource or the outcome."""
    members = [b'"status":%b' % encode(status_line(response.status))]
    if response.location:
        members.append(b'"location":%b' % encode(response.location))
    if response.etag:
        members.append(b'"etag":%b' % encode(response.etag))
    if response.last_modified_us is not None:
        members.append(b'"lastModified":"%b"' % render_instant(response.last_modified_us).encode())
    if response.content and response.is_outcome:
        members.append(b'"outcome":%b' % response.content)
    resource = b'"resource":%b,' % _resource(response) if response.content and not response.is_outcome else b""
    return b'{%b"response":{%b}}' % (resource, b",".join(members))


def _resource(response: FhirResponse) -> bytes:
    """Return the resource of an entry; what is none by itself, as the answer of ``$graphql``, is in a Binary."""
    content = response.content or b""
    if response.media_type is None:
        return content
    binary = {"resourceType": "Binary", "contentType": response.media_type, "data": b64encode(content).decode()}
    return encode(binary)


def status_line(status: int) -> str:
    """Return an HTTP status with its standard phrase, as ``Bundle.entry.response.status`` has it."""
    return f"{status} {_REASONS[status]}" if status in _REASONS else str(status)


def _bundle(kind: bytes, total: int | None, links: Iterable[tuple[str, str]], entries: Iterable[bytes]) -> bytes:
    members = [b'"resourceType":"Bundle","type":"%b"' % kind]
    if total is not None:
        members.append(b'"total":%d' % total)
    rendered = [b'{"relation":"%b","url":%b}' % (relation.encode(), encode(url)) for relation, url in links]
    if rendered:
        members.append(b'"link":[%b]' % b",".join(rendered))
    joined = b",".join(entries)
    if joined:
        members.append(b'"entry":[%b]' % joined)
    return b"{%b}" % b",".join(members)


def _page_links(request: FhirRequest, path: str, page: SearchPage | HistoryPage) -> Iterator[tuple[str, str]]:
    url = f"{request.base_url}/{path}" if path else request.base_url
    own = tuple(pair for pair in page.applied if pair[0] != CURSOR)
    position = tuple(pair for pair in request.parameters if pair[0] == CURSOR)
    yield "self", _link(url, (*own, *position, *request.presentation))
    if page.previous_cursor is not None or page.next_cursor is not None:
        yield "first", _link(url, (*own, *request.presentation))
    if page.previous_cursor is not None:
        yield "previous", _link(url, (*own, (CURSOR, page.previous_cursor), *request.presentation))
    if page.next_cursor is not None:
        yield "next", _link(url, (*own, (CURSOR, page.next_cursor), *request.presentation))


def _link(url: str, query: Query) -> str:
    return f"{url}?{render_query(query)}" if query else url


def _part(version: Version, page: SearchPage | HistoryPage, subset: Subset, elements: tuple[str, ...]) -> bytes:
    """Return what a page shows of a resource: mostly all of it."""
    content = version.content or b""
    if page.summary is Summary.FALSE and not elements:
        return content
    return subset.apply(version.resource_type, content, page.summary, elements)


def _matches(base: bytes, page: SearchPage, subset: Subset) -> Iterator[bytes]:
    scores = [b',"score":%.4f' % score for score in page.scores] or [b""] * len(page.matches)
    for version, score in zip(page.matches, scores, strict=True):
        content = _part(version, page, subset, page.elements)
        yield _search_entry(base, version, content, b'"mode":"match"' + score)


def _search_entry(base: bytes, version: Version, content: bytes, search: bytes) -> bytes:
    return b'{"fullUrl":"%b/%b","resource":%b,"search":{%b}}' % (base, version.key.encode(), content, search)


def _outcome_entries(issues: Sequence[Issue]) -> Iterator[bytes]:
    if issues:
        yield b'{"resource":%b,"search":{"mode":"outcome"}}' % encode(outcome_of(issues))


def _history_entry(base: bytes, version: Version, page: HistoryPage, subset: Subset) -> bytes:
    key = version.key.encode()
    resource = b""
    if version.content is not None:
        resource = b'"resource":%b,' % _part(version, page, subset, page.elements)
    url = version.resource_type.encode() if version.method is Method.POST else key
    response = b'"status":"%b","etag":%b,"lastModified":"%b"' % (
        status_line(_status(version)).encode(),
        encode(version.etag),
        render_instant(version.last_updated_us).encode(),
    )
    request = b'"method":"%b","url":"%b"' % (version.method.encode(), url)
    return b'{"fullUrl":"%b/%b",%b"request":{%b},"response":{%b}}' % (base, key, resource, request, response)


def _status(version: Version) -> int:
    """Return the status that the write of this version was answered with."""
    if version.method is Method.DELETE:
        return 204
    return 201 if version.method is Method.POST or version.is_creation else 200
