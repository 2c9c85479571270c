"""The element model: types with their elements, read from StructureDefinition snapshots.

A *type* is a primitive, a datatype, a resource type, or a backbone element named by its path
(``Patient.contact``). Spec: http://hl7.org/fhir/R4/structuredefinition.html, elementdefinition.html
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from fhirserver.kernel.resource import Resource

UNBOUNDED = -1
_BASE_URL = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE_URL = _BASE_URL + "structuredefinition-fhir-type"
_SYSTEM = "http://hl7.org/fhirpath/System."


class Kind(StrEnum):
    """What a type is."""

    PRIMITIVE = "primitive"
    COMPLEX = "complex"
    RESOURCE = "resource"
    BACKBONE = "backbone"


class TypeRef(msgspec.Struct, frozen=True, array_like=True):
    """One type an element may have; ``targets``: the types (or profile urls) a Reference or canonical may point to."""

    name: str
    targets: tuple[str, ...] = ()


class Element(msgspec.Struct, frozen=True, array_like=True):
    """One element of a type; ``name`` without ``[x]``; ``max`` is UNBOUNDED for ``*``."""

    name: str
    min: int
    max: int
    types: tuple[TypeRef, ...]
    is_choice: bool = False
    is_summary: bool = False
    is_modifier: bool = False
    required_binding: str | None = None
    """The value set of a ``required`` binding, as a canonical."""
    is_xml_attribute: bool = False

    @property
    def repeats(self) -> bool:
        """Whether JSON writes it as an array."""
        return self.max == UNBOUNDED or self.max > 1


class TypeDefinition(msgspec.Struct, frozen=True, array_like=True):
    """A type with all its elements, inherited ones included, in the order of the definition."""

    name: str
    kind: Kind
    base: str | None
    abstract: bool
    elements: tuple[Element, ...]
    pattern: str | None = None
    """The regular expression of a primitive's value."""


def compile_types(definition: Resource) -> Iterator[TypeDefinition]:
    """Yield the type a base StructureDefinition defines and the backbone types inside it.

    Profiles (derivation ``constraint``) and logical models yield nothing.
    """
    name = definition.get("type", "")
    if definition["kind"] == "logical" or definition["url"] != _BASE_URL + name:
        return
    elements = definition["snapshot"]["element"]
    owners = _owners(elements)
    kind = _KINDS[definition["kind"]]
    base = definition.get("baseDefinition")
    for path, children in owners.items():
        if path == name:
            own_kind, own_base = kind, base.removeprefix(_BASE_URL) if base else None
        else:
            own_kind, own_base = Kind.BACKBONE, _backbone_base(elements, path)
        yield TypeDefinition(
            path,
            own_kind,
            own_base,
            bool(definition["abstract"]) and path == name,
            tuple(_element(child, owners) for child in children),
            _pattern(children) if kind is Kind.PRIMITIVE else None,
        )


_KINDS = {"primitive-type": Kind.PRIMITIVE, "complex-type": Kind.COMPLEX, "resource": Kind.RESOURCE}


def _owners(elements: Iterable[Resource]) -> dict[str, list[Resource]]:
    """Group element definitions by the path of the type they belong to; slices do not occur in base types."""
    owners: dict[str, list[Resource]] = {}
    for element in elements:
        parent, dot, _ = element["path"].rpartition(".")
        if not dot:
            owners[element["path"]] = []
        else:
            owners.setdefault(parent, []).append(element)
    return owners


def _backbone_base(elements: Iterable[Resource], path: str) -> str:
    return next(str(e["type"][0]["code"]) for e in elements if e["path"] == path)


def _element(definition: Resource, owners: dict[str, list[Resource]]) -> Element:
    path = definition["path"]
    name = path.rpartition(".")[2]
    maximum = definition["max"]
    return Element(
        name.removesuffix("[x]"),
        definition["min"],
        UNBOUNDED if maximum == "*" else int(maximum),
        _types(definition, owners),
        is_choice=name.endswith("[x]"),
        is_summary=bool(definition.get("isSummary")),
        is_modifier=bool(definition.get("isModifier")),
        required_binding=_required_binding(definition),
        is_xml_attribute="xmlAttr" in definition.get("representation", ()),
    )


def _types(definition: Resource, owners: dict[str, list[Resource]]) -> tuple[TypeRef, ...]:
    if "contentReference" in definition:
        return (TypeRef(definition["contentReference"].partition("#")[2]),)
    path = definition["path"]
    if owners.get(path):
        return (TypeRef(path),)
    return tuple(_type_ref(definition, ref) for ref in definition.get("type", ()))


def _type_ref(definition: Resource, ref: dict[str, Any]) -> TypeRef:
    code = ref["code"]
    if code.startswith(_SYSTEM):
        code = next((e["valueUrl"] for e in ref.get("extension", ()) if e["url"] == _FHIR_TYPE_URL), "string")
        if definition["base"]["path"] == "Resource.id":
            code = "id"  # 4.0.1 types it as a plain string; datatypes.html#id and every other text say id
    targets = tuple(url.removeprefix(_BASE_URL) for url in ref.get("targetProfile", ()))
    return TypeRef(code, targets)


def _required_binding(definition: Resource) -> str | None:
    binding = definition.get("binding")
    if binding and binding["strength"] == "required":
        return str(binding["valueSet"]) if "valueSet" in binding else None
    return None


def _pattern(children: Iterable[Resource]) -> str | None:
    for child in children:
        for ref in child.get("type", ()):
            for extension in ref.get("extension", ()):
                if extension["url"] == _BASE_URL + "regex":
                    return str(extension["valueString"])
    return None
