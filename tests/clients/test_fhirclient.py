"""The SMART Health IT client for Python against a running server — https://pypi.org/project/fhirclient/"""

from uuid import uuid4

import pytest
import requests
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle, BundleEntry, BundleEntryRequest
from fhirclient.models.codeableconcept import CodeableConcept
from fhirclient.models.fhirdate import FHIRDate
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.humanname import HumanName
from fhirclient.models.identifier import Identifier
from fhirclient.models.observation import Observation
from fhirclient.models.operationoutcome import OperationOutcome
from fhirclient.models.patient import Patient
from fhirclient.models.quantity import Quantity
from fhirclient.server import FHIRNotFoundException, FHIRServer

SYSTEM = "http://example.org/fhirclient"


@pytest.fixture
def mark() -> str:
    """What the resources of one test have in common, and no others."""
    return uuid4().hex


@pytest.fixture
def server(base: str) -> FHIRServer:
    client = FHIRClient(settings={"app_id": "tests", "api_base": base})
    assert client.prepare(), "without login the client is ready once it has read the CapabilityStatement"
    return client.server


def new_patient(mark: str, birth_date: str = "2001-02-03") -> Patient:
    patient = Patient()
    patient.identifier = [Identifier({"system": SYSTEM, "value": mark})]
    patient.name = [HumanName({"family": f"Fam{mark}", "given": ["Ada", "Zoë"]})]
    patient.birthDate = FHIRDate(birth_date)
    return patient


def new_observation(mark: str, subject: str) -> Observation:
    observation = Observation({"status": "final", "code": {"text": mark}})
    observation.subject = FHIRReference({"reference": subject})
    observation.valueQuantity = Quantity({"value": 1.5, "unit": "mg"})
    return observation


def test_the_capability_statement_is_valid_for_the_client(server: FHIRServer) -> None:
    statement = server.capabilityStatement
    assert (statement.fhirVersion, statement.kind) == ("4.0.1", "instance")
    types = {resource.type: resource for resource in statement.rest[0].resource}
    assert "birthdate" in {parameter.name for parameter in types["Patient"].searchParam}


def test_a_resource_lives(server: FHIRServer, mark: str) -> None:
    patient = new_patient(mark)
    created = patient.create(server)
    assert created["meta"]["versionId"] == "1"
    read = Patient.read(created["id"], server)
    assert read.name[0].given == ["Ada", "Zoë"]
    assert read.birthDate.isostring == "2001-02-03"
    read.active = True
    assert read.update(server)["meta"]["versionId"] == "2"
    assert Patient.read(created["id"], server).as_json()["active"] is True
    history = Bundle.read_from(f"Patient/{created['id']}/_history", server)
    assert [entry.request.method for entry in history.entry] == ["PUT", "POST"]
    assert history.entry[1].resource.as_json() == {**created}
    read.delete(server)
    with pytest.raises(requests.HTTPError, match="410"):
        Patient.read(created["id"], server)


def test_search_in_pages_with_includes(server: FHIRServer, mark: str) -> None:
    for day in range(1, 8):
        created = new_patient(mark, f"2001-01-0{day}").create(server)
        new_observation(mark, f"Patient/{created['id']}").create(server)
    search = Patient.where({"identifier": f"{SYSTEM}|{mark}", "_count": "3", "_sort": "-birthdate"})
    found = [patient.birthDate.isostring for patient in search.perform_resources_iter(server)]
    assert found == [f"2001-01-0{day}" for day in range(7, 0, -1)]
    pages = list(Patient.where({"identifier": f"{SYSTEM}|{mark}", "_count": "3"}).perform_iter(server))
    assert [len(page.entry) for page in pages] == [3, 3, 1]
    assert {page.total for page in pages} == {7}
    dated = Patient.where({"identifier": mark, "birthdate": {"$and": ["ge2001-01-03", "lt2001-01-05"]}})
    assert len(list(dated.perform_resources_iter(server))) == 2
    exact = Patient.where({"family": {"$exact": f"Fam{mark}"}, "_count": "1"})
    assert len(list(exact.perform_resources_iter(server))) == 7
    with_subject = Observation.where({"subject.identifier": f"{SYSTEM}|{mark}"}).include("subject")
    modes = [entry.search.mode for page in with_subject.perform_iter(server) for entry in page.entry]
    assert (modes.count("match"), modes.count("include")) == (7, 7)
    backwards = Patient.where({"identifier": mark}).include("subject", Observation, reverse=True)
    kinds = [resource.resource_type for resource in backwards.perform_resources_iter(server)]
    assert (kinds.count("Patient"), kinds.count("Observation")) == (7, 7)


def test_references_resolve(server: FHIRServer, mark: str) -> None:
    created = new_patient(mark).create(server)
    observation = new_observation(mark, f"Patient/{created['id']}").create(server)
    read = Observation.read(observation["id"], server)
    assert read.subject.resolved(Patient).identifier[0].value == mark


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_bundles(server: FHIRServer, mark: str, kind: str) -> None:
    bundle = Bundle({"type": kind})
    bundle.entry = []
    urls = [f"urn:uuid:{uuid4()}", f"urn:uuid:{uuid4()}"]
    subject = urls[0] if kind == "transaction" else "Patient/elsewhere"
    for url, resource in zip(urls, [new_patient(mark), new_observation(mark, subject)], strict=True):
        entry = BundleEntry()
        entry.fullUrl, entry.resource = url, resource
        entry.request = BundleEntryRequest({"method": "POST", "url": resource.resource_type})
        bundle.entry.append(entry)
    answer = Bundle(server.post_json("", bundle.as_json()).json())
    assert answer.type == f"{kind}-response"
    assert [entry.response.status for entry in answer.entry] == ["201 Created", "201 Created"]
    if kind == "transaction":
        search = Observation.where({"subject.identifier": mark})
        (stored,) = search.perform_resources_iter(server)
        assert stored.subject.resolved(Patient).name[0].family == f"Fam{mark}"


def test_conditional_create_and_if_match(server: FHIRServer, mark: str) -> None:
    server.session.headers["If-None-Exist"] = f"identifier={SYSTEM}|{mark}"
    first, second = (new_patient(mark).create(server) for _ in range(2))
    del server.session.headers["If-None-Exist"]
    assert first["id"] == second["id"]
    patient = Patient.read(first["id"], server)
    patient.maritalStatus = CodeableConcept({"text": "changed"})
    server.session.headers["If-Match"] = 'W/"9"'
    with pytest.raises(requests.HTTPError, match="412"):
        patient.update(server)
    server.session.headers["If-Match"] = 'W/"1"'
    assert patient.update(server)["meta"]["versionId"] == "2"


def test_errors_are_outcomes_that_the_client_reads(server: FHIRServer, mark: str) -> None:
    with pytest.raises(FHIRNotFoundException) as missing:
        Patient.read("not-there", server)
    assert OperationOutcome(missing.value.response.json()).issue[0].code == "not-found"
    patient = new_patient(mark)
    patient.gender = "x"
    with pytest.raises(requests.HTTPError) as invalid:
        patient.create(server)
    assert OperationOutcome(invalid.value.response.json()).issue[0].expression == ["Patient.gender"]
