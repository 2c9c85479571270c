"""ISO 4217: currencies by their three letters. Spec: https://www.six-group.com/en/products-services/financial-information"""

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.builtin.registries import data, listing
from fhirserver.terminology.resource_systems import ResourceCodeSystem

CURRENCIES: Final = "urn:iso:std:iso:4217"


def currencies() -> ResourceCodeSystem:
    """Return the code system, whose version is the day its table was published."""
    table = ET.fromstring(data("iso4217", "table.xml"))  # noqa: S314 - a file of an installed library
    return listing(CURRENCIES, table.get("Pblshd"), "ISO_4217", _currencies(table))


def _currencies(table: ET.Element) -> Iterator[Resource]:
    """Yield each currency once: the table has it for each country."""
    named = {one.findtext("Ccy"): one.findtext("CcyNm") for one in table.iter("CcyNtry") if one.findtext("Ccy")}
    return ({"code": code, "display": name} for code, name in sorted(named.items(), key=lambda one: str(one[0])))
