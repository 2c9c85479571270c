"""Tokens in use are looked at again with one question — https://www.rfc-editor.org/rfc/rfc7009#section-2"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from fhirserver.kernel.outcome import LoginRequired
from fhirserver.smart.access_tokens import AccessTokens
from fhirserver.smart.bearer import REFRESH_S, Authenticator
from tests.smart.conftest import Backend, Network


class Counted:
    """The tokens of the server, and of how many a question was asked."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens
        self.together: list[Collection[str]] = []

    async def record_of(self, token: str) -> dict[str, Any] | None:
        return await self._tokens.record_of(token)

    async def living_of(self, jtis: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        self.together.append(jtis)
        return await self._tokens.living_of(jtis)


class Slow(Counted):
    """The same, where the first answer is long on its way."""

    def __init__(self, tokens: AccessTokens) -> None:
        super().__init__(tokens)
        self.has_read, self.may_tell = asyncio.Event(), asyncio.Event()

    async def living_of(self, jtis: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        found = await super().living_of(jtis)
        if not self.has_read.is_set():
            self.has_read.set()
            await self.may_tell.wait()
        return found


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
    assert [len(asked) for asked in counted.together] == [1, 1]


async def test_requests_whose_tokens_were_not_in_use_ask_together(network: Network, service: Backend) -> None:
    clock, counted = Clock(), Counted(network.services.access_tokens)
    authenticator = Authenticator(counted, clock)  # type: ignore[arg-type]
    headers = [{b"authorization": f"Bearer {await service.token()}".encode()} for _ in range(4)]
    for one in headers:
        await authenticator.caller_of(one, "main")
    clock.now_s += 1
    callers = await asyncio.gather(*(authenticator.caller_of(one, "main") for one in headers))
    assert len({caller.token_id for caller in callers}) == len(headers)
    assert [len(asked) for asked in counted.together] == [1, 3]


async def test_an_older_answer_does_not_undo_a_later_one(network: Network, service: Backend) -> None:
    clock, slow = Clock(), Slow(network.services.access_tokens)
    authenticator = Authenticator(slow, clock)  # type: ignore[arg-type]
    header = {b"authorization": f"Bearer {await service.token()}".encode()}
    caller = await authenticator.caller_of(header, "main")
    looking = asyncio.create_task(authenticator.refresh())
    await slow.has_read.wait()
    await network.services.access_tokens.change(caller.token_id, {"name": "Other"})
    clock.now_s += 1
    assert (await authenticator.caller_of(header, "main")).name == "Other"
    slow.may_tell.set()
    await looking
    assert (await authenticator.caller_of(header, "main")).name == "Other"


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
