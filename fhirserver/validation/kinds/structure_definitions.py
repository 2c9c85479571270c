"""A StructureDefinition says nothing that its base does not allow.

Spec: http://hl7.org/fhir/R4/profiling.html
"""

from typing import Final

from fhirserver.definitions.snapshots.generator import generate
from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json
from fhirserver.validation.findings import Check, Findings
from fhirserver.validation.profiles.sources import Structures
from fhirserver.validation.profiles.versions import tolerant
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_BREAKS: Final = Text(
    "structure-rule",
    en="{path} must keep to what its base allows: the element `{0}` breaks the rule of profiling `{1}`.",
    fr="{path} doit respecter ce que permet sa base : l'élément `{0}` enfreint la règle de profilage `{1}`.",
    nl="{path} moet zich houden aan wat de basis toelaat: het element `{0}` overtreedt de profileringsregel `{1}`.",
)
_UNTOLD: Final = frozenset({"base-unknown", "type-unknown"})
"""What a definition refers to may be elsewhere."""
_MOST: Final = 50


def structure_check(structures: Structures) -> Check:
    """Return the check of a profile by its differential."""
    find = tolerant(structures)

    def check(value: Json, walk: Walk) -> Findings | None:
        if value.get("derivation") != "constraint" or not isinstance(value.get("differential"), dict):
            return None
        problems = [one for one in generate(value, find).problems if one.rule.value not in _UNTOLD]
        return [
            say(IssueType.BUSINESS_RULE, _BREAKS, one.element, one.rule.value, path=".differential", rule=None)
            for one in problems[:_MOST]
        ] or None

    return check
