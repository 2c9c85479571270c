"""What is hidden takes the same calls of the database as what is not there: they cannot be told apart by their time.

The database's own profile says what was asked of it.
"""

from collections import Counter
from collections.abc import AsyncIterator
from functools import reduce
from operator import and_

import pytest
import pytest_asyncio
from pymongo import MongoClient

from fhirserver.app.knowledge import Knowledge
from tests.access.records import SHARED, record
from tests.access.situations import Labelled, callers
from tests.access.worlds import Ask, Callers, World, fill, opened, put

_APP = callers({"app": ["patient/*.cruds"]}, patient="a")
_STAFF = callers({"staff": ["user/*.cruds"]}, rules=Labelled())
_RECORDS = ("resource", "history", "content.files", "content.chunks")
_TIMES = 15
"""A watch of the server asks something now and then: what was asked each time counts."""
_PATCH = b'[{"op":"add","path":"/language","value":"fr"}]'
_KIND = {"content-type": "application/json-patch+json"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[World]:
    who = Callers({**_APP.callers, **_STAFF.callers}, _STAFF.rules)
    async with opened(mongodb_uri, knowledge, who) as found:
        a, b = record("a", "b", number=1), record("b", "a", number=2)
        await fill(found, map(put, (*SHARED, *a, *b)))
        yield found


ASKS = [
    pytest.param("GET", "Observation/{}", id="read"),
    pytest.param("GET", "Observation/{}/_history/1", id="vread"),
    pytest.param("GET", "Observation/{}/_history/2", id="vread of another version"),
    pytest.param("GET", "Observation/{}/_history", id="history"),
    pytest.param("GET", "Observation/{}?_at=2100", id="read as of then"),
    pytest.param("GET", "Observation?_id={}", id="search"),
    pytest.param("GET", "Observation?subject=Patient/{}", id="search by what it refers to"),
    pytest.param("GET", "Binary/{}", id="Binary"),
    pytest.param("GET", "Patient/{}/$everything", id="everything"),
    pytest.param("GET", "Patient/{}/Observation", id="compartment"),
    pytest.param("GET", "Observation/{}/$meta", id="meta"),
    pytest.param("PATCH", "Observation/{}", id="patch"),
    pytest.param("DELETE", "Observation/{}", id="delete"),
]
HIDDEN = {"Observation": "b-Observation", "Patient": "b", "Binary": "b-context"}


@pytest.mark.parametrize(("method", "path"), ASKS)
@pytest.mark.parametrize("caller", ["app", "staff"])
async def test_what_is_hidden_is_asked_as_what_is_not_there(
    world: World, mongodb_uri: str, caller: str, method: str, path: str
) -> None:
    resource_type = path.partition("/")[0].partition("?")[0]
    hidden = "b" if "subject" in path else HIDDEN[resource_type]
    body = (_PATCH, _KIND) if method == "PATCH" else (None, {})
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        database = client[world.site.store.resources.database.name]
        database.command("profile", 2)
        try:
            found = []
            for logical_id in (hidden, "nobody"):
                calls = []
                for _ in range(_TIMES):
                    database.command("profile", 0)
                    database["system.profile"].drop()
                    database.command("profile", 2)
                    await world.ask(caller, Ask("", method, path.format(logical_id), *body))
                    calls.append(_calls(database["system.profile"].find()))
                found.append(reduce(and_, calls))
        finally:
            database.command("profile", 0)
    assert found[0] == found[1]
    assert found[0]


def _calls(profile: object) -> Counter[str]:
    """Count what was asked of the records: what kind of command of which collection."""
    found = Counter[str]()
    for one in profile:  # type: ignore[attr-defined]
        collection = str(one["ns"]).partition(".")[2]
        if collection in _RECORDS:
            found[f"{one['op']} {collection}"] += 1
    return found
