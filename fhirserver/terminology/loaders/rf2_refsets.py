"""The reference sets of a SNOMED CT release: those of languages, and all others, by the columns that they have.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification (reference sets)
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from fhirserver.terminology.ecl.ontology import ACCEPTABLE, PREFERRED
from fhirserver.terminology.loaders.rf2_files import Row
from fhirserver.terminology.loaders.rf2_tables import Table

BEGINNING: Final = ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId")
_ACCEPTABILITY: Final[Mapping[bytes, int]] = MappingProxyType(
    {b"900000000000548007": PREFERRED, b"900000000000549004": ACCEPTABLE}
)
MODULE_DEPENDENCIES: Final = 900000000000534007
COMPONENT: Final = "c"
INTEGER: Final = "i"
TEXT: Final = "s"


def key_of(row: Row) -> int:
    """Return a number for the UUID of a row: half of its digits are enough to tell rows apart."""
    text = row[0]
    if len(text) != 36:
        raise ValueError("`id` is not a UUID")
    return int(text[:8] + text[9:13] + text[14:18], 16) - 2**63


@dataclass(slots=True)
class LanguageRows(Table):
    """Rows of the language reference sets."""

    refsets: bytearray = field(default_factory=bytearray)
    descriptions: "array[int]" = field(default_factory=lambda: array("q"))
    acceptability: bytearray = field(default_factory=bytearray)
    names: dict[int, int] = field(default_factory=dict)
    """The places of the reference sets."""

    def take(self, row: Row) -> None:
        """Take a row; raises ValueError."""
        value = _ACCEPTABILITY.get(row[6])
        if value is None:
            raise ValueError("`acceptabilityId` is neither preferred nor acceptable")
        self.add(key_of(row), row)
        self.refsets.append(self.names.setdefault(int(row[4]), len(self.names)))
        self.descriptions.append(int(row[5]))
        self.acceptability.append(value)


@dataclass(slots=True)
class RefsetRows(Table):
    """Rows of the reference sets that have the same columns."""

    names: tuple[str, ...] = ()
    kinds: str = ""
    refsets: "array[int]" = field(default_factory=lambda: array("q"))
    components: "array[int]" = field(default_factory=lambda: array("q"))
    cells: list["array[int]"] = field(default_factory=list)
    """Of each column: concepts, or, below 0, values: -1 is the first."""
    values: list[dict[bytes, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make room for the columns."""
        self.cells = [array("q") for _ in self.kinds]
        self.values = [{} for _ in self.kinds]

    def take(self, row: Row) -> None:
        """Take a row; raises ValueError."""
        self.add(key_of(row), row)
        self.refsets.append(int(row[4]))
        self.components.append(int(row[5]))
        for column, kind in enumerate(self.kinds):
            self.cells[column].append(self._cell(column, kind, row[6 + column]))

    def _cell(self, column: int, kind: str, text: bytes) -> int:
        if kind == COMPONENT and text.isdigit():
            return int(text)
        if kind == INTEGER:
            int(text)
        if not text.isascii():
            text.decode()
        known = self.values[column]
        return -1 - known.setdefault(text, len(known))
