"""ISO 3166-1: countries by two letters, three letters and three digits; and the two letters left to users.

Names are those of the version of 2018, which HL7's own server has; those that countries took since are designations.
Spec: https://www.iso.org/iso-3166-country-codes.html, http://hl7.org/fhir/R4/iso3166.html
"""

from collections.abc import Iterator
from string import ascii_uppercase
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.builtin.registries import also, library, listing
from fhirserver.terminology.resource_systems import ResourceCodeSystem

COUNTRIES: Final = "urn:iso:std:iso:3166"
_VERSION: Final = "2018"
_KOSOVO: Final = "XK"
_NAMED_BEFORE: Final = MappingProxyType(
    {
        "CD": "Congo, the Democratic Republic of the",
        "MK": "Macedonia, the former Yugoslav Republic of",
        "NR": "Nauru",
        "SZ": "Swaziland",
        "TR": "Turkey",
    }
)
_SHORT: Final = MappingProxyType({"GBR": "United Kingdom", "826": "United Kingdom"})
_USERS: Final = (
    "AA",
    *(f"Q{letter}" for letter in ascii_uppercase[12:]),
    *(f"X{letter}" for letter in ascii_uppercase),
    "ZZ",
)
_USED_AS: Final = MappingProxyType(
    {_KOSOVO: "Kosovo", "XX": "Unknown", "XZ": "International Waters", "ZZ": "Unknown or Invalid Territory"}
)


def countries() -> ResourceCodeSystem:
    """Return the code system."""
    return listing(COUNTRIES, _VERSION, "ISO_3166", [*_countries(), *_of_users()])


def _countries() -> Iterator[Resource]:
    for country in library("iso3166").countries:
        if country.alpha2 == _KOSOVO:
            continue
        for code in (country.alpha2, country.alpha3, country.numeric):
            display = _SHORT.get(code) or _NAMED_BEFORE.get(country.alpha2, country.name)
            yield {"code": code, "display": display} | also(*([] if display == country.name else [country.name]))


def _of_users() -> Iterator[Resource]:
    return ({"code": code, "display": _USED_AS.get(code, "User-assigned")} for code in _USERS)
