"""In whose records a Provenance is: those of the patients whom its targets are about, as an extension names them.

The element of R5 as an extension of R4, ``Provenance.patient``. Of a target alone nobody could tell whose it is without
reading it. Spec: http://hl7.org/fhir/R5/provenance-definitions.html#Provenance.patient
"""

from collections.abc import Iterator
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.search.values.reference import resolved

PROVENANCE: Final = "Provenance"
SUBJECT: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Provenance.patient"
_PATIENTS: Final = "Patient/"


def subject_terms(provenance: Resource, own_bases: tuple[str, ...]) -> Iterator[str]:
    """Yield the terms of the compartments of patients that a Provenance names so."""
    for extension in provenance.get("extension", ()):
        reference = extension.get("valueReference", {}).get("reference") if extension.get("url") == SUBJECT else None
        if isinstance(reference, str):
            key = resolved(reference, own_bases).partition("/_history/")[0]
            if key.startswith(_PATIENTS):
                yield f"@{key}"
