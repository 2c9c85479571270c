"""The mutation run: takes away one filter after the other and sees that the leak matrix, or a refusal, tells.

    python -m tests.access.mutations                 all sites
    python -m tests.access.mutations planning        those whose name contains a text

A part of the matrix is enough where it tells: a few cases of each kind are tried, or, with WHOLE=1, the rest as well.
 Prints what each was found by, and those that nothing found: the run fails for them, unless ``SPARE`` says why.
"""

import asyncio
import inspect
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from fhirserver import assets
from fhirserver.app.knowledge import Knowledge, knowledge_of
from fhirserver.definitions import compiled
from fhirserver.definitions.registry import Definitions
from fhirserver.store.mongod import ManagedMongod
from tests.access import test_cursors_and_moves as single
from tests.access.mutant import ROOT, sites, without
from tests.access.situations import SITUATIONS, Situation
from tests.access.test_leaks import Twins, twins_of
from tests.access.worlds import Ask, World

T = TypeVar("T")

SPARE: Final[dict[str, str]] = {
    "fhirserver/repository/binaries.py:check_state": "one before the content comes, one when it is there",
    "fhirserver/repository/everything.py:within_access": "whose records are walked; their members are filtered again",
    "fhirserver/repository/latest.py:within_access": "what was found within the access is read within it again",
    "fhirserver/repository/linked.py:within_access": "two of three: walks of more than 20,000 members",
    "fhirserver/repository/lookups.py:filter": "hierarchies: tests/repository/test_lookups_access.py",
    "fhirserver/repository/sorting.py:visible": "of three resources in a row: tests/search/test_cost.py has two",
}
"""Sites that the cases here need not find, by file and call, and why."""

WHOLE: Final = "WHOLE" in os.environ
_TOGETHER: Final = 6
_HINTED: Final = 3
_FEW: Final = 2
"""Cases of each kind that come first."""


_HINTS: Final = {
    "as_of": ("as of",), "asked": ("by ", "missing"), "compartments": ("everything",), "contained": ("contained",),
    "everything": ("everything",), "explaining": ("_explain",), "histories": ("history",),
    "includes": ("includ", "beside"), "labels": ("labels", "meta"), "latest": ("lastn",), "linked": ("everything",),
    "lookups": ("list", "value set", "filter"), "named_queries": ("named",), "sorting": ("sorted by a chain", "sorted"),
    "planning": ("chain", "pointed"), "searches": ("all", "compartment", "sorted"),
    "versioned": ("includ", "beside"), "sight": ("read", "vread", "history"), "repository": ("read", "everything"),
}  # fmt: skip
"""By module: what finds its mutants most likely, and so comes first."""
_WRITING: Final = ("binaries", "labels", "permits", "transaction", "writes")
_REFUSING: Final = ("require", "check_")
"""Modules of writes, and calls that refuse: single cases tell of them first."""


@dataclass(frozen=True)
class Bench:
    """What a mutant is tried on."""

    single: World
    reads: Sequence[tuple[Twins, Ask]]
    fresh: Callable[[Situation], Any]

    async def found_by(self, module: str, name: str) -> str | None:
        """Return what tells that a call of some name is missing in a module."""
        hints = _HINTS.get(module, ())
        hinted = [(twins, ask) for twins, ask in self.reads if any(hint in ask.what for hint in hints)]
        first = _few(hinted, _kind, _HINTED)
        steps: list[Callable[[], Awaitable[str | None]]] = [
            lambda: _reading(first),
            lambda: _checking(self.single),
            lambda: _writing(self.fresh, _FEW) if module in _WRITING else _reading(_few(self.reads, _kind, _FEW)),
            lambda: _reading(self.reads),
            lambda: _writing(self.fresh, None),
        ]
        if module in _WRITING or name.startswith(_REFUSING):
            steps[0], steps[1] = steps[1], steps[0]
        for step in steps if WHOLE else steps[:-2]:
            told = await step()
            if told is not None:
                return told
        return None


def _kind(read: tuple[Twins, Ask]) -> tuple[str, str]:
    return read[0].situation.name, read[1].what


