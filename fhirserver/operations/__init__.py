"""Operations (``$name``), one file each; ``framework`` says what one is and finds it, ``arguments`` reads its input.

``OPERATIONS`` lists all that the server has: what is not there cannot be invoked.
Spec: http://hl7.org/fhir/R4/operations.html
"""

from typing import Final

from fhirserver.operations.access_log import ACCESS_LOG
from fhirserver.operations.diff import DIFF
from fhirserver.operations.everything import EVERYTHING
from fhirserver.operations.framework import Operation
from fhirserver.operations.graphql.operation import GRAPHQL
from fhirserver.operations.lastn import LASTN
from fhirserver.operations.meta import META, META_ADD, META_DELETE
from fhirserver.operations.stats import STATS
from fhirserver.operations.tde import TDE
from fhirserver.operations.terminology import TERMINOLOGY
from fhirserver.operations.validate import VALIDATE
from fhirserver.operations.versions import VERSIONS

OPERATIONS: Final[tuple[Operation, ...]] = tuple(
    sorted(
        (
            ACCESS_LOG,
            DIFF,
            *EVERYTHING,
            GRAPHQL,
            LASTN,
            META,
            META_ADD,
            META_DELETE,
            STATS,
            TDE,
            *TERMINOLOGY,
            VALIDATE,
            VERSIONS,
        ),
        key=lambda operation: operation.name,
    )
)
"""In alphabetical order; the CapabilityStatement lists them in this order."""

__all__ = ["OPERATIONS"]
