"""A store on a database of its own for each module."""

from collections.abc import AsyncIterator

import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from tests.door import Door, opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Door]:
    async with opened(mongodb_uri, knowledge) as opened_door:
        yield opened_door
