"""UCUM codes: are they valid, and what is a value in canonical units. Spec: https://ucum.org/ucum

``essence`` compiles the published tables (at build time) to ``tables``; ``terms`` reads a code; ``units`` gives it a
meaning (magnitude and dimension); ``scales`` holds the functions of special units, ``trigonometry`` the two that
`decimal` lacks; ``conversion`` turns a meaning into arithmetic; ``ucum`` is the object the floors above hold.
"""

from fhirserver.ucum.conversion import Conversion
from fhirserver.ucum.essence import compile_essence
from fhirserver.ucum.tables import UcumTables
from fhirserver.ucum.ucum import Canonical, Ucum

__all__ = ["Canonical", "Conversion", "Ucum", "UcumTables", "compile_essence"]
