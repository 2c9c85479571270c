"""Requests that share a call: each has its own result, none waits for company, none is lost"""

import asyncio
from collections.abc import Sequence

import pytest

from fhirserver.store.coalesce import Coalescer


class Refused(Exception):
    """One item's own error."""


class Line:
    """A call that lasts until it is let through; odd items fail, ``all`` fails with everybody."""

    def __init__(self, limit: int = 100, lines: int = 1) -> None:
        self.batches: list[list[str]] = []
        self.sizes: list[int] = []
        self.gate = asyncio.Semaphore(0)
        self.coalescer: Coalescer[str, str] = Coalescer(self.run, limit, self.sizes.append, lines=lines)

    async def run(self, items: Sequence[str]) -> list[str | BaseException]:
        self.batches.append(list(items))
        await self.gate.acquire()
        if "all" in items:
            raise Refused("all")
        return [Refused(item) if item.startswith("bad") else item.upper() for item in items]

    def ask(self, *items: str) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.coalescer(item)) for item in items]

    def let_through(self, calls: int = 1) -> None:
        for _ in range(calls):
            self.gate.release()


async def settled() -> None:
    """Let every task go as far as it can without the gate."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_first_request_runs_at_once_alone() -> None:
    line = Line()
    line.let_through()
    assert await line.coalescer("a") == "A"
    assert line.batches == [["a"]]


async def test_a_request_alone_is_sent_without_another_turn_of_the_loop() -> None:
    sent: list[str] = []

    async def run(items: Sequence[str]) -> Sequence[str]:
        sent.extend(items)
        return items

    coroutine = Coalescer(run, 10)("a")
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert (sent, stopped.value.value) == (["a"], "a")


async def test_requests_during_a_call_share_the_next_one() -> None:
    line = Line()
    tasks = line.ask("a", "b", "c")
    await settled()
    assert line.batches == [["a"]]
    line.let_through(2)
    assert await asyncio.gather(*tasks) == ["A", "B", "C"]
    assert (line.batches, line.sizes) == ([["a"], ["b", "c"]], [1, 2])


async def test_a_few_calls_may_be_in_flight() -> None:
    line = Line(lines=2)
    tasks = line.ask("a", "b", "c", "d")
    await settled()
    assert line.batches == [["a"], ["b"]]
    line.let_through()
    await settled()
    late = line.ask("e")
    await settled()
    assert line.batches == [["a"], ["b"], ["c", "d"]]
    line.let_through(3)
    assert await asyncio.gather(*tasks, *late) == ["A", "B", "C", "D", "E"]
    assert line.batches[3:] == [["e"]]


async def test_a_batch_has_a_limit() -> None:
    line = Line(limit=2)
    tasks = line.ask("a", "b", "c", "d", "e", "f")
    await settled()
    line.let_through(4)
    assert await asyncio.gather(*tasks) == ["A", "B", "C", "D", "E", "F"]
    assert line.batches == [["a"], ["b", "c"], ["d", "e"], ["f"]]


async def test_each_error_goes_to_its_own_request() -> None:
    line = Line()
    tasks = line.ask("bad1", "b", "bad2", "d")
    await settled()
    line.let_through(2)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(result) for result in results] == ["bad1", "B", "bad2", "D"]
    assert [type(result) for result in results] == [Refused, str, Refused, str]


async def test_an_error_of_the_call_is_everybodys_and_the_line_goes_on() -> None:
    line = Line()
    tasks = line.ask("a", "b", "all", "c")
    await settled()
    line.let_through(2)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [str, Refused, Refused, Refused]
    line.let_through()
    assert await line.coalescer("again") == "AGAIN"


async def test_an_error_of_the_first_call_lets_the_others_through() -> None:
    line = Line()
    tasks = line.ask("all", "b", "c")
    await settled()
    line.let_through(2)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(result) for result in results] == ["all", "B", "C"]


async def test_a_cancelled_first_request_does_not_lose_the_others() -> None:
    line = Line()
    first, *others = line.ask("a", "b", "c")
    await settled()
    first.cancel()
    await settled()
    assert line.batches == [["a"], ["b", "c"]]
    line.let_through()
    assert await asyncio.gather(*others) == ["B", "C"]
    with pytest.raises(asyncio.CancelledError):
        await first
    line.let_through()
    assert await line.coalescer("again") == "AGAIN"


@pytest.mark.parametrize("in_flight", [False, True])
async def test_a_cancelled_waiter_does_not_lose_the_others(in_flight: bool) -> None:
    line = Line()
    first, second, third = line.ask("a", "b", "c")
    await settled()
    if in_flight:
        line.let_through()
        await settled()
        assert line.batches[-1] == ["b", "c"]
    second.cancel()
    line.let_through(2)
    assert [await first, await third] == ["A", "C"]
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_all_cancelled_leaves_the_line_free() -> None:
    line = Line()
    tasks = line.ask("a", "b", "c")
    await settled()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    line.let_through(3)
    await settled()
    assert await line.coalescer("again") == "AGAIN"


async def test_a_request_never_joins_a_batch_that_was_sent_before_it() -> None:
    line = Line()
    first = line.ask("a")
    await settled()
    second = line.ask("b")
    await settled()
    line.let_through()
    await settled()
    third = line.ask("c")
    await settled()
    assert line.batches == [["a"], ["b"]]
    line.let_through(2)
    assert await asyncio.gather(*first, *second, *third) == ["A", "B", "C"]
    assert line.batches == [["a"], ["b"], ["c"]]


async def test_a_cancelled_server_of_the_line_leaves_nobody_waiting() -> None:
    line = Line()
    before = asyncio.all_tasks()
    tasks = line.ask("a", "b")
    await settled()
    line.let_through()
    await settled()
    late = line.ask("c")
    await settled()
    (drain,) = asyncio.all_tasks() - before - set(tasks) - set(late)
    drain.cancel()
    results = await asyncio.gather(*tasks, *late, return_exceptions=True)
    assert [type(result) for result in results] == [str, asyncio.CancelledError, asyncio.CancelledError]


async def test_requests_come_through_however_they_arrive() -> None:
    line = Line(limit=3)
    tasks: list[asyncio.Task[str]] = []
    for number in range(60):
        tasks += line.ask(f"bad{number}" if number % 7 == 0 else f"x{number}")
        if number % 3 == 0:
            line.let_through()
        await asyncio.sleep(0)
        if number % 11 == 0:
            tasks[number // 2].cancel()
    line.let_through(100)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for number, result in enumerate(results):
        if not isinstance(result, asyncio.CancelledError):
            assert str(result) == (f"bad{number}" if number % 7 == 0 else f"X{number}")
    assert sum(map(len, line.batches)) <= 60
