"""Expressions as concepts of a version of SNOMED CT, made of its concepts, and in which value sets they are.

An expression is below its focus concepts, and it is its focus concept where nothing is said of it. What else it is
below a classifier would have to work out, which this server does not have: then it is told that it is not decided.
Spec: https://confluence.ihtsdotools.org/display/DOCSCG, http://hl7.org/fhir/R4/snomedct.html
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.terminology.asked import Verdict, ways_to_say
from fhirserver.terminology.concepts import CodeSystem, Concept, Designation, Filter
from fhirserver.terminology.ecl.filters import CONSTRAINTS
from fhirserver.terminology.ecl.parser import parse as parse_constraint
from fhirserver.terminology.ecl.syntax import Everything, Joined, Junction, Related, Relation
from fhirserver.terminology.ecl.syntax import Expression as Constraint
from fhirserver.terminology.expressions.parser import BadExpression, parse
from fhirserver.terminology.expressions.syntax import Expression
from fhirserver.terminology.expressions.wording import worded
from fhirserver.terminology.filters import Test
from fhirserver.terminology.languages import Languages, best

_URLS: Final = frozenset({"http://snomed.info/sct", "http://snomed.info/xsct"})
_PLAIN: Final = re.compile("[0-9]*", re.ASCII)
_DOWN: Final = frozenset({Relation.DESCENDANT, Relation.DESCENDANT_OR_SELF})
_ALLOWED: Final = "expressions"
"""The filter that says whether expressions are in a value set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expressed(Concept):
    """An expression; ``focus`` are the concepts that it is below."""

    focus: tuple[Concept, ...] = ()
    is_refined: bool = False


def found_in(system: CodeSystem, code: str) -> Concept | None:
    """Return the concept that a code is, or an expression in its place."""
    found = system.find(code)
    if found is not None or not _may_be_one(system, code):
        return found
    try:
        return _expressed(system, code)
    except BadExpression:
        return None


def why_none(system: CodeSystem, code: str) -> str | None:
    """Return why a code is no expression, where it is more than an unknown concept."""
    if not _may_be_one(system, code):
        return None
    try:
        _expressed(system, code)
    except BadExpression as problem:
        return f"Not a valid expression: {problem}"
    return None


def are_passed(filters: Sequence[Filter], tests: Iterable[Test], one: Expressed) -> Verdict:
    """Tell whether an expression passes the filters of a value set; None: its focus concepts do not tell."""
    verdicts = [_is_passed(wanted, test, one) for wanted, test in zip(filters, tests, strict=True)]
    return False if False in verdicts else None if None in verdicts else True


def _is_passed(wanted: Filter, test: Test, one: Expressed) -> Verdict:
    if wanted.property == _ALLOWED:
        return wanted.value == "true"
    if not one.is_refined and len(one.focus) == 1:
        return test(one.focus[0])
    return True if _goes_down(wanted) and any(map(test, one.focus)) else None


def _goes_down(wanted: Filter) -> bool:
    """Tell whether a filter selects all that is below what it selects."""
    if wanted.property in CONSTRAINTS:
        return wanted.op == "=" and _has_all_below(parse_constraint(wanted.value))
    return wanted.op in ("is-a", "descendent-of")


def _has_all_below(constraint: Constraint) -> bool:
    if isinstance(constraint, Joined):
        return constraint.junction is not Junction.MINUS and all(map(_has_all_below, constraint.parts))
    return isinstance(constraint, Everything) or (isinstance(constraint, Related) and constraint.relation in _DOWN)


def _may_be_one(system: CodeSystem, code: str) -> bool:
    return system.head.url in _URLS and _PLAIN.fullmatch(code) is None


def _expressed(system: CodeSystem, code: str) -> Expressed:
    """Return an expression of concepts of a version; raises BadExpression."""
    expression = parse(code)
    named: dict[str, Concept] = {}
    for reference in expression.of.references():
        concept = named.get(reference.code) or system.find(reference.code)
        if concept is None:
            raise BadExpression(f"The concept {reference.code} is not known", code, reference.at)
        named[reference.code] = concept
    return Expressed(
        code=code,
        display=worded(expression, lambda one: named[one].display),
        designations=tuple(_designations(system, expression, named)),
        is_inactive=any(one.is_inactive for one in named.values()),
        status=next((one.status for one in named.values() if one.is_inactive), None),
        focus=tuple(named[one.code] for one in expression.of.focus),
        is_refined=expression.of.is_refined,
    )


def _designations(system: CodeSystem, expression: Expression, named: Mapping[str, Concept]) -> list[Designation]:
    """Return an expression in the languages in which all of its concepts are said."""
    said = {code: ways_to_say(system.head, concept) for code, concept in named.items()}
    languages = [{one.language for one in each if one.language is not None} for each in said.values()]
    found = []
    for language in sorted(set.intersection(*languages) - {system.head.language}):
        shown = {code: best(each, Languages(language, (language,), False)) for code, each in said.items()}
        terms = {code: None if one is None else one.value for code, one in shown.items()}
        found.append(Designation(worded(expression, terms.get), language))
    return found
