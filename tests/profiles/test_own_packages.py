"""Every resource of our packages is a valid one of R4, examples included, and every file is tidy.

Spec: http://hl7.org/fhir/R4/validation.html; https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

import json
from pathlib import Path

import pytest

from fhirserver import assets
from fhirserver.app.knowledge import Knowledge
from fhirserver.codec.fhir_json import parse_json

PACKAGES = ("be", "fr")


def _files(country: str) -> list[Path]:
    folder = assets.folder("profiles") / country / "package"
    return sorted(file for file in folder.rglob("*.json") if file.name != "package.json")


@pytest.mark.parametrize("country", PACKAGES)
def test_resources_are_valid(country: str, knowledge: Knowledge) -> None:
    found = {}
    for file in _files(country):
        resource = parse_json(file.read_bytes())
        findings = knowledge.validator.validate(resource, resource["resourceType"])
        found[file.name] = [str(one) for one in findings if one.severity == "error"]

    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize("country", PACKAGES)
def test_files_are_tidy(country: str) -> None:
    def tidied(text: str) -> str:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"

    texts = {file.name: file.read_text(encoding="utf-8") for file in _files(country)}
    assert [name for name, text in texts.items() if text != tidied(text)] == []


@pytest.mark.parametrize("country", PACKAGES)
def test_packages_say_what_they_are(country: str) -> None:
    manifest = json.loads((assets.folder("profiles") / country / "package" / "package.json").read_bytes())

    assert manifest["name"] == f"fhirserver.{country}"
    assert manifest["fhirVersions"] == ["4.0.1"]
    assert manifest["license"] == "Apache-2.0"
    assert manifest["dependencies"] == {"hl7.fhir.r4.core": "4.0.1"}
