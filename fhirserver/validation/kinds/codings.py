"""A Coding names a code system absolutely, and shows its code as that does. Spec: http://hl7.org/fhir/R4/datatypes.html#Coding"""

from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json, Resource
from fhirserver.terminology.required import plain_display
from fhirserver.validation.findings import Check, Findings
from fhirserver.validation.profiles.sources import Codes
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_ABSOLUTE: Final = Text(
    "coding-system-absolute",
    en="{path} must be an absolute URI.",
    fr="{path} doit être un URI absolu.",
    nl="{path} moet een absolute URI zijn.",
)
_VALUE_SET: Final = Text(
    "coding-system-value-set",
    en="{path} must name a code system; `{0}` is a value set.",
    fr="{path} doit nommer un système de codes ; `{0}` est un jeu de valeurs.",
    nl="{path} moet een codesysteem noemen; `{0}` is een waardeset.",
)
_DISPLAY: Final = Text(
    "coding-display",
    en="{path} should be one of the displays of the code in `{0}`.",
    fr="{path} devrait être l'un des libellés du code dans `{0}`.",
    nl="{path} hoort een van de weergaven van de code in `{0}` te zijn.",
)
_RELATIVE: Final = (say(IssueType.VALUE, _ABSOLUTE, path=".system", rule=None),)
_MARK: Final = "/ValueSet/"


def coding_check(definitions: Definitions, codes: Codes) -> Check:
    """Return the check of a Coding's system, and of its display where its code system is at hand."""

    def check(value: Json, walk: Walk) -> Findings | None:
        system = value.get("system")
        if type(system) is not str:
            return None
        if ":" not in system:
            return None if system[:1] == "#" else _RELATIVE
        if _MARK in system and _is_value_set(definitions, system):
            return (say(IssueType.CODE_INVALID, _VALUE_SET, system, path=".system", rule=None),)
        if "display" in value and not is_shown_rightly(value, codes):
            warned = Severity.WARNING
            return (say(IssueType.INVALID, _DISPLAY, system, path=".display", severity=warned, rule=None),)
        return None

    return check


def is_shown_rightly(coding: Resource, codes: Codes) -> bool:
    """Tell whether the display of a coding is one of its code; what is not known is right."""
    system, code, display = coding.get("system"), coding.get("code"), coding.get("display")
    if type(system) is not str or type(code) is not str or type(display) is not str:
        return True
    known = codes.displays(system, code)
    return not known or plain_display(display) in known


def _is_value_set(definitions: Definitions, url: str) -> bool:
    found = definitions.resource(url)
    return url.startswith("http://hl7.org/fhir/ValueSet/") or (
        found is not None and found.get("resourceType") == "ValueSet"
    )
