"""The CodeSystems, ValueSets and ConceptMaps of the record, as one caller sees them.

Spec: http://hl7.org/fhir/R4/terminology-service.html
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.resource import Resource
from fhirserver.repository.services import Services
from fhirserver.search.plan import ALL, NONE, HasTerm, IsOneOf, Plan, all_of, any_of
from fhirserver.search.query import Simple
from fhirserver.search.whole_systems import whole_term
from fhirserver.store.search import Hit
from fhirserver.store.sorting import Window
from fhirserver.store.store import Session
from fhirserver.terminology.memory import Found, Marks, Named
from fhirserver.terminology.terms import ALL_IN, MAPS_FROM, MAPS_OF, MAPS_TO, SUPPLEMENTS_OF

DEFINITION_TYPES: Final = frozenset({"CodeSystem", "ConceptMap", "ValueSet"})
_LITERAL: Final = re.compile(r"(?:ValueSet|CodeSystem|ConceptMap)/[A-Za-z0-9\-.]{1,64}", re.ASCII)
_VERSIONS: Final = 50
"""Of a definition, those that are looked at."""
_SCOPES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        MAPS_OF: ("source-system", "target-system"),
        MAPS_FROM: ("source", "source-uri"),
        MAPS_TO: ("target", "target-uri"),
    }
)
"""The search parameters by which ConceptMaps are found."""
_EVERYTHING: Final = "everything"


@dataclass(frozen=True, slots=True)
class StoredDefinitions:
    """The definitions that a caller may use."""

    services: Services
    access: Access
    session: Session | None = None

    @property
    def view(self) -> str | None:
        """A name for what the caller sees: who sees every definition sees the same."""
        if self.session is not None:
            return None
        sees_all = all(self.access.filter(name, Right.SEARCH) == ALL for name in sorted(DEFINITION_TYPES))
        return _EVERYTHING if sees_all else None

    async def find(self, names: Sequence[Named]) -> Mapping[Named, Found]:
        """Return all versions of some definitions that the record has."""
        return {named: await self._found(named) for named in names}

    async def marks(self, needed: Iterable[Named]) -> Marks | None:
        """Ask for the versions of stored definitions, with one query."""
        plans: dict[str, list[Plan]] = {}
        for named in needed:
            plans.setdefault(named[0], []).append(self._named(named))
        allowed = (all_of(any_of(*each), self.access.filter(name, Right.SEARCH)) for name, each in plans.items())
        plan, limit = any_of(*allowed), _VERSIONS * sum(map(len, plans.values()))
        if plan == NONE:
            return frozenset()
        found = await self.services.searcher.versions(plan, limit, self.session)
        return frozenset(found) if len(found) < limit else None

    async def _found(self, named: Named) -> Found:
        stored = [hit.version for hit in await self._hits(named)]
        marks = frozenset((one.key, one.version_id, one.last_updated_us) for one in stored)
        latest = sorted(stored, key=lambda one: one.last_updated_us, reverse=True)
        resources: tuple[Resource, ...] = tuple(parse_json(one.content) for one in latest if one.content)
        return Found(resources, marks if len(stored) < _VERSIONS else None)

    async def _hits(self, named: Named) -> Sequence[Hit]:
        plan = self._named(named)
        allowed = all_of(plan, self.access.filter(named[0], Right.SEARCH, plan))
        if allowed == NONE:
            return ()
        return await self.services.searcher.find(allowed, Window(_VERSIONS), session=self.session)

    def _named(self, named: Named) -> Plan:
        resource_type, canonical = named
        if _LITERAL.fullmatch(canonical):
            return IsOneOf((canonical,)) if canonical.startswith(f"{resource_type}/") else NONE
        if canonical.startswith(SUPPLEMENTS_OF):
            url = canonical.removeprefix(SUPPLEMENTS_OF)
            return self.services.binder.criterion(resource_type, Simple("supplements", None, (url,)))
        if canonical.startswith(ALL_IN):
            return HasTerm((whole_term(canonical.removeprefix(ALL_IN)),))
        for prefix, names in _SCOPES.items():
            if canonical.startswith(prefix):
                return self._any_of(resource_type, names, canonical.removeprefix(prefix))
        return self.services.binder.criterion(resource_type, Simple("url", None, (canonical,)))

    def _any_of(self, resource_type: str, names: Iterable[str], value: str) -> Plan:
        criterion = self.services.binder.criterion
        return any_of(*(criterion(resource_type, Simple(name, None, (value,))) for name in names))
