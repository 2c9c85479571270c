"""References between the entries of a Bundle — http://hl7.org/fhir/R4/bundle.html#references"""

import pytest

from fhirserver.kernel.resource import Resource
from fhirserver.search.entries import Entries

PATIENT = {"resourceType": "Patient", "id": "p", "gender": "male"}
OTHER = {"resourceType": "Patient", "id": "p", "gender": "female"}
GROUP = {"resourceType": "Group", "type": "person", "actual": True}


def entry(resource: Resource, full_url: str | None = None) -> Resource:
    return {"resource": resource, **({} if full_url is None else {"fullUrl": full_url})}


BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        entry(PATIENT, "http://a.example/fhir/Patient/p"),
        entry(GROUP, "urn:uuid:1"),
        entry(PATIENT, "http://a.example/fhir/Patient/twice"),
        entry(OTHER, "http://b.example/fhir/Patient/twice"),
        entry(GROUP),
        {"fullUrl": "urn:uuid:2"},
    ],
}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param("http://a.example/fhir/Patient/p", PATIENT, id="the fullUrl"),
        pytest.param("urn:uuid:1", GROUP, id="an urn"),
        pytest.param("Patient/p", PATIENT, id="a relative reference"),
        pytest.param("Group/p", None, id="of another type"),
        pytest.param("Patient/twice", None, id="a relative one that several entries fit"),
        pytest.param("http://b.example/fhir/Patient/twice", OTHER, id="the base tells them apart"),
        pytest.param("http://c.example/fhir/Patient/p", None, id="of another server"),
        pytest.param("urn:uuid:2", None, id="an entry without resource"),
        pytest.param("1", None, id="the end of an urn"),
    ],
)
def test_an_entry(reference: str, expected: Resource | None) -> None:
    assert Entries(BUNDLE).resolve(reference) == expected


def test_what_is_no_bundle_has_no_entries() -> None:
    assert Entries(PATIENT).resolve("Patient/p") is None
