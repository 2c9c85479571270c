"""Which codes a value set has, and which codes subsume others: what searches ask of terminology.

Definitions are gathered first, whoever keeps them, and worked out then. Both is bounded.
Spec: http://hl7.org/fhir/R4/terminology-service.html
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.code_systems import CodeSystem
from fhirserver.terminology.compose import Coded, Composer
from fhirserver.terminology.sources import Undecidable

MAX_DEFINITIONS: Final = 100
"""Value sets and code systems that one value set may depend on."""


class Keeper(Protocol):
    """Finds the CodeSystems and ValueSets that a caller may use."""

    async def find(self, resource_type: str, canonical: str) -> Resource | None:
        """Return the definition with this canonical, or at this address (``ValueSet/1``), or None."""
        ...


class TermResolver(Protocol):
    """Answers what searches ask of terminology; raises Undecidable."""

    async def codes(self, value_set: str, keeper: Keeper) -> frozenset[Coded]:
        """Return every code of a value set."""
        ...

    async def related(self, coded: Coded, keeper: Keeper, *, above: bool) -> frozenset[str]:
        """Return the codes of its system that a code subsumes or, ``above``, that subsume it; itself among them."""
        ...


class LocalTerms:
    """Works everything out from definitions at hand."""

    async def codes(self, value_set: str, keeper: Keeper) -> frozenset[Coded]:
        """Return every code of a value set; raises Undecidable."""
        gathered = await _gather(value_set, keeper)
        return await asyncio.to_thread(Composer(gathered).expand, value_set)

    async def related(self, coded: Coded, keeper: Keeper, *, above: bool) -> frozenset[str]:
        """Return what is below or above a code, and itself; raises Undecidable."""
        url, code = coded
        resource = await keeper.find("CodeSystem", url)
        if resource is None:
            raise Undecidable(f"The code system `{url}` is not installed.")
        system = await asyncio.to_thread(CodeSystem, resource)
        if not system.lists_codes:
            raise Undecidable(f"The code system `{url}` does not list its codes.")
        return frozenset({code, *(system.ancestors(code) if above else system.descendants(code))})


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Definitions by canonical."""

    found: Mapping[str, Resource | None]

    def resource(self, canonical: str) -> Resource | None:
        return self.found.get(canonical)


async def _gather(value_set: str, keeper: Keeper) -> _Gathered:
    """Get a value set and all that it depends on."""
    found: dict[str, Resource | None] = {}
    pending = [("ValueSet", value_set)]
    while pending:
        resource_type, canonical = pending.pop()
        if canonical in found:
            continue
        if len(found) == MAX_DEFINITIONS:
            raise Undecidable(f"The value set `{value_set}` depends on more than {MAX_DEFINITIONS} definitions.")
        found[canonical] = await keeper.find(resource_type, canonical)
        pending.extend(_needed(found[canonical]))
    return _Gathered(found)


def _needed(definition: Resource | None) -> Iterator[tuple[str, str]]:
    if definition is None or definition["resourceType"] != "ValueSet":
        return
    compose = definition.get("compose", {})
    for part in (*compose.get("include", ()), *compose.get("exclude", ())):
        yield from (("ValueSet", canonical) for canonical in part.get("valueSet", ()))
        yield from _system(part)


def _system(part: Resource) -> Iterable[tuple[str, str]]:
    if "system" not in part or "concept" in part:
        return ()
    return (("CodeSystem", f"{part['system']}|{part['version']}" if "version" in part else part["system"]),)
