"""The codes of required bindings, worked out when first asked for and kept.

Of the value sets that R4 binds as required, four cannot be decided from the definitions, so that only the syntax
of their codes is checked:

* ``mimetypes``: BCP 13 has an open registry;
* ``ucum-units``: UCUM is a grammar, not a list;
* ``currencies``: ISO 4217 is not part of the definitions;
* ``http://loinc.org/vs/LL379-9``: LOINC keeps its answer lists to itself.

Spec: http://hl7.org/fhir/R4/terminologies.html#required
"""

from dataclasses import dataclass

from fhirserver.terminology.library import Library
from fhirserver.terminology.packaged import Packaged
from fhirserver.terminology.selected import Coded, codes_of
from fhirserver.terminology.sources import DefinitionSource, Undecidable


@dataclass(frozen=True, slots=True)
class CodeSet:
    """The codes of one value set, with their systems and, for elements of type ``code``, without."""

    codings: frozenset[Coded]
    codes: frozenset[str]


class RequiredCodes:
    """Gives the code set of a value set, or None where the definitions do not decide it."""

    def __init__(self, definitions: DefinitionSource) -> None:
        """Read value sets and code systems from ``definitions``."""
        self._library = Library((Packaged(definitions),))
        self._known: dict[str, CodeSet | None] = {}

    def codes(self, value_set: str) -> CodeSet | None:
        """Return the codes of a value set by canonical; None: undecidable, check syntax only."""
        if value_set not in self._known:
            self._known[value_set] = self._find(value_set)
        return self._known[value_set]

    def _find(self, value_set: str) -> CodeSet | None:
        try:
            codings = frozenset(codes_of(self._library, value_set))
        except Undecidable:
            return None
        return CodeSet(codings, frozenset(code for _, code in codings))
