"""One element definition put over another: what a profile may narrow, add, override, and may not.

What breaks a rule is reported and left as the base has it, so that a snapshot never allows more than its base.
Spec: http://hl7.org/fhir/R4/profiling.html#cardinality, #binding-strength, elementdefinition.html#interpretation
"""

from collections.abc import Callable, Iterator
from typing import Final

from fhirserver.definitions.snapshots.problems import Report, Rule
from fhirserver.definitions.snapshots.read import least_of, limit_of, objects, slicing_of
from fhirserver.kernel.resource import Json

UNLIMITED: Final = "*"
_STRENGTHS: Final = ("example", "preferred", "extensible", "required")
_APPENDED: Final = "..."
_CHOICES: Final = ("fixed", "pattern", "minValue", "maxValue", "defaultValue")
_KEPT: Final = frozenset({"id", "path", "sliceName", "base", "type"})
"""Given by the place of an element, by its base, or merged where the other structures are known (``type``)."""


def merged(base: Json, change: Json, source: str, report: Report) -> Json:
    """Return ``base`` with what ``change`` says; ``source`` is the canonical of the structure that says it."""
    result = dict(base)
    for key, value in change.items():
        if key not in _KEPT:
            _MERGERS.get(key, _override)(result, key, value, report)
    if "constraint" in change:
        result["constraint"] = _constraints(base.get("constraint", []), change["constraint"], source, report)
    _check_cardinality(result, report)
    return result


def _override(result: Json, key: str, value: Json, report: Report) -> None:
    group = next((g for g in _CHOICES if key.removeprefix("_").startswith(g) and key.removeprefix("_") != g), None)
    if group is not None:
        _override_choice(result, key, value, group, report)
    else:
        result[key] = value


def _override_choice(result: Json, key: str, value: Json, group: str, report: Report) -> None:
    """Replace a value whatever its type was; a fixed value of the base stays what it is."""
    mine = [k for k in result if k.removeprefix("_").startswith(group) and k.removeprefix("_") != key.removeprefix("_")]
    if group == "fixed" and not key.startswith("_") and (mine or result.get(key, value) != value):
        report(Rule.FIXED_CHANGED, f"`{key}` differs from the value that the base fixes; the base's stays.")
        return
    for other in mine:
        del result[other]
    result[key] = value


def _text(result: Json, key: str, value: Json, report: Report) -> None:
    if isinstance(value, str) and value.startswith(_APPENDED) and isinstance(result.get(key), str):
        value = f"{result[key]}\n{value.removeprefix(_APPENDED)}"
    result[key] = value


def _minimum(result: Json, key: str, value: Json, report: Report) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        report(Rule.MALFORMED, "`min` is not a number of 0 or more.")
    elif value < least_of(result):
        text = f"`min` {value} is less than {result['min']}, which the base asks for; at least that many stay required."
        report(Rule.CARDINALITY_WIDENED, text)
    else:
        result["min"] = value


def _maximum(result: Json, key: str, value: Json, report: Report) -> None:
    asked = limit_of(value)
    if value != UNLIMITED and asked == limit_of(UNLIMITED):
        report(Rule.MALFORMED, "`max` is neither a number nor `*`.")
    elif asked > limit_of(result.get("max")):
        report(Rule.CARDINALITY_WIDENED, f"`max` `{value}` is more than `{result['max']}`, the most the base allows.")
    else:
        result["max"] = value


def _check_cardinality(result: Json, report: Report) -> None:
    if least_of(result) > limit_of(result.get("max")):
        report(Rule.CARDINALITY_IMPOSSIBLE, f"`min` {result['min']} is more than `max` `{result['max']}`.")


def _must_support(result: Json, key: str, value: Json, report: Report) -> None:
    if value is False and result.get(key) is True:
        report(Rule.MUST_SUPPORT_REMOVED, "`mustSupport` is true in the base and cannot become false.")
    else:
        result[key] = value


