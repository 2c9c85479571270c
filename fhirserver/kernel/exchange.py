"""One FHIR request and its response, free of any web framework: what interactions and operations speak.

A Bundle entry becomes a FhirRequest just as an HTTP request does.
Spec: http://hl7.org/fhir/R4/http.html
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import NativeContent

Query: TypeAlias = tuple[tuple[str, str], ...]
"""Decoded query parameters in the order of the request."""

FHIR_JSON = "application/fhir+json"
FHIR_NDJSON = "application/fhir+ndjson"


class Interaction(StrEnum):
    """http://hl7.org/fhir/R4/valueset-restful-interaction.html"""

    __hash__ = str.__hash__  # that of an enumeration is Python's, and each request looks several of them up

    READ = "read"
    VREAD = "vread"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    HISTORY_INSTANCE = "history-instance"
    HISTORY_TYPE = "history-type"
    HISTORY_SYSTEM = "history-system"
    CREATE = "create"
    SEARCH_TYPE = "search-type"
    SEARCH_SYSTEM = "search-system"
    CAPABILITIES = "capabilities"
    TRANSACTION = "transaction"
    BATCH = "batch"
    OPERATION = "operation"


class Level(StrEnum):
    """Where an operation is invoked: on an instance, on a type or on the system."""

    INSTANCE = "instance"
    TYPE = "type"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Target:
    """What a method and a URL address: ``PUT [base]/Patient/1`` is an update of the instance ``Patient/1``."""

    interaction: Interaction
    resource_type: str | None = None
    logical_id: str | None = None
    version_id: str | None = None
    compartment: tuple[str, str] | None = None
    """``("Patient", "1")`` of ``[base]/Patient/1/Observation``; with ``*`` as the type, ``resource_type`` is None."""
    operation: str | None = None
    """The name of an operation without its ``$``."""

    @property
    def type_name(self) -> str:
        """The resource type, of a target that must have one."""
        if self.resource_type is None:
            raise LookupError(f"{self.interaction} without a resource type")
        return self.resource_type

    @property
    def instance(self) -> tuple[str, str]:
        """The resource type and logical id, of a target that must have both."""
        if self.logical_id is None:
            raise LookupError(f"{self.interaction} without a logical id")
        return self.type_name, self.logical_id

    @property
    def level(self) -> Level:
        """The level of the URL."""
        if self.logical_id is not None:
            return Level.INSTANCE
        return Level.SYSTEM if self.resource_type is None else Level.TYPE


class Return(StrEnum):
    """``Prefer: return=…``: http://hl7.org/fhir/R4/http.html#ops"""

    MINIMAL = "minimal"
    REPRESENTATION = "representation"
    OPERATION_OUTCOME = "OperationOutcome"


class Handling(StrEnum):
    """``Prefer: handling=…``: http://hl7.org/fhir/R4/search.html#errors"""

    STRICT = "strict"
    LENIENT = "lenient"


@dataclass(frozen=True, slots=True)
class Prefer:
    """What the caller would like; None where nothing was said."""

    returns: Return | None = None
    handling: Handling | None = None
    respond_async: bool = False

    @property
    def is_lenient(self) -> bool:
        """Whether unknown parameters are to be ignored instead of refused."""
        return self.handling is Handling.LENIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirRequest:
    """One request, decoded as far as HTTP goes; conditions are header values (or Bundle elements) as sent."""

    target: Target
    base_url: str
    """The service base, absolute, without a trailing slash."""
    parameters: Query = ()
    """Query and form parameters together, without ``_format`` and ``_pretty``."""
    presentation: Query = ()
    """``_format`` and ``_pretty`` as sent: page links repeat them."""
    is_post: bool = False
    body: bytes = b""
    resource: Resource | None = None
    """What ``body`` decodes to, where it has been decoded before: as a part of a Bundle."""
    xml: bytes | None = None
    """What the body was before it was read as JSON."""
    content_type: str | None = None
    """The media type of the body, lower case, without its parameters."""
    chunks: AsyncIterator[bytes] | None = None
    """The body of a Binary in its own media type, in place of ``body``."""
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_none_exist: str | None = None
    prefer: Prefer = Prefer()
    full_url: str | None = None
    """The ``fullUrl`` of a Bundle entry."""
    provenance: str | None = None
    """``X-Provenance``: http://hl7.org/fhir/R4/provenance.html#header"""
    security_context: str | None = None
    """``X-Security-Context``: http://hl7.org/fhir/R4/binary.html#security"""
    streamed_as: str | None = None
    """Of a search: the media type of lines in which all matches are wanted, NDJSON or CSV, in place of a Bundle."""
    accept_language: str | None = None
    """``Accept-Language``, of what is answered in words."""
    max_expansion: str | None = None
    """``X-Too-Costly-Threshold``: concepts that an expansion may have, as terminology tests say it."""
    wants_native: bool = False
    """No FHIR media type was asked for by name: a Binary is answered in its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirResponse:
    """One response: ``content`` is FHIR JSON, or ``native`` the bytes of a Binary, or neither."""

    status: int
    content: bytes | None = None
    native: NativeContent | None = None
    media_type: str | None = None
    """Of ``content`` that is no resource, and goes out as it is whatever the caller accepts."""
    stream: AsyncIterator[bytes] | None = None
    """In place of ``content``: what goes out as it comes, of ``media_type``."""
    is_outcome: bool = False
    """Whether ``content`` is an OperationOutcome that says how it went, rather than a resource asked for."""
    etag: str | None = None
    last_modified_us: int | None = None
    location: str | None = None
    """Absolute and version-specific."""
    headers: tuple[tuple[str, str], ...] = ()
    """Everything else, such as ``Allow`` or ``Retry-After``."""
