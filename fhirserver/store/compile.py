"""Plan to MongoDB filter: one case for each node; the meaning is that of ``search.match``.

Spans are asked by their low end wherever an index can bound it (``layout.WIDE``): a narrow span that ends
after an instant cannot begin a day before it.
"""

import re
from collections import OrderedDict
from decimal import Decimal
from typing import Any, Final, assert_never

import bson
from bson.raw_bson import RawBSONDocument
from bson.regex import Regex

from fhirserver.kernel.version import Method
from fhirserver.search.coded import InValueSet, Subsumes, Translated
from fhirserver.search.full_text import pattern_of
from fhirserver.search.index import MAX_TERM, SEPARATOR, VARIANT_END
from fhirserver.search.plan import (
    IN_RECORD,
    All,
    And,
    Chain,
    Comparison,
    HasAnySpan,
    HasGroup,
    HasItem,
    HasOneSpan,
    HasPosition,
    HasSpan,
    HasTerm,
    HasTermBetween,
    HasTermContaining,
    HasTermPrefix,
    HasText,
    HasWords,
    InHierarchy,
    IsOneOf,
    LastUpdated,
    Near,
    Not,
    Nothing,
    OnList,
    OnlyPatients,
    Or,
    Plan,
    ReverseChain,
    Unit,
)
from fhirserver.search.text_test import TextTest
from fhirserver.search.values.special import EARTH_RADIUS_M
from fhirserver.store.layout import DAY, WIDE, long_mark, short_term, stored_bound

Filter = dict[str, Any]

_LAST: Final = chr(0x10FFFF)
"""No code point follows it."""

_FURTHER_SPELLING: Final = Regex(f"{VARIANT_END}$")
_END: Final = f"{SEPARATOR}(?!{SEPARATOR}[0-9a-f]{{64}}$)|$"
"""Where the text of a term ends, in PCRE: not where a long one was cut."""
_CASES: Final = 3
"""The first letters that an index range has in both cases: at most eight ranges."""

_FEW: Final = 100
_FEW_TERMS: Final = 32
"""As many are merged with no more work than a page of matches is."""
_PERSON: Final = "=Patient/"
"""In the term of a reference to a patient."""

_RECURRING: Final = frozenset({Not, Or, OnlyPatients})
_REMEMBERED: Final = 1024
_SMALL: Final = 4000
"""Bytes of a filter that may be remembered: what callers ask for decides how long one is."""
_known: Final[OrderedDict[int, tuple[Plan, RawBSONDocument]]] = OrderedDict()
"""As the database takes them, so that they are not written anew for each search."""

NEVER: Final[Filter] = {"_id": {"$in": []}}


def compile_plan(plan: Plan) -> Filter:  # noqa: C901, PLR0912 - one line for each node of the algebra
    """Return the filter that selects what the plan selects; chains must be resolved before."""
    match plan:
        case All():
            return {}
        case Nothing():
            return NEVER
        case And(plans):
            return {"$and": [*map(_compile_part, plans), *_types_of_changes(plans)]}
        case Or(plans):
            return {"$or": [compile_plan(part) for part in plans]}
        case Not(negated):
            return {"$nor": [compile_plan(negated)]}
        case HasTerm(terms):
            return {"t": _one_of([short_term(term) for term in terms])}
        case HasTermPrefix() | HasTermContaining() | HasText() | HasTermBetween():
            return _like(plan)
        case HasWords():
            return {"w": _words(plan)}
        case HasSpan():
            return _any([{"r": {"$elemMatch": one}} for one in _span_filters((plan,))])
        case HasOneSpan(conditions):
            return _any([{"r": {"$elemMatch": one}} for one in _span_filters(conditions)])
        case HasAnySpan(key):
            return {"r.p": {"$in": [key, key + WIDE]}}
        case HasGroup(key, inner):
            return {"c": {"$elemMatch": {"p": key, **compile_plan(inner)}}}
        case Near(latitude, longitude, radius_m):
            return {"g": {"$geoWithin": {"$centerSphere": [[longitude, latitude], radius_m / EARTH_RADIUS_M]}}}
        case HasPosition():
            return {"g": {"$exists": True}}
        case LastUpdated():
            return _last_updated(plan)
        case IsOneOf(keys):
            return {"_id": _one_of(list(keys)), "o": {"$ne": Method.DELETE.value}}
        case OnlyPatients(logical_ids, prefixes):
            return {"$and": [_in_no_other_record(prefix, logical_ids) for prefix in prefixes]}
        case Chain() | ReverseChain() | InValueSet() | Subsumes() | Translated() | InHierarchy() | OnList() | HasItem():
            raise ValueError("a chain must be resolved before a plan is compiled")
        case _:
            assert_never(plan)


