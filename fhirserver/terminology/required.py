"""The codes of required bindings, worked out when first asked for and kept.

All value sets that R4 binds as required are decided but one: the codes of ``http://loinc.org/vs/LL379-9`` are LOINC's
to give, so that only their syntax is checked. Those of a grammar (``ucum-units``, ``mimetypes``) are asked one by one.

Spec: http://hl7.org/fhir/R4/terminologies.html#required
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar, cast

from fhirserver.terminology.checking import Checker
from fhirserver.terminology.issues import TermError
from fhirserver.terminology.library import Changing, Library, Source
from fhirserver.terminology.options import Options
from fhirserver.terminology.packaged import Packaged
from fhirserver.terminology.selected import Coded, Selected, codes_of
from fhirserver.terminology.sources import DefinitionSource, Undecidable

T = TypeVar("T")
_SHOWN: Final = 12
_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class CodeSet:
    """The codes of one value set, with their systems and, for elements of type ``code``, without."""

    codings: Container[Coded]
    codes: Container[str]
    shown: tuple[str, ...] = ()
    """All the codes, where they are few."""


class RequiredCodes:
    """Gives the code set of a value set, or None where the definitions do not decide it."""

    def __init__(self, definitions: DefinitionSource, sources: Sequence[Source] = ()) -> None:
        """Read value sets and code systems from ``sources`` and ``definitions``."""
        self._library = Library((*sources, Packaged(definitions)))
        self._known: dict[str, CodeSet | None] = {}
        self._displays = lru_cache(_REMEMBERED)(self._read_displays)

    def codes(self, value_set: str) -> CodeSet | None:
        """Return the codes of a value set by canonical; None: undecidable, check syntax only."""
        if value_set not in self._known:
            self._known[value_set] = self._find(value_set)
        return self._known[value_set]

    def displays(self, system: str, code: str) -> frozenset[str]:
        """Return what a code may be shown as, in lower case with single spaces; empty: that is not known here."""
        return self._displays(system, code)

    def _read_displays(self, system: str, code: str) -> frozenset[str]:
        found = self._library.code_system(system)
        if found is None or found.head.is_grammar or not found.head.is_listed:
            return frozenset()
        concept = found.find(code)
        if concept is None or concept.display is None:
            return frozenset()
        return frozenset(map(plain_display, (concept.display, *(one.value for one in concept.designations))))

    def _find(self, value_set: str) -> CodeSet | None:
        try:
            codings = frozenset(codes_of(self._library, value_set))
        except Undecidable:
            return _decided_by_grammar(self._library, value_set)
        codes = frozenset(code for _, code in codings)
        return CodeSet(codings, codes, tuple(sorted(codes)) if len(codes) <= _SHOWN else ())


class LiveCodes:
    """Gives the code sets of a site, whose definitions may change while the server runs."""

    def __init__(self, definitions: DefinitionSource, sources: Sequence[Source] = ()) -> None:
        """Read value sets and code systems from ``sources``, the first one first, and ``definitions``."""
        self._definitions = definitions
        self._sources = tuple(sources)
        self._changing = [one for one in sources if isinstance(one, Changing)]
        self._marks: list[str] = []
        self._codes = RequiredCodes(definitions, sources)

    def codes(self, value_set: str) -> CodeSet | None:
        """Return the codes of a value set by canonical; None: undecidable here."""
        return self._now().codes(value_set)

    def displays(self, system: str, code: str) -> frozenset[str]:
        """Return what a code may be shown as, in lower case with single spaces; empty: that is not known here."""
        return self._now().displays(system, code)

    def _now(self) -> RequiredCodes:
        marks = [one.mark for one in self._changing]
        if marks != self._marks:
            self._codes, self._marks = RequiredCodes(self._definitions, self._sources), marks
        return self._codes


def code_set_of(selected: Selected) -> CodeSet:
    """Return the codes of a value set that was worked out for a caller."""
    systems = selected.systems
    return CodeSet(
        _Asked(lambda coded: selected.has(*coded)),
        _Asked(lambda code: any(selected.has(system, code) for system in systems)),
    )


def plain_display(text: str) -> str:
    """Return a display as it is compared: in lower case with single spaces."""
    return " ".join(text.lower().split())


def _decided_by_grammar(library: Library, canonical: str) -> CodeSet | None:
    """Return a code set that asks whether a code is one, if all the code systems of the value set are here."""
    value_set = library.value_set(canonical)
    if value_set is None or not value_set.includes:
        return None
    systems = [one.system for one in value_set.includes]
    if any(system is None or library.code_system(system) is None for system in systems):
        return None
    try:
        checker = Checker(library, value_set, Options())
    except TermError:
        return None
    has = lru_cache(_REMEMBERED)(lambda coded: checker.has(*coded))
    return CodeSet(_Asked(has), _Asked(lru_cache(_REMEMBERED)(lambda code: any(has((one, code)) for one in systems))))


class _Asked(Container[T]):
    """Holds what a question says that it holds."""

    def __init__(self, has: Callable[[T], bool]) -> None:
        self._has = has

    def __contains__(self, one: object) -> bool:
        return self._has(cast(T, one))
