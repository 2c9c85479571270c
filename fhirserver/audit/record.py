"""What is kept of one request, or of one happening of the authorization server: compact, complete, in MessagePack.

Callers recur, so a record names one by a number that an entry before it in the same file explains.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from fhirserver.kernel.caller import Caller
from fhirserver.kernel.exchange import Query, Target
from fhirserver.kernel.version import Version
from fhirserver.repository.trail import Touch, Touched, Trail

_LOCAL: Final = re.compile(rb'"Patient/([A-Za-z0-9\-.]{1,64})["/]')
_ABSOLUTE: Final = re.compile(rb'"(https?://[^"\s]{1,200}/Patient/[A-Za-z0-9\-.]{1,64})["/]')
_MARK: Final = b"Patient/"
_LOCAL_MARK: Final = b'"Patient/'
_ABSOLUTE_MARK: Final = b"/Patient/"
_PATIENT: Final = "Patient"
_LABELLED: Final = b'"security":'


class Kind(StrEnum):
    """What happened: an interaction, or something of the authorization server."""

    REST = "rest"
    LOGIN = "login"
    LOGOUT = "logout"
    TOKEN = "token"  # noqa: S105 - a name
    INTROSPECTION = "introspection"
    REVOCATION = "revocation"
    CONSENT = "consent"
    """A user let an app have something, or took it back."""
    EMERGENCY = "emergency"
    """Break-the-glass began."""
    EMERGENCY_END = "emergency-end"
    EXPORT = "export"
    DISCLOSURE = "disclosure"
    ACCOUNT = "account"
    """An account, a client or a key was made, changed or removed."""


class Outcome(StrEnum):
    """http://hl7.org/fhir/R4/valueset-audit-event-outcome.html"""

    SUCCESS = "0"
    MINOR = "4"
    SERIOUS = "8"
    MAJOR = "12"


def outcome_of(status: int) -> Outcome:
    """Return the outcome that an HTTP status stands for."""
    if status < 400:
        return Outcome.SUCCESS
    if status < 500:
        return Outcome.MINOR
    return Outcome.MAJOR if status == 503 else Outcome.SERIOUS


