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


_FORGIVEN: Final = {
    "invariant-untold": "R4's text allows what the expression of the rule cannot tell",
    "bundle-full-url-id": "three of R4's own examples have full urls of other ids",
    "bundle-reference": "one of R4's own examples refers to an entry by its type and id alone",
    "quantity-ucum": "twenty of R4's own examples have such units, and many a sender",
    "extension-not-defined": "it may be of a package that is not installed here",
}
"""What only warns who writes, by the id of its message, and why: the resource is what its sender calls R4."""


def judge(services: Services, resource: Resource, resource_type: str) -> list[Issue]:
    """Return what there is to say of a resource; it may be stored unless there is an error among it."""
    policy, profiled = services.validation, services.profiled
    asked = policy.asked(resource, resource_type)
    if asked is None or profiled is None:
        issues = services.validator.validate(resource, resource_type)
    else:
        report = profiled.validate(resource, resource_type, asked)
        issues = nominated(issues_of(services.definitions, resource_type, report.findings), asked.profiles)
    issues = forgiving(issues)
    return policy.weighed(issues, datetime.now(UTC).date()) if issues and policy.warn_until else issues


def forgiving(issues: list[Issue]) -> list[Issue]:
    """Make warnings of the errors that do not refuse a write."""
    return [_forgiven(issue) for issue in issues] if issues else issues


def _forgiven(issue: Issue) -> Issue:
    is_forgiven = issue.told is not None and issue.told.text.id in _FORGIVEN
    return replace(issue, severity=Severity.WARNING) if is_forgiven and issue.severity is Severity.ERROR else issue


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
