"""A Quantity in UCUM has a code that UCUM's grammar makes. Spec: http://hl7.org/fhir/R4/datatypes.html#Quantity"""

from functools import lru_cache
from typing import Final

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json
from fhirserver.ucum import Ucum
from fhirserver.validation.findings import Check, Findings
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_SYSTEM: Final = "http://unitsofmeasure.org"
_REMEMBERED: Final = 1024
_UNIT: Final = Text(
    "quantity-ucum",
    en="{path} must be a unit of UCUM, as its system says.",
    fr="{path} doit être une unité de l'UCUM, comme le dit son système.",
    nl="{path} moet een eenheid van UCUM zijn, zoals het systeem zegt.",
)
_WRONG: Final = (say(IssueType.CODE_INVALID, _UNIT, path=".code", rule=None),)


def quantity_check(ucum: Ucum) -> Check:
    """Return the check of the code of a Quantity."""
    is_wrong = lru_cache(_REMEMBERED)(lambda code: ucum.problem(code) is not None)

    def check(value: Json, walk: Walk) -> Findings | None:
        if value.get("system") != _SYSTEM:
            return None
        code = value.get("code")
        return _WRONG if type(code) is str and is_wrong(code) else None

    return check
