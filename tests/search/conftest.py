"""Each module's ``RESOURCES`` in a database of their own, searched there and by ``search.match``.

``PUT_OFF`` names the rules that its resources break, as those of a site may that lets them warn only.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from tests.door import Door, Json, Selects, opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(request: pytest.FixtureRequest, mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Door]:
    async with opened(mongodb_uri, knowledge) as opened_door:
        door = opened_door.putting_off(*getattr(request.module, "PUT_OFF", ()))
        await door.put(*request.module.RESOURCES)
        yield door


@pytest.fixture
def selects(request: pytest.FixtureRequest, door: Door) -> Selects:
    """What the database selects, which must be what the reference selects."""
    resources: list[Json] = request.module.RESOURCES

    async def ask(query: str) -> str:
        found = await door.ids(query)
        assert found == door.matched(query, resources), "the database and search.match differ"
        return " ".join(sorted(found))

    return ask
