"""The functions, by the sections of the specification; each is entered in its module's table where it is written."""

from types import MappingProxyType
from typing import Final

from fhirserver.fhirpath.expression import Functions
from fhirserver.fhirpath.functions import (
    aggregates,
    boundaries,
    combining,
    components,
    conversion,
    existence,
    fhir,
    filtering,
    math,
    profiles,
    strings,
    subsetting,
    terminology,
    tree,
    types,
    utility,
)

_TABLES: Final = (
    existence.TABLE,
    filtering.TABLE,
    subsetting.TABLE,
    combining.TABLE,
    conversion.TABLE,
    strings.TABLE,
    math.TABLE,
    boundaries.TABLE,
    components.TABLE,
    tree.TABLE,
    aggregates.TABLE,
    types.TABLE,
    utility.TABLE,
    fhir.TABLE,
    profiles.TABLE,
    terminology.TABLE,
)
FUNCTIONS: Final[Functions] = MappingProxyType({name: entry for table in _TABLES for name, entry in table.items()})
