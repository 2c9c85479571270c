"""``$everything`` of patients, an encounter, a group: the record and what it refers to.

Spec: http://hl7.org/fhir/R4/patient-operation-everything.html, encounter-operation-everything.html,
group-operation-everything.html
"""

from collections.abc import Iterable
from typing import Final

from fhirserver.codec.fhir_json import decode_checked
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.version import Version
from fhirserver.operations.arguments import Arguments, arguments_of, text_of
from fhirserver.operations.framework import Operation
from fhirserver.operations.searchset import searchset
from fhirserver.repository.compartments import CareDates
from fhirserver.repository.everything import EverythingRequest
from fhirserver.repository.repository import Repository
from fhirserver.search.values.date import in_us, parse_interval

_COMMON: Final = ("_since", "_type", "_count", "_cursor")
_CARE: Final = ("start", "end")
_GROUP_DEPTH: Final = 8


async def everything(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the records of a patient, of all patients, of the members of a group, or what belongs to an encounter."""
    target = request.target
    compartment = "Encounter" if target.resource_type == "Encounter" else "Patient"
    known = _COMMON if compartment == "Encounter" else (*_CARE, *_COMMON)
    given = arguments_of(request, known)
    page = await repository.everything(
        EverythingRequest(
            origin="/".join(part for part in (target.resource_type, target.logical_id) if part),
            compartment=compartment,
            logical_ids=await _whose(request, repository),
            types=_types(given, repository),
            since_us=_since(given),
            care_dates=_care_dates(given),
            count=_count(given),
            cursor=given.text("_cursor"),
        )
    )
    return searchset(request, given, page.members, included=page.linked, total=page.total, next_cursor=page.next_cursor)


async def _whose(request: FhirRequest, repository: Repository) -> tuple[str, ...] | None:
    """Return whose records are asked for, None for everybody's. Raises NotFound, Deleted."""
    if request.target.logical_id is None:
        return None
    found = await repository.read(*request.target.instance)
    if found.resource_type == "Group":
        return tuple(sorted(await _members(found, repository)))
    return (found.logical_id,)


async def _members(group: Version, repository: Repository) -> set[str]:
    """Return the ids of a group's patients, those of groups within it included."""
    found: set[str] = set()
    seen = {group.key}
    groups = [group]
    for _ in range(_GROUP_DEPTH):
        keys = {key for each in groups for key in _entities(each)}
        found |= {key.removeprefix("Patient/") for key in keys if key.startswith("Patient/")}
        inner = {key for key in keys if key.startswith("Group/")} - seen
        if not inner:
            break
        seen |= inner
        groups = await repository.read_many(sorted(inner))
    return found


def _entities(group: Version) -> Iterable[str]:
    for member in decode_checked(group.content or b"{}").value.get("member", ()):
        found = parse_rest_reference(member.get("entity", {}).get("reference", ""))
        if found is not None and not member.get("inactive", False):
            yield found.key


def _types(given: Arguments, repository: Repository) -> tuple[str, ...]:
    names = [name for each in given.all("_type") for name in text_of(each).split(",") if name]
    if not all(repository.definitions.is_resource_type(name) for name in names):
        raise BadSearchValue("`_type` names an unknown resource type.", expression=["http._type"])
    return tuple(sorted(set(names)))


def _since(given: Arguments) -> int | None:
    interval = _interval(given, "_since", "an instant")
    return None if interval is None else in_us(interval[0])


def _care_dates(given: Arguments) -> CareDates:
    """Read ``start`` and ``end``, the last day included."""
    first, last = _interval(given, "start", "a date"), _interval(given, "end", "a date")
    return CareDates(None if first is None else first[0], None if last is None else last[1])


def _interval(given: Arguments, name: str, kind: str) -> tuple[int, int] | None:
    text = given.text(name)
    if text is None:
        return None
    interval = parse_interval(text.replace(" ", "+"))
    if interval is None:
        raise BadSearchValue(f"`{name}` is not {kind}.", expression=[f"http.{name}"])
    return interval


def _count(given: Arguments) -> int | None:
    text = given.text("_count")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise BadSearchValue("`_count` is not a positive whole number.", expression=["http._count"])
    return int(text)


EVERYTHING: Final = tuple(
    Operation(
        name="everything",
        definition=f"http://hl7.org/fhir/OperationDefinition/{resource_type}-everything",
        levels=levels,
        handler=everything,
        resource_types=frozenset({resource_type}),
    )
    for resource_type, levels in (
        ("Encounter", frozenset({Level.INSTANCE})),
        ("Group", frozenset({Level.INSTANCE})),
        ("Patient", frozenset({Level.INSTANCE, Level.TYPE})),
    )
)
