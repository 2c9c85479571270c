"""A validator with structures of our own beside those of R4."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pytest

from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Issue
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.library import Given
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.profiles.sources import GivenStructures, PackagedStructures
from fhirserver.validation.validator import Asked, Validator

Problems: TypeAlias = list[tuple[str, str, str]]
"""(severity, issue code, expression) triples"""
Judge: TypeAlias = Callable[..., Problems]
Tell: TypeAlias = Callable[..., list[Issue]]


@pytest.fixture(scope="session")
def required(definitions: Definitions, builtin: Builtin) -> RequiredCodes:
    return RequiredCodes(definitions, (builtin,))


@pytest.fixture(scope="session")
def tell(definitions: Definitions, builtin: Builtin, required: RequiredCodes) -> Tell:
    """Validate JSON text by structures, value sets and code systems given with it."""

    def check(text: str, *given: dict[str, Any], profiles: Sequence[str] = (), declared: bool = True) -> list[Issue]:
        structures = GivenStructures(given, PackagedStructures(definitions))
        terms = Given([one for one in given if one["resourceType"] != "StructureDefinition"])
        codes = RequiredCodes(definitions, (terms, builtin))
        by_url = {one.get("url"): one for one in given}
        validator = Validator(definitions, required, structures, codes, find=by_url.get)
        resource = parse_json(text.encode())
        return validator.issues(resource, resource["resourceType"], Asked(tuple(profiles), declared))

    return check


@pytest.fixture(scope="session")
def judge(tell: Tell) -> Judge:
    """Validate in the same way; the outcome in short."""

    def check(text: str, *given: dict[str, Any], profiles: Sequence[str] = (), declared: bool = True) -> Problems:
        issues = tell(text, *given, profiles=profiles, declared=declared)
        return [(one.severity.value, one.code.value, one.expression[0]) for one in issues]

    return check


def profile(type_name: str, *elements: dict[str, Any], url: str = "http://a.b/p", **more: object) -> dict[str, Any]:
    """Return a profile by its differential."""
    base = more.pop("base", f"http://hl7.org/fhir/StructureDefinition/{type_name}")
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "P",
        "status": "draft",
        "kind": "resource" if type_name not in ("Extension", "Coding", "Identifier", "Period") else "complex-type",
        "abstract": False,
        "type": type_name,
        "baseDefinition": base,
        "derivation": "constraint",
        "differential": {"element": [{"id": type_name, "path": type_name}, *map(_copied, elements)]},
        **more,
    }


def _copied(element: dict[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(element))
    return {"id": copied["path"], **copied}
