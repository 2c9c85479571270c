"""Rules of kinds of resources and datatypes that no invariant states: one file for each.

Spec: http://hl7.org/fhir/R4/bundle.html, questionnaireresponse.html, datatypes.html
"""

from collections.abc import Callable, Mapping
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.resource import Resource
from fhirserver.ucum import Ucum
from fhirserver.validation.findings import Check
from fhirserver.validation.kinds.attachment import check_attachment
from fhirserver.validation.kinds.bundles import check_bundle
from fhirserver.validation.kinds.codings import coding_check
from fhirserver.validation.kinds.hyperlinks import check_narrative
from fhirserver.validation.kinds.measure_reports import measure_report_check
from fhirserver.validation.kinds.quantities import quantity_check
from fhirserver.validation.kinds.questionnaires import Responses
from fhirserver.validation.kinds.search_parameters import search_parameter_check
from fhirserver.validation.kinds.structure_definitions import structure_check
from fhirserver.validation.profiles.sources import Codes, Structures

_QUANTITIES: Final = ("Quantity", "Age", "Count", "Distance", "Duration")


def kinds_of(
    definitions: Definitions,
    sources: tuple[Structures, Codes],
    find: Callable[[str], Resource | None],
    ucum: Ucum | None = None,
) -> Mapping[str, Check]:
    """Return the rules by type; ``find`` gives other conformance resources by canonical."""
    quantities = {} if ucum is None else dict.fromkeys(_QUANTITIES, quantity_check(ucum))

    def found(canonical: str) -> Resource | None:
        return find(canonical) or definitions.resource(canonical)

    return {
        "Attachment": check_attachment,
        "Bundle": check_bundle,
        "Coding": coding_check(definitions, sources[1]),
        "MeasureReport": measure_report_check(found),
        "Narrative": check_narrative,
        "QuestionnaireResponse": Responses(found, sources[1]).check,
        "SearchParameter": search_parameter_check(found),
        "StructureDefinition": structure_check(sources[0]),
        **quantities,
    }
