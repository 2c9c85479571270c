"""Closure tables: which of the concepts that a client keeps are above which, told step by step.

A table knows its concepts, each with the version of the table that brought it, and the version of each code system that
it was begun with: as long as that one is there, the table can be told again.
Spec: http://hl7.org/fhir/R4/terminology-service.html#closure, http://hl7.org/fhir/R4/conceptmap-operation-closure.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias

import numpy as np

from fhirserver.kernel.outcome import Unprocessable
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.concepts import CodeSystem, ListedCodeSystem, is_listed
from fhirserver.terminology.library import Library
from fhirserver.terminology.lookup import concept_of, system_of
from fhirserver.terminology.options import Options

Entry: TypeAlias = tuple[str, str, str]
"""(system, code below, code above)"""
MAX_CONCEPTS: Final = 20_000
"""Concepts of one table."""
_SUBSUMES: Final = "subsumes"


@dataclass(frozen=True, slots=True)
class Table:
    """A closure table: ``concepts`` by system and code, with the version of the table that brought each."""

    version: int = 0
    systems: Mapping[str, str] = field(default_factory=dict)
    """The version of each code system; empty for one that has none."""
    concepts: Mapping[tuple[str, str], int] = field(default_factory=dict)


class Closure:
    """Extends tables and tells them, with the definitions of one library."""

    def __init__(self, library: Library, options: Options) -> None:
        """Use the definitions of ``library`` as ``options`` say."""
        self._library = library
        self._options = options

    def extended(self, table: Table, codings: Sequence[Coding]) -> Table:
        """Return a table with more concepts, in its next version; raises TermError, Unprocessable."""
        systems, concepts = dict(table.systems), dict(table.concepts)
        for coding in codings:
            url = str(coding.system)
            known = systems.get(url)
            system = self._system(url, known if known is not None else coding.version, is_known=known is not None)
            systems[url] = system.head.version or ""
            concepts.setdefault((url, concept_of(system, coding.code, "concept").code), table.version + 1)
        if len(concepts) > MAX_CONCEPTS:
            raise Unprocessable(f"A closure table has up to {MAX_CONCEPTS} concepts.", expression=["http.concept"])
        return Table(table.version + 1, systems, concepts)

    def entries(self, table: Table, since: int) -> list[Entry]:
        """Return which concepts are above which, of those that a table had not in an earlier version."""
        found: list[Entry] = []
        for url, version in table.systems.items():
            system = self._system(url, version, is_known=True)
            if is_listed(system):
                codes = {code: at for (one, code), at in table.concepts.items() if one == url}
                found.extend((url, below, above) for below, above in _pairs(system, codes, since))
        return found

    def _system(self, url: str, version: str | None, *, is_known: bool) -> CodeSystem:
        if is_known and self._library.code_system(url, version or None) is None:
            raise Unprocessable(
                f"The code system `{url}` is no longer there in the version that the closure table was begun with:"
                " begin it anew, with its `name` alone.",
                expression=["http.name"],
            )
        return system_of(self._library, url, version or None, self._options)


def _pairs(system: ListedCodeSystem, codes: Mapping[str, int], since: int) -> Iterator[tuple[str, str]]:
    """Yield (below, above) of the concepts that a table has, where one of the two is new."""
    known = [(code, number) for code in codes if (number := system.number(code)) is not None]
    numbers = np.array([number for _, number in known], np.intp)
    is_new = np.array([codes[code] > since for code, _ in known], np.bool_)
    for place in np.flatnonzero(is_new):
        code, number = known[place]
        yield from ((code, known[other][0]) for other in np.flatnonzero(system.ancestors(number)[numbers]))
        below = system.descendants(number)[numbers] & ~is_new
        yield from ((known[other][0], code) for other in np.flatnonzero(below))


def concept_map(name: str, table: Table, entries: Sequence[Entry]) -> Resource:
    """Return the ConceptMap that tells a part of a table."""
    groups: dict[str, dict[str, list[str]]] = {}
    for system, below, above in entries:
        groups.setdefault(system, {}).setdefault(below, []).append(above)
    found: Resource = {
        "resourceType": "ConceptMap",
        "version": str(table.version),
        "name": name,
        "status": "active",
        "experimental": True,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if groups:
        found["group"] = [_group(system, table.systems[system], elements) for system, elements in groups.items()]
    return found


def _group(system: str, version: str, elements: Mapping[str, Sequence[str]]) -> Resource:
    found: Resource = {"source": system, "target": system}
    if version:
        found |= {"sourceVersion": version, "targetVersion": version}
    found["element"] = [
        {"code": below, "target": [{"code": code, "equivalence": _SUBSUMES} for code in above]}
        for below, above in elements.items()
    ]
    return found
