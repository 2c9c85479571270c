"""One validator for all tests; a resource is written as JSON text, so that number literals are what they are."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.links import LinkFinder
from fhirserver.validation.structure import StructureValidator

Problems: TypeAlias = list[tuple[str, str]]
"""(issue code, expression) pairs"""


@pytest.fixture(scope="session")
def validator(definitions: Definitions, builtin: Builtin) -> StructureValidator:
    return StructureValidator(definitions, RequiredCodes(definitions, (builtin,)))


@pytest.fixture(scope="session")
def problems_of(validator: StructureValidator) -> Callable[[str], Problems]:
    """Validate a resource written as JSON text."""

    def check(text: str) -> Problems:
        resource = parse_json(text.encode())
        issues = validator.validate(resource, resource["resourceType"])
        return [(issue.code.value, issue.expression[0]) for issue in issues]

    return check


@pytest.fixture(scope="session")
def finder(definitions: Definitions) -> LinkFinder:
    return LinkFinder(definitions)
