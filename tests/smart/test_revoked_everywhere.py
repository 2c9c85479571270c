"""What a revoked token is answered: the same everywhere, whatever is asked for — conformance.md §1.7.53, §8.13."""

import asyncio

from fhirserver.smart.bearer import REFRESH_S
from tests.access.asks import Matrix, operations_in
from tests.access.records import record
from tests.smart.conftest import BASE, Network, bearer, claims_of


async def test_a_revoked_token_is_told_nothing_anywhere(network: Network) -> None:
    """One request of every kind of the leak matrix: reads, searches, histories, operations, writes, Bundles."""
    token = await (await network.backend()).token("system/*.cruds")
    await network.services.access_tokens.revoke(str(claims_of(token)["jti"]))
    await asyncio.sleep(2 * REFRESH_S)
    services = network.app.sites["main"].live.now
    operations = operations_in((await network.http.get("metadata")).json())
    visible, hidden = record("a", "b", number=1), record("b", "a", number=2)
    matrix = Matrix(services, visible, hidden, "2024-01-01T00:00:00Z", operations)
    asks = {ask.what: ask for ask in (*matrix.reads(), *matrix.writes())}
    asks |= {ask.what: ask for ask in matrix.bundles(list(asks.values()))}
    assert len(asks) > 100
    answers: dict[str, set[str]] = {}
    for ask in asks.values():
        headers = {**bearer(token), **ask.headers, "accept": "application/fhir+json"}
        answer = await network.http.request(ask.method, f"{BASE}/{ask.path}", content=ask.body, headers=headers)
        assert answer.status_code == 401, (ask.what, answer.text)
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        if answer.text:  # HEAD has none
            answers.setdefault(answer.headers["content-type"], set()).add(answer.text)
    assert all(len(texts) == 1 for texts in answers.values())
