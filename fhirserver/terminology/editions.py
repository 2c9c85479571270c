"""What editions of SNOMED CT are called, by the module of their versions: for people who read messages.

Spec: http://hl7.org/fhir/R4/snomedct.html, https://confluence.ihtsdotools.org/display/DOCEXTPK
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_VERSION: Final = re.compile(r"http://snomed\.info/x?sct/([0-9]+)(?:/version/[0-9]+)?")
_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "900000000000207008": "International",
        "11000172109": "Belgian",
        "11000146104": "Netherlands",
        "11000315107": "French",
        "731000124108": "US",
        "83821000000107": "UK",
        "2011000195101": "Swiss",
        "554471000005108": "Danish",
        "45991000052106": "Swedish",
        "20611000087101": "Canadian",
        "32506021000036107": "Australian",
    }
)


def edition_of(version: str | None) -> str | None:
    """Return what the edition of a version is called; None for one of no edition that is known."""
    found = _VERSION.fullmatch(version or "")
    name = None if found is None else _NAMES.get(found[1])
    return None if name is None else f"{name} Edition"
