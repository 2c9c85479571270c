"""Rules of kinds of resources and datatypes that no invariant states: one file for each.

Spec: http://hl7.org/fhir/R4/bundle.html, questionnaireresponse.html, datatypes.html
"""

from collections.abc import Callable, Mapping

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.resource import Resource
from fhirserver.validation.findings import Check
from fhirserver.validation.kinds.attachment import check_attachment
from fhirserver.validation.profiles.sources import Structures


def kinds_of(
    definitions: Definitions, structures: Structures, find: Callable[[str], Resource | None]
) -> Mapping[str, Check]:
    """Return the rules by type."""
    return {"Attachment": check_attachment}
