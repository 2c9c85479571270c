"""Index values read back from a document, so that ``search.match`` decides on what is stored."""

from collections.abc import Sequence
from typing import Any, Final

from bson.decimal128 import Decimal128

from fhirserver.search.decide import prepared
from fhirserver.search.index import MAX_TERM, VARIANT_END, Group, IndexValues, Span
from fhirserver.search.match import Candidate
from fhirserver.search.needs import asked_keys
from fhirserver.search.plan import Bound, Plan
from fhirserver.store.layout import LONG, WIDE, Document, exact_decimal

_CUT: Final = MAX_TERM + len(VARIANT_END) + 64
"""The length of what stands for a long term."""


class HeldDocument:
    """A document as plans are asked of it: what is beside its terms is read when a plan comes to it."""

    __slots__ = ("_candidate", "_plan", "_spans", "_stored", "terms")

    def __init__(self, stored: Document, plan: Plan) -> None:
        """Hold a document against ``plan``."""
        self.terms = frozenset(_terms(stored) if "l" in stored else stored.get("t", ()))
        self._stored, self._plan = stored, plan
        self._spans: list[Span] | None = None
        self._candidate: Candidate | None = None

    @property
    def key(self) -> str:
        """``Type/id``."""
        return _key(self._stored["_id"])

    @property
    def spans(self) -> Sequence[Span]:
        """Return its spans under the keys that the plan asks for."""
        if self._spans is None:
            self._spans = _spans(self._stored, asked_keys(self._plan))
        return self._spans

    def has_ended(self, key: str, instant: int) -> bool:
        """Tell whether some time under a key ends by an instant, in ticks."""
        for one in self._stored.get("r") or ():
            high = one["h"]
            if isinstance(high, int) and high <= instant and one["p"].removesuffix(WIDE) == key:
                return True
        return False

    @property
    def candidate(self) -> Candidate:
        """Return it with as much of the index values as the plan asks for."""
        if self._candidate is None:
            self._candidate = candidate_of(self._stored, self._plan)
        return self._candidate


def selects(plan: Plan, stored: Document) -> bool:
    """Tell whether a plan selects a document, by its index values."""
    return prepared(plan).decide(HeldDocument(stored, plan))


def candidate_of(stored: Document, plan: Plan | None = None) -> Candidate:
    """Return what a plan is asked of: as much of the index values as was read, and as ``plan`` asks for."""
    return Candidate(_key(stored["_id"]), int(stored["m"]), values_of(stored, plan))


def _key(identity: str) -> str:
    """Return the key of a document: that of an earlier version names its number too."""
    if identity.count("/") == 1:
        return identity
    parts = identity.split("/", 2)
    return f"{parts[0]}/{parts[1]}"


def values_of(fields: Document, plan: Plan | None = None) -> IndexValues:
    """Return the index values of a document, or of a group within it; ``plan``: those that it asks for."""
    keys = None if plan is None else asked_keys(plan)
    return IndexValues(
        terms=_terms(fields),
        spans=_spans(fields, keys),
        groups=[Group(one["p"], values_of(one)) for one in fields.get("c", ()) if keys is None or one["p"] in keys],
        positions=[(place["coordinates"][1], place["coordinates"][0]) for place in _places(fields)],
        words=fields.get("w", ""),
    )


def _terms(fields: Document) -> list[str]:
    terms: list[str] = fields.get("t", [])
    if "l" not in fields:
        return terms
    marks = {long.partition("=")[0] + LONG for long in fields["l"]}
    return [*(term for term in terms if len(term) != _CUT and term not in marks), *fields["l"]]


def _spans(fields: Document, keys: frozenset[str] | None) -> list[Span]:
    stored = fields.get("r") or ()
    if keys is None:
        return [_span(one) for one in stored]
    return [_span(one) for one in stored if (key := one["p"]) in keys or key.removesuffix(WIDE) in keys]


def _span(span: Document) -> Span:
    key = span["p"].removesuffix(WIDE)
    return Span(key, _bound(span["l"]), _bound(span["h"]), span.get("s"), span.get("c"), span.get("u"))


def _bound(stored: Any) -> Bound:  # noqa: ANN401 - a number as the driver reads it
    if type(stored) is int:
        return stored
    return exact_decimal(stored) if isinstance(stored, Decimal128) else int(stored)


def _places(fields: Document) -> list[Document]:
    return [fields["g"]] if "g" in fields else []
