"""Plans as functions: those that many resources are held against one by one, as a caller's access on every read.

``match`` says what a plan means; here it is the same for a resource whose terms are a set, and whose other index values
are read only where a plan comes to them.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from typing import Final, NamedTuple, Protocol, TypeAlias

from fhirserver.kernel.memory import ByIdentity
from fhirserver.search.index import Span
from fhirserver.search.match import Candidate, match, span_matches
from fhirserver.search.needs import Extent, needs_of
from fhirserver.search.plan import (
    And,
    Comparison,
    HasAnySpan,
    HasSpan,
    HasTerm,
    IsOneOf,
    Not,
    OnlyPatients,
    Or,
    Plan,
    none_of,
)

_REMEMBERED: Final = 1024


class Held(Protocol):
    """A resource that plans are asked of."""

    @property
    def key(self) -> str:
        """``Type/id``."""
        ...

    @property
    def terms(self) -> Set[str]:
        """Its index terms."""
        ...

    @property
    def spans(self) -> Sequence[Span]:
        """Its spans under the keys that the plan asks for."""
        ...

    def has_ended(self, key: str, instant: int) -> bool:
        """Tell whether some time under a key ends by an instant, in ticks."""
        ...

    @property
    def candidate(self) -> Candidate:
        """The same with all index values that the plan asks for."""
        ...


Decide: TypeAlias = Callable[[Held], bool]


def _compile(plan: Plan, *, negated: bool = False) -> Decide:
    """Return the function of a plan or, ``negated``, of what it does not select: a call less for each ``Not``."""
    match plan:
        case Not(inner):
            return _compile(inner, negated=not negated)
        case And(plans):
            return _all_of(plans, negated=negated)
        case Or(plans):
            return _all_of([none_of(part) for part in plans], negated=not negated)
        case HasTerm(terms):
            return _has_term(frozenset(terms), negated=negated)
        case OnlyPatients(logical_ids, (prefix,)):
            return _only(prefix, frozenset(prefix + one for one in logical_ids), negated=negated)
        case HasSpan():
            return _has_span(plan, negated=negated)
        case HasAnySpan(key):
            return lambda held: any([span.key == key for span in held.spans]) is not negated
        case IsOneOf(keys):
            wanted = frozenset(keys)
            return lambda held: (held.key in wanted) is not negated
        case _:
            return lambda held: match(plan, held.candidate) is not negated


def _all_of(plans: Sequence[Plan], *, negated: bool) -> Decide:
    """Ask for all terms at once, then for none of those that must not be there, then for everything else."""
    plans = tuple(_flat(plans))
    needed = frozenset(plan.terms[0] for plan in plans if isinstance(plan, HasTerm) and len(plan.terms) == 1)
    barred = frozenset(
        t for plan in plans if isinstance(plan, Not) and isinstance(plan.plan, HasTerm) for t in plan.plan.terms
    )
    others = tuple([_compile(plan) for plan in plans if not _is_of_terms(plan)])
    hit, miss = not negated, negated

    def decide(held: Held) -> bool:
        terms = held.terms
        if not (needed <= terms and barred.isdisjoint(terms)):
            return miss
        for other in others:  # a generator would take as long as what it calls
            if not other(held):
                return miss
        return hit

    return decide


def _flat(plans: Sequence[Plan]) -> Iterator[Plan]:
    """Yield what must hold for some plans to hold, one by one as far as they come apart: a call less for each part."""
    for plan in plans:
        match plan:
            case And(inner):
                yield from _flat(inner)
            case Not(Not(inner)):
                yield from _flat((inner,))
            case Not(Or(inner)):
                yield from _flat([none_of(part) for part in inner])
            case _:
                yield plan


def _is_of_terms(plan: Plan) -> bool:
    if isinstance(plan, Not):
        return isinstance(plan.plan, HasTerm)
    return isinstance(plan, HasTerm) and len(plan.terms) == 1


def _has_term(terms: frozenset[str], *, negated: bool) -> Decide:
    if negated:
        return lambda held: terms.isdisjoint(held.terms)
    return lambda held: not terms.isdisjoint(held.terms)


def _only(prefix: str, allowed: frozenset[str], *, negated: bool) -> Decide:
    hit, miss = not negated, negated

    def only(held: Held) -> bool:
        terms = held.terms
        if "\n".join(terms).count(prefix) == len(allowed & terms):  # each of these has it: no other begins with it
            return hit
        for term in terms:
            if term.startswith(prefix) and term not in allowed:
                return miss
        return hit

    return only


def _has_span(plan: HasSpan, *, negated: bool) -> Decide:
    hit, miss = not negated, negated
    if plan.comparison is Comparison.EB and plan.unit is None and isinstance(plan.low, int):
        return _ends_before(plan.key, plan.low, negated=negated)

    def has_span(held: Held) -> bool:
        for span in held.spans:
            if span_matches(plan, span):
                return hit
        return miss

    return has_span


def _ends_before(key: str, instant: int, *, negated: bool) -> Decide:
    """Ask whether some time is over: results that are released in stages are asked so, each time they are read."""
    if negated:
        return lambda held: not held.has_ended(key, instant)
    return lambda held: held.has_ended(key, instant)


class Prepared(NamedTuple):
    """A plan as resources are held against it one by one."""

    extent: Extent
    """As much of their index values as it takes."""
    keys: frozenset[str]
    """Those of the spans and groups that it takes."""
    decide: Decide


def _prepare(plan: Plan) -> Prepared:
    return Prepared(*needs_of(plan), _compile(plan))


prepared: Final[Callable[[Plan], Prepared]] = ByIdentity(_prepare, _REMEMBERED)
"""What is needed to hold a resource against a plan; of a plan that comes again it is there already."""
