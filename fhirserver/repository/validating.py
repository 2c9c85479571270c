"""Validation by profiles without a write: what ``$validate`` asks, and whether a write would be allowed.

Spec: http://hl7.org/fhir/R4/resource-operation-validate.html
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.kernel.outcome import Issue, IssueType, NotFound, Severity
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.texts import Text
from fhirserver.kernel.version import Method
from fhirserver.repository.permits import Permits
from fhirserver.repository.requests import Create, Delete, Update
from fhirserver.repository.services import Services
from fhirserver.repository.writes import check_preconditions, stage
from fhirserver.validation.structure import issues_of
from fhirserver.validation.validator import Asked

_UNKNOWN_PROFILE: Final = "profile-unknown"
_NOT_AT_HAND: Final = Text(
    "value-set-unknown",
    en="Codes were not checked by the value set `{0}`, whose codes cannot be worked out here.",
    fr="Les codes n'ont pas été vérifiés selon le jeu de valeurs `{0}`, dont les codes ne peuvent être établis ici.",
    nl="De codes zijn niet gecontroleerd volgens de waardenlijst `{0}`, waarvan de codes hier niet te bepalen zijn.",
)


def validate(services: Services, resource: Resource, resource_type: str, asked: Asked) -> list[Issue]:
    """Return all there is to say of a resource by its type, the profiles that it declares and those asked for."""
    if services.profiled is None:
        return services.validator.validate(resource, resource_type)
    report = services.profiled.validate(resource, resource_type, asked)
    issues = [_as_nominated(issue, asked.profiles) for issue in issues_of(resource_type, report.findings)]
    unknown = sorted(need.name for need in report.needs if need.kind == "value set")
    return [*issues, *_not_checked(unknown)]


def _as_nominated(issue: Issue, nominated: Iterable[str]) -> Issue:
    """Make it an error that a profile is not known which was asked for by name (``profile``)."""
    told = issue.told
    if told is None or told.text.id != _UNKNOWN_PROFILE or not told.values or told.values[0] not in nominated:
        return issue
    return replace(issue, severity=Severity.ERROR)


def _not_checked(value_sets: Iterable[str]) -> list[Issue]:
    code, severity = IssueType.NOT_SUPPORTED, Severity.INFORMATION
    return [Issue.of(code, _NOT_AT_HAND.told(name), severity) for name in value_sets]


async def rehearse(services: Services, access: Access, write: Create | Update | Delete) -> None:
    """Raise what the caller's rights say against a write of a valid resource; nothing is stored."""
    permits = Permits(services, access)
    permits.check_kind(write)
    if isinstance(write, Create):
        draft = stage(services, write.body, services.new_id(), None, Method.POST)
        await permits.check_state(draft, None, Right.CREATE)
        return
    right = Right.UPDATE if isinstance(write, Update) else Right.DELETE
    key = f"{write.resource_type}/{write.logical_id}"
    current = await permits.there(await services.store.replaceable(key), key, right, None)
    if current is None or current.version.content is None:
        raise NotFound(f"`{key}` is not known.")
    if isinstance(write, Update):
        check_preconditions(write, current)
        draft = stage(services, write.body, current.version.logical_id, current, Method.PUT)
        await permits.check_state(draft, current, Right.UPDATE)
