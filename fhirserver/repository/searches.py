"""Searches: plan, page, includes, total, cursors.

Spec: http://hl7.org/fhir/R4/search.html
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.kernel.outcome import BadSearchValue, FhirError, Issue, IssueType, Severity, UnknownParameter
from fhirserver.repository.cursors import Cursor, digest
from fhirserver.repository.includes import check_include, included
from fhirserver.repository.planning import conjoined, resolve, types_of, within_access
from fhirserver.repository.requests import Parameters, SearchPage, SearchRequest, Summary
from fhirserver.repository.services import Limits, Services
from fhirserver.search.parameters import Bound
from fhirserver.search.plan import ALL, Plan
from fhirserver.search.query import (
    IGNORED,
    Given,
    ResultParameters,
    Sort,
    is_empty,
    is_shaping,
    parse_criterion,
    shaped,
    shown,
)
from fhirserver.store.search import Hit, SortKey, Window


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as it will be served: what was ignored leniently is left out of ``applied``."""

    result: ResultParameters
    bound: dict[str, list[Plan]]
    """The bound criteria of each type searched."""
    applied: Parameters
    issues: tuple[Issue, ...]


async def search(services: Services, access: Access, request: SearchRequest) -> SearchPage:
    """Return one page of what the request selects and the caller may see."""
    asked = _read(services, request)
    plan = await resolve(services, access, _plan(services, access, request, asked), None)
    result = asked.result
    if result.summary == "count" or result.count == 0:
        return SearchPage(
            matches=(),
            total=await services.searcher.count(plan),
            applied=asked.applied,
            issues=asked.issues,
            summary=Summary(result.summary),
            elements=result.elements,
        )
    return await _page(services, access, _Run(request, asked, plan))


@dataclass(frozen=True, slots=True)
class _Run:
    request: SearchRequest
    asked: _Asked
    plan: Plan

    def identity(self) -> bytes:
        """Return what binds a cursor to this search."""
        applied = (f"{name}={value}" for name, value in self.asked.applied)
        return digest((*self.asked.bound, *applied, str(self.request.compartment)))


async def _page(services: Services, access: Access, run: _Run) -> SearchPage:
    result = run.asked.result
    count = min(result.count or services.limits.default_count, services.limits.max_count)
    cursor = None if result.cursor is None else services.cursors.open(run.identity(), result.cursor)
    sort = tuple(_sort_key(services, tuple(run.asked.bound), key) for key in result.sort)
    window = Window(count + 1, sort, cursor.position if cursor else None, bool(cursor and cursor.backward))
    hits, counted = await _hits(services, run, window)
    more = len(hits) > count
    if more:
        hits = hits[1:] if window.backward else hits[:count]
    total = await _total(services, run, hits, cursor, more=more, counted=counted)
    others, truncated = await included(services, access, hits, result.includes)
    has_next = (more and not window.backward) or (window.backward and bool(hits))
    has_previous = (more and window.backward) or (cursor is not None and not window.backward and bool(hits))
    following = preceding = None
    if has_next or has_previous:
        identity, seal = run.identity(), services.cursors.seal
        following = seal(identity, Cursor(hits[-1].position, total=total)) if has_next else None
        preceding = seal(identity, Cursor(hits[0].position, backward=True, total=total)) if has_previous else None
    return SearchPage(
        matches=tuple([hit.version for hit in hits]),
        included=others,
        total=total,
        applied=run.asked.applied,
        issues=(*run.asked.issues, *truncated),
        summary=Summary(result.summary),
        elements=result.elements,
        next_cursor=following,
        previous_cursor=preceding,
    )


async def _hits(services: Services, run: _Run, window: Window) -> tuple[list[Hit], int | None]:
    """Read a page and, where a search of its shape is known to have more matches, their number at the same time."""
    asked = run.asked
    find = services.searcher.find(run.plan, window, with_terms=any(not i.reverse for i in asked.result.includes))
    if asked.result.total is not None or window.position is not None:
        return await find, None
    shape = (tuple(asked.bound), tuple([name for name, _ in asked.applied]), window.limit)
    counted = None
    if services.forecast.expects_more(shape):
        hits, counted = await asyncio.gather(find, _count(services, run.plan))
    else:
        hits = await find
    services.forecast.learn(shape, more=len(hits) == window.limit)
    return hits, counted


async def _count(services: Services, plan: Plan) -> int:
    return await services.searcher.count(plan, services.limits.total_bound + 1)


async def _total(
    services: Services, run: _Run, hits: list[Hit], cursor: Cursor | None, *, more: bool, counted: int | None
) -> int | None:
    """Count the matches: free when they fit one page, else up to a bound unless accuracy is asked for."""
    wanted = run.asked.result.total
    if wanted == "none":
        return None
    if cursor is not None:
        return cursor.total
    if not more:
        return len(hits)
    if wanted == "accurate":
        return await services.searcher.count(run.plan)
    found = await _count(services, run.plan) if counted is None else counted
    return found if found <= services.limits.total_bound else None


