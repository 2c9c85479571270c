"""HL7's terminology ecosystem tests over HTTP — https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/

Each case is asked with the resources that its suite needs as ``tx-resource`` parameters.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.terminology.ecosystem import cases, differences, has_all_of, messages, resources
from tests.wire import FHIR_JSON, Answer, Wire

CORPORA = os.environ.get("FHIRSERVER_CORPORA")
FOLDER = Path(CORPORA or ".") / "09-terminology-tx"
SCT = "http://snomed.info/sct"
OPERATIONS = {
    "expand": "ValueSet/$expand",
    "validate-code": "ValueSet/$validate-code",
    "cs-validate-code": "CodeSystem/$validate-code",
    "lookup": "CodeSystem/$lookup",
    "translate": "ConceptMap/$translate",
    "compare": "ValueSet/$related",
    "batch-validate": "ValueSet/$batch-validate-code",
}
MISSED = {
    "simple-expand-contained": "`property` of what is contained is R5: it is there for who asks for it by `property`",
    "parameters-expand-supplement-none": "the order of a concept as a `property` nobody asked for is R5",
    "validation-simple-coding-bad-system": "two texts of one message differ in the suite by quotes",
    "expand-all-merged": "the display of code2 in the suite is not the one that its code system has",
    "expand-enum-good": "the display of code2 in the suite is not the one that its code system has",
    "expand-exclude-versioned": "the display of code2 in the suite is not the one that its code system has",
    "expand-langcodes-all": "three names in the suite are not those of the registry, one of them is cut off",
    "cpt": "CPT is not there: it is of who has a licence",
}
"""Cases that are not answered as the suite wants, and why."""


def _edition(version: str, *concepts: tuple[str, str]) -> dict[str, Any]:
    listed = [{"code": code, "display": display} for code, display in concepts]
    head = {"resourceType": "CodeSystem", "url": SCT, "version": version, "name": "SNOMED_CT"}
    return {**head, "status": "active", "content": "complete", "hierarchyMeaning": "is-a", "concept": listed}


EDITIONS = {
    "sct-isa": [
        _edition(
            f"{SCT}/900000000000207008/version/20250201",
            ("162673000", "General examination of patient"),
            ("308335008", "Patient encounter procedure"),
            ("73211009", "Diabetes mellitus"),
        )
    ],
    "sct-parse": [_edition(f"{SCT}/900000000000207008/version/20250201", ("80891009", "Heart"))],
    "sct-parse-pc": [
        _edition(
            f"{SCT}/900000000000207008/version/20250201",
            ("22298006", "Myocardial infarction"),
            ("363698007", "Finding site"),
            ("80891009", "Heart"),
        )
    ],
    "sct-ver-ex": [
        _edition(f"{SCT}/731000124108/version/20250901", ("160245001", "No current problems or disability"))
    ],
    "sct-ver": [
        _edition(version)
        for version in (
            f"{SCT}/11000146104/version/20240930",
            f"{SCT}/2011000195101/version/20230607",
            f"{SCT}/554471000005108/version/20260331",
            f"{SCT}/731000124108/version/20230301",
            f"{SCT}/731000124108/version/20240301",
            f"{SCT}/731000124108/version/20250901",
            f"{SCT}/827022005/version/20241216",
            f"{SCT}/83821000000107/version/20230412",
            f"{SCT}/900000000000207008/version/20240201",
            f"{SCT}/900000000000207008/version/20250201",
            "http://snomed.info/xsct/31000003106/version/20250909",
        )
    ],
}
"""The concepts that some cases name, in place of the editions that need a licence."""


def _asked(case: dict[str, Any]) -> list[dict[str, Any]]:
    parameters = list(case["request"]["parameter"])
    if case.get("profile"):
        parameters.append({"name": "profile", "resource": case["profile"]})
    return parameters


def _cases() -> Iterator[Any]:
    for case in cases(FOLDER) if CORPORA else []:
        if case["operation"] in OPERATIONS:
            reason = MISSED.get(case["name"])
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
            yield pytest.param(case, id=f"{case['suite']}: {case['name']}", marks=marks)


@pytest.fixture(scope="module")
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        yield wire


@pytest.fixture(scope="module")
def known() -> dict[str, dict[str, Any]]:
    return resources(FOLDER)


@pytest.fixture(scope="module")
def texts() -> dict[str, dict[str, str]]:
    return messages(FOLDER)


def _post(wire: Wire, case: dict[str, Any], parameters: list[dict[str, Any]]) -> Answer:
    headers = dict(FHIR_JSON)
    if "Accept-Language" in case:
        headers["Accept-Language"] = case["Accept-Language"]
    if "header" in case:
        headers[case["header"]["name"]] = case["header"]["value"]
    body = json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()
    return wire.call("POST", OPERATIONS[case["operation"]], body, headers)


@pytest.mark.skipif(not CORPORA, reason="there is no folder of test corpora; FHIRSERVER_CORPORA names one")
@pytest.mark.parametrize("case", list(_cases()))
def test_case(
    case: dict[str, Any], wire: Wire, known: dict[str, dict[str, Any]], texts: dict[str, dict[str, str]]
) -> None:
    needed = [*(known[file] for file in case["setup"]), *EDITIONS.get(case["name"], ())]
    given = [{"name": "tx-resource", "resource": one} for one in needed]
    answer = _post(wire, case, [*_asked(case), *given])
    assert answer.status < 500
    assert ("http-code" in case) == (answer.status >= 400) or "http-code" not in case
    assert list(differences(case["response"], answer.json, texts.get(case["response_file"], {}))) == []


@pytest.mark.skipif(not CORPORA, reason="there is no folder of test corpora; FHIRSERVER_CORPORA names one")
def test_metadata(wire: Wire) -> None:
    """The minimum expected things are found in the TerminologyCapabilities."""
    case = next(one for one in cases(FOLDER) if one["operation"] == "term-caps")
    assert has_all_of(case["response"], wire.call("GET", "metadata?mode=terminology").json)
