"""What a resource that is to be written is judged by: its type, and profiles as the site's policy has it.

Spec: http://hl7.org/fhir/R4/validation.html
"""

from datetime import UTC, datetime

from fhirserver.kernel.outcome import Issue, Severity
from fhirserver.kernel.resource import Resource
from fhirserver.repository.services import Services
from fhirserver.validation.structure import issues_of


def judge(services: Services, resource: Resource, resource_type: str) -> list[Issue]:
    """Return what there is to say of a resource; it may be stored unless there is an error among it."""
    policy, profiled = services.validation, services.profiled
    asked = policy.asked(resource, resource_type)
    if asked is None or profiled is None:
        issues = services.validator.validate(resource, resource_type)
    else:
        issues = issues_of(resource_type, profiled.validate(resource, resource_type, asked).findings)
    return policy.weighed(issues, datetime.now(UTC).date()) if issues and policy.warn_until else issues


def errors_of(issues: list[Issue]) -> list[Issue]:
    """Return the issues that refuse a write."""
    return [issue for issue in issues if issue.severity in (Severity.ERROR, Severity.FATAL)]
