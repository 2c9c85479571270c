"""The mutation run: takes away one filter after the other and sees that the leak matrix, or a refusal, tells.

    python -m tests.access.mutations                 all sites
    python -m tests.access.mutations planning        those whose name contains a text

The databases are filled once, and a mutant is put into the running functions. What told of mutants before is tried
first, then what is likely to, a few cases of each kind, and more. Prints what each was found by, and those that
nothing found: the run fails for them, unless ``EQUIVALENT`` says why nothing can tell; of those only a few cases of
each kind are tried. With WHOLE=1 all cases are.
"""

import asyncio
import inspect
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import pytest

from fhirserver import assets
from fhirserver.app.knowledge import Knowledge, knowledge_of
from fhirserver.definitions import compiled
from fhirserver.definitions.registry import Definitions
from fhirserver.store.mongod import ManagedMongod
from tests.access import test_cursors_and_moves as single
from tests.access.equivalent import EQUIVALENT
from tests.access.mutant import ROOT, Site, sites, without
from tests.access.situations import SITUATIONS, Situation
from tests.access.test_leaks import Twins, twins_of
from tests.access.worlds import Ask

T = TypeVar("T")

WHOLE: Final = "WHOLE" in os.environ
_HINTED: Final = 2
_FEW: Final = 2
"""Cases of each kind that come first."""
_MANY: Final = 100_000 if WHOLE else 6
"""Cases of each kind that are tried at most."""
_KNOWN: Final = 30
"""Cases that told of a mutant before."""

_HINTS: Final = {
    "as_of": ("as of",), "asked": ("by ", "missing"), "compartments": ("everything",), "contained": ("contained",),
    "everything": ("everything",), "explaining": ("_explain",), "histories": ("history",),
    "includes": ("includ", "beside"), "labels": ("labels", "meta"), "latest": ("lastn",), "linked": ("everything",),
    "lookups": ("list", "value set", "filter", "below", "above"), "named_queries": ("named",),
    "definitions": ("value set", "expand", "validate"),
    "sorting": ("sorted by a chain", "sorted"), "planning": ("chain", "pointed"),
    "searches": ("all", "compartment", "sorted"), "versioned": ("includ", "beside"),
    "sight": ("read", "vread", "history"), "repository": ("read", "everything"), "hiding": ("by ", "sorted", "chain"),
}  # fmt: skip
"""By module: what finds its mutants most likely, and so comes first."""
_ONLY: Final[Mapping[str, Callable[[Situation], bool]]] = {
    "hiding": lambda situation: situation.is_mask,
    "record_rules": lambda situation: bool(situation.who.logins),
    "site_rules": lambda situation: bool(situation.who.logins),
}
"""By module: which situations it has a part in, where not in all."""
_WRITING: Final = ("binaries", "labels", "permits", "transaction", "writes")
_REFUSING: Final = ("require", "check_")
"""Modules of writes, and calls that refuse: single cases tell of them first."""

Case = tuple[Twins, Ask]
Step = Callable[[], Awaitable[str | None]]


@dataclass
class Bench:
    """What mutants are tried on: filled once, and used until something was changed that should not be."""

    uri: str
    knowledge: Knowledge
    twins: Sequence[Twins]
    reads: Sequence[Case]
    known: list[Case] = field(default_factory=list)
    writing: dict[str, tuple[AsyncExitStack, Twins]] = field(default_factory=dict)

    async def found_by(self, site: Site) -> str | None:
        """Return what tells of a mutant."""
        module = Path(site.path).stem
        hints, counts = _HINTS.get(module, ()), _ONLY.get(module, lambda situation: True)
        reads = [case for case in self.reads if counts(case[0].situation)]
        hinted = [case for case in reads if any(hint in case[1].what for hint in hints)]
        known: Step = lambda: self._reading(self.known[:_KNOWN])  # noqa: E731
        if module in _WRITING:
            steps = [self._checking, known, lambda: self._writing(0, _FEW), lambda: self._writing(_FEW, _MANY)]
        else:
            first = _few(hinted, lambda case: (*_kind(case), _addressed(case[1])), _HINTED)
            few, many = [_few(reads, _kind, count) for count in (_FEW, _MANY)]
            steps = [known, lambda: self._reading(first), self._checking, lambda: self._reading(few)]
            steps.append(lambda: self._reading(many[len(few) :]))
        if site.name.startswith(_REFUSING):
            steps.sort(key=lambda step: step != self._checking)
        for step in steps if WHOLE or site.place not in EQUIVALENT else steps[:-1]:
            told = await step()
            if told is not None:
                return told
        return None

    def renew(self) -> None:
        """Forget what was compiled of anybody's access."""
        for twins in (*self.twins, *(one for _, one in self.writing.values())):
            for world in (twins.world, twins.twin):
                world.desk.renew()
                world.faults.clear()

    async def _reading(self, cases: Sequence[Case]) -> str | None:
        for twins, ask in cases:
            if await twins.differs(ask, 0):
                self.known = [(twins, ask), *(one for one in self.known if one != (twins, ask))]
                return _named(twins.situation, ask)
        return None

    async def _checking(self) -> str | None:
        """Run the single cases on a new world, which they change."""
        async with single.opened_world(self.uri, self.knowledge) as world:
            for name, check in _checks(world):
                try:
                    await check()
                except BaseException as problem:  # whatever it is, it tells
                    if isinstance(problem, Exception | pytest.fail.Exception):
                        return f"{name}: {type(problem).__name__}"
                    raise
        return None

    async def _writing(self, after: int, most: int) -> str | None:
        """Try writes, of each kind those after the first so many."""
        for situation in (one for one in SITUATIONS if not one.is_mask):
            twins = await self._written(situation)
            told = await _writes_tell(twins, after, most)
            if told is not None:
                await self.writing.pop(situation.name)[0].aclose()
                return told
        return None

    async def _written(self, situation: Situation) -> Twins:
        if situation.name not in self.writing:
            stack = AsyncExitStack()
            twins = await stack.enter_async_context(twins_of(situation, self.uri, self.knowledge))
            self.writing[situation.name] = stack, twins
        return self.writing[situation.name][1]

    async def close(self) -> None:
        """Drop the databases of writes."""
        for stack, _ in self.writing.values():
            await stack.aclose()


