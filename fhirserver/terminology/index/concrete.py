"""Values that are no concepts, kept as a release writes them: ``#2.50``, ``"text"``, ``true``; cells of reference sets.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification (concrete values)
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, overload

from fhirserver.terminology.concepts import Property
from fhirserver.terminology.ecl.ontology import Value
from fhirserver.terminology.index.sections import Texts

_TRUTHS: Final = {"true": True, "false": False}
_INTEGER: Final = "i"


def value_of(text: str) -> Value:
    """Return a concrete value as expression constraints compare it."""
    if text.startswith("#"):
        return float(text[1:])
    truth = _TRUTHS.get(text.lower())
    return text[1:-1] if truth is None else truth


def property_of(name: str, text: str) -> Property:
    """Return a concrete value as a property; a number keeps its digits."""
    if text.startswith("#"):
        number = text[1:].removeprefix("+")
        if number.removeprefix("-").isdigit():
            return Property(name, "valueInteger", int(number))
        return Property(name, "valueDecimal", Decimal(number))
    value = value_of(text)
    return Property(name, "valueBoolean" if isinstance(value, bool) else "valueString", value)


class CellValues(Sequence[Value]):
    """The values of a column of a reference set, decoded when they are asked for."""

    def __init__(self, texts: Texts, kind: str) -> None:
        """Read ``texts`` as the column has them."""
        self._texts = texts
        self._is_number = kind == _INTEGER

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._texts)

    @overload
    def __getitem__(self, place: int) -> Value: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Value]: ...

    def __getitem__(self, place: int | slice) -> Value | Sequence[Value]:
        """Return one of them, or several."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        text = str(self._texts[place], "utf-8")
        return float(text) if self._is_number else text
