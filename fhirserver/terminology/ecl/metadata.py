"""The concepts of the metadata of SNOMED CT that expression constraints stand on, and the names they go by.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language/appendix-c-dialect-aliases,
sections 6.8, 6.9 and 6.11 of the same
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PRIMITIVE: Final = "900000000000074008"
DEFINED: Final = "900000000000073002"
PREFERRED_CODE: Final = "900000000000548007"
ACCEPTABLE_CODE: Final = "900000000000549004"
_FSN: Final = "900000000000003001"
_SYNONYM: Final = "900000000000013009"
_DEFINITION: Final = "900000000000550004"

TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "syn": _SYNONYM,
        "synonym": _SYNONYM,
        "fsn": _FSN,
        "fullyspecifiedname": _FSN,
        "def": _DEFINITION,
        "definition": _DEFINITION,
    }
)
STATUSES: Final[Mapping[str, str]] = MappingProxyType({"primitive": PRIMITIVE, "defined": DEFINED})

REFSET: Final = "900000000000455006"
SAME_AS: Final = "900000000000527005"
REPLACED_BY: Final = "900000000000526001"
WAS_A: Final = "900000000000528000"
PARTIALLY_EQUIVALENT_TO: Final = "1186924009"
HISTORICAL_ASSOCIATION: Final = "900000000000522004"

SCHEMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "loinc": "30051010000102",
        "http://loinc.org": "30051010000102",
        "npu": "21003000106",
        "nuva": "21002000101",
    }
)
"""Schemes of identifiers of the extensions that have some, by alias in lower case."""

DIALECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "da-dk": "554461000005103",
        "de": "722130004",
        "en-au": "32570271000036106",
        "en-ca": "19491000087109",
        "en-gb": "900000000000508004",
        "en-gb-x-drug": "999000681000001101",
        "en-gb-x-ext": "999001251000000103",
        "en-ie": "21000220103",
        "en-nhs-clinical": "999001261000000100",
        "en-nhs-dmd": "999000671000001103",
        "en-nhs-pharmacy": "999000691000001104",
        "en-nz": "271000210107",
        "en-nz-x-pat": "281000210109",
        "en-us": "900000000000509007",
        "en-x-gmdn": "608771002",
        "en-x-nhs-clinical": "999001261000000100",
        "en-x-nhs-dmd": "999000671000001103",
        "en-x-nhs-pharmacy": "999000691000001104",
        "es": "450828004",
        "es-uy": "5641000179103",
        "et-ee": "71000181105",
        "fr": "722131000",
        "fr-be": "21000172104",
        "fr-ca": "20581000087109",
        "ja": "722129009",
        "mi": "291000210106",
        "nb-no": "61000202103",
        "nl-be": "31000172101",
        "nl-nl": "31000146106",
        "nn-no": "91000202106",
        "sv-se": "46011000052107",
        "zh": "722128001",
    }
)
"""Language reference sets by alias."""
