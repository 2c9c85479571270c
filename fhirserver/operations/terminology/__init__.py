"""The operations of CodeSystem, ValueSet and ConceptMap, one file each; ``question`` reads what they share.

Spec: http://hl7.org/fhir/R4/terminology-service.html
"""

from typing import Final

from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.batch_validate import BATCH_VALIDATE, BATCH_VALIDATE_IN_SYSTEMS
from fhirserver.operations.terminology.closure import CLOSURE
from fhirserver.operations.terminology.expand import EXPAND
from fhirserver.operations.terminology.find_matches import FIND_MATCHES
from fhirserver.operations.terminology.lookup import LOOKUP
from fhirserver.operations.terminology.related import RELATED
from fhirserver.operations.terminology.subsumes import SUBSUMES
from fhirserver.operations.terminology.translate import TRANSLATE
from fhirserver.operations.terminology.validate_code import VALIDATE_CODE, VALIDATE_CODE_IN_SYSTEM

TERMINOLOGY: Final[tuple[Operation, ...]] = (
    BATCH_VALIDATE,
    BATCH_VALIDATE_IN_SYSTEMS,
    CLOSURE,
    EXPAND,
    FIND_MATCHES,
    LOOKUP,
    RELATED,
    SUBSUMES,
    TRANSLATE,
    VALIDATE_CODE,
    VALIDATE_CODE_IN_SYSTEM,
)

__all__ = ["TERMINOLOGY"]
