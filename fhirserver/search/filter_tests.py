"""The tests of ``_filter``: an operator, a value, and where the values stand that it is asked of.

Spec: http://hl7.org/fhir/R4/search_filter.html#ops
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from fhirserver.definitions.search_parameters import SearchType
from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.search.extract import IndexingRules
from fhirserver.search.filter import Test
from fhirserver.search.index import SEPARATOR
from fhirserver.search.plan import (
    Comparison,
    HasAnySpan,
    HasGroup,
    HasOneSpan,
    HasPosition,
    HasSpan,
    HasTerm,
    HasTermBetween,
    HasTermContaining,
    HasTermPrefix,
    HasText,
    Plan,
    any_of,
    none_of,
)
from fhirserver.search.readers import Target, read_value
from fhirserver.search.text_test import TextTest
from fhirserver.search.values.date import parse_date
from fhirserver.search.values.string import normalise
from fhirserver.search.values.text import split_unescaped, unescape

_LONGEST_TEXT: Final = 500
_AFTER_TEXT: Final = chr(ord(SEPARATOR) + 1)
"""Follows in code points on all that has the same text."""
_NEXT: Final = "\0"
"""Makes the least text that is greater."""
_COMPARED: Final = frozenset(("eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb"))
_SYSTEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "loinc": "http://loinc.org",
        "snomed": "http://snomed.info/sct",
        "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
        "ucum": "http://unitsofmeasure.org",
    }
)
""""predefined and can be used in place of their associated full namespace"."""


def plan_test(kind: SearchType, target: Target, test: Test, rules: IndexingRules) -> Plan:
    """Return the plan of a test on the values of one type of parameter. Raises BadSearchValue."""
    if test.operator == "pr":
        return _present(kind, target, test)
    planner = _PLANNERS.get(kind)
    plan = planner(kind, target, test, rules) if planner is not None else None
    if plan is None:
        raise BadSearchValue(f"`{test.operator}` cannot be asked of a {kind.value}.")
    return plan


def presence_under(key: str, kind: SearchType, targets: tuple[str, ...] = ()) -> Plan:
    """Return what has some value under a key; ``targets``: of a reference to one of these types."""
    match kind:
        case SearchType.DATE | SearchType.NUMBER | SearchType.QUANTITY:
            return HasAnySpan(key)
        case SearchType.COMPOSITE:
            return HasGroup(key, none_of(any_of()))
        case SearchType.SPECIAL:
            return HasPosition()
        case SearchType.TOKEN:
            variants: tuple[str, ...] = ("=", "|=", ":text=")
        case SearchType.REFERENCE if targets:
            inside = HasTerm(tuple(f"{key}#{target}" for target in targets))
            return any_of(inside, *(HasTermPrefix(f"{key}={target}/") for target in targets))
        case SearchType.REFERENCE:
            variants = ("=", ":identifier=", "#")
        case _:
            variants = ("=",)
    return any_of(*(HasTermPrefix(f"{key}{variant}") for variant in variants))


def _present(kind: SearchType, target: Target, test: Test) -> Plan:
    wanted = test.value.lower()
    if wanted not in ("true", "false"):
        raise BadSearchValue("`pr` takes `true` or `false`.")
    targets = target.targets if target.restricted else ()
    present = any_of(*(presence_under(key, kind, targets) for key in target.keys))
    return present if wanted == "true" else none_of(present)


_Planner = Callable[[SearchType, Target, Test, IndexingRules], Plan | None]


def _plan_compared(kind: SearchType, target: Target, test: Test, rules: IndexingRules) -> Plan | None:
    if test.operator not in _COMPARED:
        return None
    return read_value(kind, rules, target, test.operator + test.value)


def _plan_date(kind: SearchType, target: Target, test: Test, rules: IndexingRules) -> Plan | None:
    if test.operator not in ("co", "po"):
        return _plan_compared(kind, target, test, rules)
    _, low, high = parse_date(f"eq{test.value}", rules.zone)
    if test.operator == "po":
        return any_of(*(HasSpan(key, Comparison.AP, low, high) for key in target.keys))
    return any_of(*(_around(key, low, high) for key in target.keys))


def _around(key: str, low: int, high: int) -> Plan:
    """Find the intervals that hold another: begun before its first tick has passed, not ended before its last."""
    begun = HasSpan(key, Comparison.LT, low + 1, low + 1)
    lasting = HasSpan(key, Comparison.GT, high - 1, high - 1)
    return HasOneSpan((begun, lasting))


def _plan_string(kind: SearchType, target: Target, test: Test, rules: IndexingRules) -> Plan | None:
    text = normalise(test.value)
    if not text or len(text) > _LONGEST_TEXT:
        raise BadSearchValue(f"It is not 1 to {_LONGEST_TEXT} letters or digits of text.")
    planner = _TEXT_TESTS.get(test.operator)
    return None if planner is None else any_of(*(planner(f"{key}=", text) for key in target.keys))


def _end(prefix: str) -> str:
    """Return what follows, in code points, on all terms of a key."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _unequal(prefix: str, text: str) -> Plan:
    same = (prefix + text + SEPARATOR, prefix + text + _AFTER_TEXT)
    return _between_all_but(prefix, [same])


