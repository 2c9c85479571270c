"""A search without pages: all its matches, one after the other, a few of them in memory at a time.

Matches are read by their keys, as pages are: whatever others write meanwhile, none comes twice.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from fhirserver.access import Access
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.version import Version
from fhirserver.repository.asked import Asked
from fhirserver.repository.requests import SearchRequest, Summary
from fhirserver.repository.searches import run_of, window_of
from fhirserver.repository.services import Services
from fhirserver.store.search import Hit

_TOGETHER: Final = 500
_SORTED_TOGETHER: Final = 5000
"""Sorted matches are sorted anew for each read."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """Matches as they come, and the part of each that was asked for."""

    versions: AsyncIterator[Version]
    summary: Summary
    elements: tuple[str, ...]


async def stream(services: Services, access: Access, request: SearchRequest) -> Streamed:
    """Begin a search of all matches; what is wrong with it is raised here, before the first. Raises FhirError."""
    services, run = await run_of(services, access, request)
    _check(run.asked)
    window, _ = await window_of(services, access, run, None)
    limit = _SORTED_TOGETHER if window.sort else _TOGETHER
    window = replace(window, limit=limit)
    begun = await services.searcher.find(run.plan, window)

    async def versions() -> AsyncIterator[Version]:
        hits: list[Hit] = begun
        left = run.asked.result.max_results
        while hits:
            for hit in hits if left is None else hits[:left]:
                yield hit.version
            left = None if left is None else max(left - len(hits), 0)
            if len(hits) < limit or left == 0:
                return
            following = replace(window, position=hits[-1].position)
            hits = []
            hits = await services.searcher.find(run.plan, following)

    return Streamed(versions(), Summary(run.asked.result.summary), run.asked.result.elements)


def _check(asked: Asked) -> None:
    result = asked.result
    if result.includes or result.explain or result.cursor is not None or result.summary == Summary.COUNT:
        raise BadRequest(
            "A search answered as a stream has matches only: no `_include`, `_revinclude`, `_summary=count`,"
            " `_explain` or `_cursor`."
        )
    if result.contained_type == "contained":
        raise BadRequest("A search answered as a stream has containers: no `_containedType=contained`.")