async def _checking(world: World) -> str | None:
    for name, check in _checks(world):
        try:
            await check()
        except BaseException as problem:  # whatever it is, it tells
            if isinstance(problem, Exception | pytest.fail.Exception):
                return f"{name}: {type(problem).__name__}"
            raise
    return None


async def _writing(fresh: Callable[[Situation], Any], of_a_kind: int | None) -> str | None:
    for situation in (one for one in SITUATIONS if not one.is_mask):
        async with fresh(situation) as twins:
            before = await twins.hidden_state()
            writes = list(twins.matrix.writes())
            asks = [*writes, *twins.matrix.bundles(writes)]
            for number, ask in enumerate(asks if of_a_kind is None else _few(asks, lambda one: one.what, of_a_kind)):
                if await twins.differs(ask, number):
                    return f"{situation.name}: {ask.what}: {ask.method} {ask.path}"
            if await twins.hidden_state() != before:
                return f"{situation.name}: something hidden was changed"
    return None


async def _reading(reads: Sequence[tuple[Twins, Ask]]) -> str | None:
    waiting = iter(reads)
    while some := list(islice(waiting, _TOGETHER)):
        differ = await asyncio.gather(*(twins.differs(ask, 0) for twins, ask in some))
        for (twins, ask), told in zip(some, differ, strict=True):
            if told:
                return f"{twins.situation.name}: {ask.what}: {ask.method} {ask.path}"
    return None


def _few(items: Sequence[T], kind: Callable[[T], object], count: int) -> list[T]:
    """Return some items of each kind: first one of each, then another of each."""
    by_kind: dict[object, list[T]] = {}
    for item in items:
        by_kind.setdefault(kind(item), []).append(item)
    return [own[turn] for turn in range(count) for own in by_kind.values() if turn < len(own)]


def _checks(world: World) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """Yield the tests of the module of single cases, each with each of its parameters."""
    for name, test in inspect.getmembers(single, inspect.iscoroutinefunction):
        if not name.startswith("test_"):
            continue
        marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        if not marks:
            yield name, lambda test=test: test(world)  # type: ignore[misc]
        for parameter in marks[0].args[1] if marks else ():
            yield f"{name}[{parameter.id}]", lambda test=test, values=parameter.values: test(world, *values)  # type: ignore[misc]


async def run(uri: str, knowledge: Knowledge, wanted: str) -> int:
    """Try every mutant; return how many nothing told of."""
    survivors = 0

    @asynccontextmanager
    async def fresh(situation: Situation) -> AsyncIterator[Twins]:
        async with twins_of(situation, uri, knowledge) as twins:
            yield twins

    async with AsyncExitStack() as stack:
        twins = [await stack.enter_async_context(fresh(situation)) for situation in SITUATIONS]
        reads = [(one, ask) for one in twins for ask in one.matrix.reads()]
        random.Random(1).shuffle(reads)
        for site in (site for site in sites() if wanted in str(site)):
            started = time.perf_counter()
            async with single.opened_world(uri, knowledge) as world:
                with without(site):
                    told = await Bench(world, reads, fresh).found_by(Path(site.path).stem, site.name)
            for one in twins:
                one.world.faults.clear()
                one.twin.faults.clear()
            reason = SPARE.get(f"{site.path}:{site.name}")
            survivors += told is None and reason is None
            told = told or f"SURVIVED {reason or ''}"
            sys.stdout.write(f"{site}  {told}  {time.perf_counter() - started:.1f} s\n")
            sys.stdout.flush()
    return survivors


def main() -> None:
    """Run on a mongod of its own."""
    archive = assets.definition_file("hl7.fhir.r4.core-4.0.1.tgz")
    knowledge = knowledge_of(Definitions([compiled.load(archive, ROOT / ".cache" / "compiled")]))
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    given = os.environ.get("FHIRSERVER_MONGODB_URI")
    if given is not None:
        sys.exit(asyncio.run(run(given, knowledge, wanted)))
    with tempfile.TemporaryDirectory() as folder, ManagedMongod.start(Path(folder), oplog_mb=1000) as mongod:
        sys.exit(asyncio.run(run(mongod.uri, knowledge, wanted)))


if __name__ == "__main__":
    main()
