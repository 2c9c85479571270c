"""Validation by profiles without a write: what ``$validate`` asks, and whether a write would be allowed.

Spec: http://hl7.org/fhir/R4/resource-operation-validate.html
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.masks import masked
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import Issue, IssueType, NotFound, Severity
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.texts import Text
from fhirserver.kernel.version import Method, Version
from fhirserver.repository.definitions import StoredDefinitions
from fhirserver.repository.judging import errors_of, forgiving, nominated
from fhirserver.repository.linked import read_many
from fhirserver.repository.permits import Permits
from fhirserver.repository.requests import Create, Delete, Update
from fhirserver.repository.services import Services
from fhirserver.repository.staging import stage
from fhirserver.repository.writes import check_preconditions
from fhirserver.terminology.required import CodeSet, code_set_of
from fhirserver.terminology.sources import Undecidable
from fhirserver.validation.profiles.deep_walk import Need
from fhirserver.validation.structure import issues_of
from fhirserver.validation.validator import Asked

_ROUNDS: Final = 4
"""What was fetched may show that more is needed; no profile takes so many."""
_MOST_REFERENCES: Final = 200
"""Followed at a time; those beyond are judged by the types that they name."""
_WRITES: Final = ("create", "update")
_NOT_AT_HAND: Final = Text(
    "value-set-unknown",
    en="Codes were not checked by the value set `{0}`, whose codes cannot be worked out here.",
    fr="Les codes n'ont pas été vérifiés selon le jeu de valeurs `{0}`, dont les codes ne peuvent être établis ici.",
    nl="De codes zijn niet gecontroleerd volgens de waardenlijst `{0}`, waarvan de codes hier niet te bepalen zijn.",
)


async def validate(
    services: Services, access: Access, resource: Resource, resource_type: str, asked: Asked
) -> list[Issue]:
    """Return all there is to say of a resource by its type, the profiles that it declares and those asked for.

    Value sets and instances of the record count as the caller sees them.
    """
    profiled = services.profiled
    if profiled is None:
        return services.validator.validate(resource, resource_type)
    asked = replace(asked, references=True)
    fetched = _Fetched()
    report = profiled.validate(resource, resource_type, asked)
    for _ in range(_ROUNDS):
        if not await fetched.fetch(services, access, report.needs):
            break
        report = profiled.validate(resource, resource_type, asked, fetched.references, fetched.codes)
    issues = nominated(issues_of(services.definitions, resource_type, report.findings), asked.profiles)
    if asked.mode in _WRITES:
        issues = forgiving(issues)
    if resource_type == "Patient" and asked.mode is None and not errors_of(issues):
        issues += services.identities.problems(resource)  # a write that is rehearsed tells them
    return [*issues, *_not_checked(sorted(fetched.unknown))]


@dataclass(slots=True)
class _Fetched:
    """What was fetched for a walk, as its caller sees it."""

    codes: dict[str, CodeSet] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    """Value sets whose codes cannot be worked out."""
    references: dict[str, Resource | None] = field(default_factory=dict)

    async def fetch(self, services: Services, access: Access, needs: Collection[Need]) -> bool:
        """Fetch what is needed; false: there is nothing more that could be fetched."""
        value_sets = {need.name for need in needs if need.kind == "value set"} - self.codes.keys() - self.unknown
        for name in sorted(value_sets):
            try:
                selected = await services.terms.selected(name, StoredDefinitions(services, access))
            except Undecidable:
                self.unknown.add(name)
            else:
                self.codes[name] = code_set_of(selected)
        wanted = sorted({need.name for need in needs if need.kind == "reference"} - self.references.keys())
        self.references.update(await _resources(services, access, wanted[:_MOST_REFERENCES]))
        return bool(value_sets or wanted)


async def _resources(services: Services, access: Access, references: Sequence[str]) -> dict[str, Resource | None]:
    """Return what references lead to on this server, with None for what is not there for the caller."""
    keys = {name: _key(name, services.binder.rules.own_bases) for name in references}
    hits = await read_many(services, access, sorted({key for key in keys.values() if key is not None}))
    found = {hit.version.key: _seen(hit.version, services, access) for hit in hits}
    return {name: None if key is None else found.get(key) for name, key in keys.items()}


def _key(reference: str, own_bases: Sequence[str]) -> str | None:
    found = parse_rest_reference(reference)
    return found.key if found is not None and found.base in ("", *own_bases) else None


def _seen(version: Version, services: Services, access: Access) -> Resource | None:
    """Return the content of a version as the caller would read it."""
    if version.content is None:
        return None
    content = version.content
    if access.has_masks:
        content = masked(content, version.resource_type, access.mask, services.definitions)
    resource: Resource = parse_json(content)
    return resource


def _not_checked(value_sets: Iterable[str]) -> list[Issue]:
    code, severity = IssueType.NOT_SUPPORTED, Severity.INFORMATION
    return [Issue.of(code, _NOT_AT_HAND.told(name), severity) for name in value_sets]


async def rehearse(services: Services, access: Access, write: Create | Update | Delete) -> None:
    """Raise what the caller's rights say against a write of a valid resource; nothing is stored."""
    permits = Permits(services, access)
    permits.check_kind(write)
    if isinstance(write, Create):
        draft = stage(permits, write.body, services.new_id(), None, Method.POST)
        await permits.check_state(draft, None, Right.CREATE)
        return
    right = Right.UPDATE if isinstance(write, Update) else Right.DELETE
    key = f"{write.resource_type}/{write.logical_id}"
    current = await permits.there(await services.store.replaceable(key), key, right, None)
    if current is None or current.version.content is None:
        raise NotFound(f"`{key}` is not known.")
    if isinstance(write, Update):
        check_preconditions(write, current)
        draft = stage(permits, write.body, current.version.logical_id, current, Method.PUT)
        await permits.check_state(draft, current, Right.UPDATE)
