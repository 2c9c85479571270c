"""Searches: plan, page, includes, total, cursors.

Spec: http://hl7.org/fhir/R4/search.html
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.hiding import Hiding
from fhirserver.kernel.outcome import InsufficientScope, Issue
from fhirserver.kernel.version import Version
from fhirserver.repository.as_of import search_as_of
from fhirserver.repository.asked import Asked, read_request
from fhirserver.repository.contained import ContainedSearch, contained_search
from fhirserver.repository.cursors import Cursor, digest
from fhirserver.repository.explaining import check_may_explain, explained
from fhirserver.repository.guard import check_cost
from fhirserver.repository.includes import included
from fhirserver.repository.named_queries import with_named_query
from fhirserver.repository.planning import conjoined, resolve, types_of, within_access
from fhirserver.repository.requests import SearchPage, SearchRequest, Summary
from fhirserver.repository.services import Services, SlowSearch
from fhirserver.repository.sight import require
from fhirserver.repository.sorting import check_sortable, shown_key, sort_key, visible
from fhirserver.repository.totals import Counted, count_up_to_bound, total_of
from fhirserver.search.full_text import Wanted, wanted_of
from fhirserver.search.plan import ALL, Plan, all_of
from fhirserver.search.printed import printed
from fhirserver.store.search import Hit
from fhirserver.store.sorting import SortKey, Window


@dataclass(frozen=True, slots=True)
class Run:
    """One search: what was asked, as a plan before and after its chains were resolved."""

    request: SearchRequest
    asked: Asked
    bound: Plan
    plan: Plan
    inside: ContainedSearch | None = None
    """What it asks of contained resources."""

    def identity(self, access: Access) -> bytes:
        """Return what binds a cursor to this search and its caller."""
        applied = (f"{name}={value}" for name, value in self.asked.applied)
        return digest((access.key, *self.asked.bound, *applied, str(self.request.compartment)))

    def wanted(self) -> Wanted | None:
        """Return what the matches are ranked by: the words are the same on every type."""
        first = next(iter(self.asked.bound.values()), [])
        return wanted_of(all_of(*first)) if first else None


async def search(services: Services, access: Access, request: SearchRequest) -> SearchPage:
    """Return one page of what the request selects and the caller may see."""
    started = time.perf_counter()
    services, request = await search_as_of(services, access, request)
    request = await with_named_query(services, access, request)
    asked = read_request(services, access, request)
    require_search(access, request, asked.types)
    if asked.result.explain:
        check_may_explain(access, asked.types)
    bound = _plan(services, access, request, asked)
    try:
        return await _answer(services, access, await _run(services, access, (request, asked, bound)))
    finally:
        duration = time.perf_counter() - started
        if duration > services.limits.slow_search_s and services.on_slow is not None:
            services.on_slow(SlowSearch(asked.types, printed(bound, values=False), duration))


def require_search(access: Access, request: SearchRequest, types: Iterable[str]) -> None:
    """Refuse a search of types that are named and may not be searched, or of any where none may. Raises Forbidden."""
    if request.resource_types or any(name == "_type" for name, _ in request.parameters):
        for resource_type in types:
            require(access, resource_type, Right.SEARCH)
    elif not any(access.allows(resource_type, Right.SEARCH) for resource_type in types):
        raise InsufficientScope("The access granted does not include the search of any resource type.")


async def run_of(services: Services, access: Access, request: SearchRequest) -> tuple[Services, Run]:
    """Return a search ready to run, and what it runs on: with `_at`, the services of that instant."""
    services, request = await search_as_of(services, access, request)
    request = await with_named_query(services, access, request)
    asked = read_request(services, access, request)
    require_search(access, request, asked.types)
    bound = _plan(services, access, request, asked)
    return services, await _run(services, access, (request, asked, bound))


async def _run(services: Services, access: Access, search: tuple[SearchRequest, Asked, Plan]) -> Run:
    request, asked, bound = search
    plan = await resolve(services, access, bound, None)
    inside = await contained_search(services, access, request, asked, plan)
    if inside is not None:
        plan = await resolve(services, access, inside.plan(services, access), None)
    await check_cost(services, asked.types, plan, asked.scanning)
    return Run(request, asked, bound, plan, inside)


async def _answer(services: Services, access: Access, run: Run) -> SearchPage:
    asked, result = run.asked, run.asked.result
    if result.summary != "count" and result.count != 0 and result.max_results != 0:
        return await _page(services, access, run)
    return SearchPage(
        matches=(),
        total=await services.searcher.count(run.plan),
        applied=asked.applied,
        issues=asked.issues,
        summary=Summary(result.summary),
        elements=result.elements,
    )


def _shown(services: Services, run: Run, hits: list[Hit]) -> tuple[Version, ...]:
    versions = [hit.version for hit in hits]
    return tuple(versions if run.inside is None else run.inside.found(services, versions))


@dataclass(frozen=True, slots=True)
class _Found:
    """The matches of a page, and what there is around them."""

    hits: list[Hit]
    more: bool
    """There are matches beyond it, in the direction of the page."""
    first: int
    """How many matches are before it."""


async def _page(services: Services, access: Access, run: Run) -> SearchPage:
    result = run.asked.result
    cursor = None if result.cursor is None else services.cursors.open(run.identity(access), result.cursor)
    window, sorted_of = await window_of(services, access, run, cursor)
    hits, counted = await _hits(services, run, window, sorted_of)
    found = _cut(run, hits, window, cursor)
    total = await _total(services, run, found, cursor, (sorted_of, counted))
    found, others, truncated = await _with_includes(services, access, run, found, window)
    following, preceding = _links(services, run.identity(access), found, cursor, total.total)
    is_ranked = window.wanted is not None and run.inside is None
    explanation = await explained(services, run.bound, run.plan, window) if result.explain else ()
    return SearchPage(
        matches=_shown(services, run, found.hits),
        included=others,
        total=total.total,
        applied=run.asked.applied,
        issues=(*run.asked.issues, *truncated, *total.issues, *explanation),
        summary=Summary(result.summary),
        elements=result.elements,
        next_cursor=following,
        previous_cursor=preceding,
        scores=tuple([hit.score or 0.0 for hit in found.hits]) if is_ranked else (),
    )


async def window_of(services: Services, access: Access, run: Run, cursor: Cursor | None) -> tuple[Window, int | None]:
    """Return what to read for a page, and the number of matches where the order asked for it. Raises TooCostly."""
    result, limits, hiding = run.asked.result, services.limits, Hiding(services.binder, access)
    wanted = run.wanted()
    if wanted is not None and not wanted.narrative and hiding.masked_types:
        wanted = None  # the score would tell of words that are masked
    keys = [shown_key(hiding, sort_key(services, run.asked.types, key, ranked=True)) for key in result.sort]
    sort = tuple([await visible(services, access, key) for key in keys if wanted or key.source != "score"])
    limit = min(result.count or limits.default_count, limits.max_count) + 1
    position = cursor.position if cursor else None
    window = Window(limit, sort, position, bool(cursor and cursor.backward), wanted)
    if wanted is not None and not result.sort:
        return await _ranked(services, run, window)
    if cursor is not None:
        return window, None
    return window, await check_sortable(services, run.plan, sort)


async def _ranked(services: Services, run: Run, window: Window) -> tuple[Window, int | None]:
    """Put the most relevant first, but where there are too many matches to sort; further pages go on as begun."""
    counted = None
    if window.position is None:
        bound = services.limits.sort_bound
        counted = await services.searcher.count(run.plan, bound + 1)
        if counted > bound:
            return window, None
    elif len(window.position) == 1:
        return window, None
    return replace(window, sort=(SortKey("score", descending=True),)), counted


async def _hits(services: Services, run: Run, window: Window, sorted_of: int | None) -> tuple[list[Hit], int | None]:
    """Read a page and, where a search of its shape is known to have more matches, their number at the same time."""
    asked = run.asked
    find = services.searcher.find(run.plan, window, with_terms=any(not i.reverse for i in asked.result.includes))
    if asked.result.total is not None or window.position is not None or sorted_of is not None:
        return await find, None
    shape = (tuple(asked.bound), tuple([name for name, _ in asked.applied]), window.limit)
    counted = None
    if services.forecast.expects_more(shape):
        hits, counted = await asyncio.gather(find, count_up_to_bound(services, run.plan))
    else:
        hits = await find
    services.forecast.learn(shape, more=len(hits) == window.limit)
    return hits, counted


def _cut(run: Run, hits: list[Hit], window: Window, cursor: Cursor | None) -> _Found:
    """Keep what belongs to the page: one hit more was read, and ``_maxresults`` may end it sooner."""
    count, most = window.limit - 1, run.asked.result.max_results
    passed = cursor.passed if cursor else 0
    if window.backward:
        kept = hits[-count:]
        return _Found(kept, len(hits) > count, max(passed - len(kept), 0))
    left = len(hits) if most is None else max(most - passed, 0)
    kept = hits[: min(count, left)]
    return _Found(kept, len(hits) > len(kept) and left > len(kept), passed)


async def _total(
    services: Services, run: Run, found: _Found, cursor: Cursor | None, counted: tuple[int | None, int | None]
) -> Counted:
    """Count the matches; ``counted``: all of them for the order, or up to the bound beside the page."""
    wanted = run.asked.result.total
    exact, bounded = counted
    if wanted == "none":
        return Counted(None)
    if cursor is not None:
        return Counted(cursor.total)
    if exact is not None:
        return Counted(exact)
    if not found.more and run.asked.result.max_results is None:
        return Counted(len(found.hits))
    return await total_of(services, run.plan, wanted, bounded)


async def _with_includes(
    services: Services, access: Access, run: Run, found: _Found, window: Window
) -> tuple[_Found, tuple[Version, ...], tuple[Issue, ...]]:
    """Read what belongs beside the matches; a page that would bring too much of it has fewer matches."""
    while True:
        others, truncated = await included(services, access, found.hits, run.asked.result.includes)
        if not truncated or len(found.hits) == 1:
            return found, others, truncated
        half = len(found.hits) // 2
        dropped = len(found.hits) - half if window.backward else 0
        hits = found.hits[-half:] if window.backward else found.hits[:half]
        found = _Found(hits, more=True, first=found.first + dropped)


def _links(
    services: Services, identity: bytes, found: _Found, cursor: Cursor | None, total: int | None
) -> tuple[str | None, str | None]:
    """Seal the cursors of the next and the previous page, where there are any."""
    hits, backward = found.hits, cursor is not None and cursor.backward
    if not hits:
        return None, None
    last = found.first + len(hits)
    has_next, has_previous = (True, found.more) if backward else (found.more, cursor is not None)
    if not (has_next or has_previous):
        return None, None
    seal = services.cursors.seal
    following = Cursor(hits[-1].position, total=total, passed=last)
    preceding = Cursor(hits[0].position, backward=True, total=total, passed=found.first)
    return (
        seal(identity, following) if has_next else None,
        seal(identity, preceding) if has_previous else None,
    )


def _plan(services: Services, access: Access, request: SearchRequest, asked: Asked) -> Plan:
    plans: list[tuple[str, Plan]] = []
    hiding = Hiding(services.binder, access)
    members: Plan
    for resource_type, bound in asked.bound.items():
        members = ALL
        if request.compartment is not None:
            of_many = len(asked.bound) > 1
            members = services.binder.compartment(resource_type, *request.compartment, of_many=of_many)
            members = hiding.plan(members, resource_type)
        criteria = conjoined(services, resource_type, (members, *bound))
        plans.append((resource_type, within_access(access, resource_type, criteria, Right.SEARCH)))
    return plans[0][1] if len(plans) == 1 else types_of(plans)
