"""Primitive elements with an id or extensions: ``_birthDate`` beside ``birthDate``, ``_given`` beside ``given``.

A null stands in an array only where the other array has something, so that both have the same length.
Spec: http://hl7.org/fhir/R4/json.html#primitive
"""

from typing import Final

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.texts import Text
from fhirserver.validation.findings import MAX_FINDINGS, Check, Finding, Findings, one, under
from fhirserver.validation.objects import NOT_AN_ARRAY, NULL, ShadowCheck
from fhirserver.validation.walk import Walk

_SHADOW_ARRAY: Final = one(
    IssueType.STRUCTURE,
    Text(
        "shadow-array",
        en="{path} repeats, so its ids and extensions must be a JSON array.",
        fr="{path} est répétable : ses id et ses extensions doivent former un tableau JSON.",
        nl="{path} is herhaalbaar: de bijbehorende id's en extensies moeten een JSON-array vormen.",
    ),
)
_LENGTHS: Final = one(
    IssueType.STRUCTURE,
    Text(
        "shadow-length",
        en="{path} and its ids and extensions must be arrays of the same length.",
        fr="{path} et ses id et extensions doivent être des tableaux de même longueur.",
        nl="{path} en de bijbehorende id's en extensies moeten arrays van dezelfde lengte zijn.",
    ),
)
_NOTHING: Final = one(
    IssueType.STRUCTURE,
    Text(
        "empty-primitive",
        en="{path} must have a value or extensions.",
        fr="{path} doit avoir une valeur ou des extensions.",
        nl="{path} moet een waarde of extensies hebben.",
    ),
)


def single_shadow(name: str, value_check: Check, element_check: Check) -> ShadowCheck:
    """Return the check of ``name`` and ``_name`` of an element that does not repeat."""

    def check(owner: Resource, walk: Walk) -> Findings | None:
        if name in owner and owner[name] is None:
            return NULL
        return _check_pair(owner.get(name), owner["_" + name], value_check, element_check, walk)

    return check


def repeating_shadow(name: str, value_check: Check, element_check: Check) -> ShadowCheck:
    """Return the check of ``name`` and ``_name`` of an element that repeats."""

    def check(owner: Resource, walk: Walk) -> Findings | None:
        shadows = owner["_" + name]
        if not isinstance(shadows, list):
            return _SHADOW_ARRAY
        values = owner.get(name, [None] * len(shadows))
        if not isinstance(values, list):
            return NOT_AN_ARRAY
        if len(values) != len(shadows) or not values:
            return _LENGTHS
        found: list[Finding] = []
        for index, (value, shadow) in enumerate(zip(values, shadows, strict=True)):
            found += under(f"[{index}]", _check_pair(value, shadow, value_check, element_check, walk) or ())
            if len(found) > MAX_FINDINGS:
                break
        return found or None

    return check


def _check_pair(value: Json, shadow: Json, value_check: Check, element_check: Check, walk: Walk) -> Findings | None:
    """Check one value with its id and extensions; None: there is none of the one or the other."""
    found: list[Finding] = []
    if value is not None:
        found += value_check(value, walk) or ()
    if shadow is not None:
        found += element_check(shadow, walk) or ()
    has_more = isinstance(shadow, dict) and bool(shadow.keys() - ({"id"} if value is None else set()))
    if not found and not has_more and (value is None or shadow is not None):
        return _NOTHING
    return found or None
