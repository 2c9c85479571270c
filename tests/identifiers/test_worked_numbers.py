"""National numbers as elements of a resource: what is valid, what is refused, and what is only warned of.

Every number is made up; each has the check digits of its kind, worked out by hand.
"""

from typing import Any, TypeAlias

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Severity
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.structure import StructureValidator

Json: TypeAlias = dict[str, Any]
BE = "https://www.ehealth.fgov.be/standards/fhir"
INS = "urn:oid:1.2.250.1.213.1.4"
SYSTEMS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "NISS, BIS": (
        f"{BE}/core/NamingSystem/ssin",
        "error",
        (
            "85073090133",
            "04022999805",
            "12051540048",
            "85073006197",
            "85473090122",
            "04522999864",
            "87210050217",
        ),
    ),
    "INAMI": (f"{BE}/core/NamingSystem/nihdi", "warning", ("15432106003", "71234523000", "17654333580")),
    "INAMI, short": (f"{BE}/core/NamingSystem/nihdi", "warning", ("15432106", "71234523", "17654333")),
    "BCE": (f"{BE}/core/NamingSystem/cbe", "error", ("0456789034", "0712345630", "1020304002")),
    "INS-NIR": (
        f"{INS}.8",
        "error",
        ("185076276543238", "299125935001214", "286102A00408872", "194032B03307747"),
    ),
    "INS-NIA": (f"{INS}.9", "error", ("785079912345630", "899029935011124", "703049910022274")),
    "INS-NIR-TEST": (f"{INS}.10", "error", ("185076276543238",)),
    "INS-NIR-DEMO": (f"{INS}.11", "error", ("299125935001214",)),
    "NSS-NIR": (f"{INS}.13", "error", ("286102A00408872",)),
    "NSS-NIA": (f"{INS}.14", "error", ("703049910022274",)),
    "RPPS": ("https://rpps.esante.gouv.fr", "warning", ("10102030409", "10099887761", "10000000017")),
    "IDNPS": ("urn:oid:1.2.250.1.71.4.2.1", "warning", ("810102030409",)),
    "FINESS": ("https://finess.esante.gouv.fr", "warning", ("620109991", "590781233", "600007777")),
    "IDNST": ("urn:oid:1.2.250.1.71.4.2.2", "warning", ("1620109991", "2266200120")),
    "SIREN": ("https://sirene.fr", "error", ("266200120", "265900779")),
    "SIRET": ("https://sirene.fr", "error", ("26620012000019",)),
}
NUMBERS = [
    pytest.param(system, value, id=f"{name}: {value}")
    for name, (system, _, values) in SYSTEMS.items()
    for value in values
]
STILL_VALID = {
    "18051540048": "of 1918; the number from which it comes is of 2012",
    "15432006003": "by the modulus 89",
    "15432105003": "by the modulus 89",
    "13654333580": "by the modulus 97",
    "15432006": "by the modulus 89",
    "15432105": "by the modulus 89",
    "13654333": "by the modulus 97",
}
"""Numbers that differ in one digit from one of ours, and are as right by another rule of their kind."""


def mutations(name: str) -> list[tuple[str, str]]:
    """Return each number of a kind with one digit changed that its check digits cover."""
    checked = 8 if name.startswith("INAMI") else None
    kind_digit = 1 if name.startswith("IDN") else 0
    found = []
    for value in SYSTEMS[name][2]:
        for place in range(kind_digit, len(value[:checked])):
            others = (digit for digit in "0123456789" if value[place].isdigit() and digit != value[place])
            found += [(value, value[:place] + digit + value[place + 1 :]) for digit in others]
    return found


@pytest.fixture(scope="module")
def validator(definitions: Definitions, builtin: Builtin) -> StructureValidator:
    return StructureValidator(definitions, RequiredCodes(definitions, (builtin,)))


