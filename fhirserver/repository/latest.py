"""``$lastn``: the latest Observations of each code, where codings that one Observation has are the same code.

Spec: http://hl7.org/fhir/R4/observation-operation-lastn.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.hiding import Hiding
from fhirserver.codec.fhir_json import decode_checked
from fhirserver.kernel.outcome import Forbidden, TooCostly
from fhirserver.kernel.version import Version
from fhirserver.repository.planning import plan_of_type, resolve, within_access
from fhirserver.repository.requests import Parameters
from fhirserver.repository.services import Services
from fhirserver.search.plan import NONE, IsOneOf
from fhirserver.search.query import parse_query
from fhirserver.store.latest import Grouping, Ranked, latest
from fhirserver.store.sorting import Window

OBSERVATION: Final = "Observation"
_BOUND: Final = 10_000
"""Observations of one answer."""
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class LatestRequest:
    """Search parameters of Observation, and how many of each group are wanted."""

    parameters: Parameters
    most: int = 1


async def latest_observations(services: Services, access: Access, request: LatestRequest) -> list[Version]:
    """Return the latest matches of each group, the most recent first. Raises what a search does."""
    hiding = Hiding(services.binder, access)
    if any(hiding.hides(key) for code in ("code", "date") for key in services.binder.find(OBSERVATION, code).keys):
        raise Forbidden("`$lastn` goes by the codes and dates of Observations, of which this caller does not see all.")
    criteria = parse_query(request.parameters).criteria
    plan = await resolve(services, access, plan_of_type(services, access, OBSERVATION, criteria, Right.SEARCH))
    if plan == NONE:
        return []
    codes = tuple(f"{key}=" for key in services.binder.find(OBSERVATION, "code").keys)
    dates = services.binder.find(OBSERVATION, "date").keys
    found = await latest(services.store, plan, Grouping(codes, dates, request.most), _BOUND + 1)
    if len(found) > _BOUND:
        raise TooCostly(f"More than {_BOUND} Observations would be returned; ask for fewer codes or a smaller `max`.")
    found = await _with_texts(services, access, found)
    chosen = [one for group in grouped(found) for one in _latest_of(group, request.most)]
    chosen.sort(key=_recency, reverse=True)
    return await _read(services, access, [one.key for one in chosen])


def grouped(found: Sequence[Ranked]) -> list[list[Ranked]]:
    """Group what shares a term, directly or through others."""
    leader: dict[str, str] = {}

    def find(term: str) -> str:
        while (up := leader.setdefault(term, term)) != term:
            leader[term] = leader[up]
            term = up
        return term

    for one in found:
        for term in one.terms[1:]:
            leader[find(term)] = find(one.terms[0])
    groups: dict[str, list[Ranked]] = {}
    for one in found:
        groups.setdefault(find(one.terms[0]), []).append(one)
    return list(groups.values())


def _latest_of(group: list[Ranked], most: int) -> Iterable[Ranked]:
    """Keep the latest of a group; what is as late as the last of them stays too."""
    ordered = sorted(group, key=_recency, reverse=True)
    if len(ordered) <= most:
        return ordered
    return [one for one in ordered if _time(one) >= _time(ordered[most - 1])]


def _time(one: Ranked) -> tuple[bool, int, int]:
    return (True, *one.when) if one.when is not None else (False, 0, 0)


def _recency(one: Ranked) -> tuple[tuple[bool, int, int], str]:
    return _time(one), one.key


async def _with_texts(services: Services, access: Access, found: list[Ranked]) -> list[Ranked]:
    """Give those without a code their text as the term they are grouped by, exactly as it is written."""
    silent = [one.key for one in found if not one.terms]
    if not silent:
        return found
    texts = {version.key: _text(version) for version in await _read(services, access, silent)}
    return [one if one.terms else Ranked(one.key, (texts.get(one.key, ""),), one.when) for one in found]


def _text(version: Version) -> str:
    code = decode_checked(version.content or b"{}").value.get("code", {})
    displays = (coding.get("display") for coding in code.get("coding", ()))
    return f"text={code.get('text') or next(filter(None, displays), '')}"


async def _read(services: Services, access: Access, keys: Sequence[str]) -> list[Version]:
    """Return instances in the order of the keys; what was deleted meanwhile is left out."""
    versions: dict[str, Version] = {}
    for start in range(0, len(keys), _BATCH):
        part = IsOneOf(tuple(keys[start : start + _BATCH]))
        hits = await services.searcher.find(within_access(access, OBSERVATION, (part,), Right.SEARCH), Window(_BATCH))
        versions.update((hit.version.key, hit.version) for hit in hits)
    return [versions[key] for key in keys if key in versions]
