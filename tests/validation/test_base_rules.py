"""The rule of an issue is the element that defines it, whatever the profile."""

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.validation.base_rules import base_rule

PLACES = {
    "": "Patient#Patient",
    ".birthDate": "Patient#Patient.birthDate",
    ".name[0].family": "HumanName#HumanName.family",
    ".contact[1].name.period.start": "Period#Period.start",
    ".contact[1].gender": "Patient#Patient.contact.gender",
    ".deceased": "Patient#Patient.deceased[x]",
    ".deceased.extension[0]": "Patient#Patient.deceased[x]",
    ".contained[0].code": "Patient#Patient.contained",
    ".extension[0].value.system": "Extension#Extension.value[x]",
    ".birthDate.extension[0].url": "Extension#Extension.url",
    ".nothing": "Patient#Patient",
}


@pytest.mark.parametrize(("path", "rule"), PLACES.items())
def test_the_rule_of_a_place(definitions: Definitions, path: str, rule: str) -> None:
    assert str(base_rule(definitions, "Patient", path)) == f"http://hl7.org/fhir/StructureDefinition/{rule}"
