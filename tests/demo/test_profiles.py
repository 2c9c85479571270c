"""Every resource of the record satisfies the profile that it claims, and what has one of its country claims it."""

from collections import Counter
from collections.abc import Callable

import pytest

from fhirserver import assets
from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.demo import render
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.library import Given
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.profiles.sources import GivenStructures, PackagedStructures
from fhirserver.validation.validator import Validator
from tests.profiles.packages import OwnPackage

CLAIMING = {
    "Appointment", "Condition", "Consent", "Device", "DocumentReference", "Encounter", "HealthcareService", "Location",
    "Observation", "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Schedule", "Slot",
    "Specimen", "Task",
}  # fmt: skip


@pytest.fixture(scope="module")
def validator(definitions: Definitions, builtin: Builtin) -> Validator:
    packages = [OwnPackage(assets.folder("profiles") / country, definitions) for country in ("be", "fr")]
    defined = [one for package in packages for one in package.by_url.values()]
    terms = Given([one for one in defined if one["resourceType"] in ("CodeSystem", "ValueSet")])
    structures = GivenStructures(defined, PackagedStructures(definitions))
    codes = RequiredCodes(definitions, (terms, builtin))
    return Validator(definitions, RequiredCodes(definitions, (builtin,)), structures, codes)


def test_claims_hold(resources: list[Resource], validator: Validator) -> None:
    wrong: Counter[tuple[str, str, str]] = Counter()
    for resource in resources:
        if "profile" in resource["meta"]:
            kind = resource["resourceType"]
            for issue in validator.issues(parse_json(render(resource)), kind):
                if issue.severity == "error":
                    wrong[kind, issue.expression[0], issue.diagnostics] += 1
    assert wrong == {}


def test_both_countries_claim(resources: list[Resource]) -> None:
    claims = [(one["resourceType"], url) for one in resources for url in one["meta"].get("profile", ())]
    assert {kind for kind, _ in claims} == CLAIMING
    assert len({url for _, url in claims if "/be-" in url}) == 17
    assert len({url for _, url in claims if "/fr-core-" in url}) == 21


def test_nothing_claims_what_is_not_shipped(of_type: Callable[[str], list[Resource]], definitions: Definitions) -> None:
    packages = [OwnPackage(assets.folder("profiles") / country, definitions) for country in ("be", "fr")]
    known = {url for package in packages for url in package.structures}
    claimed = {url for kind in CLAIMING for one in of_type(kind) for url in one["meta"].get("profile", ())}
    assert claimed - known == set()
