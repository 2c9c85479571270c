"""``_at`` on reads and searches: the record as it stood at an instant, under the caller's access.

``Patient/1?_at=2026-01`` answers the newest of the versions that ``Patient/1/_history?_at=2026-01`` lists: R4's `_at`
is a period, of the precision of its value, and the record is answered as it stood at the end of it. A time to come is
the present one; the self link says the instant that was applied, and so do the links of further pages.
Spec: http://hl7.org/fhir/R4/http.html#history, http://hl7.org/fhir/R4/http.html#versions
"""

import asyncio
import time
from dataclasses import replace
from datetime import tzinfo
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import BadSearchValue, Deleted, NotFound, Unavailable
from fhirserver.kernel.version import Version
from fhirserver.repository.planning import anchored, types_of
from fhirserver.repository.requests import Parameters, SearchRequest
from fhirserver.repository.services import Services
from fhirserver.repository.sight import Sight
from fhirserver.search.plan import ALL, Plan
from fhirserver.search.query import is_empty
from fhirserver.search.values.date import in_us, parse_interval

AT: Final = "_at"
_PLACE: Final = f"http.{AT}"
_PATIENCE_S: Final = 1.0
_PAUSE_S: Final = 0.005


def moment_of(parameters: Parameters, zone: tzinfo | None) -> int | None:
    """Return the last µs of the period of ``_at``, None when there is none. Raises BadSearchValue."""
    values = [value for name, value in parameters if name == AT and not is_empty(value)]
    if not values:
        return None
    if len(values) > 1:
        raise BadSearchValue("`_at` is given more than once; the record stands at one instant.", expression=[_PLACE])
    interval = parse_interval(values[0].replace(" ", "+"), zone)
    if interval is None:
        raise BadSearchValue(
            "`_at` is not a date or instant; expected `YYYY[-MM[-DD[Thh:mm[:ss[.fff]][Z|±hh:mm]]]]`.",
            expression=[_PLACE],
        )
    return in_us(interval[1]) - 1


async def read_as_of(sight: Sight, key: str, moment: int) -> Version:
    """Return the version of ``Type/id`` that was current at a moment, for who may see it and what there is now.

    Raises NotFound, Deleted.
    """
    version = await sight.services.histories.version_at(key, moment)
    wanted = sight.access.filter(key.partition("/")[0], Right.READ)
    if await sight.current(key) is None or version is None or not _is_shown(sight, version, wanted):
        raise NotFound(f"`{key}` was not known at the instant of `_at`.")
    if version.content is None:
        raise Deleted(f"`{key}` was deleted at the instant of `_at`.", headers={"ETag": version.etag})
    return version


def _is_shown(sight: Sight, version: Version, wanted: Plan) -> bool:
    return version.content is None or sight.sees(version, wanted)


async def search_as_of(services: Services, access: Access, request: SearchRequest) -> tuple[Services, SearchRequest]:
    """Return what a search with ``_at`` works with: a searcher of that moment, which the request names exactly.

    Raises Unavailable where earlier versions are not indexed yet.
    """
    asked = moment_of(request.parameters, services.binder.rules.zone)
    if asked is None:
        return services, request
    if not await services.histories.is_indexed():
        raise Unavailable("Earlier versions are not indexed yet, for `_at` to search them: run `fhirserver reindex`.")
    moment = await _settled(services, asked)
    if moment != asked:
        named = (AT, render_instant(moment))
        request = replace(request, parameters=tuple(named if p[0] == AT else p for p in request.parameters))
    return replace(services, searcher=services.histories.as_of(moment, _seen_now(services, access))), request


def _seen_now(services: Services, access: Access) -> Plan:
    """Return the plan of what the caller may see of the record as it is now: none sees more of the past than that."""
    types = services.definitions.resource_types
    filters = [(name, access.filter(name, Right.SEARCH)) for name in types]
    if all(plan == ALL for _, plan in filters):
        return ALL
    return types_of([(name, anchored(name, plan)) for name, plan in filters])


async def _settled(services: Services, moment: int) -> int:
    """Return the moment once no write of a time before it is under way, so that no later page sees more.

    One of the present waits for those writes, and is an earlier one when they take long.
    """
    moment = min(moment, services.clock())
    deadline = time.monotonic() + _PATIENCE_S
    while (horizon := services.clock.horizon()) <= moment and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_PAUSE_S)  # writers tell nobody when they are done
    return min(moment, horizon - 1)
