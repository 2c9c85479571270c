"""The algebra of searches: closed, immutable, comparable, printable; no user text that is not a value.

A plan speaks of *index values* only (``index``): terms, spans and groups. It is run by the store as one query
and by ``match`` in memory, with the same result. Long lists are n-ary nodes.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias

from fhirserver.search.coded import InValueSet, Subsumes, Translated
from fhirserver.search.text_test import TextTest

IN_RECORD: Final = "@Patient/"
"""Starts the terms that say in whose records a resource is."""


class Comparison(StrEnum):
    """Prefixes of ordered values: http://hl7.org/fhir/R4/search.html#prefix"""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    SA = "sa"
    EB = "eb"
    AP = "ap"


Bound: TypeAlias = int | Decimal


def _hash_once(plan: "Or | Not | HasTerm") -> int:
    """Compute a hash once: rules of access are deep, may have thousands of terms, and recur."""
    if not plan._hash:
        object.__setattr__(plan, "_hash", hash((type(plan), getattr(plan, plan.__match_args__[0]))))
    return plan._hash


@dataclass(frozen=True, slots=True)
class All:
    """Every resource of the type searched."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No resource at all."""


@dataclass(frozen=True, slots=True)
class And:
    """All of the plans."""

    plans: tuple["Plan", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the plans."""

    plans: tuple["Plan", ...]
    _hash: int = field(default=0, init=False, repr=False, compare=False)
    __hash__ = _hash_once


@dataclass(frozen=True, slots=True)
class Not:
    """Resources that the plan does not select."""

    plan: "Plan"
    _hash: int = field(default=0, init=False, repr=False, compare=False)
    __hash__ = _hash_once


@dataclass(frozen=True, slots=True)
class HasTerm:
    """Some index term is one of ``terms``."""

    terms: tuple[str, ...]
    _hash: int = field(default=0, init=False, repr=False, compare=False)
    __hash__ = _hash_once


@dataclass(frozen=True, slots=True)
class HasTermPrefix:
    """Some index term starts with ``prefix``."""

    prefix: str


@dataclass(frozen=True, slots=True)
class HasTermContaining:
    """Some index term starts with ``prefix`` and its normalised text, which follows, contains ``text``."""

    prefix: str
    text: str


@dataclass(frozen=True, slots=True)
class HasText:
    """Some index term starts with ``prefix``, and what follows it, up to a separator, stands the test."""

    prefix: str
    test: TextTest
    text: str


@dataclass(frozen=True, slots=True)
class HasTermBetween:
    """Some term of the resource's own, no further spelling, lies in [low, high) by its code points."""

    low: str
    high: str


@dataclass(frozen=True, slots=True)
class HasWords:
    """The text has these words as neighbours, each in one of its spellings; ``narrative``: within the narrative.

    No words at all: it has some.
    """

    words: tuple[tuple[str, ...], ...]
    narrative: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit a quantity must have; None leaves that part open; ``either`` may be the code or the printed unit."""

    system: str | None = None
    code: str | None = None
    either: str | None = None


@dataclass(frozen=True, slots=True)
class HasSpan:
    """Some span under ``key`` compares so with the half-open range [low, high) of the search value.

    For ``eq ne ap`` the range is that of the value's precision; ``gt lt ge le sa eb`` on numbers take
    ``low == high``, the exact value.
    """

    key: str
    comparison: Comparison
    low: Bound
    high: Bound
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class HasOneSpan:
    """One span satisfies all of the conditions, which are on the same key."""

    conditions: tuple[HasSpan, ...]


@dataclass(frozen=True, slots=True)
class HasAnySpan:
    """There is a span under ``key``."""

    key: str


@dataclass(frozen=True, slots=True)
class HasGroup:
    """One group under ``key`` satisfies ``plan`` by itself: a composite, or an element that must match as a whole.

    Inside, keys are the numbers of the parts: ``1``, ``2`` …
    """

    key: str
    plan: "Plan"


@dataclass(frozen=True, slots=True)
class Near:
    """A position lies within ``radius_m`` metres of a point, along the great circle."""

    latitude: float
    longitude: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class HasPosition:
    """There is a position."""


@dataclass(frozen=True, slots=True)
class LastUpdated:
    """``meta.lastUpdated`` compares so with [low, high), in µs."""

    comparison: Comparison
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """The resource is one of these instances (``Type/id``)."""

    keys: tuple[str, ...]
    stored: bool = False
    """They are known to be stored: what has the same id inside another resource is none of them."""


@dataclass(frozen=True, slots=True)
class OnlyPatients:
    """The resource is in the records of no patients but these (logical ids): in none at all is fine.

    ``prefixes`` start the terms that name patients, their ids follow: a type of no compartment has keys of its own.
    """

    logical_ids: frozenset[str]
    prefixes: tuple[str, ...] = (IN_RECORD,)


@dataclass(frozen=True, slots=True)
class Chain:
    """Some reference under one of ``keys`` points to a resource of ``target_type`` that ``plan`` selects."""

    keys: tuple[str, ...]
    target_type: str
    plan: "Plan"
    inline: bool = False
    """It leads to what a Bundle begins with, which is in the Bundle itself."""


@dataclass(frozen=True, slots=True)
class ReverseChain:
    """A resource of ``source_type`` that ``plan`` selects points here by one of ``keys``."""

    source_type: str
    keys: tuple[str, ...]
    plan: "Plan"


@dataclass(frozen=True, slots=True)
class InHierarchy:
    """Some reference under one of ``keys`` points to ``start``, or to what is below or above it.

    ``parents`` are the keys by which resources of its type refer to what they are part of.
    """

    keys: tuple[str, ...]
    start: str
    parents: tuple[str, ...]
    above: bool = False


@dataclass(frozen=True, slots=True)
class OnList:
    """The resource, of this type, is an item of a List that is not marked deleted."""

    resource_type: str
    list_id: str


@dataclass(frozen=True, slots=True)
class ItemPart:
    """What is indexed of an item under ``key``: the values of a path, as those of a type of search parameter."""

    key: str
    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class HasItem:
    """One item that ``path`` selects in the resource satisfies ``plan`` by itself.

    The index does not hold such items: what satisfies ``near`` is read for them.
    """

    resource_type: str
    path: str
    parts: tuple[ItemPart, ...]
    plan: "Plan"
    near: "Plan"


Plan: TypeAlias = (
    All
    | Nothing
    | And
    | Or
    | Not
    | HasTerm
    | HasTermPrefix
    | HasTermContaining
    | HasWords
    | HasText
    | HasTermBetween
    | HasSpan
    | HasOneSpan
    | HasAnySpan
    | HasGroup
    | Near
    | HasPosition
    | LastUpdated
    | IsOneOf
    | OnlyPatients
    | Chain
    | ReverseChain
    | InValueSet
    | Subsumes
    | Translated
    | InHierarchy
    | OnList
    | HasItem
)

ALL = All()
NONE = Nothing()


def all_of(*plans: Plan) -> Plan:
    """Conjoin plans, flat and without neutral members."""
    members: list[Plan] = []
    for plan in plans:
        if isinstance(plan, Nothing):
            return NONE
        if isinstance(plan, And):
            members.extend(plan.plans)
        elif not isinstance(plan, All):
            members.append(plan)
    unique = tuple(dict.fromkeys(members))
    if not unique:
        return ALL
    return unique[0] if len(unique) == 1 else And(unique)


def within(asked: Plan, allowed: Plan) -> Plan:
    """Conjoin what is asked with what is allowed, as ``all_of`` but for what both say: to compare them takes longer."""
    if isinstance(asked, Nothing) or isinstance(allowed, Nothing):
        return NONE
    if isinstance(asked, All) or isinstance(allowed, All):
        return allowed if isinstance(asked, All) else asked
    members = asked.plans if isinstance(asked, And) else (asked,)
    others = allowed.plans if isinstance(allowed, And) else (allowed,)
    return And((*members, *others))


def any_of(*plans: Plan) -> Plan:
    """Disjoin plans; terms of alternatives become one set of terms, and so do instances."""
    members: list[Plan] = []
    terms: list[str] = []
    keys: dict[bool, list[str]] = {}
    for plan in plans:
        if isinstance(plan, All):
            return ALL
        if isinstance(plan, Or):
            members.extend(plan.plans)
        elif isinstance(plan, HasTerm):
            terms.extend(plan.terms)
        elif isinstance(plan, IsOneOf):
            keys.setdefault(plan.stored, []).extend(plan.keys)
        elif not isinstance(plan, Nothing):
            members.append(plan)
    for stored, named in keys.items():
        members.insert(0, IsOneOf(tuple(dict.fromkeys(named)), stored))
    if terms:
        members.insert(0, HasTerm(tuple(dict.fromkeys(terms))))
    unique = tuple(dict.fromkeys(members))
    if not unique:
        return NONE
    return unique[0] if len(unique) == 1 else Or(unique)


def none_of(plan: Plan) -> Plan:
    """Negate a plan."""
    if isinstance(plan, Not):
        return plan.plan
    if isinstance(plan, All):
        return NONE
    return ALL if isinstance(plan, Nothing) else Not(plan)
