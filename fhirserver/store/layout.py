"""How an instance lies in MongoDB: one document per instance, one per earlier version.

``resource`` holds the current version of every instance of every type (deleted ones as tombstones),
``history`` the versions before it. One collection for all types: transactions, coalesced creates and system-level
searches are one command each, and a fixed handful of indexes serves every SearchParameter
(docs/adr/0004-one-collection.md).

==== ============================================================================================
_id  ``Type/id``; in ``history`` ``Type/id/00000003``: versions of an instance in their order
y    resource type
v    version id
m    meta.lastUpdated, int µs
n    place in the default order of searches, int, set at creation and never changed; an earlier version keeps it
e    in ``history``: when the next version took its place, int µs
o    how the version came to be: POST, PUT, PATCH, DELETE
a    true where it brought a deleted instance back
x    the resource's JSON, bytes as served; absent for deletions
f    GridFS file that holds ``x`` when it is too large for a document
b    GridFS file with the native content of a Binary, and its content type: [id, type, length]
t    index terms; ``key^`` marks a key with terms that are cut short; in ``history`` also ``/Type/id``
l    whole text of the terms that ``t`` holds cut short
r    spans: p key (with ``*`` when wide), l low, h high, s system, c code, u unit
c    groups: p key, and t l r c w of their own
g    position, a GeoJSON point (R4 gives a Location one)
w    the words of its text, in no index: a line of the narrative, a line of all else (search/content.py)
k    of an AuditEvent: its link in the chain, [number, authentication code] (store/audit.py)
==== ============================================================================================
"""

import hashlib
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from typing import Any, Final

from bson.decimal128 import Decimal128

from fhirserver.search.index import MAX_TERM, SEPARATOR, Group, IndexValues, Span
from fhirserver.search.plan import Bound

RESOURCE: Final = "resource"
HISTORY: Final = "history"
CLAIM: Final = "claim"
SETTING: Final = "setting"
JOB: Final = "job"
WORKER: Final = "worker"
VOCABULARY: Final = "vocabulary"
CLOSURE: Final = "closure"
CONTENT: Final = "content"
"""The GridFS bucket: ``content.files`` and ``content.chunks``."""

SERVED: Final = {"x": 1, "y": 1, "v": 1, "m": 1, "o": 1, "a": 1, "f": 1, "b": 1}
"""The projection of what a ``Version`` needs."""

PLACED: Final = {**SERVED, "n": 1}
"""The same with the place in the default order."""

INDEXED: Final = ("t", "l", "r", "c", "g", "w")
"""What ``index_fields`` gives a document."""

KEPT: Final = {**PLACED, **{name: 1 for name in INDEXED}}
"""The projection of what the history keeps of a version."""

BARE: Final = {name: 1 for name in KEPT if name not in ("x", "f", "b")}
"""The same without the resource itself."""

TERMS: Final = {**PLACED, "t": 1, "l": 1}
"""The projection of a version with its terms: most plans ask for nothing else."""

LONG: Final = "^"
"""Ends the mark of a key that has long terms."""

WIDE: Final = "*"
"""Ends the key of a span too wide for the index to find it by its low end alone."""

DAY: Final = 864_000_000_000
"""In ticks of 100 ns."""

Document = dict[str, Any]

_FLOOR: Final = Context(prec=34, rounding=ROUND_FLOOR, Emin=-6143, Emax=6144)
_CEILING: Final = Context(prec=34, rounding=ROUND_CEILING, Emin=-6143, Emax=6144)


def index_fields(values: IndexValues) -> Document:
    """Return the index fields of a document; empty ones are left out."""
    fields: Document = {"t": values.terms}
    long = [term for term in values.terms if len(term) > MAX_TERM]
    if long:
        marks = dict.fromkeys(long_mark(term) for term in long)
        fields |= {"t": [*(short_term(term) for term in values.terms), *marks], "l": long}
    if values.spans:
        fields["r"] = [_span(span) for span in values.spans]
    if values.groups:
        fields["c"] = [_group(group) for group in values.groups]
    if values.positions:
        latitude, longitude = values.positions[0]
        fields["g"] = {"type": "Point", "coordinates": [longitude, latitude]}
    if len(values.words) > 1:
        fields["w"] = values.words
    return fields


def short_term(term: str) -> str:
    """Return the term as it is indexed: whole, or its beginning and a hash of the whole."""
    if len(term) <= MAX_TERM:
        return term
    return f"{term[:MAX_TERM]}{SEPARATOR}{SEPARATOR}{hashlib.sha256(term.encode()).hexdigest()}"


def long_mark(term: str) -> str:
    """Return the term by which documents are found that hold a long term under the key of this one."""
    return term.partition("=")[0] + LONG


def is_wide(low: Bound, high: Bound) -> bool:
    """Tell whether a span is more than a moment of one day, or more than one number."""
    return high - low > DAY if isinstance(low, int) and isinstance(high, int) else low != high


def stored_bound(bound: Bound, *, upper: bool) -> int | Decimal128:
    """Return a bound as BSON holds it; more than 34 digits round outward."""
    return bound if isinstance(bound, int) else _decimal128((_CEILING if upper else _FLOOR).plus(bound))


_decimal128: Final = lru_cache(maxsize=8192)(Decimal128)


def history_id(key: str, version_id: int) -> str:
    """Return the ``_id`` of an earlier version."""
    return f"{key}/{version_id:08d}"


def instance_term(key: str) -> str:
    """Return the term by which the earlier versions of ``Type/id`` are found among those of all instances."""
    return f"/{key}"


def superseded(stored: Document, ended_us: int) -> Document:
    """Return the document of ``history`` for a version that another took the place of."""
    key = stored["_id"]
    fields = {**stored, "_id": history_id(key, stored["v"]), "e": ended_us}
    if "t" in stored:
        fields["t"] = [*stored["t"], instance_term(key)]
    return fields


def spans_under(keys: Iterable[str]) -> Document:
    """Return the projection of the spans under some keys."""
    wanted = [key + end for key in keys for end in ("", WIDE)]
    return {"$filter": {"input": "$r", "cond": {"$in": ["$$this.p", wanted]}}}


def _span(span: Span) -> Document:
    wide = is_wide(span.low, span.high)
    low = stored_bound(span.low, upper=False)
    fields: Document = {"p": span.key + WIDE if wide else span.key, "l": low}
    fields["h"] = stored_bound(span.high, upper=True) if span.high != span.low else low
    if span.system is not None:
        fields["s"] = span.system
    if span.code is not None:
        fields["c"] = span.code
    if span.unit is not None:
        fields["u"] = span.unit
    return fields


def _group(group: Group) -> Document:
    return {"p": group.key, **index_fields(group.values)}


def exact_decimal(value: Decimal128) -> Decimal:
    """Read a stored bound back."""
    return value.to_decimal()
