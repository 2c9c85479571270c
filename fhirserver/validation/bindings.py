"""Required bindings: the code of an element must be one of its value set.

A ``code``, ``string`` or ``uri`` is compared by its code; a Coding or Quantity by system and code; of a
CodeableConcept one coding must be in the set, when any coding has a system and a code: text alone is accepted.
Spec: http://hl7.org/fhir/R4/terminologies.html#required
"""

from collections.abc import Iterator
from typing import Final

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.texts import Text
from fhirserver.terminology.required import CodeSet
from fhirserver.validation.findings import Check, Findings, one
from fhirserver.validation.walk import Walk

_CODED_TYPES: Final = frozenset({"Coding", "Quantity", "CodeableConcept"})
_CODE: Final = Text(
    "code-not-in-value-set",
    en="{path} must be a code of the value set `{0}`.",
    fr="{path} doit être un code du jeu de valeurs `{0}`.",
    nl="{path} moet een code uit de waardenlijst `{0}` zijn.",
)
_CODE_LISTED: Final = Text(
    "code-not-listed",
    en="{path} must be one of the codes {0}.",
    fr="{path} doit être l'un des codes {0}.",
    nl="{path} moet een van de codes {0} zijn.",
)
_CODING: Final = Text(
    "coding-not-in-value-set",
    en="{path} must have a code of the value set `{0}`.",
    fr="{path} doit avoir un code du jeu de valeurs `{0}`.",
    nl="{path} moet een code uit de waardenlijst `{0}` hebben.",
)
_CODING_LISTED: Final = Text(
    "coding-not-listed",
    en="{path} must have one of the codes {0}.",
    fr="{path} doit avoir l'un des codes {0}.",
    nl="{path} moet een van de codes {0} hebben.",
)


def bound_primitive(code_set: CodeSet, value_set: str, check_syntax: Check) -> Check:
    """Return the check of a bound ``code``, ``string`` or ``uri``; a code of the set needs no syntax check."""
    codes = code_set.codes
    wrong = _wrong(code_set, value_set, _CODE_LISTED, _CODE)

    def check(value: Json, walk: Walk) -> Findings | None:
        if type(value) is str and value in codes:
            return None
        return check_syntax(value, walk) or wrong

    return check


def bound_coded(code_set: CodeSet, value_set: str, type_name: str) -> Check | None:
    """Return the binding check of a complex type, to follow its own check; None: the type cannot be bound."""
    if type_name not in _CODED_TYPES:
        return None
    wrong = _wrong(code_set, value_set, _CODING_LISTED, _CODING)

    def check(value: Json, walk: Walk) -> Findings | None:
        coded = list(_coded(value))
        return wrong if coded and not any(pair in code_set.codings for pair in coded) else None

    return check


def _coded(value: Json) -> Iterator[tuple[str, str]]:
    """Yield (system, code) of a Coding, Quantity or CodeableConcept where it has both."""
    if not isinstance(value, dict):
        return
    codings = value.get("coding", ())
    for coding in [value, *codings] if isinstance(codings, list) else [value]:
        if isinstance(coding, dict) and _is_coded(coding):
            yield coding["system"], coding["code"]


def _is_coded(coding: Resource) -> bool:
    return isinstance(coding.get("system"), str) and isinstance(coding.get("code"), str)


def _wrong(code_set: CodeSet, value_set: str, listed: Text, named: Text) -> Findings:
    """Say which codes are accepted: those of a short list, or the name of a long one."""
    if code_set.shown:
        return one(IssueType.CODE_INVALID, listed, ", ".join(f"`{code}`" for code in code_set.shown))
    return one(IssueType.CODE_INVALID, named, parse_canonical(value_set).url)
