"""Includes: what the matches refer to, and what refers to them, within the caller's access.

Spec: http://hl7.org/fhir/R4/search.html#revinclude
"""

from collections.abc import Iterable, Sequence
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.kernel.outcome import Issue, IssueType, Severity
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.version import Version
from fhirserver.repository.services import Services
from fhirserver.search.parameters import Bound
from fhirserver.search.plan import HasTerm, IsOneOf, Plan, all_of, any_of
from fhirserver.search.query import Include
from fhirserver.store.search import Hit, Window

_ROUNDS: Final = 8
"""How far ``:iterate`` follows."""


async def included(
    services: Services, access: Access, hits: Sequence[Hit], includes: Sequence[Include]
) -> tuple[tuple[Version, ...], tuple[Issue, ...]]:
    """Return the resources to include beside the matches, each once, and an issue when there were too many."""
    if not includes or not hits:
        return (), ()
    seen = {hit.version.key for hit in hits}
    found: list[Hit] = []
    frontier: Sequence[Hit] = hits
    bound = services.limits.include_bound
    for round_number in range(_ROUNDS):
        active = includes if round_number == 0 else [include for include in includes if include.iterate]
        plan = any_of(*(_plan(services, access, frontier, include, seen) for include in active))
        room = bound - len(found)
        new = await services.searcher.find(plan, Window(room + 1), with_terms=True) if active else []
        frontier = [hit for hit in new[:room] if hit.version.key not in seen]
        found.extend(frontier)
        seen.update(hit.version.key for hit in frontier)
        if len(new) > room:
            return tuple(hit.version for hit in found), (_truncated(bound),)
        if not frontier:
            break
    return tuple(hit.version for hit in found), ()


def _truncated(bound: int) -> Issue:
    return Issue(
        IssueType.TOO_COSTLY, f"More than {bound} resources would be included; the rest is left out.", Severity.WARNING
    )


def _plan(services: Services, access: Access, hits: Sequence[Hit], include: Include, seen: set[str]) -> Plan:
    if include.reverse:
        return _reverse_plan(services, access, hits, include)
    targets: dict[str, list[str]] = {}
    sources = [hit for hit in hits if hit.version.resource_type == include.source_type]
    for key in _references(sources, _bound(services, include)):
        resource_type = key.partition("/")[0]
        if key not in seen and include.target_type in (None, resource_type):
            targets.setdefault(resource_type, []).append(key)
    return any_of(*(_readable(access, t, IsOneOf(tuple(dict.fromkeys(keys)))) for t, keys in targets.items()))


def _reverse_plan(services: Services, access: Access, hits: Sequence[Hit], include: Include) -> Plan:
    wanted = [hit.version.key for hit in hits if include.target_type in (None, hit.version.resource_type)]
    keys = [key for bound in _bound(services, include) for key in bound.keys]
    terms = HasTerm(tuple(f"{key}={target}" for key in keys for target in wanted))
    return _readable(access, include.source_type, terms) if terms.terms else any_of()


def _readable(access: Access, resource_type: str, plan: Plan) -> Plan:
    return all_of(HasTerm((resource_type,)), plan, access.filter(resource_type, Right.READ))


def _bound(services: Services, include: Include) -> list[Bound]:
    if include.code != "*":
        return [services.binder.find(include.source_type, include.code)]
    parameters = services.binder.parameters.of(include.source_type).bound.values()
    return [bound for bound in parameters if bound.definition.type is SearchType.REFERENCE]


def _references(hits: Iterable[Hit], parameters: Iterable[Bound]) -> Iterable[str]:
    """Yield ``Type/id`` of what the hits refer to under the parameters."""
    bounds = [(tuple(f"{key}=" for key in bound.keys), bound) for bound in parameters]
    for hit in hits:
        for term in hit.terms:
            for prefixes, bound in bounds:
                if term.startswith(prefixes):
                    reference = parse_rest_reference(term.partition("=")[2])
                    if reference is not None and not reference.base and _allowed(bound, reference.resource_type):
                        yield reference.key


def _allowed(bound: Bound, resource_type: str) -> bool:
    return not bound.restricted or resource_type in bound.targets
