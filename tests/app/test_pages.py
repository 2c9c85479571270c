"""The pages beside FHIR, and the metrics that requests leave."""

import json
import re
from html.parser import HTMLParser

from httpx2 import AsyncClient

from fhirserver.app.sites import Site

ORIGIN = "http://localhost"


class Tags(HTMLParser):
    """Collects the tags of a page and where it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


async def test_the_start_page_has_no_script_and_links_that_work(client: AsyncClient) -> None:
    answer = await client.get(f"{ORIGIN}/")
    page = Tags()
    page.feed(answer.text)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in page.tags
    assert "/fhir/metadata" in page.links
    for link in page.links:
        if link.startswith("/"):
            assert (await client.get(f"{ORIGIN}{link}")).status_code == 200, link


async def test_the_start_page_may_load_nothing(client: AsyncClient) -> None:
    policy = (await client.get(f"{ORIGIN}/")).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


async def test_health_says_that_the_process_runs(client: AsyncClient) -> None:
    answer = await client.get(f"{ORIGIN}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_when_the_indexes_are_built_and_not_before(client: AsyncClient, site: Site) -> None:
    answer = await client.get(f"{ORIGIN}/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "problems": []})
    await site.store.resources.drop_index("spans")
    answer = await client.get(f"{ORIGIN}/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json() == {"status": "not ready", "problems": ["The index resource.spans is missing."]}
    await site.store.prepare()
    assert (await client.get(f"{ORIGIN}/readyz")).status_code == 200


async def test_an_unknown_path_is_404(client: AsyncClient) -> None:
    assert (await client.get(f"{ORIGIN}/elsewhere")).status_code == 404
    assert (await client.get(f"{ORIGIN}/other/fhir/Patient")).status_code == 404


async def test_openapi_describes_the_pages_and_not_fhir(client: AsyncClient) -> None:
    described = json.loads((await client.get(f"{ORIGIN}/openapi.json")).text)
    assert set(described["paths"]) == {"/healthz", "/readyz", "/metrics"}


async def counted(client: AsyncClient, sample: str) -> float:
    """Return the value of one sample of the metrics, 0 when it is not there."""
    text = (await client.get(f"{ORIGIN}/metrics")).text
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_metrics_count_requests_by_interaction_and_status(client: AsyncClient) -> None:
    read = 'fhirserver_requests_total{interaction="read",status="404"}'
    before = await counted(client, read)
    await client.get("Patient/nobody")
    assert await counted(client, read) == before + 1
    assert await counted(client, 'fhirserver_request_duration_seconds_count{interaction="read"}') >= 1
    assert await counted(client, "fhirserver_requests_in_flight") == 0


async def test_metrics_tell_how_many_operations_shared_a_round_trip(client: AsyncClient) -> None:
    sample = 'fhirserver_coalesced_operations_count{operation="read"}'
    before = await counted(client, sample)
    await client.get("Patient/nobody")
    assert await counted(client, sample) == before + 1
