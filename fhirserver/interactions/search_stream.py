"""Searches as streams: every match as a line of NDJSON, or columns of it as a line of CSV; no pages.

    GET [base]/Observation?patient=1&_format=ndjson
    GET [base]/Patient?_format=csv&_columns=id,name.family,birthDate

Spec: https://github.com/ndjson/ndjson-spec, https://www.rfc-editor.org/rfc/rfc4180
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from time import perf_counter
from typing import Final

from fhirserver.interactions.columns import Columns, read_columns
from fhirserver.interactions.subset import Subset
from fhirserver.kernel.exchange import FHIR_NDJSON, FhirRequest, FhirResponse
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.version import Version
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import SearchRequest
from fhirserver.repository.streams import Streamed

COLUMNS: Final = "_columns"
_CHUNK_BYTES: Final = 64 * 1024
_CHUNK_S: Final = 0.05
"""Work after which other requests have their turn."""


async def stream_search(
    request: FhirRequest, search: SearchRequest, repository: Repository, subset: Subset
) -> FhirResponse:
    """Answer all matches as the caller asked: NDJSON or CSV. Raises FhirError before the first line."""
    if request.streamed_as == FHIR_NDJSON:
        found = await repository.stream(search)
        chunks = _chunks(found, b"", lambda version: _line(found, version, subset))
        return FhirResponse(status=200, media_type=FHIR_NDJSON, stream=chunks)
    columns = _columns(search, repository)
    found = await repository.stream(replace(search, parameters=_without_columns(search)))
    return FhirResponse(status=200, media_type="text/csv", stream=_chunks(found, columns.header(), columns.row))


def _columns(search: SearchRequest, repository: Repository) -> Columns:
    texts = [value for name, value in search.parameters if name == COLUMNS]
    if len(search.resource_types) != 1 or not texts:
        raise BadRequest(
            f"CSV has columns of one resource type: name them, as in `{COLUMNS}=id,name.family,birthDate`.",
            expression=[f"http.{COLUMNS}"],
        )
    return read_columns(texts, search.resource_types[0], repository.definitions)


def _without_columns(search: SearchRequest) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in search.parameters if pair[0] != COLUMNS)


def _line(found: Streamed, version: Version, subset: Subset) -> bytes:
    return subset.apply(version.resource_type, version.content or b"", found.summary, found.elements) + b"\n"


async def _chunks(found: Streamed, head: bytes, line: Callable[[Version], bytes]) -> AsyncIterator[bytes]:
    """Join lines until there are enough to send, or have taken long enough to make."""
    waiting, size, began_s = [head], len(head), perf_counter()
    async for version in found.versions:
        written = line(version)
        waiting.append(written)
        size += len(written)
        if size >= _CHUNK_BYTES or perf_counter() - began_s > _CHUNK_S:
            yield b"".join(waiting)
            await asyncio.sleep(0)
            waiting, size, began_s = [], 0, perf_counter()
    if size:
        yield b"".join(waiting)
