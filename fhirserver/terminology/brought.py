"""The shape of definitions that a request brings along: what is read of them must be of its type.

They are not validated as what is stored is: terminology tools send what later versions of FHIR have.
Spec: http://hl7.org/fhir/R4/codesystem.html, http://hl7.org/fhir/R4/valueset.html, http://hl7.org/fhir/R4/conceptmap.html
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from fhirserver.kernel.outcome import BadStructure
from fhirserver.kernel.resource import Json, Resource

Shape: TypeAlias = "type | tuple[str, bool]"
"""A simple type; or the name of an object's shape, and whether there are several of them."""

_TEXTS: Final = ("url", "version", "name", "title", "status", "language", "content", "supplements", "id")
_HEAD: Final[Mapping[str, Shape]] = MappingProxyType(
    {**dict.fromkeys(_TEXTS, str), "experimental": bool, "caseSensitive": bool, "extension": ("extension", True)}
)
_SHAPES: Final[Mapping[str, Mapping[str, Shape]]] = MappingProxyType(
    {
        "CodeSystem": {
            **_HEAD,
            "valueSet": str,
            "concept": ("concept", True),
            "property": ("declared", True),
            "filter": ("declared", True),
        },
        "ValueSet": {**_HEAD, "compose": ("compose", False), "expansion": ("expansion", False)},
        "ConceptMap": {**_HEAD, "group": ("group", True)},
        "concept": {
            "code": str,
            "display": str,
            "definition": str,
            "concept": ("concept", True),
            "designation": ("designation", True),
            "property": ("property", True),
            "extension": ("extension", True),
        },
        "designation": {"language": str, "value": str, "use": ("use", False), "extension": ("extension", True)},
        "use": {"system": str, "code": str, "display": str},
        "property": {"code": str},
        "declared": {"code": str, "uri": str},
        "extension": {"url": str, "extension": ("extension", True)},
        "compose": {
            "inactive": bool,
            "include": ("include", True),
            "exclude": ("include", True),
            "extension": ("extension", True),
        },
        "include": {
            "system": str,
            "version": str,
            "concept": ("concept", True),
            "filter": ("filter", True),
            "valueSet": ("text", True),
        },
        "filter": {"property": str, "op": str, "value": str},
        "expansion": {"contains": ("contains", True)},
        "contains": {"system": str, "version": str, "code": str, "display": str, "contains": ("contains", True)},
        "group": {
            "source": str,
            "sourceVersion": str,
            "target": str,
            "targetVersion": str,
            "element": ("element", True),
            "unmapped": ("unmapped", False),
        },
        "element": {"code": str, "display": str, "target": ("target", True)},
        "target": {
            "code": str,
            "display": str,
            "equivalence": str,
            "relationship": str,
            "comment": str,
            "dependsOn": ("other", True),
            "product": ("other", True),
        },
        "other": {
            "property": str,
            "attribute": str,
            "system": str,
            "value": str,
            "display": str,
            "valueCoding": ("use", False),
            "valueString": str,
            "valueCode": str,
        },
        "unmapped": {
            "mode": str,
            "code": str,
            "display": str,
            "url": str,
            "otherMap": str,
            "equivalence": str,
            "relationship": str,
        },
    }
)
_NEEDED: Final[Mapping[str, str]] = MappingProxyType(
    {"concept": "code", "property": "code", "declared": "code", "element": "code"}
)


def checked_definition(resource: Json, place: str) -> Resource:
    """Return a definition that can be read; raises BadStructure naming what is not of its type."""
    if not isinstance(resource, dict) or resource.get("resourceType") not in ("CodeSystem", "ValueSet", "ConceptMap"):
        raise BadStructure(f"`{place}` is a CodeSystem, a ValueSet or a ConceptMap.", expression=[f"http.{place}"])
    problem = next(_problems(resource), None)
    if problem is not None:
        raise BadStructure(f"`{problem}` of `{place}` is not of its type.", expression=[f"http.{place}"])
    contained: Json = resource.get("contained", [])
    if not isinstance(contained, list) or not all(isinstance(one, dict) for one in contained):
        raise BadStructure(f"`contained` of `{place}` is not of its type.", expression=[f"http.{place}"])
    for one in contained:
        if one.get("resourceType") in ("CodeSystem", "ValueSet"):
            checked_definition(one, place)
    return resource


def _problems(resource: Resource) -> Iterator[str]:
    """Yield the paths of what is not of its type, without recursion: code systems may be deep."""
    kind = str(resource["resourceType"])
    pending: list[tuple[str, str, Json]] = [(kind, kind, resource)]
    while pending:
        shape, path, element = pending.pop()
        if shape == "text":
            if not isinstance(element, str):
                yield path
            continue
        if not isinstance(element, dict) or (shape in _NEEDED and not isinstance(element.get(_NEEDED[shape]), str)):
            yield path
            continue
        for name, wanted in _SHAPES[shape].items():
            if name in element:
                yield from _of_element(wanted, f"{path}.{name}", element[name], pending)


def _of_element(wanted: Shape, path: str, value: Json, pending: list[tuple[str, str, Json]]) -> Iterator[str]:
    if isinstance(wanted, type):
        if not isinstance(value, wanted):
            yield path
    elif not wanted[1]:
        pending.append((wanted[0], path, value))
    elif isinstance(value, list):
        pending.extend((wanted[0], f"{path}[{place}]", one) for place, one in enumerate(value))
    else:
        yield path