def _compile_part(plan: Plan) -> Filter | RawBSONDocument:
    """Return the filter of a conjunct: rules of access recur as the same objects, and are compiled once."""
    if type(plan) not in _RECURRING:
        return compile_plan(plan)
    known = _known.get(id(plan))
    if known is not None:
        return known[1]
    found = compile_plan(plan)
    written = bson.encode(found)
    if len(written) < _SMALL:
        _known[id(plan)] = (plan, RawBSONDocument(written))  # which keeps the plan, and so its identity
        if len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return found


def _like(plan: HasTermPrefix | HasTermContaining | HasText | HasTermBetween) -> Filter:
    match plan:
        case HasTermPrefix(prefix):
            return _prefix(prefix)
        case HasTermContaining(prefix, text):
            return _containing(prefix, text)
        case HasText():
            return _text(plan)
        case HasTermBetween(first, last):
            return {"t": {"$elemMatch": {"$gte": first, "$lt": last, "$not": _FURTHER_SPELLING}}}


def _words(plan: HasWords) -> Filter:
    if plan.words:
        return {"$regex": ("^[^\\n]*" if plan.narrative else "") + pattern_of(plan.words)}
    return {"$regex": "^ "} if plan.narrative else {"$exists": True}


def _in_no_other_record(prefix: str, logical_ids: frozenset[str]) -> Filter:
    """Refuse what has a term of another patient: the range is that of all patients' terms."""
    allowed = sorted(prefix + one for one in logical_ids)
    return {"t": {"$not": {"$elemMatch": {**prefix_range(prefix), "$nin": allowed}}}}


def is_bounded(plan: Plan) -> bool:
    """Tell whether a page in the default order takes little work, however many resources there are.

    So it is for a few terms, which the index holds in that order each, for some instances, and within the record of one
    person.
    """
    match plan:
        case HasTerm(terms):
            return len(terms) <= _FEW_TERMS
        case IsOneOf(keys):
            return len(keys) <= _FEW
        case And(plans):
            return any((isinstance(part, IsOneOf) and is_bounded(part)) or _is_of_one_person(part) for part in plans)
        case _:
            return False


def _is_of_one_person(plan: Plan) -> bool:
    if not isinstance(plan, HasTerm) or len(plan.terms) != 1:
        return False
    return _PERSON in plan.terms[0] or plan.terms[0].startswith(IN_RECORD)


def _types_of_changes(plans: tuple[Plan, ...]) -> list[Filter]:
    """Name the types of a search by last change as its index has them."""
    if not any(isinstance(plan, LastUpdated) for plan in plans):
        return []
    types = [plan.terms for plan in plans if isinstance(plan, HasTerm) and all(term.isalpha() for term in plan.terms)]
    return [{"y": _one_of(list(types[0]))}] if types else []


def prefix_range(prefix: str) -> Filter:
    """Return the bounds of all strings that start with ``prefix``, in the order of code points."""
    stem = prefix.rstrip(_LAST)
    last = ord(stem[-1]) + 1
    after = stem[:-1] + chr(0xE000 if 0xD800 <= last <= 0xDFFF else last)
    return {"$gte": prefix, "$lt": after}


