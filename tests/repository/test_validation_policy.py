"""Which profiles a write must meet, and which rules only warn yet — docs/validation.md"""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

from fhirserver.access.access import Unrestricted
from fhirserver.access.policy_reader import PolicyProblem
from fhirserver.app.sites import Site
from fhirserver.app.validation_policies import parse_validation_policy
from fhirserver.codec.fhir_json import encode, parse_resource
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Issue, IssueType, Rule, Severity, Unprocessable
from fhirserver.kernel.texts import Text
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Create
from fhirserver.settings import Settings, Validation
from fhirserver.validation.policy import ValidationPolicy

BASE = "http://hl7.org/fhir/StructureDefinition/Patient"
NAMED = {"resourceType": "Patient", "name": [{"text": "x"}]}
NAMELESS = {"resourceType": "Patient", "active": True}


async def profile(client: AsyncClient) -> str:
    """Store a profile that asks for a name; return its url."""
    url = f"http://tests.example/StructureDefinition/{uuid4()}"
    structure = {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "Named",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": BASE,
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
    }
    response = await client.post("StructureDefinition", json=structure)
    assert response.status_code == 201, response.text
    return url


def claiming(resource: dict[str, Any], url: str) -> dict[str, Any]:
    return {**resource, "meta": {"profile": [url]}}


async def test_a_declared_profile_that_is_known_is_enforced(client: AsyncClient) -> None:
    url = await profile(client)
    refused = await client.post("Patient", json=claiming(NAMELESS, url))
    accepted = await client.post("Patient", json=claiming(NAMED, url))
    assert (refused.status_code, accepted.status_code) == (422, 201)
    path = f"Patient/{accepted.json()['id']}"
    changed = claiming({**NAMELESS, "id": accepted.json()["id"]}, url)
    assert (await client.put(path, json=changed)).status_code == 422


async def test_the_same_in_a_transaction(client: AsyncClient) -> None:
    url = await profile(client)
    entry = {"resource": claiming(NAMELESS, url), "request": {"method": "POST", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    refused = await client.post("", json=bundle)
    assert refused.status_code == 422
    assert "Bundle.entry[0].resource" in refused.json()["issue"][0]["expression"]


def severities(response: Response) -> list[str]:
    return [issue["severity"] for issue in response.json()["issue"]]


async def test_an_unknown_profile_is_a_warning_for_who_wants_an_outcome(client: AsyncClient) -> None:
    body = claiming(NAMED, "http://nowhere.example/none")
    headers = {"Prefer": "return=OperationOutcome"}
    created = await client.post("Patient", json=body, headers=headers)
    assert (created.status_code, severities(created)) == (201, ["information", "warning"])
    logical_id = created.headers["Location"].split("/")[-3]
    updated = await client.put(
        f"Patient/{logical_id}", json={**body, "id": logical_id, "active": True}, headers=headers
    )
    assert (updated.status_code, severities(updated)) == (200, ["information", "warning"])
    entry = {"resource": body, "request": {"method": "POST", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    [done] = (await client.post("", json=bundle, headers=headers)).json()["entry"]
    assert [issue["severity"] for issue in done["response"]["outcome"]["issue"]] == ["information", "warning"]


def under(site: Site, policy: ValidationPolicy) -> Repository:
    return Repository(replace(site.live.now, validation=policy), Unrestricted())


async def accepts(repository: Repository, resource: dict[str, Any]) -> bool:
    try:
        await repository.write(Create(resource_type="Patient", body=parse_resource(encode(resource))))
    except Unprocessable:
        return False
    return True


async def test_kinds_of_policy(client: AsyncClient, site: Site) -> None:
    """off: no profile; declared: those claimed; required: those of the site as well, unless they only warn yet."""
    url = await profile(client)
    required = {"Patient": (url,)}
    off = under(site, ValidationPolicy(Validation.OFF, required))
    declared = under(site, ValidationPolicy(Validation.DECLARED, required))
    strict = under(site, ValidationPolicy(Validation.REQUIRED, required))
    later = under(site, ValidationPolicy(Validation.REQUIRED, required, {url: date(9999, 1, 1)}))
    passed = under(site, ValidationPolicy(Validation.REQUIRED, required, {url: date(2000, 1, 1)}))
    claimed = claiming(NAMELESS, url)
    kinds = (off, declared, strict, later, passed)
    assert [await accepts(one, NAMELESS) for one in kinds] == [True, True, False, True, False]
    assert [await accepts(one, claimed) for one in kinds] == [True, False, False, True, False]
    assert await accepts(strict, NAMED)
    lost = under(site, ValidationPolicy(Validation.REQUIRED, {"Patient": ("http://nowhere.example/none",)}))
    assert not await accepts(lost, NAMED), "what is required must be known"


_TEXT = Text("policy-test", en="x", fr="y", nl="z")
ISSUE = replace(
    Issue.of(IssueType.INVARIANT, _TEXT.told()), rule=Rule("http://a.b/StructureDefinition/c|1.0", "Patient", "c-1")
)
NAMES = [
    pytest.param("c-1", True, id="the key of a rule"),
    pytest.param("policy-test", True, id="the id of a message"),
    pytest.param("http://a.b/StructureDefinition/c", True, id="the url of a profile, whatever its version"),
    pytest.param("c-2", False, id="another rule"),
]


@pytest.mark.parametrize(("name", "waits"), NAMES)
def test_a_rule_warns_until_a_day(name: str, waits: bool) -> None:
    policy = ValidationPolicy(Validation.DECLARED, warn_until={name: date(2027, 1, 1)})
    severities = [policy.weighed([ISSUE], day)[0].severity for day in (date(2026, 12, 31), date(2027, 1, 1))]
    assert severities == [Severity.WARNING if waits else Severity.ERROR, Severity.ERROR]


FILE = """
[Patient]
profiles = ["http://a.b/StructureDefinition/c"]

[rules."c-1"]
warn_until = "2027-01-01"
"""
PROBLEMS = [
    pytest.param("[Patent]\nprofiles = []", "line 1: `Patent` is neither a resource type nor `rules`", id="no type"),
    pytest.param("[Patient]\nprofile = []", "line 2: `Patient.profile` is not a key", id="an unknown key"),
    pytest.param('[Patient]\nprofiles = "x"', "line 2: `Patient.profiles` is not an array of texts", id="no array"),
    pytest.param('[rules.x]\nwarn_until = "soon"', "is `soon`; expected a date", id="no date"),
    pytest.param("[rules.x]", "expected a date", id="no date at all"),
    pytest.param("Patient", "policy: ", id="no TOML"),
]


def test_a_policy_file(definitions: Definitions) -> None:
    policy = parse_validation_policy(FILE, Settings(validation=Validation.REQUIRED), definitions)
    assert policy.required == {"Patient": ("http://a.b/StructureDefinition/c",)}
    assert policy.warn_until == {"c-1": date(2027, 1, 1)}


@pytest.mark.parametrize(("text", "sentence"), PROBLEMS)
def test_a_problem_names_its_line(definitions: Definitions, text: str, sentence: str) -> None:
    with pytest.raises(PolicyProblem) as raised:
        parse_validation_policy(text, Settings(), definitions)
    assert sentence in str(raised.value)
