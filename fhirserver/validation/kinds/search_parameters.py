"""A SearchParameter fits the one it derives from, and a composite has components.

Spec: http://hl7.org/fhir/R4/searchparameter.html
"""

from collections.abc import Callable
from typing import Final

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.findings import Check, Finding, Findings
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_TYPE: Final = Text(
    "search-parameter-type",
    en="{path} must be the type of the parameter that it derives from, `{0}`.",
    fr="{path} doit être le type du paramètre dont il dérive, `{0}`.",
    nl="{path} moet het type zijn van de parameter waarvan ze is afgeleid, `{0}`.",
)
_BASE: Final = Text(
    "search-parameter-base",
    en="{path} must be among the types of the parameter that it derives from, `{0}`.",
    fr="{path} doit figurer parmi les types du paramètre dont il dérive, `{0}`.",
    nl="{path} moet een van de types zijn van de parameter waarvan ze is afgeleid, `{0}`.",
)
_COMPONENTS: Final = Text(
    "search-parameter-components",
    en="{path} must have two components at least, as it is a composite.",
    fr="{path} doit avoir au moins deux composants, car il est composite.",
    nl="{path} moet minstens twee componenten hebben, want ze is samengesteld.",
)
_TOO_FEW: Final = say(IssueType.BUSINESS_RULE, _COMPONENTS, rule=None)
_ANY: Final = frozenset({"Resource", "DomainResource"})


def search_parameter_check(find: Callable[[str], Resource | None]) -> Check:
    """Return the check of a SearchParameter; ``find`` gives the one it derives from."""

    def check(value: Json, walk: Walk) -> Findings | None:
        found: list[Finding] = []
        components = value.get("component")
        if value.get("type") == "composite" and len(components if isinstance(components, list) else []) < 2:
            found.append(_TOO_FEW)
        derived = value.get("derivedFrom")
        origin = find(derived) if isinstance(derived, str) else None
        if origin is not None and origin.get("resourceType") == "SearchParameter":
            found += _derived(value, origin, str(derived))
        return found or None

    return check


def _derived(value: Resource, origin: Resource, url: str) -> list[Finding]:
    found: list[Finding] = []
    if value.get("type") != origin.get("type"):
        found.append(say(IssueType.BUSINESS_RULE, _TYPE, url, path=".type", rule=None))
    bases = value.get("base")
    allowed = {*origin.get("base", ())}
    if isinstance(bases, list) and allowed.isdisjoint(_ANY) and any(one not in allowed for one in bases):
        found.append(say(IssueType.BUSINESS_RULE, _BASE, url, path=".base", rule=None))
    return found