def _one_of(values: list[str]) -> str | Filter:
    return values[0] if len(values) == 1 else {"$in": values}


def _any(filters: list[Filter]) -> Filter:
    return filters[0] if len(filters) == 1 else {"$or": filters}


def _prefix(prefix: str) -> Filter:
    if len(prefix) <= MAX_TERM:
        return {"t": {"$elemMatch": prefix_range(prefix)}}
    indexed = {"t": {"$elemMatch": prefix_range(prefix[:MAX_TERM])}}
    return {"$and": [indexed, {"l": {"$elemMatch": prefix_range(prefix)}}]}


def _containing(prefix: str, text: str) -> Filter:
    pattern = f"^{_quoted(prefix)}[^{SEPARATOR}]*{_quoted(text)}"
    bounded = {"$elemMatch": {**prefix_range(prefix), "$regex": pattern}}
    return {"$or": [{"t": bounded}, {"t": long_mark(prefix), "l": bounded}]}


def _text(plan: HasText) -> Filter:
    pattern = f"^{_quoted(plan.prefix)}{_tail(plan)}"
    if plan.test is not TextTest.STARTS_IN_ANY_CASE:
        bounded = {"$elemMatch": {**prefix_range(plan.prefix), "$regex": pattern}}
        return {"$or": [{"t": bounded}, {"t": long_mark(plan.prefix), "l": bounded}]}
    starts = sorted(_spellings(plan.text[:_CASES]))
    return _any([{"t": {"$elemMatch": {**prefix_range(plan.prefix + s), "$regex": pattern}}} for s in starts])


def _tail(plan: HasText) -> str:
    """Return what follows the prefix, in PCRE."""
    text, rest = _quoted(plan.text), f"[^{SEPARATOR}]*"
    match plan.test:
        case TextTest.ENDS:
            return f"{rest}{text}(?:{_END})"
        case TextTest.WORDS:
            return f"(?:{rest} )?{text}(?: |{_END})"
        case TextTest.WORD_STARTS:
            return f"(?:{rest} )?{text}"
        case TextTest.STARTS_IN_ANY_CASE:
            return "".join(f"[{c.lower()}{c.upper()}]" if _is_letter(c) else _quoted(c) for c in plan.text)
        case _:
            assert_never(plan.test)


def _spellings(text: str) -> set[str]:
    """Return a short text with each letter of ASCII in both cases: ranges of an index that hold all that start so."""
    found = {""}
    for character in text:
        cases = {character.lower(), character.upper()} if _is_letter(character) else {character}
        found = {start + case for start in found for case in cases}
    return found


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _quoted(text: str) -> str:
    """Take every character literally, in PCRE."""
    return re.sub(r"([^\w\s])", r"\\\1", text, flags=re.ASCII)


def _span_filters(conditions: tuple[HasSpan, ...]) -> list[Filter]:
    """Return the alternatives, each an ``$elemMatch``, that together select the spans that conditions accept."""
    key = conditions[0].key
    pairs = [
        _number_conditions(each) if isinstance(each.low, Decimal) else _date_conditions(each) for each in conditions
    ]
    units = [unit for each in conditions if (unit := _unit(each.unit))]
    narrow, wide = _all([*(n for n, _ in pairs), *units]), _all([*(w for _, w in pairs), *units])
    if narrow == wide:
        return [{"p": {"$in": [key, key + WIDE]}, **narrow}]
    return [{"p": key, **narrow}, {"p": key + WIDE, **wide}]


def _all(filters: list[Filter]) -> Filter:
    unique = [each for i, each in enumerate(filters) if each not in filters[:i]]
    return unique[0] if len(unique) == 1 else {"$and": unique}


