"""``%name``: constants of the language, of FHIR and of the environment.

Spec: http://hl7.org/fhirpath/N1/#environment-variables, http://hl7.org/fhir/R4/fhirpath.html#variables
"""

from types import MappingProxyType
from typing import Final

from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.errors import FhirPathExecutionError, shown
from fhirserver.fhirpath.expression import Compiled, Scope
from fhirserver.fhirpath.items import Items
from fhirserver.fhirpath.lowering import resource_item
from fhirserver.fhirpath.types import ANY, ANYTHING, FACTORY_TYPES, STRING

_NAMES: Final = frozenset({"resource", "rootResource", "context", "factory"})
_URLS: Final = MappingProxyType(
    {"sct": "http://snomed.info/sct", "loinc": "http://loinc.org", "ucum": "http://unitsofmeasure.org"}
)
_PREFIXES: Final = MappingProxyType(
    {"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": "http://hl7.org/fhir/StructureDefinition/"}
)


def external(name: str, scope: Scope) -> Compiled:
    """Compile ``%name``."""
    if name in scope.variables:
        return Compiled(lambda frame, this: (frame.variables or {}).get(name, []), scope.variables[name])
    match name:
        case "resource":
            return Compiled(_resource, scope.resource, many=False)
        case "rootResource":
            return Compiled(_root_resource, ANYTHING, many=False)
        case "context":
            return Compiled(lambda frame, this: frame.focus, scope.context, many=False)
        case "factory":
            return Compiled(lambda frame, this: [], FACTORY_TYPES, many=False)
        case _:
            return _constant(name) or Compiled(lambda frame, this: _variable(frame, name), ANYTHING)


def is_constant(name: str) -> bool:
    """Tell whether the language or FHIR define ``%name``."""
    return name in _NAMES or _url(name) is not None


def _constant(name: str) -> Compiled | None:
    url = _url(name)
    if url is None:
        return None
    items = [(STRING, url)]
    return Compiled(lambda frame, this: items, frozenset({STRING}), many=False, constant=items[0])


def _url(name: str) -> str | None:
    for prefix, base in _PREFIXES.items():
        if name.startswith(prefix):
            return base + name.removeprefix(prefix)
    return _URLS.get(name)


def _resource(frame: Frame, this: Items) -> Items:
    resource = frame.resource()
    return [] if resource is None else [resource_item(resource, ANY)]


def _root_resource(frame: Frame, this: Items) -> Items:
    resource = frame.root_resource()
    return [] if resource is None else [resource_item(resource)]


def _variable(frame: Frame, name: str) -> Items:
    found = frame.environment.variables.get(name)
    if found is None:
        raise FhirPathExecutionError(f"`%{shown(name)}` is not defined.")
    return found
