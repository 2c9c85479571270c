"""Which element of R4's own definitions a finding is about, where no profile's rule was broken.

Worked out only for what is told, from the path. Spec: http://hl7.org/fhir/R4/elementdefinition.html#id
"""

import re
from typing import Final

from fhirserver.definitions.elements import Element
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Rule

_NAMES: Final = re.compile(r"\.([A-Za-z_]\w*)")
_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"


def base_rule(definitions: Definitions, resource_type: str, path: str) -> Rule:
    """Return the definition of the innermost element that a path leads to, as far as its types are certain."""
    owner, place = resource_type, resource_type
    for name in _NAMES.findall(path):
        element = _element(definitions, owner, name)
        if element is None:
            break
        place = f"{owner}.{name}[x]" if element.is_choice else f"{owner}.{name}"
        inner = _inner_type(definitions, owner, element)
        if inner is None:
            break
        owner = inner
    return Rule(_BASE + place.partition(".")[0], place)


def _element(definitions: Definitions, owner: str, name: str) -> Element | None:
    return next((one for one in definitions.type(owner).elements if one.name == name), None)


def _inner_type(definitions: Definitions, owner: str, element: Element) -> str | None:
    """Return the type of what is in an element; None: it may be of several, or any resource."""
    found = {one.type_name for one in definitions.children(owner).values() if one.element is element}
    [inner, *others] = sorted(found)
    return None if others or inner in ("Resource", "DomainResource") else inner
