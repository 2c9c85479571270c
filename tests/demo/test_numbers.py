"""The numbers of persons, professionals and establishments pass the check rules of their countries."""

from collections.abc import Callable

import pytest
from stdnum.be import bis, nn
from stdnum.fr import nir

from fhirserver.kernel import identifiers
from fhirserver.kernel.resource import Resource

BELGIAN = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem"
RULES = [
    pytest.param("Patient", f"{BELGIAN}/ssin", identifiers.is_niss, id="NISS of Belgian patients"),
    pytest.param("Patient", "urn:oid:1.2.250.1.213.1.4.10", identifiers.is_nir, id="INS-NIR of French patients (test)"),
    pytest.param("Coverage", "urn:oid:1.2.250.1.213.1.4.13", identifiers.is_nir, id="NSS of the insured"),
    pytest.param("Practitioner", f"{BELGIAN}/nihdi", identifiers.is_nihdi, id="NIHDI of professionals"),
    pytest.param("Organization", f"{BELGIAN}/nihdi", identifiers.is_nihdi, id="NIHDI of hospitals"),
    pytest.param("Organization", f"{BELGIAN}/cbe", identifiers.is_cbe, id="CBE of hospitals"),
    pytest.param("Practitioner", "https://rpps.esante.gouv.fr", identifiers.is_rpps, id="RPPS of professionals"),
    pytest.param("Organization", "https://finess.esante.gouv.fr", identifiers.is_finess, id="FINESS of hospitals"),
    pytest.param("Organization", "https://sirene.fr", identifiers.is_siret, id="SIRET of hospitals"),
]


def values(resources: list[Resource], system: str) -> list[str]:
    found = (identifier for resource in resources for identifier in resource.get("identifier", []))
    return [identifier["value"] for identifier in found if identifier["system"] == system]


@pytest.mark.parametrize(("resource_type", "system", "rule"), RULES)
def test_check_digits(
    of_type: Callable[[str], list[Resource]], resource_type: str, system: str, rule: Callable[[str], bool]
) -> None:
    numbers = values(of_type(resource_type), system)
    assert numbers
    assert [number for number in numbers if not rule(number)] == []
    assert len(set(numbers)) == len(numbers)


def test_stdnum_agrees_on_the_patients(of_type: Callable[[str], list[Resource]]) -> None:
    belgian = values(of_type("Patient"), f"{BELGIAN}/ssin")
    assert all(bis.is_valid(number) if identifiers.is_bis(number) else nn.is_valid(number) for number in belgian)
    assert all(nir.is_valid(number) for number in values(of_type("Patient"), "urn:oid:1.2.250.1.213.1.4.10"))


def test_a_few_are_known_by_a_bis_number_only(of_type: Callable[[str], list[Resource]]) -> None:
    numbers = values(of_type("Patient"), f"{BELGIAN}/ssin")
    assert 2 <= sum(map(identifiers.is_bis, numbers)) <= 12


def test_national_numbers_agree_with_birth_date_and_sex(of_type: Callable[[str], list[Resource]]) -> None:
    for patient in of_type("Patient"):
        year, month, day = patient["birthDate"].split("-")
        woman = patient["gender"] == "female"
        for number in values([patient], f"{BELGIAN}/ssin"):
            assert (number[:2], int(number[2:4]) % 20, number[4:6]) == (year[2:], int(month) % 20, day)
            assert number[9:] == identifiers.niss_check(number[:9], born_2000=year >= "2000")
            assert (int(number[6:9]) % 2 == 0) is woman
        for number in values([patient], "urn:oid:1.2.250.1.213.1.4.10"):
            assert (number[0], number[1:3], number[3:5]) == ("2" if woman else "1", year[2:], month)


def test_every_patient_has_one_network_number_and_a_local_one(of_type: Callable[[str], list[Resource]]) -> None:
    unique: list[str] = []
    for patient in of_type("Patient"):
        systems = [identifier["system"] for identifier in patient["identifier"]]
        unique += [number["value"] for number in patient["identifier"] if number["system"].endswith("/ns/patient")]
        assert any("/ns/ipp/" in system for system in systems)
        assert len(set(systems)) == len(systems)
    assert len(set(unique)) == len(unique) == len(of_type("Patient"))


def test_local_numbers_are_unique_in_their_establishment(of_type: Callable[[str], list[Resource]]) -> None:
    for resource_type in ("Patient", "Encounter"):
        pairs = [
            (identifier["system"], identifier["value"])
            for resource in of_type(resource_type)
            for identifier in resource["identifier"]
        ]
        assert len(set(pairs)) == len(pairs)
