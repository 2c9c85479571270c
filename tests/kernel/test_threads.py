"""Work beside the event loop leaves nothing behind — https://docs.python.org/3/library/asyncio-task.html#running-in-threads"""

import asyncio
import gc
import threading
from collections.abc import Iterator
from weakref import ref

import pytest

from fhirserver.kernel.threads import in_thread


class Thing:
    """Something that is to be let go."""


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    """No garbage is collected meanwhile: references are all that counts."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_the_loop_goes_on_meanwhile() -> None:
    going = threading.Event()

    async def let_go() -> None:
        going.set()

    waiting = asyncio.create_task(let_go())
    assert await in_thread(going.wait, timeout=10)
    await waiting


async def test_what_it_gives_is_kept_by_who_asked_alone() -> None:
    found = await in_thread(Thing)
    held = ref(found)
    del found
    assert held() is None


async def test_what_it_raises_is_let_go_with_all_that_it_was_about() -> None:
    def fail(thing: Thing) -> None:
        raise LookupError(f"nothing of {thing!r}")

    thing = Thing()
    held = ref(thing)
    with pytest.raises(LookupError, match="nothing of"):
        await in_thread(fail, thing)
    await asyncio.sleep(0)
    del thing
    assert held() is None
