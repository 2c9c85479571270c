"""Every resource is valid R4: by our own validator, and a sample by fhir.resources as an independent yes or no.

fhir.resources has R4B, whose shape differs from R4 in a few types, none of them used here. It judges structure and
cardinality; it does not know required codes (its own answer is not asked for them).
"""

import json
from collections import Counter
from importlib import import_module

import pytest

from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.demo import bundles, render
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.structure import StructureValidator

OF_EACH_TYPE = 9


@pytest.fixture(scope="module")
def texts(resources: list[Resource]) -> list[tuple[str, bytes]]:
    return [(resource["resourceType"], render(resource)) for resource in resources]


def test_our_validator_accepts_every_resource(definitions: Definitions, texts: list[tuple[str, bytes]]) -> None:
    validator = StructureValidator(definitions, RequiredCodes(definitions))
    found = [issue for kind, text in texts for issue in validator.validate(parse_json(text), kind)]
    assert found == []


def test_our_validator_accepts_the_bundles(definitions: Definitions) -> None:
    validator = StructureValidator(definitions, RequiredCodes(definitions))
    assert [issue for bundle in bundles(3) for issue in validator.validate(parse_json(render(bundle)), "Bundle")] == []


def test_fhir_resources_accepts_a_sample_of_each_type(texts: list[tuple[str, bytes]]) -> None:
    total, seen = Counter(kind for kind, _ in texts), Counter[str]()
    for kind, text in texts:
        seen[kind] += 1
        if seen[kind] % max(1, total[kind] // OF_EACH_TYPE) == 0:
            model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
            model.model_validate(json.loads(text))
    assert len(seen) >= 35
