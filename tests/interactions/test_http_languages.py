"""Outcomes in the language of the caller — RFC 9110 §12.5.4, http://hl7.org/fhir/R4/operationoutcome.html"""

import pytest
from httpx2 import AsyncClient

BROKEN = {"resourceType": "Patient", "gendre": "male"}
SENTENCES = [
    pytest.param("fr-BE, en;q=0.5", "fr", "`Patient` n'a pas d'élément `gendre`", id="French"),
    pytest.param("nl", "nl", "`Patient` heeft geen `gendre`", id="Dutch"),
    pytest.param("de", "en", "`Patient` does not have `gendre`", id="English to others"),
]


@pytest.mark.parametrize(("accepted", "language", "sentence"), SENTENCES)
async def test_a_refused_write(client: AsyncClient, accepted: str, language: str, sentence: str) -> None:
    response = await client.post("Patient", json=BROKEN, headers={"Accept-Language": accepted})
    [issue] = response.json()["issue"]
    assert (response.status_code, response.headers["Content-Language"]) == (422, language)
    assert issue["diagnostics"].startswith(sentence)
    assert issue["extension"][0]["valueString"] == "element-unknown"


@pytest.mark.parametrize(("accepted", "language", "sentence"), SENTENCES)
async def test_an_entry_of_a_batch(client: AsyncClient, accepted: str, language: str, sentence: str) -> None:
    entry = {"resource": BROKEN, "request": {"method": "POST", "url": "Patient"}}
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    answer = (await client.post("", json=batch, headers={"Accept-Language": accepted})).json()
    assert answer["entry"][0]["response"]["outcome"]["issue"][0]["diagnostics"].startswith(sentence)


async def test_a_write_that_was_done(client: AsyncClient) -> None:
    headers = {"Accept-Language": "fr", "Prefer": "return=OperationOutcome"}
    response = await client.post("Patient", json={"resourceType": "Patient"}, headers=headers)
    assert response.json()["issue"][0]["diagnostics"] == "La ressource a été créée."
    assert response.headers["Content-Language"] == "fr"


async def test_an_error_that_is_in_english_names_no_language(client: AsyncClient) -> None:
    response = await client.get("Patient/unknown", headers={"Accept-Language": "fr"})
    assert response.status_code == 404
    assert "Content-Language" not in response.headers


def _place(issue: dict[str, list[dict[str, int]]]) -> list[int]:
    return [extension["valueInteger"] for extension in issue["extension"] if "valueInteger" in extension]


@pytest.mark.parametrize(
    ("media_type", "body", "place"),
    [
        pytest.param("application/fhir+json", '{"resourceType":"Patient",\n "gender":"x"}', [2, 2], id="JSON"),
        pytest.param(
            "application/fhir+xml",
            '<Patient xmlns="http://hl7.org/fhir">\n  <gender value="x"/></Patient>',
            [2, 3],
            id="XML",
        ),
    ],
)
async def test_an_issue_has_line_and_column(client: AsyncClient, media_type: str, body: str, place: list[int]) -> None:
    response = await client.post("Patient", content=body.encode(), headers={"Content-Type": media_type})
    assert (response.status_code, _place(response.json()["issue"][0])) == (422, place)


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_an_issue_of_an_entry_has_its_place_in_the_bundle(client: AsyncClient, kind: str) -> None:
    body = (
        '{"resourceType":"Bundle","type":"%s","entry":[\n'
        '{"request":{"method":"POST","url":"Patient"},"resource":\n {"resourceType":"Patient","gender":"x"}}]}'
    )
    response = await client.post("", content=(body % kind).encode(), headers={"Content-Type": "application/fhir+json"})
    answer = response.json()
    outcome = answer if kind == "transaction" else answer["entry"][0]["response"]["outcome"]
    assert _place(outcome["issue"][0]) == [3, 28]
