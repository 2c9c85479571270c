"""The operators, by the sections of the specification; each is entered in its module's table where it is written."""

from types import MappingProxyType
from typing import Final

from fhirserver.fhirpath.expression import Operators
from fhirserver.fhirpath.operators import boolean, collections, equality

OPERATORS: Final[Operators] = MappingProxyType({**boolean.TABLE, **collections.TABLE, **equality.TABLE})
