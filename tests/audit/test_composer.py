"""What events are found by is what the extractor finds in their JSON, and their JSON is an AuditEvent."""

import base64
import itertools

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.audit.agents import Observer
from fhirserver.audit.balp import Composer
from fhirserver.audit.codes import SHAPES
from fhirserver.audit.provenance import provenances
from fhirserver.audit.record import CallerEntry, Kind, Outcome, Record, StepEntry, TouchedEntry
from fhirserver.codec.fhir_json import decode_checked, parse_resource
from fhirserver.kernel.exchange import Interaction
from fhirserver.kernel.instant import UniqueClock
from fhirserver.search.extract import Extractor, IndexingRules
from fhirserver.store.documents import Draft

BASES = ("https://fhir.example.org/fhir/",)
OBSERVER = Observer("fhir-1", "main", "https://fhir.example.org/fhir")

CALLERS = {
    "nobody": None,
    "a client": CallerEntry(1, "backend", None, None, (), (), "", None, "urn:ietf:params:oauth:jti:a"),
    "a user": CallerEntry(
        2, "app", "Practitioner/d1", "Dr Noël d'Hondt", ("physician", "nurse"), ("Organization/o",), "TREAT", None,
        "urn:x",
    ),
    "an emergency": CallerEntry(
        3, "app", "Practitioner/d2", 'Mrs "Quote" \\ é', (), (), "TREAT", 'why "not"?\n', "urn:y", "p9"
    ),
    "a patient": CallerEntry(4, "portal", "Patient/p1", "Anne", (), (), "PATRQT", None, "", "p1"),
}  # fmt: skip

LABEL = ("https://mos.esante.gouv.fr/NOS/TRE_A07", "INVISIBLE_PATIENT")
TOUCHED = {
    "nothing": (),
    "one of a patient": (TouchedEntry("Observation/o1", 3, "r", ("p1",)),),
    "of nobody": (TouchedEntry("Practitioner/d1", 1, "u", ()),),
    "of many": (
        TouchedEntry("Group/g1", 1, "c", ("p1", "p2")),
        TouchedEntry("DiagnosticReport/r1", 2, "d", ("https://fhir.example.org/fhir/Patient/p3",)),
        TouchedEntry("Task/t1", 2, "r", ("https://elsewhere.example.org/fhir/Patient/p4",)),
    ),
    "labelled": (
        TouchedEntry("Observation/o1", 1, "c", ("p1",)),
        TouchedEntry("Observation/o2", 1, "c", ("p1",), (LABEL, ("http://x", "R"), ("", "ADOL"))),
        TouchedEntry("Observation/o3", 1, "c", ("p1",), (LABEL,)),
    ),
    "more than entities": tuple(TouchedEntry(f"Observation/o{n}", 1, "c", ("p1",)) for n in range(300)),
    "more than are named": tuple(TouchedEntry(f"Observation/o{n}", 1, "r", ("p1",)) for n in range(2500)),
}

STEPS = {
    interaction.value: StepEntry(interaction.value, "Patient", "p1", "2", None, None, (("name", 'a"b\\é|&=,'),), 0)
    for interaction in Interaction
} | {
    "an operation": StepEntry("operation", "Patient", "p1", None, None, "everything", (), 0),
    "a compartment": StepEntry("search-type", "Observation", None, None, ("Patient", "p5"), None, (), 0),
    "nowhere": StepEntry("", None, None, None, None, None, (('no/such"path\\', ""),), 404),
    "a malformed id": StepEntry("read", "Patient", 'x"y', None, None, None, (), 404),
}


def record_of(step: StepEntry, touched: tuple[TouchedEntry, ...], **more: object) -> Record:
    fields = {
        "recorded_us": 1_764_520_000_123_456,
        "site": "main",
        "request_id": "request-1",
        "kind": Kind.REST,
        "caller": 0,
        "address": "2001:db8::1",
        "method": "GET",
        "status": 200,
        "outcome": Outcome.SUCCESS,
        "steps": (step, StepEntry("read", "Patient", "p8", status=404), StepEntry("search-type", "Basic")),
        "touched": touched,
    }
    return Record(**{**fields, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def extractor(knowledge: Knowledge) -> Extractor:
    return Extractor(knowledge.definitions, knowledge.parameters, IndexingRules(ucum=knowledge.ucum, own_bases=BASES))


@pytest.fixture(scope="module")
def composer(extractor: Extractor) -> Composer:
    return Composer(OBSERVER, extractor, BASES, UniqueClock())


def check(draft: Draft, extractor: Extractor, knowledge: Knowledge) -> None:
    content = draft.version.content
    assert content is not None
    assert parse_resource(content).raw == content, "it is minified as what is stored is"
    value = decode_checked(content).value
    assert knowledge.validator.validate(value, draft.version.resource_type) == []
    expected = extractor.extract(value)
    assert draft.values is not None
    assert draft.values.terms == expected.terms
    assert draft.values.spans == expected.spans
    assert (draft.values.groups, draft.values.positions, draft.values.words) == ([], [], "")


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("touched", TOUCHED)
def test_every_shape_of_event_is_indexed_as_its_json_is(
    composer: Composer, extractor: Extractor, knowledge: Knowledge, caller: str, touched: str
) -> None:
    for step, outcome in itertools.product(STEPS.values(), (Outcome.SUCCESS, Outcome.MINOR)):
        record = record_of(step, TOUCHED[touched], outcome=outcome, decision="policy 7: role", repeats=3)
        drafts = composer.events(record, CALLERS[caller], "w-1-7")
        assert drafts
        assert len({draft.version.key for draft in drafts}) == len(drafts)
        for draft in drafts:
            check(draft, extractor, knowledge)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.REST])
