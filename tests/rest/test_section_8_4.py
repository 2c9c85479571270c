"""conformance §8 item 4: what a request may take, over HTTP; the bodies and URLs of tests/http are the rest of it."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from fhirserver.app.knowledge import Knowledge
from tests.conftest import client_of, new_settings, running

LIMIT_S = 0.0001
"""Less than one question to the database takes on any machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hasty(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[AsyncClient]:
    """A server that gives no request time for more than a glance."""
    async with running(new_settings(request_timeout_s=LIMIT_S), mongodb_uri, knowledge) as app, client_of(app) as http:
        yield http


PATIENT = {"resourceType": "Patient"}
ENTRY = {"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}
LONG = [
    pytest.param("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [ENTRY] * 500}, id="a Bundle"),
    pytest.param("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [ENTRY] * 500}, id="a batch"),
    pytest.param("GET", "Patient?_has:Observation:patient:code=x&_sort=-birthdate&_revinclude=*:*", None, id="search"),
]


@pytest.mark.parametrize(("method", "url", "body"), LONG)
async def test_8_4_a_request_that_takes_too_long_is_ended_with_an_outcome(
    hasty: AsyncClient, method: str, url: str, body: object
) -> None:
    answer = await hasty.request(method, url, json=body)
    assert answer.status_code in (408, 422), answer.text
    (issue,) = answer.json()["issue"]
    assert issue["code"] in ("timeout", "too-costly")
    assert (await hasty.get("metadata")).status_code == 200


async def test_8_4_a_page_has_a_thousand_entries_at_most(client: AsyncClient) -> None:
    bundle = (await client.get("Patient?_count=1000000")).json()
    link = next(one["url"] for one in bundle["link"] if one["relation"] == "self")
    assert parse_qs(urlsplit(link).query)["_count"] == ["1000"]


@pytest.mark.parametrize("body", [
    pytest.param('<!DOCTYPE x [<!ENTITY a "ha">]><Basic xmlns="http://hl7.org/fhir"><id value="&a;"/></Basic>',
                 id="an entity"),
    pytest.param('<!DOCTYPE x SYSTEM "file:///etc/passwd"><Basic xmlns="http://hl7.org/fhir"/>', id="a DTD"),
    pytest.param('<Basic xmlns="http://hl7.org/fhir"><i:include xmlns:i="http://www.w3.org/2001/XInclude" '
                 'href="file:///etc/passwd"/></Basic>', id="XInclude"),
])  # fmt: skip
async def test_8_4_8_23_xml_expands_and_fetches_nothing(client: AsyncClient, body: str) -> None:
    answer = await client.post("Basic", content=body, headers={"Content-Type": "application/fhir+xml"})
    assert answer.status_code in (400, 422)
    assert "root:" not in answer.text


@pytest.mark.parametrize("inside", [
    "<script>alert(1)</script>", '<p onclick="x()">a</p>', '<a href="javascript:x()">a</a>',
    '<iframe src="x"/>', "<style>a{}</style>", "<form/>",
])  # fmt: skip
async def test_8_23_a_narrative_runs_and_fetches_nothing(client: AsyncClient, inside: str) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'
    body = {**PATIENT, "text": {"status": "generated", "div": div}}
    answer = await client.post("Patient", json=body)
    assert answer.status_code == 422, "refused, not cleaned: what was signed stays what it was"
    assert "Patient.text.div" in str(answer.json()["issue"])


async def test_8_23_an_image_from_elsewhere_is_not_fetched_by_who_looks_at_an_answer(client: AsyncClient) -> None:
    """R4 lets narratives have them, so they are kept; no page of this server shows a narrative."""
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><img src="https://elsewhere.example.org/x.png" alt="x"/></div>'
    made = await client.post("Patient", json={**PATIENT, "text": {"status": "generated", "div": div}})
    answer = await client.get(f"Patient/{made.json()['id']}")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].startswith("application/fhir+json")
