"""The algebra of searches: closed, immutable, comparable, printable; no user text that is not a value.

A plan speaks of *index values* only (``index``): terms, spans and groups. It is run by the store as one query
and by ``match`` in memory, with the same result. Long lists are n-ary nodes.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias


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


@dataclass(frozen=True, slots=True)
class Not:
    """Resources that the plan does not select."""

    plan: "Plan"


@dataclass(frozen=True, slots=True)
class HasTerm:
    """Some index term is one of ``terms``."""

    terms: tuple[str, ...]


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


@dataclass(frozen=True, slots=True)
class Chain:
    """Some reference under one of ``keys`` points to a resource of ``target_type`` that ``plan`` selects."""

    keys: tuple[str, ...]
    target_type: str
    plan: "Plan"


@dataclass(frozen=True, slots=True)
class ReverseChain:
    """A resource of ``source_type`` that ``plan`` selects points here by one of ``keys``."""

    source_type: str
    keys: tuple[str, ...]
    plan: "Plan"


Plan: TypeAlias = (
    All
    | Nothing
    | And
    | Or
    | Not
    | HasTerm
    | HasTermPrefix
    | HasTermContaining
    | HasSpan
    | HasOneSpan
    | HasAnySpan
    | HasGroup
    | Near
    | HasPosition
    | LastUpdated
    | IsOneOf
    | Chain
    | ReverseChain
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


def any_of(*plans: Plan) -> Plan:
    """Disjoin plans; terms of alternatives become one set of terms, and so do instances."""
    members: list[Plan] = []
    terms: list[str] = []
    keys: list[str] = []
    for plan in plans:
        if isinstance(plan, All):
            return ALL
        if isinstance(plan, Or):
            members.extend(plan.plans)
        elif isinstance(plan, HasTerm):
            terms.extend(plan.terms)
        elif isinstance(plan, IsOneOf):
            keys.extend(plan.keys)
        elif not isinstance(plan, Nothing):
            members.append(plan)
    if keys:
        members.insert(0, IsOneOf(tuple(dict.fromkeys(keys))))
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