def _plan(services: Services, access: Access, request: SearchRequest, asked: _Asked) -> Plan:
    plans: list[tuple[str, Plan]] = []
    members: Plan
    for resource_type, bound in asked.bound.items():
        members = ALL
        if request.compartment is not None:
            of_many = len(asked.bound) > 1
            members = services.binder.compartment(resource_type, *request.compartment, of_many=of_many)
        plans.append(
            (
                resource_type,
                within_access(
                    access, resource_type, conjoined(services, resource_type, (members, *bound)), Right.SEARCH
                ),
            )
        )
    return plans[0][1] if len(plans) == 1 else types_of(plans)


def _read(services: Services, request: SearchRequest) -> _Asked:
    """Read and bind the parameters; under lenient handling unknown ones are left out and reported, bad values never."""
    types = _types(services, request)
    bound: dict[str, list[Plan]] = {resource_type: [] for resource_type in types}
    applied, issues, result = [], [], ResultParameters()
    for name, value in request.parameters:
        if is_empty(value):
            continue
        try:
            if is_shaping(name):
                result = _shaped(services, types, result, (name, value))
            elif name == "_type":
                _check_type(request)
            elif name not in IGNORED:
                _bind(services, bound, Given(name, parse_criterion(name, value)))
        except UnknownParameter as error:
            if not request.lenient:
                raise
            issues.append(_ignored(error))
        else:
            applied.append((name, value))
    limits = services.limits
    kept = tuple([(n, _applied_count(v, limits) if n == "_count" else v) for n, v in applied if n != "_cursor"])
    return _Asked(result, bound, kept, tuple(issues))


def _applied_count(value: str, limits: Limits) -> str:
    """Say in the self link how many resources a page really has."""
    return str(min(int(value), limits.max_count))


def _ignored(error: FhirError) -> Issue:
    expression = error.issues[0].expression
    return Issue(IssueType.NOT_SUPPORTED, f"{error.diagnostics} It was ignored.", Severity.WARNING, expression)


def _bind(services: Services, bound: dict[str, list[Plan]], given: Given) -> None:
    """Bind a criterion on every type, or raise what is wrong with it and on none."""
    plans = [services.binder.bind(resource_type, given) for resource_type in bound]
    for members, plan in zip(bound.values(), plans, strict=True):
        members.append(plan)


def _check_type(request: SearchRequest) -> None:
    if request.resource_types:
        raise UnknownParameter("`_type` belongs to a search of all types.", expression=["http._type"])


def _shaped(
    services: Services, types: tuple[str, ...], before: ResultParameters, parameter: tuple[str, str]
) -> ResultParameters:
    """Add a parameter that shapes the answer, once all it names is known."""
    name, value = parameter
    result = shaped(before, name, value)
    for key in result.sort[len(before.sort) :]:
        _sort_key(services, types, key)
    for include in result.includes[len(before.includes) :]:
        try:
            check_include(services, include)
        except UnknownParameter as error:
            raise UnknownParameter(str(error), expression=[f"http.{shown(name)}"]) from None
    return result


def _types(services: Services, request: SearchRequest) -> tuple[str, ...]:
    if request.resource_types:
        return request.resource_types
    named = [part for name, value in request.parameters if name == "_type" for part in value.split(",") if part]
    unknown = [name for name in named if not services.definitions.is_resource_type(name)]
    if unknown:
        raise BadSearchValue("`_type` names an unknown resource type.", expression=["http._type"])
    types = tuple(dict.fromkeys(named)) or services.definitions.resource_types
    if request.compartment is not None and not named:
        definition = services.definitions.compartment(request.compartment[0])
        linked = definition.parameters if definition is not None else {}
        types = tuple(t for t in types if t in linked or t == request.compartment[0])
    return types


def _sort_key(services: Services, types: Iterable[str], key: Sort) -> SortKey:
    """Bind one key of ``_sort``. Raises UnknownParameter."""
    if key.code == "_lastUpdated":
        return SortKey("updated", descending=key.descending)
    if key.code == "_id":
        return SortKey("id", descending=key.descending)
    try:
        bound = [services.binder.find(resource_type, key.code) for resource_type in types]
    except UnknownParameter as error:
        raise UnknownParameter(error.diagnostics, expression=["http._sort"]) from None
    kind = bound[0].definition.type
    if kind in (SearchType.COMPOSITE, SearchType.SPECIAL):
        raise UnknownParameter(f"`{key.code}` has no order to sort by.", expression=["http._sort"])
    keys = tuple(dict.fromkeys(k for one in bound for k in one.keys))
    if kind in (SearchType.DATE, SearchType.NUMBER, SearchType.QUANTITY):
        return SortKey("spans", keys, descending=key.descending)
    return SortKey("terms", keys, tuple(p for one in bound for p in _sort_prefixes(one)), key.descending)


def _sort_prefixes(bound: Bound) -> tuple[str, ...]:
    if bound.restricted:
        return tuple(f"{key}={target}/" for key in bound.keys for target in bound.targets)
    return tuple(f"{key}=" for key in bound.keys)