def judged(validator: StructureValidator, **identifier: object) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return severity, message id and places of what is said of an Identifier."""
    issues = validator.validate({"resourceType": "Patient", "identifier": [identifier]}, "Patient")
    return [(one.severity.value, one.told.text.id if one.told else "", one.expression) for one in issues]


@pytest.mark.parametrize(("system", "value"), NUMBERS)
def test_a_worked_number_is_valid(validator: StructureValidator, system: str, value: str) -> None:
    assert judged(validator, system=system, value=value) == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_changed_digit_is_found(validator: StructureValidator, name: str) -> None:
    system, severity, _ = SYSTEMS[name]
    said = {number: judged(validator, system=system, value=number) for _, number in mutations(name)}

    assert {number for number, issues in said.items() if not issues} <= STILL_VALID.keys()
    severities = {issues[0][0] for number, issues in said.items() if issues and issues[0][1] != "identifier-form"}
    assert severities == {severity}
    assert all(issues[0][2] == ("Patient.identifier[0].value",) for issues in said.values() if issues)


WRONG = "85073090134"
SSIN = SYSTEMS["NISS, BIS"][0]
PSEUDONYM = f"{BE}/infsec/StructureDefinition/be-ext-pseudonymization"
OVERRIDE = "https://fhirserver.example.org/be/StructureDefinition/identifier-check-override"
REASON = [{"url": OVERRIDE, "valueString": "As on the card"}]
JUDGED = [
    pytest.param({"system": SSIN, "value": WRONG}, [("error", "identifier-check")], id="a wrong check digit"),
    pytest.param({"system": SSIN, "value": "85.07.30-901.33"}, [("error", "identifier-form")], id="punctuation"),
    pytest.param({"system": SSIN, "value": "8507309013"}, [("error", "identifier-form")], id="too few digits"),
    pytest.param({"system": f"{BE}/NamingSystem/ssin", "value": WRONG}, [("error", "identifier-check")], id="old url"),
    pytest.param(
        {"system": "urn:oid:2.16.840.1.113883.3.6777.5.1", "value": WRONG}, [("error", "identifier-check")], id="OID"
    ),
    pytest.param({"system": SSIN, "value": WRONG, "extension": REASON},
                 [("warning", "identifier-check-doubtful")], id="kept, with a reason"),
    pytest.param({"system": SSIN, "value": "x", "extension": REASON},
                 [("error", "identifier-form")], id="a reason does not change the form"),
    pytest.param({"system": SSIN, "value": "cHNldWRv",
                  "_value": {"extension": [{"url": PSEUDONYM, "extension": [{"url": "version", "valueCode": "v1"}]}]}},
                 [], id="a pseudonym is not looked at"),
    pytest.param({"system": f"{INS}.8", "value": "385076276543233"}, [("error", "identifier-check")], id="NIR: a key"),
    pytest.param({"system": f"{INS}.8", "value": "585076276543238"}, [("error", "identifier-form")], id="NIR: a sex"),
    pytest.param({"system": f"{INS}.8", "value": "286102a00408872"}, [("error", "identifier-form")], id="NIR: 2a"),
    pytest.param({"system": "https://rpps.esante.gouv.fr", "value": "10003461033"},
                 [("warning", "identifier-check-doubtful")], id="RPPS: as published in an example"),
    pytest.param({"system": "http://rpps.esante.gouv.fr", "value": "1000"}, [("error", "identifier-form")],
                 id="RPPS: of 4 digits, by http"),
    pytest.param({"system": "https://finess.esante.gouv.fr", "value": "2A0000014"}, [], id="FINESS: Corsica"),
    pytest.param({"system": f"{BE}/core/NamingSystem/ehp", "value": "1990000332"}, [], id="EHP: no rule is known"),
    pytest.param({"system": "https://phare.example/ns/ipp/site-a", "value": "A0012345"}, [], id="a hospital's own"),
    pytest.param({"system": "https://ght.example/ns/nda/620109991", "value": "26001234"}, [], id="a stay"),
    pytest.param({"system": SSIN}, [], id="no value"),
]  # fmt: skip


@pytest.mark.parametrize(("identifier", "said"), JUDGED)
def test_an_identifier_is_judged(validator: StructureValidator, identifier: Json, said: list[tuple[str, str]]) -> None:
    assert [one[:2] for one in judged(validator, **identifier)] == said


def test_the_number_of_a_place_of_work_has_another_form(validator: StructureValidator) -> None:
    numbered = [{"system": "https://rpps.esante.gouv.fr", "value": "F58000880311022013"}]
    assert validator.validate({"resourceType": "PractitionerRole", "identifier": numbered}, "PractitionerRole") == []
    assert validator.validate({"resourceType": "Practitioner", "identifier": numbered}, "Practitioner") != []


def test_a_number_of_who_is_not_yet_born_is_none(validator: StructureValidator) -> None:
    """By the rule of who is born from 2000 on, 81 would be 2081."""
    assert judged(validator, system=SSIN, value="81210050217")[0][:2] == ("error", "identifier-check")


def test_sentences_are_in_the_language_of_the_caller(validator: StructureValidator) -> None:
    patient = {"resourceType": "Patient", "identifier": [{"system": SSIN, "value": "1"}]}
    [issue] = validator.validate(patient, "Patient")

    assert issue.severity is Severity.ERROR
    assert issue.told is not None
    assert [issue.told.in_language(one) for one in ("en", "fr", "nl")] == [
        "`Patient.identifier[0].value` must have the form of a number of `NISS`: `[0-9]{11}`.",
        "`Patient.identifier[0].value` doit avoir la forme d'un numéro `NISS` : `[0-9]{11}`.",
        "`Patient.identifier[0].value` moet de vorm van een nummer van `NISS` hebben: `[0-9]{11}`.",
    ]
