"""What interactions ask of the repository and what they get: values, no HTTP and no database in them.

Spec: http://hl7.org/fhir/R4/http.html
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from fhirserver.codec.fhir_json import Body
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Issue
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version

Parameters: TypeAlias = tuple[tuple[str, str], ...]
"""Decoded query parameters in the order of the request: ``(("code:in", "…"), ("_count", "10"))``."""
Change: TypeAlias = Callable[[Resource, Definitions], Resource]
"""What a patch makes of a decoded resource, which stays as it is; raises FhirError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """``POST [base]/[type]``; ``if_none_exist`` holds the criteria of a conditional create."""

    resource_type: str
    body: Body
    if_none_exist: Parameters | None = None
    full_url: str | None = None
    """Within a transaction: what other entries call this one (``urn:uuid:…``)."""
    attests: bool = False
    """It is the Provenance of the writes before it, whose versions become its targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """``PUT``: of ``logical_id``, or (``criteria`` given) of what the criteria select."""

    resource_type: str
    body: Body
    logical_id: str | None = None
    criteria: Parameters | None = None
    if_match: str | None = None
    """The version id of an ``If-Match``."""
    if_none_match: bool = False
    """``If-None-Match: *``: only if no current version exists."""
    full_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """``PATCH``: of ``logical_id``, or of what the criteria select."""

    resource_type: str
    change: Change
    logical_id: str | None = None
    criteria: Parameters | None = None
    if_match: str | None = None
    full_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """``DELETE``: of ``logical_id``, or of all that the criteria select."""

    resource_type: str
    logical_id: str | None = None
    criteria: Parameters | None = None
    if_match: str | None = None
    full_url: str | None = None


Write: TypeAlias = Create | Update | Patch | Delete


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeBinary:
    """A Binary in its own content type, streamed; PUT when ``logical_id`` is given, else POST."""

    content_type: str
    chunks: AsyncIterator[bytes]
    security_context: str | None = None
    logical_id: str | None = None
    if_match: str | None = None


class Effect(StrEnum):
    """What a write did."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    """A no-op update, a delete of what is not there, or a conditional create that found its resource."""


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of one write; ``version`` is None only for a delete of what never existed."""

    effect: Effect
    version: Version | None
    deleted_count: int = 0
    deleted: tuple[tuple[Version, Version], ...] = ()
    """Of a delete: the marks of the deletions, each with the version before it."""
    remarks: tuple[Issue, ...] = ()
    """What there is to say of a resource that was accepted."""
    beside: tuple[Version, ...] = ()
    """What was created with it, unasked."""
    happened: tuple[str, ...] = ()
    """What the rules of its type made of it, in sentences without any value."""

    def remarked(self, remarks: tuple[Issue, ...]) -> "Written":
        """Return the same with remarks before those there are."""
        return replace(self, remarks=(*remarks, *self.remarks)) if remarks else self


class Total(StrEnum):
    """``_total``: http://hl7.org/fhir/R4/search.html#total"""

    NONE = "none"
    ESTIMATE = "estimate"
    ACCURATE = "accurate"


class Summary(StrEnum):
    """``_summary``: http://hl7.org/fhir/R4/search.html#summary"""

    TRUE = "true"
    TEXT = "text"
    DATA = "data"
    COUNT = "count"
    FALSE = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A search at type, system or compartment level; ``resource_types`` empty means every type."""

    resource_types: tuple[str, ...]
    parameters: Parameters
    compartment: tuple[str, str] | None = None
    """``("Patient", "123")`` for ``[base]/Patient/123/[type]``."""
    lenient: bool = False
    """``Prefer: handling=lenient``: ignore unknown parameters and say so in ``issues``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """One page of a searchset, in order."""

    matches: tuple[Version, ...]
    scores: tuple[float, ...] = ()
    """Of each match, 0 to 1, where words were looked for."""
    included: tuple[Version, ...] = ()
    total: int | None = None
    applied: Parameters = ()
    """The parameters that were applied, for the self link; result parameters included."""
    issues: tuple[Issue, ...] = ()
    summary: Summary = Summary.FALSE
    elements: tuple[str, ...] = ()
    next_cursor: str | None = None
    previous_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """History of an instance, a type (no id) or the system (neither); ``parameters``: ``_since _before _at …``"""

    resource_type: str | None
    logical_id: str | None
    parameters: Parameters
    lenient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """One page of a history, newest first unless ``_sort=_lastUpdated`` says otherwise."""

    versions: tuple[Version, ...]
    total: int | None = None
    applied: Parameters = ()
    issues: tuple[Issue, ...] = ()
    summary: Summary = Summary.FALSE
    elements: tuple[str, ...] = field(default=())
    next_cursor: str | None = None
    previous_cursor: str | None = None
