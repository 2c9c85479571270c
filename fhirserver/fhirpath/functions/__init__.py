"""The functions, by the sections of the specification; each is entered in its module's table where it is written."""

from types import MappingProxyType
from typing import Final

from fhirserver.fhirpath.expression import Functions
from fhirserver.fhirpath.functions import existence, filtering, subsetting, types, utility

FUNCTIONS: Final[Functions] = MappingProxyType(
    {**existence.TABLE, **filtering.TABLE, **subsetting.TABLE, **types.TABLE, **utility.TABLE}
)
