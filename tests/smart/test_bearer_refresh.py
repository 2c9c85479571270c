"""Tokens in use are looked at again with one question — https://www.rfc-editor.org/rfc/rfc7009#section-2"""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from fhirserver.kernel.outcome import LoginRequired
from fhirserver.smart.access_tokens import AccessTokens
from fhirserver.smart.bearer import REFRESH_S, Authenticator
from tests.smart.conftest import Backend, Network


class Counted:
    """The tokens of the server, and how often each way of looking at them was taken."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens
        self.alone: list[str] = []
        self.together: list[Collection[str]] = []

    async def record_of(self, token: str) -> dict[str, Any] | None:
        return await self._tokens.record_of(token)

    async def living(self, jti: str) -> dict[str, Any] | None:
        self.alone.append(jti)
        return await self._tokens.living(jti)

    async def living_of(self, jtis: Collection[str]) -> Mapping[str, dict[str, Any]]:
        self.together.append(jtis)
        return await self._tokens.living_of(jtis)


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_tokens_in_use_are_asked_for_together_and_requests_ask_for_none(
    network: Network, service: Backend
) -> None:
    clock, counted = Clock(), Counted(network.services.access_tokens)
    authenticator = Authenticator(counted, clock)  # type: ignore[arg-type]
    headers = [{b"authorization": f"Bearer {await service.token()}".encode()} for _ in range(3)]
    for one in headers:
        await authenticator.caller_of(one, "main")
    for _ in range(4):
        clock.now_s += REFRESH_S
        await authenticator.refresh()
        for one in headers:
            await authenticator.caller_of(one, "main")
    assert not counted.alone
    assert [len(asked) for asked in counted.together] == [3, 3, 3, 3]


async def test_a_token_that_nobody_uses_is_not_asked_for(network: Network, service: Backend) -> None:
    clock, counted = Clock(), Counted(network.services.access_tokens)
    authenticator = Authenticator(counted, clock)  # type: ignore[arg-type]
    header = {b"authorization": f"Bearer {await service.token()}".encode()}
    await authenticator.caller_of(header, "main")
    for _ in range(3):
        clock.now_s += REFRESH_S
        await authenticator.refresh()
    assert len(counted.together) == 1
    await authenticator.caller_of(header, "main")
    assert len(counted.alone) == 1


async def test_a_revoked_token_is_refused_after_the_next_look(network: Network, service: Backend) -> None:
    clock, tokens = Clock(), network.services.access_tokens
    authenticator = Authenticator(tokens, clock)
    token = await service.token()
    header = {b"authorization": f"Bearer {token}".encode()}
    caller = await authenticator.caller_of(header, "main")
    await tokens.revoke(caller.token_id)
    assert await authenticator.caller_of(header, "main") == caller  # within half a second it may still count
    clock.now_s += REFRESH_S
    await authenticator.refresh()
    with pytest.raises(LoginRequired):
        await authenticator.caller_of(header, "main")
