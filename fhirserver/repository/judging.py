"""What a resource that is to be written is judged by: its type, and profiles as the site's policy has it.

Spec: http://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from fhirserver.kernel.outcome import Issue, Severity
from fhirserver.kernel.resource import Resource
from fhirserver.repository.services import Services
from fhirserver.validation.structure import issues_of

_UNKNOWN_PROFILE: Final = "profile-unknown"


def judge(services: Services, resource: Resource, resource_type: str) -> list[Issue]:
    """Return what there is to say of a resource; it may be stored unless there is an error among it."""
    policy, profiled = services.validation, services.profiled
    asked = policy.asked(resource, resource_type)
    if asked is None or profiled is None:
        issues = services.validator.validate(resource, resource_type)
    else:
        report = profiled.validate(resource, resource_type, asked)
        issues = nominated(issues_of(services.definitions, resource_type, report.findings), asked.profiles)
    return policy.weighed(issues, datetime.now(UTC).date()) if issues and policy.warn_until else issues


def nominated(issues: list[Issue], profiles: Collection[str]) -> list[Issue]:
    """Make it an error that a profile is not known by which a resource must be judged."""
    return [_as_nominated(issue, profiles) for issue in issues] if profiles else issues


def _as_nominated(issue: Issue, profiles: Collection[str]) -> Issue:
    told = issue.told
    if told is None or told.text.id != _UNKNOWN_PROFILE or not told.values or told.values[0] not in profiles:
        return issue
    return replace(issue, severity=Severity.ERROR)


def errors_of(issues: list[Issue]) -> list[Issue]:
    """Return the issues that refuse a write."""
    return [issue for issue in issues if issue.severity in (Severity.ERROR, Severity.FATAL)]