async def _writes_tell(twins: Twins, after: int, most: int) -> str | None:
    before = await twins.hidden_state()
    writes = list(twins.matrix.writes())
    asks = [*writes, *twins.matrix.bundles(writes)]
    tried, wanted = [_few(asks, lambda one: one.what, count) for count in (after, most)]
    for number, ask in enumerate(wanted[len(tried) :]):
        if await twins.differs(ask, number):
            return _named(twins.situation, ask)
    if await twins.hidden_state() != before:
        return f"{twins.situation.name}: something hidden was changed"
    return None


def _named(situation: Situation, ask: Ask) -> str:
    return f"{situation.name}: {ask.what}: {ask.method} {ask.path}"


def _kind(case: Case) -> tuple[str, str]:
    return case[0].situation.name, case[1].what


def _addressed(ask: Ask) -> str:
    """Return the type that an ask is about."""
    return ask.path.partition("?")[0].partition("/")[0]


def _few(items: Sequence[T], kind: Callable[[T], object], count: int) -> list[T]:
    """Return some items of each kind: first one of each, then another of each."""
    by_kind: dict[object, list[T]] = {}
    for item in items:
        by_kind.setdefault(kind(item), []).append(item)
    return [own[turn] for turn in range(count) for own in by_kind.values() if turn < len(own)]


def _checks(world: object) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """Yield the tests of the module of single cases, each with each of its parameters."""
    for name, test in inspect.getmembers(single, inspect.iscoroutinefunction):
        if not name.startswith("test_"):
            continue
        marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        if not marks:
            yield name, lambda test=test: test(world)  # type: ignore[misc]
        for parameter in marks[0].args[1] if marks else ():
            yield f"{name}[{parameter.id}]", lambda test=test, values=parameter.values: test(world, *values)  # type: ignore[misc]


@asynccontextmanager
async def _bench(uri: str, knowledge: Knowledge) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        twins = [await stack.enter_async_context(twins_of(one, uri, knowledge)) for one in SITUATIONS]
        reads = [(one, ask) for one in twins for ask in one.matrix.reads()]
        random.Random(1).shuffle(reads)
        bench = Bench(uri, knowledge, twins, reads)
        try:
            yield bench
        finally:
            await bench.close()


async def run(uri: str, knowledge: Knowledge, wanted: str) -> int:
    """Try every mutant; return how many nothing told of."""
    counts, began = Counter[str](), time.perf_counter()
    async with _bench(uri, knowledge) as bench:
        _say(f"{len(bench.reads)} reads prepared in {time.perf_counter() - began:.0f} s")
        for site in (site for site in sites() if wanted in str(site)):
            started = time.perf_counter()
            bench.renew()
            with without(site):
                told = await bench.found_by(site)
            reason = EQUIVALENT.get(site.place)
            counts["found" if told else "equivalent" if reason else "survived"] += 1
            told = told or f"{'EQUIVALENT' if reason else 'SURVIVED'} {reason or ''}"
            _say(f"{site}  {told}  {time.perf_counter() - started:.1f} s")
    _say(f"{dict(counts)} in {time.perf_counter() - began:.0f} s")
    return counts["survived"]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


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
