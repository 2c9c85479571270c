"""What scopes give rights on: conformance.md §1.7 items 47, 48, 50, and the reach of ``patient/`` scopes."""

import pytest

from fhirserver.access.compartments import OPEN, Reach, patient_plan, reach_of
from fhirserver.access.granted import Grants
from fhirserver.access.rights import Right
from fhirserver.access.scopes import check_scope, scopes_of
from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.outcome import FhirError
from fhirserver.kernel.scopes import parse_scope
from fhirserver.search.bind import Binder
from fhirserver.search.extract import Extractor, IndexingRules
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import ALL, NONE, HasTerm, IsOneOf, all_of

BASE = "http://localhost:8080/fhir/"
LAB = "http://terminology.hl7.org/CodeSystem/observation-category"
MINE, SEPARATOR = HasTerm(("@Patient/1",)), "\x1f"
READ, SEARCH, CREATE, UPDATE, DELETE = Right.READ, Right.SEARCH, Right.CREATE, Right.UPDATE, Right.DELETE


@pytest.fixture(scope="module")
def binder(knowledge: Knowledge) -> Binder:
    return Binder(knowledge.definitions, knowledge.parameters, IndexingRules(ucum=knowledge.ucum, own_bases=(BASE,)))


@pytest.fixture(scope="module")
def extractor(knowledge: Knowledge, binder: Binder) -> Extractor:
    return Extractor(knowledge.definitions, knowledge.parameters, binder.rules)


def category(code: str) -> HasTerm:
    return HasTerm((f"Observation.category={code}{SEPARATOR}{LAB}",))


