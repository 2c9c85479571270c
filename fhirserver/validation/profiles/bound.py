"""Bindings of profiles, by strength: required is an error, extensible a warning; preferred and example say nothing.

Spec: http://hl7.org/fhir/R4/terminologies.html#strength
"""

from typing import Final

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json, Resource
from fhirserver.terminology.required import CodeSet
from fhirserver.validation.findings import Finding, Findings
from fhirserver.validation.profiles import told
from fhirserver.validation.profiles.contracts import Above, Compiles
from fhirserver.validation.profiles.deep_walk import DeepWalk, Need
from fhirserver.validation.profiles.nodes import Node
from fhirserver.validation.profiles.sites import Item, ItemCheck
from fhirserver.validation.said import say
from fhirserver.validation.walk import Walk

_CODED: Final = frozenset({"Coding", "Quantity", "CodeableConcept"})
_STRINGS: Final = frozenset({"code", "string", "uri"})


def bound_check(compiler: Compiles, node: Node, type_name: str, above: Above) -> ItemCheck | None:
    """Compile the binding of an element; None: there is none that is checked, or it holds above already."""
    binding = node.definition.get("binding")
    if not isinstance(binding, dict) or above.says(node, "binding"):
        return None
    strength, value_set = binding.get("strength"), binding.get("valueSet")
    if strength not in ("required", "extensible") or not isinstance(value_set, str):
        return None
    if above.written is not None and _is_same(binding, above.written.get("binding")):
        return None
    if type_name not in _CODED and type_name not in _STRINGS:
        return None
    is_required = strength == "required"
    wrong = say(
        IssueType.CODE_INVALID,
        told.BOUND if is_required else told.BOUND_LOOSELY,
        value_set,
        severity=Severity.ERROR if is_required else Severity.WARNING,
        rule=compiler.rule(node),
    )
    return _Bound(compiler, value_set, wrong, is_coded=type_name in _CODED)


def _is_same(binding: Resource, base: Json) -> bool:
    if not isinstance(base, dict) or binding["strength"] != base.get("strength"):
        return False
    return parse_canonical(binding["valueSet"]).url == parse_canonical(str(base.get("valueSet"))).url


class _Bound:
    """Checks values by a value set, which is read when the first one comes."""

    def __init__(self, compiler: Compiles, value_set: str, wrong: Finding, *, is_coded: bool) -> None:
        self._codes = compiler.plans.codes
        self._value_set = value_set
        self._wrong = (wrong,)
        self._has = has_coded if is_coded else has_string

    def __call__(self, item: Item, walk: Walk) -> Findings | None:
        code_set = self._codes.codes(self._value_set)
        if code_set is None:
            if isinstance(walk, DeepWalk):
                walk.needs.add(Need("value set", self._value_set))
            return None
        return None if self._has(code_set, item.value) else self._wrong


def has_string(code_set: CodeSet, value: Json) -> bool:
    """Tell whether a string is a code of a set; what is no string is told elsewhere."""
    return type(value) is not str or value in code_set.codes


def has_coded(code_set: CodeSet, value: Json) -> bool:
    """Tell whether one of the codings of a value is of a set; text alone is accepted."""
    if type(value) is not dict:
        return True
    codings = value.get("coding")
    coded = [one for one in ([value] if codings is None else codings) if _is_coded(one)]
    return not coded or any((one["system"], one["code"]) in code_set.codings for one in coded)


def _is_coded(one: Json) -> bool:
    coding: Resource = one if isinstance(one, dict) else {}
    return isinstance(coding.get("system"), str) and isinstance(coding.get("code"), str)
