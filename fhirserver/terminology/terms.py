"""The terminology of a site: gathers the definitions that a question needs, and remembers them.

Definitions are of several keepers: the question itself, the record, what is built in, installed or loaded. Those of the
record are gathered first, as the caller sees them; all else is worked out then, without waiting. Both is bounded.
Spec: http://hl7.org/fhir/R4/terminology-service.html
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.composing import Composer
from fhirserver.terminology.concepts import CodeSystem, is_listed
from fhirserver.terminology.issues import TermError
from fhirserver.terminology.library import Given, Library, Source
from fhirserver.terminology.memory import Changes, Found, Keeper, Memory, Named
from fhirserver.terminology.options import Options
from fhirserver.terminology.sources import Undecidable
from fhirserver.terminology.value_sets import ValueSet

Coded: TypeAlias = tuple[str, str]
"""(system, code)"""
MAX_DEFINITIONS: Final = 400
"""Value sets and code systems that one question may depend on."""
MAX_CODES: Final = 200_000
"""Codes of all value sets together that are remembered: some 30 MB."""
MAX_CONCEPTS: Final = 50_000
"""Concepts of all stored code systems together that are remembered: as much."""
_QUICK: Final = 5000
"""Concepts that are walked through in a millisecond or two."""
SUPPLEMENTS_OF: Final = "supplements of "
"""Before the url of a code system: names its supplements."""


class Terms:
    """Answers with the definitions of the record and of ``sources``."""

    def __init__(self, sources: Sequence[Source] = (), changes: Changes | None = None) -> None:
        """Ask whether definitions have changed when ``changes`` says that they may have."""
        self._sources = tuple(sources)
        self._changes = changes
        self._gathered = Memory[Given](MAX_CONCEPTS, changes)
        self._value_sets = Memory[tuple[Coded, ...]](MAX_CODES, changes)

    async def library(self, names: Iterable[Named], keeper: Keeper, given: Sequence[Resource] = ()) -> Library:
        """Return the definitions with these names and all that they depend on; raises Undecidable for too many."""
        brought = Given(given)
        wanted = tuple(sorted({*names, *(name for one in given for name in _needed_by(one))}))
        stored = await self._stored(wanted, keeper)
        return Library((brought, stored, *self._sources) if given else (stored, *self._sources))

    def changed(self) -> None:
        """Say that a definition of the record was written."""
        if self._changes is not None:
            self._changes.tell()

    async def codes(self, value_set: str, keeper: Keeper) -> tuple[Coded, ...]:
        """Return every code of a value set, in order; raises Undecidable."""
        known = await self._value_sets.recall(value_set, keeper)
        if known is not None:
            return known
        gathering = _Gathering(self._sources)
        await gathering.gather([("ValueSet", value_set)], keeper)
        library = Library((gathering.stored, *self._sources))
        codes = await asyncio.to_thread(codes_of, library, value_set)
        self._value_sets.keep(value_set, gathering.found.items(), codes, len(codes))
        return codes

    async def related(self, coded: Coded, keeper: Keeper, *, above: bool) -> frozenset[str]:
        """Return the codes below a code or, ``above``, above it; itself among them. Raises Undecidable."""
        url, code = coded
        library = await self.library([("CodeSystem", url)], keeper)
        system = _only(library, url)
        if not is_listed(system) or len(system) < _QUICK:
            return _relatives(system, code, above)
        return await asyncio.to_thread(_relatives, system, code, above)

    async def _stored(self, wanted: tuple[Named, ...], keeper: Keeper) -> Given:
        subject = "\n".join(f"{kind} {url}" for kind, url in wanted)
        known = await self._gathered.recall(subject, keeper)
        if known is not None:
            return known
        gathering = _Gathering(self._sources)
        await gathering.gather(wanted, keeper)
        self._gathered.keep(subject, gathering.found.items(), gathering.stored, gathering.stored.weight)
        return gathering.stored


@dataclass(slots=True)
class _Gathering:
    """Gets definitions of the record, and those that they depend on, level by level."""

    sources: Sequence[Source]
    found: dict[Named, Found] = field(default_factory=dict)
    stored: Given = field(default_factory=Given)

    async def gather(self, names: Iterable[Named], keeper: Keeper) -> None:
        """Get what has these names; raises Undecidable for too much."""
        level = list(dict.fromkeys(names))
        while level:
            if len(self.found) + len(level) > MAX_DEFINITIONS:
                raise Undecidable(f"The question depends on more than {MAX_DEFINITIONS} definitions.")
            self.found |= await keeper.find(level)
            following: dict[Named, None] = {}
            for name in level:
                for resource in self.found[name].resources:
                    self.stored.add(resource, name[1])
                    following.update(dict.fromkeys(_needed_by(resource)))
                following.update(dict.fromkeys(self._needed_elsewhere(name)))
            level = [name for name in following if name not in self.found]

    def _needed_elsewhere(self, name: Named) -> Iterator[Named]:
        """Yield what a value set of another source depends on: the record may have it."""
        kind, canonical = name
        if kind == "ValueSet":
            url = parse_canonical(canonical).url
            yield from (
                n for source in self.sources for one in source.value_sets(url) for n in _needed_by(one.resource)
            )
        elif not canonical.startswith(SUPPLEMENTS_OF):
            yield kind, f"{SUPPLEMENTS_OF}{canonical}"


def _needed_by(definition: Resource) -> Iterator[Named]:
    if definition["resourceType"] != "ValueSet":
        return
    compose = definition.get("compose", {})
    for part in (*compose.get("include", ()), *compose.get("exclude", ())):
        for canonical in part.get("valueSet", ()):
            if not canonical.startswith("#"):
                yield "ValueSet", parse_canonical(canonical).url
        if "system" in part:
            yield "CodeSystem", part["system"]
    for contained in definition.get("contained", ()):
        yield from _needed_by(contained)
    if compose == {}:
        systems = {one.get("system") for one in ValueSet(definition).stated()}
        yield from (("CodeSystem", system) for system in sorted(filter(None, systems)))


def codes_of(library: Library, canonical: str) -> tuple[Coded, ...]:
    """Return every code of a value set, in order; raises Undecidable."""
    named = parse_canonical(canonical)
    value_set = library.value_set(canonical) or library.value_set(named.url, named.version)
    if value_set is None:
        raise Undecidable(f"The value set `{canonical}` is not installed.")
    if value_set.compose is None:
        _check_stated(value_set)
    composer = Composer(library, Options(merges_versions=True))
    try:
        found = composer.compose(value_set)
    except TermError as problem:
        raise Undecidable(problem.diagnostics) from None
    if composer.used.unlisted:
        raise Undecidable(f"The code system `{next(iter(composer.used.unlisted))}` does not list its codes.")
    return tuple(sorted({(one.system.head.url, one.concept.code) for one in found.members()}))


def _check_stated(value_set: ValueSet) -> None:
    """Refuse a value set of which an expansion is all there is, and not all of that."""
    stated = list(value_set.stated())
    if not stated:
        raise Undecidable(f"The value set `{value_set.canonical}` has no content logical definition.")
    if value_set.resource["expansion"].get("total", len(stated)) > len(stated):
        raise Undecidable(f"The value set `{value_set.canonical}` states a part of its codes only.")


def _only(library: Library, url: str) -> CodeSystem:
    named = parse_canonical(url)
    system = library.code_system(named.url, named.version)
    if system is None:
        raise Undecidable(f"The code system `{url}` is not installed.")
    return system


def _relatives(system: CodeSystem, code: str, above: bool) -> frozenset[str]:
    if not is_listed(system):
        raise Undecidable(f"The code system `{system.head.url}` does not list its codes.")
    number = system.number(code)
    if number is None:
        return frozenset({code})
    mask = system.ancestors(number) if above else system.descendants(number)
    return frozenset({code, *(system.code(int(one)) for one in np.flatnonzero(mask))})
