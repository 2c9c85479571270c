"""What a plan asks of other resources than those it selects: value sets, hierarchies, lists, items inside resources.

Each becomes a plan on the index, within the caller's access: what the caller may not see has no say.
Spec: http://hl7.org/fhir/R4/search.html#modifiers
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import BadRequest, Issue, IssueType, TooCostly
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.repository.definitions import StoredDefinitions
from fhirserver.repository.services import Services
from fhirserver.search.coded import Codes, InValueSet, Subsumes, Translated
from fhirserver.search.items import ItemReader
from fhirserver.search.plan import NONE, HasItem, HasTerm, InHierarchy, IsOneOf, OnList, Plan, all_of
from fhirserver.search.query import FILTER
from fhirserver.search.values.reference import resolved
from fhirserver.search.values.token import plan_codings
from fhirserver.store.search import Hit
from fhirserver.store.sorting import Window
from fhirserver.store.store import Session
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.selected import Selected
from fhirserver.terminology.sources import Undecidable
from fhirserver.terminology.translating import same_meaning

Lookup: TypeAlias = InValueSet | Subsumes | Translated | InHierarchy | OnList | HasItem

_FEW: Final = 200
"""Codes that a query asks for whether they are in use or not."""
_MAX_TERMS: Final = 50_000
"""Terms one query may ask for; a command of the database holds some 16 MB."""
_MAX_LEVELS: Final = 64
_BREATH: Final = 200
"""So many resources are read before others have their turn."""
_UNSHOWN: Final = re.compile(r"[^ -~]|[<>\"]")


async def look_up(services: Services, access: Access, lookup: Lookup, session: Session | None) -> Plan:
    """Return the plan that a lookup stands for now; plans inside it are resolved. Raises BadRequest, TooCostly."""
    world = _World(services, access, session)
    match lookup:
        case InValueSet():
            return await _in_value_set(world, lookup)
        case Subsumes():
            return await _subsumes(world, lookup)
        case Translated():
            return await _translated(world, lookup)
        case InHierarchy():
            return await _in_hierarchy(world, lookup)
        case OnList():
            return await _on_list(world, lookup)
        case HasItem():
            return await _has_item(world, lookup)


@dataclass(frozen=True, slots=True)
class _World:
    """What one caller sees of one site."""

    services: Services
    access: Access
    session: Session | None

    @property
    def keeper(self) -> "StoredDefinitions":
        return StoredDefinitions(self.services, self.access, self.session)

    async def hits(self, resource_type: str, plan: Plan, limit: int) -> Sequence[Hit]:
        allowed = all_of(plan, self.access.filter(resource_type, Right.SEARCH, plan))
        return (
            [] if allowed == NONE else await self.services.searcher.find(allowed, Window(limit), session=self.session)
        )


async def _in_value_set(world: _World, asked: InValueSet) -> Plan:
    try:
        selected = await world.services.terms.selected(asked.value_set, world.keeper)
    except Undecidable as problem:
        raise _undecidable(problem, asked.parameter) from None
    return await _selected(world, asked.codes, selected)


async def _subsumes(world: _World, asked: Subsumes) -> Plan:
    try:
        selected = await world.services.terms.related((asked.system, asked.code), world.keeper, above=asked.above)
    except Undecidable as problem:
        raise _undecidable(problem, asked.parameter) from None
    return await _selected(world, asked.codes, selected)


async def _translated(world: _World, asked: Translated) -> Plan:
    try:
        library = await world.services.terms.library([("ConceptMap", asked.concept_map)], world.keeper)
        found = same_meaning(library, asked.concept_map, Coding(asked.code, asked.system))
    except Undecidable as problem:
        raise _undecidable(problem, asked.parameter) from None
    return _found(asked.codes.keys, plan_codings(asked.codes, found))


async def _selected(world: _World, codes: Codes, selected: Selected) -> Plan:
    """Return the plan on some codes; of many, on those of them that are in use."""
    if len(selected) <= _FEW or codes.implied or codes.bare:
        return _found(codes.keys, plan_codings(codes, selected.codes()))
    vocabulary, in_use = world.services.store.vocabulary, {}
    for system in selected.systems:
        found = await vocabulary.codes(codes.keys, system)
        if found is None:
            return _found(codes.keys, plan_codings(codes, selected.codes()))
        in_use[system] = found
    return _found(codes.keys, plan_codings(codes, selected.among(in_use, (codes.keys, vocabulary.size))))


def _found(keys: tuple[str, ...], plan: Plan) -> Plan:
    if isinstance(plan, HasTerm) and len(plan.terms) > _MAX_TERMS:
        raise TooCostly(f"It comes to more than {_MAX_TERMS // len(keys)} codes; name a smaller set of them.")
    return plan


def _undecidable(problem: Undecidable, parameter: str) -> BadRequest:
    message = _UNSHOWN.sub("?", str(problem))[:300]
    place = f"http.{parameter or FILTER}"
    return BadRequest(message, issues=[Issue(IssueType.NOT_SUPPORTED, message, expression=(place,))])


async def _in_hierarchy(world: _World, asked: InHierarchy) -> Plan:
    bound = world.services.limits.chain_bound
    found: dict[str, None] = {asked.start: None}
    frontier: tuple[str, ...] = (asked.start,)
    for _ in range(_MAX_LEVELS):
        following = await (_wholes if asked.above else _parts)(world, asked, frontier)
        frontier = tuple(key for key in dict.fromkeys(following) if key not in found)
        found.update(dict.fromkeys(frontier))
        if len(found) > bound:
            break
        if not frontier:
            return HasTerm(tuple(f"{key}={target}" for key in asked.keys for target in found))
    raise TooCostly(f"The hierarchy has more than {bound} resources or {_MAX_LEVELS} levels; start lower in it.")


async def _parts(world: _World, asked: InHierarchy, frontier: tuple[str, ...]) -> Sequence[str]:
    resource_type = asked.start.partition("/")[0]
    terms = HasTerm(tuple(f"{key}={whole}" for key in asked.parents for whole in frontier))
    plan = all_of(terms, world.access.filter(resource_type, Right.SEARCH))
    limit = world.services.limits.chain_bound + 1
    return [] if plan == NONE else await world.services.searcher.keys(plan, limit, world.session)


async def _wholes(world: _World, asked: InHierarchy, frontier: tuple[str, ...]) -> Sequence[str]:
    resource_type = asked.start.partition("/")[0]
    plan = all_of(IsOneOf(frontier), world.access.filter(resource_type, Right.SEARCH))
    prefixes = [f"{key}={resource_type}/" for key in asked.parents]
    terms = None if plan == NONE else await world.services.searcher.terms(plan, prefixes, len(frontier), world.session)
    return [term.partition("=")[2] for term in terms or ()]


async def _on_list(world: _World, asked: OnList) -> Plan:
    hits = await world.hits("List", IsOneOf((f"List/{asked.list_id}",)), 1)
    content = hits[0].version.content if hits else None
    entries = parse_json(content).get("entry", ()) if content else ()
    bases = world.services.binder.rules.own_bases
    addresses = (resolved(e["item"].get("reference", ""), bases) for e in entries if not e.get("deleted", False))
    references = (parse_rest_reference(address) for address in addresses)
    keys = dict.fromkeys(r.key for r in references if r and not r.base and r.resource_type == asked.resource_type)
    return IsOneOf(tuple(keys), stored=True) if keys else NONE


async def _has_item(world: _World, asked: HasItem) -> Plan:
    bound = world.services.limits.chain_bound
    hits = await world.hits(asked.resource_type, asked.near, bound + 1)
    if len(hits) > bound:
        raise TooCostly(
            f"More than {bound} `{asked.resource_type}` resources would have to be read for `[ ]`; test a more"
            " selective parameter with it."
        )
    binder = world.services.binder
    reader, keys = ItemReader(asked, binder.definitions, binder.rules), []
    for number, hit in enumerate(hits):
        if hit.version.content is not None and reader(parse_json(hit.version.content)):
            keys.append(hit.version.key)
        if number % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
    return IsOneOf(tuple(keys), stored=True) if keys else NONE
