"""UCUM: units of measure. Spec: https://ucum.org/ucum, http://hl7.org/fhir/R4/ucum.html"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from fhirserver.terminology.concepts import Concept, Designation, Head, UnknownFilter
from fhirserver.terminology.value_sets import ValueSet
from fhirserver.ucum import Ucum

UNITS: Final = "http://unitsofmeasure.org"
_COMMON: Final = "http://hl7.org/fhir/ValueSet/ucum-common"
_COMPARABLE: Final = f"{UNITS}/vs/"
_CANONICAL: Final = "canonical"
_ENGLISH: Final = "en"


def comparable_units(ucum: Ucum, url: str) -> ValueSet | None:
    """Return the value set of all units that compare with the one that a url ends with; None: it has no unit."""
    if not url.startswith(_COMPARABLE):
        return None
    factor = ucum.factor(unquote(url.removeprefix(_COMPARABLE)))
    if factor is None:
        return None
    alike = {"property": _CANONICAL, "op": "=", "value": factor.unit}
    include = {"system": UNITS, "filter": [alike]}
    head = {"resourceType": "ValueSet", "url": url, "status": "active"}
    return ValueSet({**head, "compose": {"include": [include]}})


class Units:
    """All the units that UCUM's grammar makes; ``canonical`` and ``property`` can be asked for and filtered by."""

    def __init__(self, ucum: Ucum) -> None:
        """Read codes by ``ucum``."""
        self._ucum = ucum
        self.head: Final = Head(
            url=UNITS,
            version=ucum.version,
            name="UCUM",
            title="Unified Code for Units of Measure",
            language=_ENGLISH,
            is_listed=False,
            is_grammar=True,
            sample=_COMMON,
            filters=frozenset({_CANONICAL, "property"}),
            why_not=self._why_not,
        )

    def find(self, code: str) -> Concept | None:
        """Return a unit, which is called by its code and in words."""
        words = self._ucum.spelled(code)
        return None if words is None else Concept(code=code, display=code, designations=(Designation(words, _ENGLISH),))

    def values(self, concept: Concept, name: str) -> Sequence[str]:
        """Return the canonical units of a unit, or the kind of quantity that it measures."""
        if name == _CANONICAL:
            factor = self._ucum.factor(concept.code)
            return () if factor is None else (factor.unit,)
        if name == "property":
            measured = self._ucum.measured(concept.code)
            return () if measured is None else (measured,)
        raise UnknownFilter(f"`{UNITS}` has no property `{name}`.")

    def _why_not(self, code: str) -> str | None:
        problem = self._ucum.problem(code)
        return None if problem is None else f"Error processing unit '{code}': {problem}"
