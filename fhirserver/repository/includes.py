"""Includes: what the matches refer to, and what refers to them, within the caller's access.

Spec: http://hl7.org/fhir/R4/search.html#revinclude
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.hiding import Hiding
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.kernel.outcome import Issue, IssueType, Severity, TooCostly, UnknownParameter
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.version import Version
from fhirserver.repository.planning import within_access
from fhirserver.repository.services import Services
from fhirserver.repository.versioned import as_referred_to
from fhirserver.search.parameters import Bound, keys_by_target
from fhirserver.search.plan import HasTerm, IsOneOf, Plan, any_of
from fhirserver.search.query import ANY, Include
from fhirserver.store.search import Hit
from fhirserver.store.sorting import Window

_ROUNDS: Final = 8
"""How far ``:iterate`` follows."""
_MAX_TERMS: Final = 50_000
"""Terms one query may ask for; a command of the database holds some 16 MB."""


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
    others = [hit.version for hit in found]
    return await as_referred_to(services, access, [*(hit.version for hit in hits), *others], others), ()


def _truncated(bound: int) -> Issue:
    return Issue(
        IssueType.TOO_COSTLY, f"More than {bound} resources would be included; the rest is left out.", Severity.WARNING
    )


def check_include(services: Services, include: Include) -> None:
    """Refuse what cannot be followed. Raises UnknownParameter."""
    for name in (include.source_type, include.target_type):
        if name not in (None, ANY) and not services.definitions.is_resource_type(name):
            raise UnknownParameter("An include names an unknown resource type.")
    if include.code == ANY:
        return
    if include.source_type == ANY:
        raise UnknownParameter("An include of any type takes any parameter: `*:*`.")
    if services.binder.find(include.source_type, include.code).definition.type is not SearchType.REFERENCE:
        raise UnknownParameter(f"`{include.code}` is not a reference.")


def _plan(services: Services, access: Access, hits: Sequence[Hit], include: Include, seen: set[str]) -> Plan:
    if include.reverse:
        return _reverse_plan(services, access, hits, include)
    targets: dict[str, list[str]] = {}
    for source_type in dict.fromkeys(hit.version.resource_type for hit in hits):
        if include.source_type in (ANY, source_type):
            sources = [hit for hit in hits if hit.version.resource_type == source_type]
            for key in _references(sources, _bound(services, access, include, source_type)):
                resource_type = key.partition("/")[0]
                if key not in seen and include.target_type in (None, resource_type):
                    targets.setdefault(resource_type, []).append(key)
    return any_of(*(_readable(access, t, IsOneOf(tuple(dict.fromkeys(keys)))) for t, keys in targets.items()))


def _reverse_plan(services: Services, access: Access, hits: Sequence[Hit], include: Include) -> Plan:
    wanted: dict[str, list[str]] = {}
    for hit in hits:
        if include.target_type in (None, hit.version.resource_type):
            wanted.setdefault(hit.version.resource_type, []).append(hit.version.key)
    types = services.definitions.resource_types if include.source_type == ANY else (include.source_type,)
    plans = []
    for source_type in types:
        keys_to = _keys_to(services, access, include, source_type)
        terms = [f"{key}={one}" for target, ones in wanted.items() for key in keys_to.get(target, ()) for one in ones]
        if terms:
            plans.append(_readable(access, source_type, HasTerm(tuple(dict.fromkeys(terms)))))
    if sum(len(plan.terms) for plan in plans if isinstance(plan, HasTerm)) > _MAX_TERMS:
        raise TooCostly("Too much could refer to the matches of a page; ask for less with `_count` or `_revinclude`.")
    return any_of(*plans)


def _keys_to(services: Services, access: Access, include: Include, source_type: str) -> Mapping[str, Sequence[str]]:
    """Return the keys of references to each type that an include follows backwards."""
    if include.code == ANY and access.mask(source_type) is None:
        return services.binder.parameters.of(source_type).keys_to
    return keys_by_target(_bound(services, access, include, source_type))


def _readable(access: Access, resource_type: str, plan: Plan) -> Plan:
    return within_access(access, resource_type, (plan,), Right.READ)


def _bound(services: Services, access: Access, include: Include, source_type: str) -> Sequence[Bound]:
    """Return the parameters that an include follows, by the keys of elements that the caller sees."""
    if include.code != ANY:
        found: Sequence[Bound] = (services.binder.find(source_type, include.code),)
    else:
        found = services.binder.parameters.of(source_type).references
    if access.mask(source_type) is None:
        return found
    hiding = Hiding(services.binder, access)
    return [replace(bound, keys=hiding.shown(bound.keys)) for bound in found]


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