@pytest.mark.parametrize("caller", CALLERS)
def test_what_the_authorization_server_did_is_an_event(
    composer: Composer, extractor: Extractor, knowledge: Knowledge, kind: Kind, caller: str
) -> None:
    step = StepEntry("", parameters=(("grant_type=client_credentials&client_id=x", ""),))
    for steps, patient in (((step,), None), ((), "p1")):
        record = record_of(step, (), kind=kind, steps=steps, patient=patient, text='Wrong "password".', outcome="4")
        (event,) = composer.events(record, CALLERS[caller], "w-1-8")
        check(event, extractor, knowledge)


@pytest.mark.parametrize("caller", CALLERS)
def test_a_provenance_is_made_of_what_was_written(
    composer: Composer, extractor: Extractor, knowledge: Knowledge, caller: str
) -> None:
    record = record_of(STEPS["update"], TOUCHED["of nobody"] + TOUCHED["of many"])
    drafts = list(provenances(record, CALLERS[caller], "w-1-9", composer))
    found = [decode_checked(draft.version.content or b"").value for draft in drafts]
    assert [one["activity"]["coding"][0]["code"] for one in found] == ["CREATE", "UPDATE", "DELETE"]
    assert [one["target"][0]["reference"] for one in found] == [
        "Group/g1/_history/1", "Practitioner/d1/_history/1", "DiagnosticReport/r1/_history/2",
    ]  # fmt: skip
    for draft in drafts:
        check(draft, extractor, knowledge)


def test_a_provenance_is_for_who_may_see_its_targets(composer: Composer) -> None:
    """One for those of the same type, patients and labels, each with these."""
    touched = (*TOUCHED["labelled"], TouchedEntry("Observation/o4", 1, "c", ("p1",)), *TOUCHED["of many"][:1])
    drafts = list(provenances(record_of(STEPS["update"], touched), None, "w-1-9", composer))
    found = [decode_checked(draft.version.content or b"").value for draft in drafts]
    assert [len(one["target"]) for one in found] == [2, 1, 1, 1]
    assert [[label["code"] for label in one["meta"].get("security", ())] for one in found] == [
        [], ["ADOL", "R", "INVISIBLE_PATIENT"], ["INVISIBLE_PATIENT"], [],
    ]  # fmt: skip
    members = [[term for term in draft.values.terms if term.startswith("@")] for draft in drafts if draft.values]
    assert members == [["@Patient/p1"]] * 3 + [["@Patient/p1", "@Patient/p2"]]


@pytest.mark.parametrize("interaction", ["search-type", "read", "update", "transaction"])
def test_what_is_kept_from_the_patient_is_told_apart(composer: Composer, interaction: str) -> None:
    """§: an AuditEvent about a patient names nothing that is INVISIBLE_PATIENT, unless it is so itself."""
    for named in ("o3", "nothing"):
        step = StepEntry(interaction, "Observation", parameters=(("_id", named),))
        record = record_of(step, TOUCHED["labelled"], steps=(step,))
        events = [decode_checked(one.version.content or b"").value for one in composer.events(record, None, "w-1-1")]
        told = [one for one in events if "security" not in one["meta"]]
        assert len(told) == 1
        text = str(told) + str([base64.b64decode(e["query"]) for one in told for e in one["entity"] if "query" in e])
        assert ("o1" in text, "o2" in text, "o3" in text) == (True, False, False)
        kept = [{label["code"] for label in one["meta"]["security"]} for one in events if one not in told]
        assert kept == [{"INVISIBLE_PATIENT", "ADOL"}, {"INVISIBLE_PATIENT"}]
    record = record_of(STEPS["read"], TOUCHED["labelled"][2:], steps=(STEPS["read"],))
    (event,) = composer.events(record, None, "w-1-1")[:1]
    assert "INVISIBLE_PATIENT" in str(event.version.content)


def test_every_interaction_that_has_a_shape_is_one_of_r4() -> None:
    assert set(SHAPES) <= {interaction.value for interaction in Interaction}


def test_a_purpose_of_an_emergency_is_btg_with_its_reason(composer: Composer) -> None:
    (event,) = composer.events(record_of(STEPS["read"], (), steps=(STEPS["read"],)), CALLERS["an emergency"], "w-1-1")
    (purpose,) = decode_checked(event.version.content or b"").value["purposeOfEvent"]
    assert purpose == {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "BTG"}],
        "text": 'why "not"?\n',
    }


def test_no_event_has_a_token_or_a_scope_in_it(composer: Composer) -> None:
    (event,) = composer.events(record_of(STEPS["read"], (), steps=(STEPS["read"],)), CALLERS["a user"], "w-1-1")
    assert b"scope" not in (event.version.content or b"")
    assert b'"policy":["urn:x"]' in (event.version.content or b"")
