"""The operators, by the sections of the specification; each is entered in its module's table where it is written."""

from types import MappingProxyType
from typing import Final

from fhirserver.fhirpath.expression import Operators
from fhirserver.fhirpath.operators import arithmetic, boolean, collections, comparison, equality

OPERATORS: Final[Operators] = MappingProxyType(
    {**arithmetic.TABLE, **boolean.TABLE, **collections.TABLE, **comparison.TABLE, **equality.TABLE}
)
