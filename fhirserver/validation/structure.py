"""Structural validation: elements, types, cardinalities, primitive syntax, required codes, base rules.

One walk gives every problem. The expression of an issue is in the subset of FHIRPath that R4 allows there
(element names, indexes, the child accessor), so that it evaluates on the resource: ``Observation.value.unit``
for ``valueQuantity.unit``, ``Patient.birthDate.extension[0]`` for ``_birthDate``; a missing or unknown element is
reported on its parent. Messages name elements and what would have been accepted, never a value.
Spec: http://hl7.org/fhir/R4/validation.html
"""

from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Issue, IssueType, Severity
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.compiler import Compiler
from fhirserver.validation.findings import MAX_FINDINGS, Finding
from fhirserver.validation.walk import Walk

MAX_DEPTH: Final = 32
"""Extensions in extensions, items in items, resources in resources; more would strain the stack."""

_MORE: Final = Issue(
    IssueType.TOO_COSTLY, f"The resource has more problems than the {MAX_FINDINGS} listed.", Severity.INFORMATION
)


class StructureValidator:
    """Checks resources against the base definitions of their types."""

    def __init__(self, definitions: Definitions, codes: RequiredCodes, *, max_depth: int = MAX_DEPTH) -> None:
        """Compile checks from ``definitions`` as they are needed."""
        self._definitions = definitions
        self._compiler = Compiler(definitions, codes)
        self._max_depth = max_depth

    def validate(self, resource: Resource, resource_type: str) -> list[Issue]:
        """Return every problem of a resource that should be a ``resource_type``; empty: it is valid."""
        if not self._definitions.is_resource_type(resource_type):
            return [Issue(IssueType.STRUCTURE, "The resource must be of a type that R4 defines.")]
        if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
            message = f"The resource must be a JSON object whose `resourceType` is `{resource_type}`."
            return [Issue(IssueType.STRUCTURE, message, expression=(resource_type,))]
        found = self._compiler.type_check(resource_type)(resource, Walk(resource, self._max_depth))
        return [] if found is None else _issues(resource_type, list(found))


def _issues(resource_type: str, found: list[Finding]) -> list[Issue]:
    issues = [_issue(resource_type + path, code, message) for path, code, message in found[:MAX_FINDINGS]]
    return issues if len(found) <= MAX_FINDINGS else [*issues, _MORE]


def _issue(expression: str, code: IssueType, message: str) -> Issue:
    return Issue(code, message.replace("{}", f"`{expression}`", 1), expression=(expression,))