def _unit(unit: Unit | None) -> Filter:
    if unit is None:
        return {}
    if unit.either is not None:
        return {"$and": [{"$or": [{"c": unit.either}, {"u": unit.either}]}]}
    fields = {"s": unit.system, "c": unit.code}
    return {name: value for name, value in fields.items() if value is not None}


def _number_conditions(plan: HasSpan) -> tuple[Filter, Filter]:
    """Return the conditions on a single number (low = high) and on a range of numbers, both closed."""
    exact = plan.low == plan.high  # as stored numbers are: beyond 34 digits they round down
    first, last = stored_bound(plan.low, upper=False), stored_bound(plan.high, upper=not exact)
    match plan.comparison:
        case Comparison.EQ:
            return {"l": {"$gte": first, "$lt": last}}, {"l": {"$gte": first, "$lt": last}, "h": {"$lt": last}}
        case Comparison.NE:
            same: Filter = {"$or": [{"l": {"$lt": first}}, {"h": {"$gte": last}}]}
            return same, same
        case Comparison.GT:
            return {"l": {"$gt": last}}, {"h": {"$gt": last}}
        case Comparison.GE:
            return {"l": {"$gte": last}}, {"h": {"$gte": last}}
        case Comparison.LT:
            return {"l": {"$lt": first}}, {"l": {"$lt": first}}
        case Comparison.LE:
            return {"l": {"$lte": first}}, {"l": {"$lte": first}}
        case Comparison.SA:
            return {"l": {"$gt": last}}, {"l": {"$gt": last}}
        case Comparison.EB:
            return {"l": {"$lt": first}}, {"l": {"$lt": first}, "h": {"$lt": first}}
        case Comparison.AP:
            return {"l": {"$gte": first, "$lt": last}}, {"l": {"$lt": last}, "h": {"$gte": first}}
        case _:
            assert_never(plan.comparison)


def _date_conditions(plan: HasSpan) -> tuple[Filter, Filter]:
    """Return the conditions on an interval of at most a day and on a longer one, both half-open."""
    first, last = int(plan.low), int(plan.high)
    match plan.comparison:
        case Comparison.EQ:
            same: Filter = {"l": {"$gte": first, "$lt": last}, "h": {"$lte": last}}
        case Comparison.NE:
            same = {"$or": [{"l": {"$lt": first}}, {"h": {"$gt": last}}]}
        case Comparison.LT:
            same = {"l": {"$lt": first}}
        case Comparison.LE:
            same = {"l": {"$lt": last}}
        case Comparison.SA:
            same = {"l": {"$gte": last}}
        case Comparison.EB:
            same = {"l": {"$lt": first}, "h": {"$lte": first}}
        case Comparison.GT:
            return {"l": {"$gt": last - DAY}, "h": {"$gt": last}}, {"h": {"$gt": last}}
        case Comparison.GE:
            return {"l": {"$gt": first - DAY}, "h": {"$gt": first}}, {"h": {"$gt": first}}
        case Comparison.AP:
            low = {"$gt": first - DAY, "$lt": last}
            return {"l": low, "h": {"$gt": first}}, {"l": {"$lt": last}, "h": {"$gt": first}}
        case _:
            assert_never(plan.comparison)
    return same, same


def _last_updated(plan: LastUpdated) -> Filter:
    first, last = plan.low, plan.high
    match plan.comparison:
        case Comparison.EQ | Comparison.AP:
            return {"m": {"$gte": first, "$lt": last}}
        case Comparison.NE:
            return {"$or": [{"m": {"$lt": first}}, {"m": {"$gte": last}}]}
        case Comparison.GT | Comparison.SA:
            return {"m": {"$gte": last}}
        case Comparison.GE:
            return {"m": {"$gte": first}}
        case Comparison.LT | Comparison.EB:
            return {"m": {"$lt": first}}
        case Comparison.LE:
            return {"m": {"$lt": last}}
        case _:
            assert_never(plan.comparison)
