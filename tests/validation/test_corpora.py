"""Real resources: the official R4 examples, and the cases of two other validators.

Where an official example is refused, it breaks the rule that stands beside it.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fhirserver.codec.fhir_json import parse_json, parse_resource
from fhirserver.kernel.outcome import FhirError
from fhirserver.validation.links import LinkFinder
from fhirserver.validation.references import Renaming
from fhirserver.validation.structure import StructureValidator

BROKEN_EXAMPLES = {
    "ActivityDefinition-blood-tubes-supply.json": "invariant (txt-2): the narrative is blank",
    "ActivityDefinition-heart-valve-replacement.json": "invariant (txt-2): the narrative is blank",
    "EventDefinition-example.json": "invariant (txt-2): the narrative is blank",
    "Questionnaire-zika-virus-exposure-assessment.json": "invariant (txt-2): the narrative is blank",
    "ImplementationGuide-fhir.json": "required (name, status), value (a logical id of more than 64 characters)",
    "Questionnaire-qs1.json": "required (Questionnaire.item.linkId)",
}
CASES_TO_REFUSE = {
    "mr-covid-m": "Expression.language is required",
    "empty-array": "an empty array",
    "hakan-se-nofetch": "a required choice, a dateTime without a zone, ref-1",
    "bundle-ea-testcase": "required elements of a resource in a contained Bundle, dom-3",
    "ai7": "required elements",
    "ai8": "required elements",
    "attachment-tx": "base64",
    "encounter-period": "invariant per-1",
    "ext-ccuk": "invariant sdf-20",
    "obs-quantity-us": "Observation.code is required",
}


class Example(msgspec.Struct):
    file: str
    resource: msgspec.Raw


def _examples(corpora: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    with gzip.open(corpora / "01-r4-examples/r4-examples.ndjson.gz") as lines:
        for line in lines:
            example = msgspec.json.decode(line, type=Example)
            raw = bytes(example.resource)
            yield example.file, raw, parse_json(raw)


def test_official_examples(validator: StructureValidator, finder: LinkFinder, corpora: Path) -> None:
    refused: dict[str, str] = {}
    count = 0
    for file, raw, resource in _examples(corpora):
        count += 1
        issues = validator.validate(resource, resource["resourceType"])
        if issues:
            refused[file] = ", ".join(sorted({issue.code.value for issue in issues}))
        if len(raw) < 100_000:
            _rewrite_and_back(finder, raw, resource)
    assert count == 864
    assert refused.keys() == BROKEN_EXAMPLES.keys()
    for file, codes in refused.items():
        assert all(code in BROKEN_EXAMPLES[file] for code in codes.split(", "))


def _rewrite_and_back(finder: LinkFinder, raw: bytes, resource: dict[str, Any]) -> None:
    """Change every link to something new and back: the resource is the same, number literals included."""
    links = {link.value for link in finder.find(resource, resource["resourceType"], lambda _: True)}
    away = {link: f"urn:x-test:{n}" for n, link in enumerate(sorted(links))}
    changed = finder.rename(raw, resource, Renaming.of(away))
    assert changed == finder._rename_everywhere(raw, resource, away)
    decoded = parse_json(changed)
    assert {link.value for link in finder.find(decoded, resource["resourceType"], lambda _: True)} == set(away.values())
    back = finder.rename(changed, decoded, Renaming.of({new: old for old, new in away.items()}))
    assert str(parse_json(back)) == str(resource)


def _cases(corpora: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the cases that need nothing outside the core package, with what the reference validator expects."""
    with gzip.open(corpora / "02-validator-cases/r4-json-cases.ndjson.gz") as lines:
        for line in lines:
            case = json.loads(line)
            expected = (case.get("expected") or {}).get("java") or {}
            if "errors" in expected and not case.get("needs"):
                yield case, expected


def _is_refused(validator: StructureValidator, text: str) -> bool:
    try:
        resource = parse_resource(text.encode()).value
    except FhirError:
        return True
    return bool(validator.validate(resource, resource["resourceType"]))


def test_validator_cases(validator: StructureValidator, corpora: Path) -> None:
    """What the reference validator accepts is accepted; of what it refuses, the structural part is refused.

    The rest of its errors are of invariants, profiles, terminology and rules between resources, which are not
    structure.
    """
    refused = {
        case["name"]: expected["errors"]
        for case, expected in _cases(corpora)
        if _is_refused(validator, case["resource_text"])
    }
    assert {name for name, errors in refused.items() if not errors} == set()
    assert refused.keys() == CASES_TO_REFUSE.keys()


# Of the corner cases, what R4 refuses: no status and code, a choice twice; and a resource without its type.
GOOGLE_REFUSED = {"observation_invalid_multiple_choicex_provided.json", "location_element_with_ids_analytic.json"}
GOOGLE_NOT_R4 = ("null", '{"reference": "#p1"}')
"""The suite reads an absent value as null, and does not resolve fragments (ref-1)."""


def _google(corpora: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((corpora / "02-validator-cases/primitives-google.json").read_text())
    return loaded


def _with_value(type_name: str, token: str) -> str:
    name = "value" + type_name[0].upper() + type_name[1:]
    return f'{{"resourceType":"Parameters","parameter":[{{"name":"a","{name}":{token}}}]}}'


def test_google_primitives(validator: StructureValidator, corpora: Path) -> None:
    wrong = []
    for type_name, tokens in _google(corpora)["primitives"].items():
        if type_name == "xhtml":  # not read by that suite
            continue
        for token in tokens["valid"]:
            if token not in GOOGLE_NOT_R4 and _is_refused(validator, _with_value(type_name, token)):
                wrong.append(f"{type_name} {token} is valid")
        for token in tokens["invalid"]:
            if not _is_refused(validator, _with_value(type_name, token)):
                wrong.append(f"{type_name} {token} is invalid")
    assert wrong == []


def test_google_corner_cases(validator: StructureValidator, corpora: Path) -> None:
    cases = _google(corpora)["json_corner_cases"]
    assert {name for name, text in cases.items() if _is_refused(validator, text)} == GOOGLE_REFUSED


@pytest.mark.parametrize("written", ["1.0", "1e0"])
def test_resources_come_with_exact_decimals(validator: StructureValidator, written: str) -> None:
    text = _with_value("decimal", written)
    assert not _is_refused(validator, text)
    assert _is_refused(validator, text.replace("valueDecimal", "valueInteger"))
