"""Structural validation: elements, types, cardinalities, primitive syntax, required codes, base rules.

One walk gives every problem. The expression of an issue is in the subset of FHIRPath that R4 allows there
(element names, indexes, the child accessor), so that it evaluates on the resource: ``Observation.value.unit``
for ``valueQuantity.unit``, ``Patient.birthDate.extension[0]`` for ``_birthDate``; a missing or unknown element is
reported on its parent. Messages name elements and what would have been accepted, never a value.
Spec: http://hl7.org/fhir/R4/validation.html
"""

from dataclasses import replace
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Issue, IssueType, more_than
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.texts import Text
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.base_rules import base_rule
from fhirserver.validation.compiler import Compiler
from fhirserver.validation.findings import MAX_FINDINGS, Finding
from fhirserver.validation.walk import Walk, World, no_world

MAX_DEPTH: Final = 32
"""Extensions in extensions, items in items, resources in resources; more would strain the stack."""

UNKNOWN_TYPE: Final = Text(
    "type-unknown",
    en="The resource must be of a type that R4 defines.",
    fr="La ressource doit être d'un type défini par R4.",
    nl="De resource moet van een type zijn dat R4 definieert.",
)
OTHER_TYPE: Final = Text(
    "type-other",
    en="The resource must be a JSON object whose `resourceType` is `{0}`.",
    fr="La ressource doit être un objet JSON dont le `resourceType` est `{0}`.",
    nl="De resource moet een JSON-object zijn waarvan het `resourceType` `{0}` is.",
)


class StructureValidator:
    """Checks resources against the base definitions of their types."""

    def __init__(
        self, definitions: Definitions, codes: RequiredCodes, *, max_depth: int = MAX_DEPTH, world: World = no_world
    ) -> None:
        """Compile checks from ``definitions`` as they are needed."""
        self._definitions = definitions
        self._compiler = Compiler(definitions, codes)
        self._max_depth = max_depth
        self._world = world

    def validate(self, resource: Resource, resource_type: str) -> list[Issue]:
        """Return every problem of a resource that should be a ``resource_type``; empty: it is valid."""
        if not self._definitions.is_resource_type(resource_type):
            return [Issue.of(IssueType.STRUCTURE, UNKNOWN_TYPE.told())]
        if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
            told = OTHER_TYPE.told(resource_type)
            return [Issue.of(IssueType.STRUCTURE, told, expression=(resource_type,))]
        found = self._compiler.type_check(resource_type)(resource, Walk(resource, self._max_depth, self._world))
        return [] if found is None else issues_of(self._definitions, resource_type, list(found))


def issues_of(definitions: Definitions, resource_type: str, found: list[Finding]) -> list[Issue]:
    """Return findings about a resource as the issues of an OperationOutcome."""
    issues = [_issue_of(definitions, resource_type, finding) for finding in found[:MAX_FINDINGS]]
    if len(found) > MAX_FINDINGS:
        issues.append(more_than(MAX_FINDINGS))
    return issues


def _issue_of(definitions: Definitions, resource_type: str, finding: Finding) -> Issue:
    """Return what a finding of a resource says, with its whole FHIRPath."""
    expression = resource_type + finding.path
    told = finding.text.told(*finding.values, path=expression)
    rule = finding.rule or base_rule(definitions, resource_type, finding.path)
    return replace(Issue.of(finding.code, told, finding.severity, (expression,)), rule=rule)
