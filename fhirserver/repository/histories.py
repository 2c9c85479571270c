"""Histories of an instance, a type and the system, paged by places that never move.

Spec: http://hl7.org/fhir/R4/http.html#history
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.kernel.outcome import (
    BadSearchValue,
    InsufficientScope,
    Issue,
    IssueType,
    NotFound,
    Severity,
    UnknownParameter,
)
from fhirserver.kernel.version import Version
from fhirserver.repository.cursors import Cursor, digest
from fhirserver.repository.planning import anchored, types_of
from fhirserver.repository.requests import HistoryPage, HistoryRequest, Parameters, Summary
from fhirserver.repository.services import Services
from fhirserver.repository.sight import Sight, require
from fhirserver.search.index import DATE_MAX
from fhirserver.search.plan import ALL, Plan
from fhirserver.search.query import IGNORED, ResultParameters, parse_query, shown
from fhirserver.search.values.date import in_us, parse_interval
from fhirserver.store.history import HistoryWindow, Period, place_of

_SORTS: Final = {"_lastUpdated": True, "-_lastUpdated": False, "none": False}
_RESULT: Final = frozenset({"_count", "_cursor", "_summary", "_elements", "_total"})


@dataclass(frozen=True, slots=True)
class _Asked:
    period: Period
    result: ResultParameters
    oldest_first: bool
    types: tuple[str, ...]
    applied: Parameters
    issues: tuple[Issue, ...]
    seen: Plan
    """What a version must match for the caller to see it."""


async def read_history(services: Services, access: Access, request: HistoryRequest) -> HistoryPage:
    """Return one page of versions the caller may see. Raises NotFound, Forbidden."""
    asked = _read(services, access, request)
    scope = (request.resource_type or "", request.logical_id or "")
    identity = digest((access.key, "history", *scope, *(f"{n}={v}" for n, v in asked.applied)))
    cursor = None if asked.result.cursor is None else services.cursors.open(identity, asked.result.cursor)
    count = min(asked.result.count or services.limits.default_count, services.limits.max_count)
    after = None if cursor is None else (cursor.position[0], cursor.position[1])
    only_total = asked.result.count == 0 or asked.result.summary == Summary.COUNT
    window = HistoryWindow(1 if only_total else count + 1, asked.oldest_first, after)
    versions = await _versions((services, access), request, asked, window)
    page, more = ([], False) if only_total else (versions[:count], len(versions) > count)
    total = cursor.total if cursor is not None else await _total(services, request, asked)
    return HistoryPage(
        versions=tuple(page),
        total=total,
        applied=asked.applied,
        issues=asked.issues,
        summary=Summary(asked.result.summary),
        elements=asked.result.elements,
        next_cursor=services.cursors.seal(identity, Cursor(place_of(page[-1]), total=total)) if more else None,
    )


def require_history(access: Access, request: HistoryRequest, types: Sequence[str]) -> None:
    """Refuse a history of what the caller may not see at all: that of an instance needs to read, others to search."""
    if request.resource_type is not None:
        right = Right.SEARCH if request.logical_id is None else Right.READ
        require(access, request.resource_type, right)
    elif any(name == "_type" for name, _ in request.parameters):
        for name in types:
            require(access, name, Right.SEARCH)
    elif not any(access.allows(name, Right.SEARCH) for name in types):
        raise InsufficientScope("The access granted does not include the history of any resource type.")


def _seen(access: Access, request: HistoryRequest, types: Sequence[str]) -> Plan:
    """Return the plan of what the caller may see of some types."""
    if request.logical_id is not None:
        return access.filter(types[0], Right.READ)
    filters = [(name, access.filter(name, Right.SEARCH)) for name in types]
    if all(plan == ALL for _, plan in filters):
        return ALL
    return types_of([(name, anchored(name, plan)) for name, plan in filters])


async def _versions(
    world: tuple[Services, Access], request: HistoryRequest, asked: _Asked, window: HistoryWindow
) -> Sequence[Version]:
    services, access = world
    if request.logical_id is None:
        return await _of_types(services, asked, window)
    key = f"{request.resource_type}/{request.logical_id}"
    if await Sight(services, access).current(key) is None:
        raise NotFound(f"`{key}` is not known.")
    return await services.histories.of_instance(key, asked.period, window, asked.seen)


async def _of_types(services: Services, asked: _Asked, window: HistoryWindow) -> Sequence[Version]:
    """Return versions until a page is full; where not everything may be seen, some of those found are left out."""
    # A harvester comes back with the newest instant it saw: nothing older may appear after that.
    settled = min(asked.period.before or DATE_MAX, services.clock.horizon())
    period = replace(asked.period, before=settled)
    find = services.histories.of_types
    if asked.seen == ALL:
        return await find(asked.types, period, window)
    found: list[Version] = []
    while len(found) < window.limit:
        batch = await find(asked.types, period, window, asked.seen)
        found += await services.histories.seen_now(batch, asked.seen)
        if len(batch) < window.limit:
            break
        window = replace(window, after=place_of(batch[-1]))
    return found


async def _total(services: Services, request: HistoryRequest, asked: _Asked) -> int | None:
    """Count the versions; a whole type or system up to the bound of totals, for who may see all of it."""
    if asked.result.total == "none":
        return None
    if request.logical_id is not None:
        key = f"{request.resource_type}/{request.logical_id}"
        return await services.histories.count_instance(key, asked.seen) if asked.period == Period() else None
    if asked.seen != ALL:
        return None
    bound = services.limits.total_bound
    counted = await services.histories.count_types(asked.types, asked.period, bound + 1)
    return counted if counted <= bound else None


def _read(services: Services, access: Access, request: HistoryRequest) -> _Asked:
    """Read the parameters of a history. Raises UnknownParameter, BadSearchValue, Forbidden."""
    bounds: dict[str, tuple[int, int]] = {}
    result: list[tuple[str, str]] = []
    applied: list[tuple[str, str]] = []
    issues: list[Issue] = []
    oldest_first = False
    types: tuple[str, ...] = ()
    for name, value in request.parameters:
        if name in ("_since", "_before", "_at"):
            bounds[name] = _interval(services, name, value)
        elif name in _RESULT:
            result.append((name, value))
        elif name == "_sort":
            oldest_first = _oldest_first(value)
        elif name == "_type" and request.resource_type is None:
            types = tuple(_known_type(services, part) for part in value.split(",") if part)
        elif name not in IGNORED:
            issues.append(_unknown(name, lenient=request.lenient))
            continue
        applied.append((name, value))
    since, before, at = bounds.get("_since"), bounds.get("_before"), bounds.get("_at")
    period = Period(since and since[0], before and before[0], at and at[0], at and at[1])
    scope = (request.resource_type,) if request.resource_type else types or services.definitions.resource_types
    shown_parameters = tuple((n, v) for n, v in applied if n != "_cursor")
    require_history(access, request, scope)
    seen = _seen(access, request, scope)
    return _Asked(period, parse_query(result).result, oldest_first, scope, shown_parameters, tuple(issues), seen)


def _interval(services: Services, name: str, value: str) -> tuple[int, int]:
    interval = parse_interval(value.replace(" ", "+"), services.binder.rules.zone)
    if interval is None:
        raise BadSearchValue(f"`{name}` is not a date or instant.", expression=[f"http.{name}"])
    return in_us(interval[0]), in_us(interval[1])


def _oldest_first(value: str) -> bool:
    if value not in _SORTS:
        raise BadSearchValue(f"`_sort` of a history is one of `{' '.join(_SORTS)}`.", expression=["http._sort"])
    return _SORTS[value]


def _known_type(services: Services, name: str) -> str:
    if not services.definitions.is_resource_type(name):
        raise BadSearchValue("`_type` names an unknown resource type.", expression=["http._type"])
    return name


def _unknown(name: str, *, lenient: bool) -> Issue:
    expression = f"http.{shown(name)}"
    message = f"A history has no parameter `{shown(name)}`."
    if not lenient:
        raise UnknownParameter(message, expression=[expression])
    return Issue(IssueType.NOT_SUPPORTED, f"{message} It was ignored.", Severity.WARNING, (expression,))
