"""What a write is judged by beside the base definition of its type, and which rules only warn for some time yet.

docs/validation.md describes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.outcome import Issue, Severity
from fhirserver.kernel.resource import Resource
from fhirserver.settings import Validation
from fhirserver.validation.validator import Asked

_BUNDLE = "Bundle"


@dataclass(frozen=True, slots=True)
class ValidationPolicy:
    """The policy of one site."""

    kind: Validation = Validation.OFF
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By resource type: the profiles that its resources must meet."""
    warn_until: Mapping[str, date] = field(default_factory=dict)
    """By the key of a rule, the id of a message or the url of a profile: the day from which it refuses a write."""

    def asked(self, resource: Resource, resource_type: str) -> Asked | None:
        """Return what to validate a write by; None: by the base definition of its type alone."""
        if self.kind is Validation.OFF:
            return None
        profiles = self.required.get(resource_type, ()) if self.kind is Validation.REQUIRED else ()
        if not profiles and resource_type != _BUNDLE and not _declares(resource):
            return None
        return Asked(profiles)

    def weighed(self, issues: Sequence[Issue], today: date) -> list[Issue]:
        """Return issues, of which those are warnings yet whose rule does not refuse a write today."""
        until = self.warn_until
        return [replace(one, severity=Severity.WARNING) if _waits(one, until, today) else one for one in issues]


def _declares(resource: Resource) -> bool:
    meta = resource.get("meta")
    return isinstance(meta, dict) and bool(meta.get("profile"))


def _waits(issue: Issue, until: Mapping[str, date], today: date) -> bool:
    if not until or issue.severity is not Severity.ERROR:
        return False
    names = [] if issue.told is None else [issue.told.text.id]
    if issue.rule is not None:
        names += [issue.rule.key, parse_canonical(issue.rule.profile).url]
    return any(today < until[name] for name in names if name in until)
