"""Binary in its own media type — http://hl7.org/fhir/R4/binary.html#rest"""

import base64
import gzip

import pytest
from httpx2 import AsyncClient

HTML = b"<html><script>alert(1)</script></html>"
NATIVE = {"Accept": "*/*"}
JSON = {"Accept": "application/fhir+json"}


async def post(client: AsyncClient, content: bytes, content_type: str, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await client.post("Binary", content=content, headers={"Content-Type": content_type, **named})
    assert response.status_code == 201
    return response.headers["Location"].partition("/_history")[0]


async def test_content_goes_in_and_comes_out_as_it_is(client: AsyncClient) -> None:
    content = bytes(range(256)) * 2000
    url = await post(client, content, "application/pdf")
    response = await client.get(url, headers={"Accept": "application/pdf"})
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["ETag"] == 'W/"1"'


async def test_stored_pages_never_run_on_our_origin(client: AsyncClient) -> None:
    response = await client.get(await post(client, HTML, "text/html; charset=utf-8"), headers={"Accept": "text/html"})
    assert response.content == HTML
    assert response.headers["Content-Disposition"] == "attachment"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_fhir_json_by_name_is_the_resource(client: AsyncClient) -> None:
    url = await post(client, HTML, "text/html", X_Security_Context="Patient/p1")
    resource = (await client.get(url, headers=JSON)).json()
    assert resource["resourceType"] == "Binary"
    assert resource["contentType"] == "text/html"
    assert base64.b64decode(resource["data"]) == HTML
    assert resource["securityContext"] == {"reference": "Patient/p1"}
    assert (await client.get(f"{url}?_format=json")).json() == resource


async def test_a_binary_sent_as_a_resource_can_be_read_as_content(client: AsyncClient) -> None:
    body = {"resourceType": "Binary", "contentType": "text/plain", "data": base64.b64encode(b"plain").decode()}
    created = await client.post("Binary", json=body)
    assert created.status_code == 201
    response = await client.get(f"Binary/{created.json()['id']}", headers=NATIVE)
    assert (response.content, response.headers["Content-Type"]) == (b"plain", "text/plain")
    version = await client.get(f"Binary/{created.json()['id']}/_history/1", headers=NATIVE)
    assert version.content == b"plain"


async def test_plain_json_may_be_content(client: AsyncClient) -> None:
    url = await post(client, b'{"a": 1.0}', "application/json")
    response = await client.get(url, headers={"Accept": "application/json"})
    assert (response.content, response.headers["Content-Type"]) == (b'{"a": 1.0}', "application/json")


async def test_put_replaces_content(client: AsyncClient) -> None:
    url = await post(client, b"one", "text/plain")
    updated = await client.put(url, content=b"two", headers={"Content-Type": "text/plain"})
    assert (updated.status_code, updated.headers["ETag"]) == (200, 'W/"2"')
    assert (await client.get(url, headers=NATIVE)).content == b"two"
    assert (await client.get(f"{url}/_history/1", headers=NATIVE)).content == b"one"
    stale = await client.put(url, content=b"x", headers={"Content-Type": "text/plain", "If-Match": 'W/"1"'})
    assert stale.status_code == 412


async def test_gzip_on_the_way_in(client: AsyncClient) -> None:
    url = await post(client, gzip.compress(b"text"), "text/plain", Content_Encoding="gzip")
    assert (await client.get(url, headers=NATIVE)).content == b"text"


async def test_conditional_read_and_head(client: AsyncClient) -> None:
    url = await post(client, b"text", "text/plain")
    assert (await client.get(url, headers={**NATIVE, "If-None-Match": 'W/"1"'})).status_code == 304
    head = await client.head(url, headers=NATIVE)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "4")


async def test_another_media_type_is_for_binaries_only(client: AsyncClient) -> None:
    created = (await client.post("Patient", json={"resourceType": "Patient"})).json()
    response = await client.get(f"Patient/{created['id']}", headers={"Accept": "application/pdf"})
    assert (response.status_code, response.json()["resourceType"]) == (406, "OperationOutcome")


@pytest.mark.parametrize("content_type", ["nonsense", "text/html\x7f", "a/b; charset"])
async def test_what_is_no_media_type_is_415(client: AsyncClient, content_type: str) -> None:
    response = await client.post("Binary", content=b"x", headers={"Content-Type": content_type})
    assert response.status_code == 415


async def test_turtle_that_says_it_is_fhir_is_415(client: AsyncClient) -> None:
    response = await client.post("Binary", content=b"[] a 1", headers={"Content-Type": "application/fhir+turtle"})
    assert response.status_code == 415


async def test_a_stored_media_type_that_is_none_becomes_octet_stream(client: AsyncClient) -> None:
    body = {"resourceType": "Binary", "contentType": 'text/html; x="a b', "data": "eA=="}
    created = await client.post("Binary", json=body)
    if created.status_code == 201:
        response = await client.get(f"Binary/{created.json()['id']}", headers=NATIVE)
        assert response.headers["Content-Type"] == "application/octet-stream"


async def test_conditions_that_content_cannot_have_are_refused_not_ignored(client: AsyncClient) -> None:
    native = {"Content-Type": "text/plain"}
    refused = [
        await client.put("Binary?_id=never-there", content=b"x", headers=native),
        await client.post("Binary", content=b"x", headers={**native, "If-None-Exist": "_id=never-there"}),
        await client.put("Binary/b1", content=b"x", headers={**native, "If-None-Match": "*"}),
    ]
    assert [response.status_code for response in refused] == [400, 400, 400]
    assert (await client.get("Binary/b1")).status_code == 404
