"""What is done before a server listens: indexes, and the demo record once and only in a new database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.preparing import SECRET_FILE, Demo, DemoAccess, prepare
from fhirserver.app.sites import Site, sites_of
from fhirserver.codec.fhir_json import parse_resource
from fhirserver.kernel.outcome import NotFound
from fhirserver.repository.requests import Create, SearchRequest
from fhirserver.settings import Auth, Settings
from tests.conftest import new_settings, running


def bundle(*ids: str) -> bytes:
    """Return a transaction that puts patients."""
    entry = '{"resource":{"resourceType":"Patient","id":"%s"},"request":{"method":"PUT","url":"Patient/%s"}}'
    entries = ",".join(entry % (name, name) for name in ids)
    return f'{{"resourceType":"Bundle","type":"transaction","entry":[{entries}]}}'.encode()


@pytest.fixture
def settings() -> Settings:
    """A database of its own for every test."""
    return new_settings()


@pytest_asyncio.fixture(loop_scope="session")
async def site(settings: Settings, mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Site]:
    """The site of ``settings``, prepared without a demo."""
    async with running(settings, mongodb_uri, knowledge) as app:
        yield app.sites["main"]


async def load(settings: Settings, uri: str, knowledge: Knowledge, *bundles: bytes) -> list[tuple[int, int]]:
    """Prepare with a demo; return what its progress heard."""
    heard: list[tuple[int, int]] = []
    await prepare(settings, uri, knowledge, Demo(lambda: bundles, lambda done, total: heard.append((done, total))))
    return heard


async def test_the_demo_is_loaded_into_a_new_database_once(
    settings: Settings, site: Site, mongodb_uri: str, knowledge: Knowledge
) -> None:
    assert await load(settings, mongodb_uri, knowledge, bundle("a"), bundle("b")) == [(0, 2), (1, 2), (2, 2)]
    assert (await site.repository.read("Patient", "b")).version_id == 1
    assert await load(settings, mongodb_uri, knowledge, bundle("c")) == []
    with pytest.raises(NotFound):
        await site.repository.read("Patient", "c")


async def test_the_demo_is_not_loaded_beside_somebodys_data(
    settings: Settings, site: Site, mongodb_uri: str, knowledge: Knowledge
) -> None:
    body = parse_resource(b'{"resourceType":"Observation","status":"final","code":{"text":"x"}}')
    await site.repository.write(Create(resource_type="Observation", body=body))
    assert await load(settings, mongodb_uri, knowledge, bundle("a")) == []


async def test_an_interrupted_demo_is_loaded_to_its_end(
    settings: Settings, site: Site, mongodb_uri: str, knowledge: Knowledge
) -> None:
    with pytest.raises(DatabaseProblem, match="takes a Bundle of type"):
        await load(settings, mongodb_uri, knowledge, bundle("a"), b'{"resourceType":"Patient"}')
    assert (await load(settings, mongodb_uri, knowledge, bundle("a"), bundle("b")))[-1] == (2, 2)
    assert (await site.repository.read("Patient", "a")).version_id == 1


async def test_preparing_twice_changes_nothing(
    settings: Settings, site: Site, mongodb_uri: str, knowledge: Knowledge
) -> None:
    await prepare(settings, mongodb_uri, knowledge)
    assert await site.store.problems() == []


async def test_every_site_has_a_database_of_its_own(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with running(new_settings(sites="main,lux"), mongodb_uri, knowledge) as app:
        await app.sites["lux"].execute(bundle("a"))
        assert (await app.sites["lux"].repository.read("Patient", "a")).version_id == 1
        with pytest.raises(NotFound):
            await app.sites["main"].repository.read("Patient", "a")


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("mongodbx://127.0.0.1/", "connection string cannot be used"),
        ("mongodb://user:geheim@127.0.0.1:99999/", "connection string cannot be used"),
    ],
)
async def test_a_wrong_connection_string_is_one_sentence_without_its_password(
    settings: Settings, knowledge: Knowledge, uri: str, reason: str
) -> None:
    with pytest.raises(DatabaseProblem, match=reason) as problem:
        await prepare(settings, uri, knowledge)
    assert "geheim" not in str(problem.value)


async def test_page_links_outlive_a_restart_and_hold_on_every_worker(
    settings: Settings, site: Site, mongodb_uri: str, knowledge: Knowledge
) -> None:
    await site.execute(bundle("a", "b", "c"))
    first = await site.repository.search(SearchRequest(resource_types=("Patient",), parameters=(("_count", "2"),)))
    assert first.next_cursor is not None
    parameters = (("_count", "2"), ("_cursor", first.next_cursor))
    async with sites_of(settings, mongodb_uri, knowledge) as builder:
        other = (await builder.open("main")).repository
        page = await other.search(SearchRequest(resource_types=("Patient",), parameters=parameters))
    assert len(page.matches) == 1


async def open_demo(settings: Settings, uri: str, knowledge: Knowledge) -> DemoAccess | None:
    return await prepare(settings, uri, knowledge, Demo(lambda: [bundle("a")], lambda done, total: None))


async def test_the_demo_lets_people_and_clients_in_at_every_start(
    mongodb_uri: str, knowledge: Knowledge, tmp_path: Path
) -> None:
    settings = new_settings(auth=Auth.SMART, data_dir=tmp_path, audit=False)
    async with running(settings, mongodb_uri, knowledge):
        first = await open_demo(settings, mongodb_uri, knowledge)
        again = await open_demo(settings, mongodb_uri, knowledge)
        assert first is not None
        assert first.clients is not None
        assert again == first, "the same people, the same secret"
        file = tmp_path / SECRET_FILE
        assert file.read_text() == first.clients.service_secret
        assert file.stat().st_mode & 0o777 == 0o600
        public = settings.model_copy(update={"base_url": "https://fhir.example.org"})
        closed = await open_demo(public, mongodb_uri, knowledge)
        assert closed is not None
        assert closed.clients is None, "no example clients where others come"
        assert not file.exists()


async def test_without_login_nobody_needs_to_be_let_in(
    settings: Settings, site: Site, mongodb_uri: str, knowledge: Knowledge
) -> None:
    assert await open_demo(settings, mongodb_uri, knowledge) is None
