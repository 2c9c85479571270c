"""The formats of resources over HTTP — http://hl7.org/fhir/R4/http.html#mime-type, xml.html, rdf.html, binary.html"""

import base64
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response
from lxml import etree
from rdflib import Graph, URIRef

F = {"f": "http://hl7.org/fhir"}
XML = {"Accept": "application/fhir+xml", "Content-Type": "application/fhir+xml"}
OBSERVATION = (
    '<Observation xmlns="http://hl7.org/fhir"><text><status value="generated"/>'
    '<div xmlns="http://www.w3.org/1999/xhtml"><p>x <b>y</b></p></div></text>'
    '<status value="final"><extension url="http://x"><valueString value="e"/></extension></status>'
    '<code><text value="c"/></code><valueQuantity><value value="7.10"/></valueQuantity></Observation>'
)


def root_of(response: Response, name: str) -> Any:  # noqa: ANN401 - lxml
    root = etree.fromstring(response.content)
    assert root.tag == f"{{http://hl7.org/fhir}}{name}"
    return root


def value(root: Any, path: str) -> str | None:  # noqa: ANN401 - lxml
    found = root.find("/".join(f"f:{step}" for step in path.split("/")), F)
    return None if found is None else found.get("value")


@pytest.fixture
async def created(client: AsyncClient) -> Response:
    response = await client.post("Observation", content=OBSERVATION, headers=XML)
    assert response.status_code == 201
    return response


