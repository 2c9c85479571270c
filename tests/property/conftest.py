"""Bounded and always the same; ``HYPOTHESIS_PROFILE=explore`` looks for new examples."""

import os
from collections.abc import AsyncIterator

import pytest_asyncio
from hypothesis import HealthCheck, Phase, settings

from fhirserver.app.knowledge import Knowledge
from tests.door import Door, opened
from tests.property import values

_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    "print_blob": True,
}
settings.register_profile("fixed", derandomize=True, database=None, **_COMMON)
settings.register_profile("explore", max_examples=1000, phases=(Phase.explicit, Phase.generate), **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Door]:
    async with opened(mongodb_uri, knowledge) as opened_door:
        yield opened_door.putting_off(*values.PUT_OFF)
