"""What a change of a Patient does to its identity: the rules of both countries, one after the other.

What comes out is the version to store, and what happened, in words that name elements and never their values.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, Protocol, TypeAlias

from fhirserver.kernel.outcome import Issue
from fhirserver.kernel.resource import Resource


class Happened(NamedTuple):
    """One thing that became of an identity."""

    code: str
    """``ins-demoted``, ``ins-replaced``, ``niss-replaced``."""
    text: str


class Change(NamedTuple):
    """A version to store, and what happened to the identity by it."""

    patient: Resource
    happened: tuple[Happened, ...] = ()


Refusal: TypeAlias = Callable[[Resource], Iterable[Issue]]
"""Says why a Patient may not have the identity that it has."""


class IdentityRule(Protocol):
    """The rules of one country."""

    def __call__(self, before: Resource, after: Resource, today: str) -> Change:
        """Return what becomes of ``after``, which follows ``before`` on a day (``2026-11-30``)."""
        ...


class Identities:
    """The rules that a site follows."""

    def __init__(self, rules: Iterable[IdentityRule] = (), refusals: Iterable[Refusal] = ()) -> None:
        """Follow ``rules`` in their order, and refuse what ``refusals`` do."""
        self._rules: Final = tuple(rules)
        self._refusals: Final = tuple(refusals)

    def problems(self, patient: Resource) -> Iterator[Issue]:
        """Yield why a Patient may not be stored as it is."""
        for refusal in self._refusals:
            yield from refusal(patient)

    def changed(self, before: Resource, after: Resource, today: str) -> Change:
        """Return the version to store after ``before``; neither argument is changed."""
        happened: list[Happened] = []
        for rule in self._rules:
            after, found = rule(before, after, today)
            happened += found
        return Change(after, tuple(happened))


def retired(identifier: Resource, today: str) -> Resource:
    """Return an identifier as one that is no longer used."""
    period = identifier.get("period", {})
    return {**identifier, "use": "old", "period": {**period, "end": period.get("end", today)}}