_TEXT_TESTS: Final[Mapping[str, Callable[[str, str], Plan]]] = MappingProxyType(
    {
        "eq": lambda prefix, text: HasTermBetween(prefix + text + SEPARATOR, prefix + text + _AFTER_TEXT),
        "ne": _unequal,
        "co": HasTermContaining,
        "sw": lambda prefix, text: HasTermPrefix(prefix + text),
        "ew": lambda prefix, text: HasText(prefix, TextTest.ENDS, text),
        "gt": lambda prefix, text: HasTermBetween(prefix + text + _AFTER_TEXT, _end(prefix)),
        "ge": lambda prefix, text: HasTermBetween(prefix + text + SEPARATOR, _end(prefix)),
        "lt": lambda prefix, text: HasTermBetween(prefix, prefix + text + SEPARATOR),
        "le": lambda prefix, text: HasTermBetween(prefix, prefix + text + _AFTER_TEXT),
    }
)


def _plan_token(kind: SearchType, target: Target, test: Test, rules: IndexingRules) -> Plan | None:
    value = _with_system(test.value)
    match test.operator:
        case "eq":
            return any_of(*(read_value(kind, rules, target, each) for each in _cases(value)))
        case "ne":
            return _unequal_token(target, value)
        case "ss" | "sb":
            return read_value(kind, rules, target, value, "below" if test.operator == "ss" else "above")
        case "in":
            return read_value(kind, rules, target, test.value, "in")
        case "ni":
            return none_of(read_value(kind, rules, target, test.value, "in"))
        case _:
            return None


def _with_system(value: str) -> str:
    system, bar, code = value.partition("|")
    return f"{_SYSTEMS[system]}|{code}" if bar and system in _SYSTEMS else value


def _cases(value: str) -> Iterable[str]:
    """Yield a token as written, and with its code in lower and upper case: "case insensitive"."""
    system, bar, code = value.rpartition("|")
    return dict.fromkeys(f"{system}{bar}{each}" for each in (code, code.lower(), code.upper()))


def _unequal_token(target: Target, value: str) -> Plan:
    parts = [unescape(part) for part in split_unescaped(value, "|")]
    system, code = (parts[0], "|".join(parts[1:])) if len(parts) > 1 else (None, parts[0])
    if not code:
        raise BadSearchValue("It has no code; expected `code` or `system|code`.")
    plans = []
    for key in target.keys:
        prefix, same = f"{key}=", []
        for each in dict.fromkeys((code, code.lower(), code.upper())):
            start = f"{prefix}{each}{SEPARATOR}"
            if system is None:
                same.append((start, f"{prefix}{each}{_AFTER_TEXT}"))
            else:
                term = start + ("" if system in target.form.implied else system)
                same.append((term, term + _NEXT))
        plans.append(_between_all_but(prefix, same))
    return any_of(*plans)


def _between_all_but(prefix: str, ranges: Iterable[tuple[str, str]]) -> Plan:
    """Find terms under a prefix that lie in none of some ranges."""
    plans, low = [], prefix
    for first, after in sorted(ranges):
        if low < first:
            plans.append(HasTermBetween(low, first))
        low = max(low, after)
    return any_of(*plans, HasTermBetween(low, _end(prefix)))


def _plan_reference(kind: SearchType, target: Target, test: Test, rules: IndexingRules) -> Plan | None:
    return read_value(kind, rules, target, test.value) if test.operator in ("re", "eq") else None


def _plan_uri(kind: SearchType, target: Target, test: Test, rules: IndexingRules) -> Plan | None:
    match test.operator:
        case "eq":
            return read_value(kind, rules, target, test.value)
        case "ne":
            same = ((f"{key}={test.value}", f"{key}={test.value}{_NEXT}") for key in target.keys)
            return any_of(*(_between_all_but(f"{key}=", [each]) for key, each in zip(target.keys, same, strict=True)))
        case "sw":
            return any_of(*(HasTermPrefix(f"{key}={test.value}") for key in target.keys))
        case _:
            return None


_PLANNERS: Final[Mapping[SearchType, _Planner]] = MappingProxyType(
    {
        SearchType.STRING: _plan_string,
        SearchType.TOKEN: _plan_token,
        SearchType.DATE: _plan_date,
        SearchType.NUMBER: _plan_compared,
        SearchType.QUANTITY: _plan_compared,
        SearchType.REFERENCE: _plan_reference,
        SearchType.URI: _plan_uri,
    }
)