class Answer(NamedTuple):
    """A FHIR request that is about to be answered: a tuple, which is made in a third of the time of a dataclass."""

    site: str
    request_id: str
    method: str
    path: str
    """Below the FHIR base; used where nothing was addressed."""
    target: Target | None
    """None when the URL addressed nothing."""
    status: int
    caller: Caller | None
    """None: nobody logged in."""
    trail: Trail | None
    """None: the request did not get as far as a repository."""
    address: str | None
    parameters: Query = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that the authorization server did or refused."""

    kind: Kind
    site: str
    outcome: Outcome = Outcome.SUCCESS
    caller: Caller | None = None
    """Who; of a login that failed, a Caller with the name that was tried."""
    text: str = ""
    """One sentence without any secret."""
    request_id: str = ""
    address: str | None = None
    patient: str | None = None
    """The logical id of whom it is about."""
    query: str = ""
    """The parameters of the request, secrets left out."""
    decision: str = ""


class CallerEntry(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """Explains the number of a caller."""

    number: int
    client_id: str
    fhir_user: str | None
    name: str | None
    roles: tuple[str, ...]
    organizations: tuple[str, ...]
    purpose: str
    emergency: str | None
    """The reason of who broke the glass."""
    policy: str
    patient: str | None = None


class StepEntry(msgspec.Struct, frozen=True, array_like=True):
    """One interaction that was asked for."""

    interaction: str
    resource_type: str | None = None
    logical_id: str | None = None
    version_id: str | None = None
    compartment: tuple[str, str] | None = None
    operation: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    status: int = 0


class TouchedEntry(msgspec.Struct, frozen=True, array_like=True):
    """One version, what was done with it and the patients it names."""

    key: str
    version: int
    touch: str
    patients: tuple[str, ...] = ()
    """Logical ids, or whole urls of other servers or of this one."""
    labels: tuple[tuple[str, str], ...] = ()
    """Its security labels: systems and codes."""


class Record(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """What became of one request; a stream has several records, numbered by ``part``."""

    recorded_us: int
    site: str
    request_id: str
    kind: str
    caller: int
    """0: nobody."""
    address: str | None
    method: str
    status: int
    outcome: str
    steps: tuple[StepEntry, ...] = ()
    touched: tuple[TouchedEntry, ...] = ()
    part: int = 0
    decision: str = ""
    text: str = ""
    patient: str | None = None
    has_provenance: bool = False
    repeats: int = 0
    """How many more of the same were not written one by one."""


Entry: TypeAlias = CallerEntry | Record

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(CallerEntry | Record)
encode: Final = _encoder.encode


def decode(payload: bytes | memoryview) -> Entry:
    """Read an entry of a spool; raises ValueError."""
    entry: Entry = _decoder.decode(payload)
    return entry


def caller_fields(number: int, caller: Caller) -> tuple[Any, ...]:
    """Return the fields of a ``CallerEntry`` in their order: tuples are made and written faster than structs."""
    return (
        "c",
        number,
        caller.client_id,
        caller.fhir_user,
        caller.name,
        caller.roles,
        caller.organizations,
        caller.purpose,
        None if caller.emergency is None else caller.emergency.reason,
        caller.policy,
        caller.patient,
    )


def target_fields(target: Target, parameters: Query, status: int) -> tuple[Any, ...]:
    """Return the fields of a ``StepEntry``."""
    return (
        target.interaction,
        target.resource_type,
        target.logical_id,
        target.version_id,
        target.compartment,
        target.operation,
        parameters,
        status,
    )


class Named(NamedTuple):
    """The only patient that a resource names, and its reference to it."""

    patients: Sequence[str]
    reference: bytes
    """Empty where there is no such patient."""


NOBODY: Final = Named((), b"")


def named_by_reference(logical_id: str) -> Named:
    """Return what a resource would name that refers to a patient of this server, and to no other."""
    return Named((logical_id,), b'"Patient/%b"' % logical_id.encode())


def touched_fields(touched: Iterable[Version | Touched], expected: Named = NOBODY) -> list[tuple[Any, ...]]:
    """Return the fields of ``TouchedEntry`` of each version; most are of the ``expected`` patient, or of the last."""
    fields: list[tuple[Any, ...]] = []
    patients, reference = expected
    for one in touched:
        if isinstance(one, Touched):
            version, touch, content = one
        else:
            version, touch, content = one, _SEEN, one.content
        resource_type, logical_id, version_id, _, _, _, _, _ = version
        key = f"{resource_type}/{logical_id}"
        if resource_type == _PATIENT:
            patients, reference = (logical_id,), b""
        elif not (
            reference  # all that could name a patient is this reference
            and content
            and content.startswith(reference, (place := content.find(_MARK)) - 1)
            and content.rfind(_MARK) == place
        ):
            patients = patients_named(content)
            reference = named_by_reference(patients[0]).reference if len(patients) == 1 else b""
        end = _PLAIN_HEAD + len(key) + (1 if version_id < _TWO_DIGITS else len(str(version_id)))
        if content is None or content.startswith(_END_OF_META, end):
            fields.append((key, version_id, touch, patients))
        else:
            fields.append((key, version_id, touch, patients, labels_of(content)))
    return fields


def patients_named(content: bytes | None) -> Sequence[str]:
    """Return the patients that a resource refers to: logical ids, and urls of references that are absolute."""
    if content is None or not (times := content.count(_MARK)):
        return ()
    if times == 1 and (place := content.find(_LOCAL_MARK)) >= 0:  # as nearly all that is in one record
        only = _LOCAL.match(content, place)
        return () if only is None else (only[1].decode(),)
    found = _LOCAL.findall(content)
    if _ABSOLUTE_MARK in content:
        found += _ABSOLUTE.findall(content)
    if len(found) < 2:
        return [one.decode() for one in found]
    return [one.decode() for one in dict.fromkeys(found)]


class _Label(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Meta(msgspec.Struct):
    security: tuple[_Label, ...] = ()


class _Labelled(msgspec.Struct):
    """All that is read of a resource for its labels."""

    meta: _Meta


_Labels: TypeAlias = tuple[tuple[str, str], ...]
_read_resource: Final = msgspec.json.Decoder(_Labelled).decode
_read_labels: Final = msgspec.json.Decoder(tuple[_Label, ...]).decode
_HEAD: Final = rb'\{"resourceType":"[A-Za-z]++","id":"[^"\\]++","meta":\{"versionId":"[0-9]++","lastUpdated":"[^"\\]++"'
"""How resources begin, in the words of ``codec.fhir_json.stamp``: the rest need not be looked through."""
_with_labels: Final = re.compile(
    _HEAD + rb'(?:,"(?:source|profile|tag)":(?:"[^"\\]*"|\[[^\[\]\\]*\]))*,"security":(\[[^\[\]\\]*\])'
).match
_FEW: Final = 256
_PLAIN_HEAD: Final = len('{"resourceType":"","id":"","meta":{"versionId":"","lastUpdated":"2026-01-01T00:00:00.00000')
"""Where the instant of a stamped resource ends, but for its version and its key, which has a slash."""
_TWO_DIGITS: Final = 10
_END_OF_META: Final = b'Z"}'
"""What stands there where ``meta`` has nothing else in it."""
_SEEN: Final = Touch.SEEN


def labels_of(content: bytes) -> _Labels:
    """Return the security labels of a resource."""
    if _LABELLED not in content:
        return ()
    head = _with_labels(content)
    if head is not None:
        with suppress(msgspec.DecodeError):  # of a text that has a bracket in it
            return _labels_written(head[1])
    return _named(_read_resource(content).meta.security)


@lru_cache(_FEW)
def _labels_written(written: bytes) -> _Labels:
    return _named(_read_labels(written))


def _named(labels: Iterable[_Label]) -> _Labels:
    return tuple([(one.system, one.code) for one in labels])


@dataclass(slots=True)
class Explained:
    """The callers that a file has explained so far, to who reads it from its beginning."""

    callers: dict[int, CallerEntry] = field(default_factory=dict)

    def of(self, record: Record) -> CallerEntry | None:
        """Return who a record is about."""
        return self.callers.get(record.caller)
