"""The requests of ``docs/interaction``: each answers what is written behind it, on the first of the demo record."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from fhirserver.app.composition import Application
from fhirserver.codec.fhir_json import encode
from fhirserver.demo.record import bundles

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "interaction").glob("*.md"))
_BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
_REQUEST = re.compile(r"(curl .*?)  # (\d{3})\n", re.DOTALL)
_FLAGS = frozenset({"-i", "-s"})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(application: Application) -> Application:
    """The server with the networks and the first patient of the demo record."""
    for bundle in bundles(1):
        await application.sites["main"].execute(encode(bundle))
    return application


def documented(page: Path) -> Iterator[tuple[str, int]]:
    """Yield the commands of a page and the status each answers."""
    for block in _BLOCK.findall(page.read_text()):
        found = _REQUEST.findall(block)
        assert "".join(f"{command}  # {status}\n" for command, status in found) == block, "a command says no status"
        yield from ((command, int(status)) for command, status in found)


def read_curl(command: str) -> dict[str, Any]:
    """Read the few of curl's options that the pages use."""
    words = iter(shlex.split(command.replace("\\$", "$").replace("\\\n", " "))[1:])
    request: dict[str, Any] = {"method": "GET", "headers": {}}
    for word in words:
        if word in ("-X", "-d", "-H", "-o"):
            value = next(words)
        if word == "-X":
            request["method"] = value
        elif word == "-H":
            name, _, text = value.partition(": ")
            request["headers"][name] = text
        elif word == "-d":
            request["content"] = value
        elif word.startswith("$BASE"):
            request["url"] = word.removeprefix("$BASE").removeprefix("/")
        else:
            assert word in _FLAGS or word == "-o", word
    if "content" in request:
        request["headers"].setdefault("Content-Type", "application/x-www-form-urlencoded")
    return request


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_documented_requests(demo: Application, client: AsyncClient, page: Path) -> None:
    requests = list(documented(page))
    assert requests or page.stem == "README"
    for command, status in requests:
        response = await client.request(**read_curl(command))
        assert response.status_code == status, (command, response.text)
