"""The terminology of a site: gathers the definitions that a question needs, and remembers them.

Definitions are of several keepers: the question itself, the record, what is built in, installed or loaded. Those of the
record are gathered first, as the caller sees them; all else is worked out then, without waiting. Both is bounded.
Spec: http://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.threads import in_thread
from fhirserver.terminology.concept_maps import ConceptMap
from fhirserver.terminology.concepts import CodeSystem, ListedCodeSystem, is_listed
from fhirserver.terminology.implicit import whole_system
from fhirserver.terminology.library import Changing, Given, Library, Making, Source
from fhirserver.terminology.memory import Changes, Found, Keeper, Memory, Named
from fhirserver.terminology.selected import Coded, Selected, selection_of
from fhirserver.terminology.selection import Selection
from fhirserver.terminology.sources import Undecidable
from fhirserver.terminology.value_sets import ValueSet

MAX_DEFINITIONS: Final = 400
"""Value sets and code systems that one question may depend on."""
MAX_CODES: Final = 200_000
"""Codes of all value sets together that are remembered: some 30 MB."""
MAX_CONCEPTS: Final = 50_000
"""Concepts of all stored code systems together that are remembered: as much."""
_MAX_RELATED: Final = 200
_QUICK: Final = 5000
"""Concepts that are walked through in a millisecond or two."""
SUPPLEMENTS_OF: Final = "supplements of "
"""Before the url of a code system: names its supplements."""
ALL_IN: Final = "all in "
"""Before the url of a value set: names the code systems of which it has all codes."""
MAPS_FROM: Final = "maps from "
"""Before the url of a value set: names the concept maps from it."""
MAPS_TO: Final = "maps to "
"""Before the url of a value set: names the concept maps to it."""
MAPS_OF: Final = "maps of "
"""Before the url of a code system: names the concept maps from and to it."""


class Terms:
    """Answers with the definitions of the record and of ``sources``."""

    def __init__(self, sources: Sequence[Source] = (), changes: Changes | None = None) -> None:
        """Ask whether definitions have changed when ``changes`` says that they may have."""
        self._sources = tuple(sources)
        self._changing = [one for one in sources if isinstance(one, Changing)]
        self._changes = changes
        self._seen = ""
        self._gathered = Memory[Library](MAX_CONCEPTS, changes)
        self._value_sets = Memory[Selected](MAX_CODES, changes)
        self._related: dict[tuple[str, int, bool], tuple[CodeSystem, Selected]] = {}

    async def library(self, names: Iterable[Named], keeper: Keeper, given: Sequence[Resource] = ()) -> Library:
        """Return the definitions with these names and all that they depend on; raises Undecidable for too many."""
        wanted = tuple(sorted({*names, *(name for one in given for name in _needed_by(one))}))
        stored = await self._stored(wanted, keeper)
        return Library((Given(given),)).beside(stored) if given else stored

    def changed(self) -> None:
        """Say that a definition of the record was written."""
        if self._changes is not None:
            self._changes.tell()

    def look(self) -> None:
        """Forget what was worked out from what sources do not have any more; questions do it too."""
        _ = self._mark

    async def selected(self, value_set: str, keeper: Keeper) -> Selected:
        """Return the codes of a value set; raises Undecidable."""
        subject = f"{self._mark} {value_set}"
        known = await self._value_sets.recall(subject, keeper)
        if known is not None:
            return known
        gathering = _Gathering(self._sources)
        await gathering.gather([("ValueSet", value_set)], keeper)
        library = Library((gathering.stored, *self._sources))
        found = Selected(await in_thread(selection_of, library, value_set))
        self._value_sets.keep(subject, gathering.found.items(), found, found.weight)
        return found

    async def related(self, coded: Coded, keeper: Keeper, *, above: bool) -> Selected:
        """Return the codes below a code or, ``above``, above it; itself among them. Raises Undecidable."""
        url, code = coded
        library = await self.library([("CodeSystem", url)], keeper)
        system = _only(library, url)
        if not is_listed(system):
            raise Undecidable(f"The code system `{system.head.url}` does not list its codes.")
        number = system.number(code)
        if number is None:
            return Selected(Selection(), alone=coded)
        return await self._relatives(system, number, above=above)

    async def _relatives(self, system: ListedCodeSystem, number: int, *, above: bool) -> Selected:
        key = (system.head.canonical, number, above)
        known = self._related.get(key)
        if known is not None and known[0] is system:
            return known[1]
        relatives = system.ancestors if above else system.descendants
        mask = relatives(number) if len(system) < _QUICK else await in_thread(relatives, number)
        mask[number] = True
        found = Selection()
        found.add_numbers(system, np.flatnonzero(mask))
        if len(self._related) >= _MAX_RELATED:
            self._related.clear()
        self._related[key] = system, Selected(found)
        return self._related[key][1]

    @property
    def _mark(self) -> str:
        """Stands for what sources have that change: what was worked out from something else is forgotten."""
        mark = " ".join(one.mark for one in self._changing)
        if mark != self._seen:
            self._seen = mark
            self._gathered = Memory[Library](MAX_CONCEPTS, self._changes)
            self._value_sets = Memory[Selected](MAX_CODES, self._changes)
            self._related.clear()
        return mark

    async def _stored(self, wanted: tuple[Named, ...], keeper: Keeper) -> Library:
        state = 0 if self._changes is None else self._changes.count
        subject = "\n".join((self._mark, *(f"{kind} {url}" for kind, url in wanted)))
        known = await self._gathered.recall(subject, keeper)
        if known is None:
            gathering = _Gathering(self._sources)
            await gathering.gather(wanted, keeper)
            known = Library((gathering.stored, *self._sources))
            self._gathered.keep(subject, gathering.found.items(), known, gathering.stored.weight)
        known.seen_in(state)
        return known


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
                    following.update(dict.fromkeys(self._take(resource, name[1])))
                following.update(dict.fromkeys(self._needed_elsewhere(name)))
            level = [name for name in following if name not in self.found]
        await self._make()

    def _take(self, resource: Resource, canonical: str) -> Iterator[Named]:
        """Take a definition; yield what it depends on. One that was found by its value set is gathered by its url."""
        if canonical.startswith(ALL_IN):
            yield from [("CodeSystem", resource["url"])] if "url" in resource else ()
        else:
            self.stored.add(resource, canonical)
            yield from _needed_by(resource)

    async def _make(self) -> None:
        """Let sources make what they have not made yet, beside the event loop."""
        for source in self.sources:
            if isinstance(source, Making):
                for kind, canonical in self.found:
                    url = parse_canonical(canonical).url
                    if not source.has_made(kind, url):
                        await in_thread(source.make, kind, url)

    def _needed_elsewhere(self, name: Named) -> Iterator[Named]:
        """Yield what a value set of another source depends on: the record may have it."""
        kind, canonical = name
        if kind == "ValueSet":
            url = parse_canonical(canonical).url
            system = whole_system(url)
            if system is not None:
                yield "CodeSystem", system
            known = [one for source in self.sources for one in source.value_sets(url)]
            yield from (needed for one in known for needed in _needed_by(one.resource))
            if not known and not self.found[name].resources:
                yield "CodeSystem", f"{ALL_IN}{url}"
        elif kind == "CodeSystem" and not canonical.startswith((SUPPLEMENTS_OF, ALL_IN)):
            yield kind, f"{SUPPLEMENTS_OF}{canonical}"


def _needed_by(definition: Resource) -> Iterator[Named]:
    if definition["resourceType"] == "ConceptMap":
        yield from (("ConceptMap", parse_canonical(url).url) for url in ConceptMap(definition).others())
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


def _only(library: Library, url: str) -> CodeSystem:
    named = parse_canonical(url)
    system = library.code_system(named.url, named.version)
    if system is None:
        raise Undecidable(f"The code system `{url}` is not installed.")
    return system
