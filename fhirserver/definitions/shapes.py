"""The shapes that the readers of definitions rely on, so that no malformed one reaches them.

Of each type what is read, and no more: what later versions of FHIR add to a definition is nobody's harm.
Spec: http://hl7.org/fhir/R4/structuredefinition.html, terminologies.html, searchparameter.html
"""

from typing import Any, Final

import msgspec

from fhirserver.kernel.resource import Resource


class _Shape(msgspec.Struct):
    pass


class _Designation(_Shape):
    value: str = ""
    language: str = ""


class _Property(_Shape):
    code: str


class _Concept(_Shape):
    code: str
    display: str = ""
    designation: list[_Designation] = []
    property: list[_Property] = []
    concept: list["_Concept"] = []


class _CodeSystem(_Shape):
    url: str
    content: str = ""
    concept: list[_Concept] = []


class _Filter(_Shape):
    property: str
    op: str
    value: str


class _Include(_Shape):
    system: str = ""
    version: str = ""
    concept: list[_Property] = []
    filter: list[_Filter] = []
    valueSet: list[str] = []


class _Compose(_Shape):
    include: list[_Include]
    exclude: list[_Include] = []


class _Contained(_Shape):
    code: str = ""
    system: str = ""
    contains: list["_Contained"] = []


class _Expansion(_Shape):
    contains: list[_Contained] = []


class _ValueSet(_Shape):
    url: str
    compose: _Compose | None = None
    expansion: _Expansion | None = None


class _Target(_Shape):
    code: str = ""
    equivalence: str = ""


class _MapElement(_Shape):
    code: str = ""
    target: list[_Target] = []


class _Group(_Shape):
    element: list[_MapElement]
    source: str = ""
    target: str = ""


class _ConceptMap(_Shape):
    url: str
    group: list[_Group] = []


class _Component(_Shape):
    definition: str
    expression: str


class _SearchParameter(_Shape):
    url: str
    code: str
    type: str
    base: list[str]
    expression: str = ""
    target: list[str] = []
    component: list[_Component] = []


class _Type(_Shape):
    code: str = ""
    profile: list[str] = []
    targetProfile: list[str] = []


class _Discriminator(_Shape):
    type: str
    path: str


class _Slicing(_Shape):
    rules: str = ""
    discriminator: list[_Discriminator] = []


class _Binding(_Shape):
    strength: str = ""
    valueSet: str = ""


class _Constraint(_Shape):
    key: str
    expression: str = ""


class _Element(_Shape):
    path: str
    id: str = ""
    min: int | None = None
    max: str = ""
    type: list[_Type] = []
    slicing: _Slicing | None = None
    binding: _Binding | None = None
    constraint: list[_Constraint] = []


class _Elements(_Shape):
    element: list[_Element]


class _StructureDefinition(_Shape):
    url: str
    type: str
    kind: str
    derivation: str = ""
    baseDefinition: str = ""
    snapshot: _Elements | None = None
    differential: _Elements | None = None


_SHAPES: Final[dict[str, Any]] = {
    "CodeSystem": _CodeSystem,
    "ConceptMap": _ConceptMap,
    "SearchParameter": _SearchParameter,
    "StructureDefinition": _StructureDefinition,
    "ValueSet": _ValueSet,
}


def misshapen(resource: Resource) -> str | None:
    """Say what in a definition no reader could read, as in ``Expected `str`, got `int` - at `$.url```."""
    shape = _SHAPES.get(resource["resourceType"])
    if shape is None:
        return None
    try:
        msgspec.convert(resource, shape)
    except msgspec.ValidationError as problem:
        return str(problem)
    except RecursionError:
        return "It is nested too deeply."
    return None