PLANS = [
    pytest.param("patient/*.rs", "Observation", READ, MINE, id="§1.7.48 r: reads"),
    pytest.param("patient/*.rs", "Observation", SEARCH, MINE, id="§1.7.48 s: searches"),
    pytest.param("patient/*.rs", "Observation", UPDATE, NONE, id="§1.7.48 no u, no update"),
    pytest.param("patient/Observation.cud", "Observation", CREATE, MINE, id="c within the compartment"),
    pytest.param("patient/Observation.read", "Observation", SEARCH, MINE, id="§1.7.47 v1 read searches too"),
    pytest.param("patient/Observation.rs", "Condition", READ, NONE, id="another type"),
    pytest.param("user/Observation.rs", "Observation", READ, ALL, id="of the user: the rules say what"),
    pytest.param("system/*.rs", "Patient", READ, ALL, id="of the client: the rules say what"),
    pytest.param("patient/*.cruds", "Patient", READ, IsOneOf(("Patient/1",)), id="the patient, not linked ones"),
    pytest.param("patient/*.cruds", "Patient", CREATE, NONE, id="no app creates patients"),
    pytest.param("patient/*.cruds", "Patient", DELETE, NONE, id="no app deletes its patient"),
    pytest.param("patient/*.cruds", "Consent", UPDATE, NONE, id="§8.6: no app widens a consent"),
    pytest.param("patient/*.cruds", "AuditEvent", CREATE, NONE, id="§8.3: no app writes the trail"),
    pytest.param("patient/*.cruds", "Practitioner", READ, ALL, id="a directory is readable"),
    pytest.param("patient/*.cruds", "Practitioner", UPDATE, NONE, id="a directory is not writable"),
    pytest.param("patient/*.cruds", "ValueSet", SEARCH, ALL, id="terminology is readable"),
    pytest.param("patient/*.rs", "Device", READ, HasTerm(("Device.patient=Patient/1",)), id="Device by its patient"),
    pytest.param("patient/*.rs", "Binary", READ, HasTerm(("@context=Patient/1",)), id="Binary by its context"),
    pytest.param("patient/*.rs", "Bundle", READ, NONE, id="Bundle: of nobody"),
    pytest.param(
        f"patient/Observation.rs?category={LAB}|laboratory", "Observation", READ, all_of(MINE, category("laboratory")),
        id="§1.7.50 granular",
    ),
    pytest.param("user/Observation.rs?subject:Patient.name=x", "Observation", READ, NONE, id="a chain gives nothing"),
    pytest.param("patient/Observation.rs?no-such=x", "Observation", READ, NONE, id="unknown criteria give nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("scope", "resource_type", "right", "expected"), PLANS)
def test_a_scope_gives(binder: Binder, scope: str, resource_type: str, right: Right, expected: object) -> None:
    assert scopes_of((scope,), "1", binder).plan(resource_type, right) == expected


def test_scopes_of_a_type_are_alternatives(binder: Binder) -> None:
    granular = [f"user/Observation.rs?category={LAB}|{code}" for code in ("laboratory", "survey")]
    either = category("laboratory").terms + category("survey").terms
    assert scopes_of(granular, None, binder).plan("Observation", READ) == HasTerm(either)
    assert scopes_of([*granular, "user/*.r"], None, binder).plan("Observation", READ) == ALL


def test_a_patient_scope_without_a_patient_gives_nothing(binder: Binder) -> None:
    for patient in (None, "", "not an id", "1/../2"):
        assert scopes_of(["patient/*.cruds"], patient, binder).plan("Observation", READ) == NONE


REFUSED = [
    pytest.param("user/Observation.rs?subject:Patient.name=x", id="a chain"),
    pytest.param("user/Patient.rs?_has:Observation:patient:code=x", id="a reverse chain"),
    pytest.param("user/Observation.rs?code:in=http://x", id="a value set"),
    pytest.param("user/Patient.rs?_list=1", id="a list"),
    pytest.param("user/Observation.rs?_count=1", id="a result parameter"),
    pytest.param("user/Observation.rs?no-such=1", id="an unknown parameter"),
    pytest.param("user/Observation.rs?date=nonsense", id="an unreadable value"),
    pytest.param("user/*.rs?code=1", id="any type, a parameter of some"),
    pytest.param("user/Observation.rs?" + "&".join(["code=1"] * 11), id="too many"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_a_granular_scope_is_refused(binder: Binder, text: str) -> None:
    scope = parse_scope(text, binder.definitions.is_resource_type)
    assert scope is not None
    with pytest.raises(FhirError):
        check_scope(binder, scope)


TAKEN = [
    pytest.param(f"patient/Observation.rs?category={LAB}|laboratory&status=final", id="two criteria"),
    pytest.param("user/*.rs?_security=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N", id="on any type"),
    pytest.param("user/Observation.rs?code:not=1", id="a modifier"),
    pytest.param("user/Observation.rs?date=ge2024", id="a prefix"),
    pytest.param("user/Observation.rs", id="no criteria"),
]


@pytest.mark.parametrize("text", TAKEN)
def test_a_granular_scope_is_taken(binder: Binder, text: str) -> None:
    scope = parse_scope(text, binder.definitions.is_resource_type)
    assert scope is not None
    check_scope(binder, scope)


def test_every_type_has_one_reach(binder: Binder) -> None:
    """The table of docs/access.md."""
    reached = {name: reach_of(binder, name) for name in binder.definitions.resource_types}
    assert {name for name, reach in reached.items() if reach is Reach.OPEN} == OPEN
    assert {name for name, reach in reached.items() if reach is Reach.REFERENCES} == {
        "Contract", "Device", "GuidanceResponse", "Linkage", "MessageHeader", "PaymentNotice", "Task",
        "VerificationResult",
    }  # fmt: skip
    assert {name for name, reach in reached.items() if reach is Reach.NOTHING} == {
        "BiologicallyDerivedProduct", "Bundle", "CatalogEntry", "DeviceMetric", "EnrollmentResponse",
        "OperationOutcome", "Parameters", "PaymentReconciliation", "ResearchStudy", "Slot", "Subscription",
        "TestReport", "TestScript",
    }  # fmt: skip
    assert reached["Binary"] is Reach.CONTEXT


GROUPS = [
    pytest.param(["Patient/1"], True, id="of this patient alone"),
    pytest.param(["Patient/1", "Patient/2"], False, id="of another too"),
    pytest.param(["Patient/1", "Patient/0"], False, id="of another that comes before"),
    pytest.param(["Patient/1", "Patient/11"], False, id="of another whose id begins alike"),
    pytest.param(["Patient/1", "Practitioner/2"], True, id="of a practitioner too"),
    pytest.param(["Patient/2"], False, id="of another alone"),
]


@pytest.mark.parametrize(("members", "expected"), GROUPS)
def test_a_group_is_seen_by_its_only_patient(
    binder: Binder, extractor: Extractor, members: list[str], expected: bool
) -> None:
    entities = [{"entity": {"reference": member}} for member in members]
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": entities}
    candidate = Candidate("Group/g", 0, extractor.extract(group))
    assert match(patient_plan(binder, "Group", READ, "1"), candidate) is expected


SHOWN = [
    pytest.param({"resourceType": "DocumentReference", "content": [{"attachment": {"url": "Binary/b"}}]}, id="plain"),
    pytest.param({"resourceType": "Patient", "photo": [{"url": f"{BASE}Binary/b/_history/2"}]}, id="by its full url"),
    pytest.param(
        {"resourceType": "QuestionnaireResponse",
         "item": [{"item": [{"answer": [{"valueAttachment": {"url": "Binary/b"}}]}]}]},
        id="deep inside",
    ),
    pytest.param(
        {"resourceType": "Observation",
         "contained": [{"resourceType": "Media", "id": "m", "content": {"url": "Binary/b"}}]},
        id="in what it contains",
    ),
]  # fmt: skip


@pytest.mark.parametrize("resource", SHOWN)
def test_a_resource_is_found_by_the_binary_it_shows(extractor: Extractor, resource: dict[str, object]) -> None:
    assert "@attachment=Binary/b" in extractor.extract({"id": "1", **resource}).terms


async def test_membership_that_is_asked_for_is_not_asked_twice(binder: Binder) -> None:
    caller = Caller(client_id="c", scopes=("patient/*.rs",), patient="1")
    access = await Grants().access_of(caller, binder)
    for asked in (HasTerm(("Observation.subject=Patient/1",)), HasTerm(("@Patient/1",))):
        assert access.filter("Observation", SEARCH, all_of(HasTerm(("Observation.code=1",)), asked)) == ALL
    for other in (HasTerm(("Observation.subject=Patient/2",)), HasTerm(("Observation.focus=Patient/1",))):
        assert access.filter("Observation", SEARCH, other) == MINE


async def test_scopes_are_compiled_once(binder: Binder) -> None:
    grants = Grants()
    caller = Caller(client_id="c", scopes=("patient/*.rs",), patient="1", token_id="a")  # noqa: S106
    one, other = await grants.access_of(caller, binder), await grants.access_of(caller, binder)
    assert one.scopes is other.scopes
    assert one.key == "a"
