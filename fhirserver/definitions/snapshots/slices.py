"""New slices: what they start from, and the slicing that goes without saying.

A slice starts from its element as the base has it, not as the same differential narrows it: what is said of the
element holds for every item anyway. Extensions are sliced by url and choices by type, whether or not a differential
says so. Spec: http://hl7.org/fhir/R4/profiling.html#slicing, #reslicing, extensibility.html
"""

from typing import Final

from fhirserver.definitions.snapshots.problems import Report, Rule
from fhirserver.definitions.snapshots.read import (
    codes_of,
    form_type,
    least_of,
    limit_of,
    objects,
    slicing_of,
    texts,
    types_of,
)
from fhirserver.definitions.snapshots.segments import CHOICE
from fhirserver.definitions.snapshots.tree import Node, owner_of
from fhirserver.definitions.snapshots.types import Structures
from fhirserver.kernel.resource import Json

_EXTENSIONS: Final = ("extension", "modifierExtension")
_EXTENSION_VALUE: Final = "Extension.value[x]"
_BY_URL: Final = {"discriminator": [{"type": "value", "path": "url"}], "ordered": False, "rules": "open"}
_BY_TYPE: Final = {"discriminator": [{"type": "type", "path": "$this"}], "ordered": False, "rules": "open"}
_FROM_PROFILE: Final = (
    *("short", "definition", "comment", "requirements", "alias", "label", "code", "min", "max"),
    *("isModifier", "isModifierReason", "condition", "mapping"),
)
_TEXTS: Final = ("short", "definition", "comment", "requirements", "alias", "label", "code", "mapping")


def is_extension(node: Node) -> bool:
    """Tell whether this is the list of extensions of an element."""
    return node.name in _EXTENSIONS


def is_choice(node: Node) -> bool:
    """Tell whether this is a choice of types (``value[x]``)."""
    return node.name.endswith(CHOICE)


def new_slice(node: Node, slice_name: str, change: Json, structures: Structures) -> Node:
    """Make the slice, not yet narrowed by ``change``, and put it after its elder siblings."""
    owner = owner_of(node, slice_name)
    part = owner.as_slice(slice_name) if owner is not node else _start(node, slice_name, change)
    definition = _from_profile(part.definition, change, structures)
    part.definition = _cardinality(definition, owner.definition)
    if is_choice(node):
        part.definition = _form(part.definition, node, slice_name)
    owner.slices[slice_name] = part
    return part


def _start(node: Node, slice_name: str, change: Json) -> Node:
    """Start from the element as the base has it, with the children that only this differential gave it.

    Those are not the children of a slice that has a type, and so perhaps a profile, of its own.
    """
    base = node.origin or node
    part = base.as_slice(slice_name)
    if "type" not in change and not base.children and node.children:
        part.take_children(node)
    return part


def _cardinality(definition: Json, sliced: Json) -> Json:
    """Let a slice be absent unless it says more, and never occur more often than what is sliced."""
    result = {**definition, "min": 0}
    if limit_of(result.get("max")) > limit_of(sliced.get("max")):
        result["max"] = sliced["max"]
    return result


def _from_profile(definition: Json, change: Json, structures: Structures) -> Json:
    """Describe a slice of extensions or resources by the root of its one profile."""
    asked = types_of(change)
    profiles = texts(asked[0].get("profile")) if len(asked) == 1 else []
    kind = codes_of(definition)
    if not profiles or kind not in (["Extension"], ["Resource"]):
        return definition
    profile = structures.tree(profiles[0])
    if profile is None:
        return definition
    if kind == ["Extension"]:
        return _with_constraints(_with_properties(definition, profile.definition, _FROM_PROFILE), profile.definition)
    return _with_properties(definition, profile.definition, _TEXTS)


def _with_properties(definition: Json, root: Json, keys: tuple[str, ...]) -> Json:
    return {**definition, **{key: root[key] for key in keys if key in root}}


def _with_constraints(definition: Json, root: Json) -> Json:
    own = objects(root.get("constraint"))
    others = [c for c in objects(definition.get("constraint")) if all(c.get("key") != o.get("key") for o in own)]
    return {**definition, "constraint": [*own, *others]}


def _form(definition: Json, node: Node, slice_name: str) -> Json:
    """Give ``value[x]:valueQuantity`` the one type that its name says."""
    ref = form_type(slice_name, node.name, node.definition)
    return definition if ref is None else {**definition, "type": [ref]}


def imply_slicing(node: Node, slice_name: str, report: Report) -> None:
    """Slice extensions by url and choices by type; anything else must have been sliced by the differential."""
    owner = owner_of(node, slice_name)
    if "slicing" in owner.definition:
        return
    if is_extension(node):
        owner.definition = {**owner.definition, "slicing": _BY_URL}
    elif is_choice(node):
        owner.definition = {**owner.definition, "slicing": _BY_TYPE}
    else:
        text = f"The slice `{slice_name}` is of an element that is not sliced: it needs a `slicing` before its slices."
        report(Rule.SLICING_MISSING, text)


def check_closed(node: Node, slice_name: str, report: Report) -> None:
    """Report a slice that the base cannot have, because it closed its slicing."""
    base = node.origin.definition if node.origin else {}
    if slicing_of(base).get("rules") == "closed" and not is_choice(node):
        report(
            Rule.SLICE_NOT_ALLOWED, f"The base closed the slicing, so that the slice `{slice_name}` cannot be added."
        )


def check_sum(node: Node, report: Report) -> None:
    """Report slices which together ask for more items than there may be."""
    least = sum(least_of(part.definition) for part in node.slices.values())
    if least > limit_of(node.definition.get("max")):
        text = f"The slices ask for {least} items, more than `max` `{node.definition['max']}`."
        report(Rule.SLICES_EXCEED, text)


def settle_choice(node: Node) -> None:
    """Leave the one type that must be there, and close a slicing by type that went without saying.

    The value of an extension is narrowed by naming one of its forms; elsewhere the other types stay allowed.
    """
    if node.definition.get("max") == "0":
        return
    needed = [p for p in node.slices.values() if least_of(p.definition) > 0]
    implied = node.definition.get("slicing") is _BY_TYPE
    if len(needed) == 1:
        node.definition = _only(node.definition, needed[0])
    if implied:
        sliced = {code for part in node.slices.values() for code in codes_of(part.definition)}
        node.definition = _closed(node.definition, sliced)


def _closed(definition: Json, sliced: set[str]) -> Json:
    base = definition.get("base")
    if isinstance(base, dict) and base.get("path") == _EXTENSION_VALUE:
        definition = {**definition, "type": [t for t in types_of(definition) if t["code"] in sliced]}
    if not sliced.issuperset(codes_of(definition)):
        return definition
    return {**definition, "slicing": {**_BY_TYPE, "rules": "closed"}}


def _only(definition: Json, part: Node) -> Json:
    codes = codes_of(part.definition)
    kept = [t for t in types_of(definition) if t["code"] in codes]
    return {**definition, "min": max(1, least_of(definition)), "type": kept or part.definition.get("type", [])}
