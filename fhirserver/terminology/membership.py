"""Which codes a value set has, and which codes subsume others: what searches ask of terminology.

Definitions are gathered first, whoever keeps them, and worked out then. Both is bounded.
Spec: http://hl7.org/fhir/R4/terminology-service.html
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.code_systems import CodeSystem
from fhirserver.terminology.compose import Coded, Composer
from fhirserver.terminology.memory import Found, Keeper, Memory, Named
from fhirserver.terminology.sources import Undecidable

MAX_DEFINITIONS: Final = 100
"""Value sets and code systems that one value set may depend on."""
MAX_CODES: Final = 200_000
"""Codes of all value sets together that are remembered: some 30 MB."""
MAX_CONCEPTS: Final = 50_000
"""Concepts of all code systems together that are remembered: as much."""
_QUICK: Final = 5000
"""Concepts that are walked through in a millisecond or two."""


class TermResolver(Protocol):
    """Answers what searches ask of terminology; raises Undecidable."""

    async def codes(self, value_set: str, keeper: Keeper) -> tuple[Coded, ...]:
        """Return every code of a value set, in order."""
        ...

    async def related(self, coded: Coded, keeper: Keeper, *, above: bool) -> frozenset[str]:
        """Return the codes of its system that a code subsumes or, ``above``, that subsume it; itself among them."""
        ...


class LocalTerms:
    """Works everything out from definitions at hand, and remembers it."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._value_sets = Memory[tuple[Coded, ...]](MAX_CODES)
        self._code_systems = Memory[CodeSystem](MAX_CONCEPTS)

    async def codes(self, value_set: str, keeper: Keeper) -> tuple[Coded, ...]:
        """Return every code of a value set, in order; raises Undecidable."""
        known = await self._value_sets.recall(value_set, keeper)
        if known is not None:
            return known
        gathered = await _gather(value_set, keeper)
        codes = await asyncio.to_thread(_expand, gathered, value_set)
        self._value_sets.keep(value_set, gathered.found.items(), codes, len(codes))
        return codes

    async def related(self, coded: Coded, keeper: Keeper, *, above: bool) -> frozenset[str]:
        """Return what is below or above a code, and itself; raises Undecidable."""
        url, code = coded
        system = await self._code_systems.recall(url, keeper) or await self._code_system(url, keeper)
        if len(system.concepts) < _QUICK:
            return _relatives(system, code, above)
        return await asyncio.to_thread(_relatives, system, code, above)

    async def _code_system(self, url: str, keeper: Keeper) -> CodeSystem:
        named = ("CodeSystem", url)
        found = await keeper.find(named)
        if found.resource is None:
            raise Undecidable(f"The code system `{url}` is not installed.")
        system = await asyncio.to_thread(CodeSystem, found.resource)
        if not system.lists_codes:
            raise Undecidable(f"The code system `{url}` does not list its codes.")
        self._code_systems.keep(url, [(named, found)], system, len(system.concepts))
        return system


def _relatives(system: CodeSystem, code: str, above: bool) -> frozenset[str]:
    return frozenset({code, *(system.ancestors(code) if above else system.descendants(code))})


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Definitions by type and canonical."""

    found: dict[Named, Found]

    def resource(self, canonical: str) -> Resource | None:
        known = (self.found.get((resource_type, canonical)) for resource_type in ("ValueSet", "CodeSystem"))
        return next((one.resource for one in known if one is not None and one.resource is not None), None)


def _expand(gathered: _Gathered, value_set: str) -> tuple[Coded, ...]:
    return tuple(sorted(Composer(gathered).expand(value_set)))


async def _gather(value_set: str, keeper: Keeper) -> _Gathered:
    """Get a value set and all that it depends on."""
    found: dict[Named, Found] = {}
    pending: list[Named] = [("ValueSet", value_set)]
    while pending:
        named = pending.pop()
        if named in found:
            continue
        if len(found) == MAX_DEFINITIONS:
            raise Undecidable(f"The value set `{value_set}` depends on more than {MAX_DEFINITIONS} definitions.")
        found[named] = await keeper.find(named)
        pending.extend(_needed(found[named].resource))
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