def _binding(result: Json, key: str, value: Json, report: Report) -> None:
    if not isinstance(value, dict):
        report(Rule.MALFORMED, "`binding` is not an object.")
        return
    base = result.get(key)
    base = base if isinstance(base, dict) else {}
    strength = value.get("strength", base.get("strength"))
    if _weaker(strength, base.get("strength")):
        text = f"The binding is `{strength}`, where the base has `{base['strength']}`; it may only become stronger."
        report(Rule.BINDING_WEAKENED, text)
        value = {**value, "strength": base["strength"]}
    result[key] = {**base, **value} if "valueSet" not in value else value


def _weaker(strength: Json, base: Json) -> bool:
    known = strength in _STRENGTHS and base in _STRENGTHS
    return known and _STRENGTHS.index(strength) < _STRENGTHS.index(base)


def _added(result: Json, key: str, value: Json, report: Report) -> None:
    """Accumulate a list: mappings, conditions and aliases of the base cannot be taken away."""
    if not isinstance(value, list):
        report(Rule.MALFORMED, f"`{key}` is not a list.")
        return
    base = result.get(key)
    base = base if isinstance(base, list) else []
    result[key] = [*base, *(entry for entry in value if entry not in base)]


def _ignore(result: Json, key: str, value: Json, report: Report) -> None:
    """Leave a property to a step that knows more."""


def _constraints(base: Json, change: Json, source: str, report: Report) -> list[Json]:
    known = {c["key"]: c for c in objects(base) if isinstance(c.get("key"), str)}
    return [*objects(base), *_new_constraints(known, change, source, report)]


def _new_constraints(known: dict[Json, Json], change: Json, source: str, report: Report) -> Iterator[Json]:
    for constraint in change if isinstance(change, list) else [change]:
        if not isinstance(constraint, dict) or not isinstance(constraint.get("key"), str):
            report(Rule.MALFORMED, "A `constraint` is not an object with a `key`.")
        elif constraint["key"] not in known:
            known[constraint["key"]] = constraint
            yield {**constraint, "source": constraint.get("source", source)}
        elif _says_else(constraint, known[constraint["key"]]):
            text = f"The constraint `{constraint['key']}` has another expression in the base, which stays."
            report(Rule.CONSTRAINT_CHANGED, text)


def _says_else(constraint: Json, base: Json) -> bool:
    return "expression" in constraint and constraint["expression"] != base.get("expression")


def with_slicing(definition: Json, slicing: Json, report: Report) -> Json:
    """Return the definition with a slicing that adds to what the base slices by, and never opens what is closed."""
    base = slicing_of(definition)
    if not isinstance(slicing, dict):
        report(Rule.MALFORMED, "`slicing` is not an object.")
        return definition
    discriminators = objects(base.get("discriminator"))
    discriminators += [d for d in objects(slicing.get("discriminator")) if d not in discriminators]
    result = {**base, **slicing}
    if discriminators:
        result["discriminator"] = discriminators
    if base.get("rules") == "closed" and slicing.get("rules", "closed") != "closed":
        result["rules"] = "closed"
        if not is_by_type(base):
            report(Rule.SLICING_CHANGED, f"The slicing is closed in the base and cannot become `{slicing['rules']}`.")
    return {**definition, "slicing": result}


def is_by_type(slicing: Json) -> bool:
    """Tell whether a choice is sliced by type, which is closed as soon as every type has its slice."""
    return [d.get("type") for d in objects(slicing.get("discriminator"))] == ["type"]


def _slicing(result: Json, key: str, value: Json, report: Report) -> None:
    result.update(with_slicing(result, value, report))


_MERGERS: Final[dict[str, Callable[[Json, str, Json, Report], None]]] = {
    "min": _minimum,
    "max": _maximum,
    "short": _text,
    "definition": _text,
    "comment": _text,
    "requirements": _text,
    "mustSupport": _must_support,
    "binding": _binding,
    "alias": _added,
    "condition": _added,
    "mapping": _added,
    "slicing": _slicing,
    "constraint": _ignore,
}
