"""A term of the server's own that says which value set has all codes of a CodeSystem: R4 has no parameter for it.

    @all=http://acme.org/ValueSet/animals

Databases that are older than this have it once they are reindexed.
Spec: http://hl7.org/fhir/R4/codesystem-definitions.html#CodeSystem.valueSet
"""

from collections.abc import Iterator
from typing import Final

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource

CODE_SYSTEM: Final = "CodeSystem"
_ALL: Final = "@all="


def whole_term(value_set: str) -> str:
    """Return the term of the CodeSystems that name a value set as the one of all their codes."""
    return _ALL + parse_canonical(value_set).url


def whole_terms(code_system: Resource, own_bases: tuple[str, ...]) -> Iterator[str]:
    """Yield the term of a CodeSystem."""
    if "valueSet" in code_system:
        yield whole_term(code_system["valueSet"])
