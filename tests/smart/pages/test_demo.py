"""The accounts of the demo record."""

from fhirserver import demo
from fhirserver.smart.people.demo import DEMO_PEOPLE, PASSWORD, make_demo_accounts
from tests.smart.pages.conftest import Place


def test_they_are_people_of_the_demo_record() -> None:
    found = {}
    for bundle in demo.bundles(12):
        for entry in bundle["entry"]:
            resource = entry["resource"]
            found[f"{resource['resourceType']}/{resource['id']}"] = resource
    for person in DEMO_PEOPLE:
        if person.fhir_user is None:
            continue
        name = found[person.fhir_user]["name"][0]
        said = " ".join([*name.get("prefix", ()), *name["given"], name["family"]])
        assert said == person.name
        assert all(organization in found for organization in person.organizations)
    clinician, patient = DEMO_PEOPLE[0], DEMO_PEOPLE[2]
    met = [
        participant["individual"]["reference"]
        for key, resource in found.items()
        if key.startswith("Encounter/") and resource["subject"]["reference"] == patient.fhir_user
        for participant in resource.get("participant", ())
    ]
    assert clinician.fhir_user is not None
    assert clinician.fhir_user.replace("Practitioner/", "PractitionerRole/") in met


async def test_on_this_machine_they_have_a_password_that_is_printed_at_every_start(place: Place) -> None:
    first = await make_demo_accounts(place.people, "main", is_private=True)
    assert [login.password for login in first] == [PASSWORD] * len(DEMO_PEOPLE)
    assert await make_demo_accounts(place.people, "main", is_private=True) == first
    browser = place.browser()
    account = await place.people.accounts.named("clinician")
    assert account is not None
    await browser.log_in(account, PASSWORD)
    session = await browser.session()
    assert session is not None
    assert session.fhir_user == "Practitioner/beffroi-endocrinology-2"


async def test_where_others_can_come_they_get_random_ones_that_are_printed_once(place: Place) -> None:
    await make_demo_accounts(place.people, "main", is_private=True)
    shown = await make_demo_accounts(place.people, "main", is_private=False)
    assert PASSWORD not in [login.password for login in shown]
    assert all(login.password and len(login.password) >= 16 for login in shown)
    again = await make_demo_accounts(place.people, "main", is_private=False)
    assert [login.password for login in again] == [None] * len(DEMO_PEOPLE)
    account = await place.people.accounts.named("clinician")
    assert account is not None
    assert not account.exempt
    browser = place.browser()
    assert (await browser.log_in(account, PASSWORD)).status_code == 403
    await browser.log_in(account, shown[0].password or "")
    assert browser.url.startswith("/auth/login/enrol")
