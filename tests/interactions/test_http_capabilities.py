"""capabilities — http://hl7.org/fhir/R4/http.html#capabilities, http://hl7.org/fhir/R4/capabilitystatement.html"""

import json
from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from httpx2 import AsyncClient

from fhirserver import assets
from fhirserver.app.knowledge import Knowledge
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import compile_fhirpath
from fhirserver.interactions.patch import PATCH_FORMATS
from fhirserver.search.full_text import TEXT_CODES
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.structure import StructureValidator


@pytest.fixture
async def statement(client: AsyncClient) -> dict[str, Any]:
    response = await client.get("metadata")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/fhir+json; charset=utf-8")
    found: dict[str, Any] = response.json()
    return found


async def test_the_statement_is_valid(statement: dict[str, Any], definitions: Definitions) -> None:
    validator = StructureValidator(definitions, RequiredCodes(definitions))
    assert not validator.validate(statement, "CapabilityStatement")


@pytest.mark.parametrize("mode", ["full", "normative", "terminology"])
async def test_the_invariants_hold(client: AsyncClient, definitions: Definitions, mode: str) -> None:
    statement = (await client.get(f"metadata?mode={mode}")).json()
    name = statement["resourceType"]
    definition = definitions.resource(f"http://hl7.org/fhir/StructureDefinition/{name}")
    assert definition is not None
    invariants = {
        constraint["key"]: f"{element['path']}.all({constraint['expression']})"
        for element in definition["snapshot"]["element"]
        for constraint in element.get("constraint", ())
        if constraint["key"].startswith(("cpb-", "tcp-"))
    }
    assert len(invariants) == {"CapabilityStatement": 10, "TerminologyCapabilities": 6}[name]
    for key, expression in invariants.items():
        assert compile_fhirpath(expression, name, definitions).select(statement) == [("boolean", True)], key


async def test_it_introduces_the_server(client: AsyncClient, statement: dict[str, Any]) -> None:
    assert statement["kind"] == "instance"
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == str(client.base_url).rstrip("/")
    assert "json" in statement["format"]
    assert statement["patchFormat"] == list(PATCH_FORMATS)
    assert statement["rest"][0]["mode"] == "server"
    assert statement["rest"][0]["security"]["cors"] is True


async def test_it_names_the_system_interactions(statement: dict[str, Any]) -> None:
    codes = {interaction["code"] for interaction in statement["rest"][0]["interaction"]}
    assert codes == {"transaction", "batch", "search-system", "history-system"}


async def test_it_describes_every_type(statement: dict[str, Any], definitions: Definitions) -> None:
    resources = statement["rest"][0]["resource"]
    assert tuple(resource["type"] for resource in resources) == definitions.resource_types
    assert len(resources) == 146
    for resource in resources:
        assert {i["code"] for i in resource["interaction"]} == {
            *("read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type")
        }
        assert resource["versioning"] == "versioned-update"
        assert resource["conditionalRead"] == "full-support"
        assert resource["conditionalDelete"] == "multiple"
        assert resource["updateCreate"] is resource["conditionalCreate"] is resource["conditionalUpdate"] is True


async def test_it_lists_search_parameters_and_includes(statement: dict[str, Any]) -> None:
    patient = next(r for r in statement["rest"][0]["resource"] if r["type"] == "Patient")
    parameters = {p["name"]: p for p in patient["searchParam"]}
    assert {"_id", "_lastUpdated", "identifier", "birthdate", "general-practitioner"} <= parameters.keys()
    assert parameters["birthdate"] == {
        "name": "birthdate",
        "definition": "http://hl7.org/fhir/SearchParameter/individual-birthdate",
        "type": "date",
    }
    assert "Patient:general-practitioner" in patient["searchInclude"]
    assert "Observation:subject" in patient["searchRevInclude"]


def _shipped() -> dict[str, set[str]]:
    """Return the codes of the search parameters in the packages that ship, by type."""
    codes: dict[str, set[str]] = {}
    for file in assets.folder("profiles").glob("*/package/SearchParameter-*.json"):
        parameter = json.loads(file.read_bytes())
        for base in parameter["base"]:
            codes.setdefault(base, set()).add(parameter["code"])
    return codes


SHIPPED = _shipped()


async def test_it_lists_exactly_what_search_serves(
    statement: dict[str, Any], definitions: Definitions, knowledge: Knowledge
) -> None:
    for resource in statement["rest"][0]["resource"]:
        listed = [parameter["name"] for parameter in resource["searchParam"]]
        assert len(set(listed)) == len(listed)
        words = TEXT_CODES & definitions.search_parameters(resource["type"]).keys()
        shipped = SHIPPED.get(resource["type"], set())
        served = knowledge.parameters.of(resource["type"]).bound.keys() | words
        assert set(listed) == served | shipped, resource["type"]
        assert served.isdisjoint(shipped) or resource["type"] == "List"  # whose `source` core has too
    everywhere = set.intersection(*({*knowledge.parameters.of(t).bound} for t in definitions.resource_types))
    asked = {"_at", "_filter", "_list", "_query"}
    assert {p["name"] for p in statement["rest"][0]["searchParam"]} == everywhere | TEXT_CODES | asked


async def test_it_lists_the_compartments(statement: dict[str, Any]) -> None:
    assert "http://hl7.org/fhir/CompartmentDefinition/patient" in statement["rest"][0]["compartment"]


async def test_modes(client: AsyncClient) -> None:
    normative = (await client.get("metadata?mode=normative")).json()
    assert {r["type"] for r in normative["rest"][0]["resource"]} < {"Patient", "Observation"} | {
        r["type"] for r in (await client.get("metadata?mode=full")).json()["rest"][0]["resource"]
    }
    assert (await client.get("metadata?mode=terminology")).json()["resourceType"] == "TerminologyCapabilities"
    assert (await client.get("metadata?mode=other")).status_code == 400


async def test_options_of_the_base_is_the_statement(client: AsyncClient, statement: dict[str, Any]) -> None:
    assert (await client.options("")).json() == statement


async def test_head_and_gzip(client: AsyncClient) -> None:
    assert (await client.head("metadata")).status_code == 200
    packed = await client.get("metadata", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"


async def test_an_independent_model_reads_it(statement: dict[str, Any]) -> None:
    # R4B is the nearest the oracle has; for this resource it differs from R4 in its fhirVersion codes only
    assert CapabilityStatement.model_validate({**statement, "fhirVersion": "4.3.0"}).kind == "instance"
