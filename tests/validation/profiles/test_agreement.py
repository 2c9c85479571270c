"""Agreement with others: the reference validator's cases, and what publishers call valid.

A case agrees when both find an error or neither does. Where we differ, the reason stands beside.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhirserver import assets
from fhirserver.app.knowledge import UCUM
from fhirserver.codec.fhir_json import parse_json, parse_resource
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import FhirError
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.library import Given
from fhirserver.terminology.required import RequiredCodes
from fhirserver.ucum import Ucum, compile_essence
from fhirserver.validation.profiles.sources import GivenStructures, PackagedStructures
from fhirserver.validation.validator import Asked, Validator

Case = dict[str, Any]

DIFFERENT = {
    "sdoh-type-slice": "displays of LOINC, which is not at hand",
    "extension-version-restriction-range-ctxt-r4": "an extension that only the reference validator's own tests define",
}
LEAST = 0.97

PUBLISHED = {
    "fr-core-2.2.0": (
        23,
        {
            "other/validation-oo.json": "extensions of OperationOutcome that R4 does not define",
            "example/Patient-FRCorePatientExample.json": "identifier-check: the key of its INS",
        },
    ),
    "us-core-3.1.1": (
        40,
        {
            "example/Bundle-66c8856b-ba11-4876-8aa8-467aad8c11a2.json": "bundle-full-url-id: another id in a full url",
            "example/DiagnosticReport-cardiology-report.json": "hash is no base64",
        },
    ),
    "us-core-6.1.0": (
        84,
        {
            "example/Bundle-66c8856b-ba11-4876-8aa8-467aad8c11a2.json": "bundle-full-url-id: another id in a full url",
            "example/Bundle-docref-example-2.json": "bundle-full-url-id: another id in a full url",
        },
    ),
    "ips-1.1.0": (20, {}),
}
"""How many examples there are, and which are not valid by which rule."""
_FILES = {
    "fr-core-2.2.0": ("07-be-fr-profiles/fr-core-2.2.0", "07-be-fr-profiles/fr-core-2.2.0-dependencies"),
    "us-core-3.1.1": ("11-profiles-us-ips/us-core-3.1.1",),
    "us-core-6.1.0": ("11-profiles-us-ips/us-core-6.1.0",),
    "ips-1.1.0": ("11-profiles-us-ips/ips-1.1.0",),
}


@pytest.fixture(scope="module")
def ucum() -> Ucum:
    return Ucum(compile_essence(assets.definition_file(UCUM).read_bytes()))


def _lines(path: Path) -> Iterator[Case]:
    with gzip.open(path) as lines:
        for line in lines:
            yield json.loads(line)


def _validator(definitions: Definitions, builtin: Builtin, ucum: Ucum, given: list[Case]) -> Validator:
    terms = Given([one for one in given if one["resourceType"] in ("CodeSystem", "ValueSet")])
    codes = RequiredCodes(definitions, (terms, builtin))
    by_url = {one.get("url"): one for one in given}
    return Validator(
        definitions,
        RequiredCodes(definitions, (builtin,)),
        GivenStructures(given, PackagedStructures(definitions)),
        codes,
        ucum=ucum,
        find=lambda canonical: by_url.get(canonical.partition("|")[0]),
    )


def _cases(corpora: Path) -> Iterator[tuple[Case, int]]:
    for case in _lines(corpora / "02-validator-cases/r4-json-cases.ndjson.gz"):
        expected = (case.get("expected") or {}).get("java") or {}
        if "errors" in expected and not case.get("needs"):
            yield case, expected["errors"]


def _supporting(corpora: Path) -> dict[str, Case]:
    found = {}
    for one in _lines(corpora / "02-validator-cases/supporting.ndjson.gz"):
        if one["text"].lstrip().startswith("{"):
            found[one["file"]] = json.loads(one["text"])
    return found


def _has_errors(validator: Validator, case: Case) -> bool:
    asked = Asked(no_markup=bool(case.get("security-checks")), no_examples=case.get("examples") is False)
    try:
        resource = parse_resource(case["resource_text"].encode()).value
    except FhirError:
        return True
    issues = validator.issues(resource, resource["resourceType"], asked)
    return any(issue.severity.value in ("fatal", "error") for issue in issues)


def test_cases_of_the_reference_validator(
    definitions: Definitions, builtin: Builtin, ucum: Ucum, corpora: Path
) -> None:
    supporting = _supporting(corpora)
    different, count = set(), 0
    for case, errors in _cases(corpora):
        count += 1
        names = [*case.get("supporting", ()), *case.get("profiles", ())]
        given = [supporting[name] for name in names if name in supporting]
        if _has_errors(_validator(definitions, builtin, ucum, given), case) is not (errors > 0):
            different.add(case["name"])
    assert different == DIFFERENT.keys()
    assert 1 - len(different) / count >= LEAST


@pytest.mark.parametrize("package", PUBLISHED)
def test_published_examples(
    definitions: Definitions, builtin: Builtin, ucum: Ucum, corpora: Path, package: str
) -> None:
    published: list[Case] = []
    examples: list[tuple[str, Case]] = []
    for name in _FILES[package]:
        for line in _lines(corpora / f"{name}.ndjson.gz"):
            if line["role"] == "example":
                examples.append((line["file"], line["resource"]))
            else:
                published.append(line["resource"])
    validator = _validator(definitions, builtin, ucum, published)
    count, expected = PUBLISHED[package]
    invalid = set()
    for file, example in examples:
        resource = parse_json(json.dumps(example).encode())
        issues = validator.issues(resource, resource["resourceType"])
        if any(issue.severity.value == "error" for issue in issues):
            invalid.add(file)
    assert len(examples) >= count
    assert invalid == expected.keys()