async def test_a_resource_in_xml_is_stored_as_its_json(client: AsyncClient, created: Response) -> None:
    logical_id = value(root_of(created, "Observation"), "id")
    response = await client.get(f"Observation/{logical_id}")
    assert response.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert b'"value":7.10' in response.content
    found = response.json()
    assert found["_status"] == {"extension": [{"url": "http://x", "valueString": "e"}]}
    assert found["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml"><p>x <b>y</b></p></div>'


async def test_it_comes_back_as_it_was_sent(client: AsyncClient, created: Response) -> None:
    logical_id = value(root_of(created, "Observation"), "id")
    response = await client.get(f"Observation/{logical_id}", headers=XML)
    assert response.headers["Content-Type"] == "application/fhir+xml; charset=utf-8"
    assert response.headers["ETag"] == 'W/"1"'
    root = root_of(response, "Observation")
    for name in ("id", "meta"):
        root.remove(root.find(f"f:{name}", F))
    assert etree.tostring(root).decode() == OBSERVATION


ACCEPTED = [
    ({"Accept": "application/xml"}, "", "application/xml; charset=utf-8"),
    ({"Accept": "text/xml"}, "", "text/xml; charset=utf-8"),
    ({"Accept": "application/fhir+json"}, "?_format=xml", "application/fhir+xml; charset=utf-8"),
    ({}, "?_format=application/fhir%2Bxml", "application/fhir+xml; charset=utf-8"),
    ({}, "?_format=text/xml", "text/xml; charset=utf-8"),
    ({"Accept": "application/fhir+xml"}, "?_format=json", "application/fhir+json; charset=utf-8"),
    ({"Accept": "text/turtle"}, "", "text/turtle; charset=utf-8"),
    ({}, "?_format=ttl", "text/turtle; charset=utf-8"),
]


@pytest.mark.parametrize(("headers", "query", "content_type"), ACCEPTED)
async def test_every_way_to_ask(
    client: AsyncClient, created: Response, headers: dict[str, str], query: str, content_type: str
) -> None:
    logical_id = value(root_of(created, "Observation"), "id")
    response = await client.get(f"Observation/{logical_id}{query}", headers=headers)
    assert (response.status_code, response.headers["Content-Type"]) == (200, content_type)
    assert "Accept" in response.headers["Vary"]


async def test_pretty_xml_and_head(client: AsyncClient, created: Response) -> None:
    url = f"Observation/{value(root_of(created, 'Observation'), 'id')}?_format=xml"
    response = await client.get(f"{url}&_pretty=true")
    assert b'\n  <status value="final">\n    <extension url="http://x">\n' in response.content
    assert b"<p>x <b>y</b></p>" in response.content
    head = await client.head(url)
    assert (head.content, int(head.headers["Content-Length"])) == (b"", len((await client.get(url)).content))


async def test_update_vread_history_and_search_in_xml(client: AsyncClient, created: Response) -> None:
    root = root_of(created, "Observation")
    logical_id = value(root, "id")
    root.find("f:status", F).set("value", "amended")
    updated = await client.put(f"Observation/{logical_id}", content=etree.tostring(root), headers=XML)
    assert (updated.status_code, value(root_of(updated, "Observation"), "meta/versionId")) == (200, "2")
    first = await client.get(f"Observation/{logical_id}/_history/1", headers=XML)
    assert value(root_of(first, "Observation"), "status") == "final"
    history = root_of(await client.get(f"Observation/{logical_id}/_history", headers=XML), "Bundle")
    assert (value(history, "type"), len(history.findall("f:entry", F))) == ("history", 2)
    found = root_of(await client.get(f"Observation?_id={logical_id}&_format=xml"), "Bundle")
    assert (value(found, "type"), value(found, "total")) == ("searchset", "1")
    assert value(found, "entry/resource/Observation/status") == "amended"
    assert "_format=xml" in str(value(found, "link/url"))
    posted = await client.post("Observation/_search", content=f"_id={logical_id}&_format=xml", headers=FORM)
    assert value(root_of(posted, "Bundle"), "total") == "1"


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_minimal_answers_have_no_body(client: AsyncClient) -> None:
    response = await client.post("Observation", content=OBSERVATION, headers={**XML, "Prefer": "return=minimal"})
    assert (response.status_code, response.content) == (201, b"")


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_bundles_in_xml(client: AsyncClient, kind: str) -> None:
    name = f"F{uuid4()}"
    bundle = (
        f'<Bundle xmlns="http://hl7.org/fhir"><type value="{kind}"/><entry>'
        f'<fullUrl value="urn:uuid:{uuid4()}"/><resource>'
        f'<Patient><name><family value="{name}"/></name></Patient></resource>'
        '<request><method value="POST"/><url value="Patient"/></request></entry></Bundle>'
    )
    answer = root_of(await client.post("", content=bundle, headers=XML), "Bundle")
    assert value(answer, "type") == f"{kind}-response"
    assert value(answer, "entry/response/status") == "201 Created"
    assert (await client.get(f"Patient?family={name}")).json()["total"] == 1


async def test_metadata_in_xml_and_turtle(client: AsyncClient) -> None:
    statement = root_of(await client.get("metadata", headers=XML), "CapabilityStatement")
    formats = [element.get("value") for element in statement.findall("f:format", F)]
    assert formats == ["application/fhir+json", "application/fhir+xml", "text/turtle", "json", "xml", "ttl"]
    assert "application/xml-patch+xml" in [element.get("value") for element in statement.findall("f:patchFormat", F)]
    assert b"a fhir:TerminologyCapabilities" in (await client.get("metadata?mode=terminology&_format=ttl")).content


async def test_turtle_names_the_resource_by_its_url(client: AsyncClient, created: Response) -> None:
    logical_id = value(root_of(created, "Observation"), "id")
    graph = Graph().parse(data=(await client.get(f"Observation/{logical_id}?_format=ttl")).text, format="turtle")
    roots = list(graph.subjects(URIRef("http://hl7.org/fhir/nodeRole"), URIRef("http://hl7.org/fhir/treeRoot")))
    assert roots == [URIRef(f"http://localhost/fhir/Observation/{logical_id}")]
    found = await client.get(f"Observation?_id={logical_id}", headers={"Accept": "text/turtle"})
    assert len(Graph().parse(data=found.text, format="turtle")) > len(graph)


DTD = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
OUTCOMES = [
    ("POST", "Patient", f'{DTD}<Patient xmlns="http://hl7.org/fhir"><language value="&a;"/></Patient>', 400),
    ("POST", "", f'{DTD}<Bundle xmlns="http://hl7.org/fhir">&b;</Bundle>', 400),
    ("POST", "Patient", '<?xml version="1.0" encoding="UTF-16"?><Patient xmlns="http://hl7.org/fhir"/>', 400),
    ("POST", "Patient", '<Patient xmlns="http://hl7.org/fhir">' + "<name>" * 5000, 400),
    ("POST", "Binary", '<Patient xmlns="http://hl7.org/fhir"/>', 400),
    ("GET", "Patient/not-there", "", 404),
    ("GET", "Nonsense", "", 404),
    ("GET", "Patient?nonsense=1", "", 400),
    ("PUT", "Patient/a%20b", "<Patient/>", 400),
    ("POST", "Patient", "<Patient", 400),
    ("POST", "Patient", '<Patient xmlns="http://hl7.org/fhir"><gender value="x"/></Patient>', 422),
    ("POST", "", '<Patient xmlns="http://hl7.org/fhir"/>', 400),
    ("POST", "Patient", "{}", 400),
]


@pytest.mark.parametrize(("method", "url", "body", "status"), OUTCOMES)
async def test_outcomes_are_in_xml_too(client: AsyncClient, method: str, url: str, body: str, status: int) -> None:
    response = await client.request(method, url, content=body, headers=XML)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/fhir+xml; charset=utf-8"
    assert value(root_of(response, "OperationOutcome"), "issue/severity") == "error"


async def test_expressions_are_fhirpath(client: AsyncClient) -> None:
    body = '<Patient xmlns="http://hl7.org/fhir">\n<contact><name><nonsense/></name></contact></Patient>'
    issue = (await client.post("Patient", content=body, headers={"Content-Type": "text/xml"})).json()["issue"][0]
    assert (issue["code"], issue["expression"]) == ("structure", ["Patient.contact[0].name"])
    assert "Line 2" in issue["diagnostics"]
    body = '<Patient xmlns="http://hl7.org/fhir"><contact><gender value="x"/></contact></Patient>'
    issue = (await client.post("Patient", content=body, headers={"Content-Type": "text/xml"})).json()["issue"][0]
    assert issue["expression"][0] == "Patient.contact[0].gender"


REFUSED = [
    ("POST", {"Content-Type": "text/turtle"}, 415),
    ("POST", {"Content-Type": "application/fhir+turtle"}, 415),
    ("POST", {"Content-Type": "application/fhir+xml; charset=utf-16"}, 415),
    ("POST", {"Content-Type": "application/fhir+xml; fhirVersion=3.0"}, 415),
    ("POST", {"Accept": "text/turtle"}, 406),
    ("POST", {"Accept": "application/rdf+xml"}, 406),
    ("GET", {"Accept": "application/rdf+xml"}, 406),
    ("GET", {"Accept": "application/fhir+xml; fhirVersion=5.0"}, 406),
]


@pytest.mark.parametrize(("method", "headers", "status"), REFUSED)
async def test_what_is_not_read_or_written(
    client: AsyncClient, method: str, headers: dict[str, str], status: int
) -> None:
    body = OBSERVATION if method == "POST" else ""
    before = (await client.get("Observation?_summary=count")).json()["total"]
    response = await client.request(method, "Observation", content=body, headers={**XML, **headers})
    assert (response.status_code, response.headers["Content-Type"].partition(";")[0]) in (
        (status, "application/fhir+json"),
        (status, "application/fhir+xml"),
    )
    assert (await client.get("Observation?_summary=count")).json()["total"] == before


BINARY = '<Binary xmlns="http://hl7.org/fhir"><contentType value="text/plain"/><data value="eA=="/></Binary>'


@pytest.mark.parametrize("content_type", ["application/fhir+xml", "application/xml", "text/xml"])
async def test_a_binary_resource_in_xml(client: AsyncClient, content_type: str) -> None:
    headers = {"Content-Type": content_type, "Accept": "application/fhir+xml"}
    response = await client.post("Binary", content=f"<?xml version='1.0'?><!-- a -->{BINARY}", headers=headers)
    assert response.status_code == 201
    url = f"Binary/{value(root_of(response, 'Binary'), 'id')}"
    assert (await client.get(url, headers={"Accept": "*/*"})).content == b"x"
    assert value(root_of(await client.get(url, headers={"Accept": "application/fhir+xml"}), "Binary"), "data") == "eA=="


OTHER_XML = [
    b"<ClinicalDocument xmlns='urn:hl7-org:v3'/>",
    f"<x>{BINARY}</x>".encode(),
    b'<Patient xmlns="http://hl7.org/fhir"/>',
    b"<a>" + b"x" * 10_000 + b"</a>",
    b"no XML at all",
    b"",
]


@pytest.mark.parametrize("content", OTHER_XML, ids=lambda content: content[:20].decode())
async def test_other_xml_is_the_content_of_a_binary(client: AsyncClient, content: bytes) -> None:
    headers = {"Content-Type": "application/xml", "Accept": "application/fhir+json"}
    response = await client.post("Binary", content=content, headers=headers)
    assert response.status_code == 201
    found = await client.get(f"Binary/{response.json()['id']}", headers={"Accept": "application/xml"})
    assert (found.content, found.headers["Content-Type"]) == (content, "application/xml")


async def test_xml_patch(client: AsyncClient, created: Response) -> None:
    url = f"Observation/{value(root_of(created, 'Observation'), 'id')}"
    headers = {"Content-Type": "application/xml-patch+xml"}
    patch = '<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Observation/f:status/@value">amended</replace></diff>'
    response = await client.patch(url, content=patch, headers=headers)
    assert (response.status_code, response.json()["status"], response.headers["ETag"]) == (200, "amended", 'W/"2"')
    assert b'"value":7.10' in response.content
    assert (await client.patch(url, content=patch, headers=headers)).headers["ETag"] == 'W/"2"'
    bad = patch.replace("f:status", "f:nothing")
    refused = await client.patch(url, content=bad, headers=headers)
    assert (refused.status_code, refused.json()["resourceType"]) == (422, "OperationOutcome")
    assert (await client.patch(url, content="<diff", headers=headers)).status_code == 400


async def test_xml_patch_in_a_bundle(client: AsyncClient, created: Response) -> None:
    url = f"Observation/{value(root_of(created, 'Observation'), 'id')}"
    patch = b'<diff xmlns="http://hl7.org/fhir"><remove sel="Observation/valueQuantity"/></diff>'
    binary = {
        "resourceType": "Binary",
        "contentType": "application/xml-patch+xml",
        "data": base64.b64encode(patch).decode(),
    }
    entry = {"resource": binary, "request": {"method": "PATCH", "url": url}}
    response = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert response.json()["entry"][0]["response"]["status"] == "200 OK"
    assert "valueQuantity" not in (await client.get(url)).json()


async def test_gzip_of_xml(client: AsyncClient, created: Response) -> None:
    url = f"Observation?_id={value(root_of(created, 'Observation'), 'id')}&_format=xml"
    packed = await client.get(url, headers={"Accept-Encoding": "gzip"})
    assert packed.headers.get("Content-Encoding", "") in ("", "gzip")
    assert root_of(packed, "Bundle") is not None
