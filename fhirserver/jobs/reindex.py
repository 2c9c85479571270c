"""Reindex: the index values of what is stored, computed anew while the server serves.

Needed for a new SearchParameter, and after a change of a rule that index values follow (time zone, base url). It goes
through the documents in batches, in the order of keys, and notes after each how far it is.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from fhirserver.codec.fhir_json import parse_json
from fhirserver.jobs.pace import Pace
from fhirserver.jobs.runner import Checkpoint
from fhirserver.repository.services import LiveServices
from fhirserver.search.extract import Extractor
from fhirserver.search.index import IndexValues
from fhirserver.store.jobs import Job
from fhirserver.store.layout import Document
from fhirserver.store.parameters import ParameterStore
from fhirserver.store.reindex import Part, Reindexing, parts_of

REINDEX: Final = "reindex"
_BATCH: Final = 200
_STRIDE: Final = 16
"""Documents worked on in one go, a few milliseconds."""
_ASK_S: Final = 0.2


def covered_by(job: Job, marks: Collection[str]) -> frozenset[str]:
    """Return those of the marks that a job will complete: of its types, until it has begun with what there was."""
    if job.kind != REINDEX or job.asked.get("dry_run"):
        return frozenset()
    if "marks" in job.progress:
        return frozenset(marks).intersection(job.progress["marks"])
    return _of_types(marks, job.asked["types"])


def _of_types(marks: Collection[str], types: Sequence[str]) -> frozenset[str]:
    return frozenset(mark for mark in marks if not types or mark.partition(".")[0] in types)


class Reindexer:
    """Does reindex jobs: ``asked`` has the types, none for all, and whether it is a dry run."""

    def __init__(
        self, live: LiveServices, documents: Reindexing, stored: ParameterStore, *, pace: Pace, batch: int = _BATCH
    ) -> None:
        """Give way to requests as ``pace`` says."""
        self._live = live
        self._documents = documents
        self._stored = stored
        self._pace = pace
        self._batch = batch

    async def __call__(self, job: Job, checkpoint: Checkpoint) -> Document:
        """Do a job from where its progress says; returns the progress at the end."""
        parts = parts_of(job.asked["types"])
        dry_run = bool(job.asked.get("dry_run"))
        progress = dict(job.progress)
        while True:
            if "part" not in progress:
                progress = await self._begin(job, parts, checkpoint)
            while progress["part"] < len(parts):
                await self._do_part(parts[progress["part"]], progress, checkpoint, dry_run=dry_run)
            if dry_run or await self._stored.complete(progress["marks"], progress["epoch"]):
                break
            progress = {}  # a definition changed meanwhile, and somebody wrote without it
        if not dry_run and not job.asked["types"]:
            await self._documents.note_whole()
        return progress

    async def _begin(self, job: Job, parts: Sequence[Part], checkpoint: Checkpoint) -> Document:
        """Take up the marks that wait for an index now, once every worker writes by them."""
        parameters = (await self._live.newest()).binder.parameters
        marks: list[str] = []
        if not job.asked.get("dry_run"):
            marks = sorted(_of_types(parameters.marks() - parameters.served, job.asked["types"]))
        ledger = await self._stored.begin(marks)
        total = sum([await self._documents.count(part) for part in parts])
        progress: Document = {
            "marks": marks,
            "epoch": ledger.epoch,
            "turn": ledger.turn,
            "total": total,
            "done": 0,
            "changed": 0,
        }
        await checkpoint(progress)
        if not job.asked.get("dry_run"):
            await self._await_workers(progress, checkpoint)
        return {**progress, "part": 0, "after": ""}

    async def _await_workers(self, progress: Document, checkpoint: Checkpoint) -> None:
        """Wait until what any worker may still write has the values, and was begun after the turn."""
        while await self._stored.is_behind(progress["marks"], progress["turn"]):
            known = self._live.now.binder.parameters.marks()
            progress["marks"] = [mark for mark in progress["marks"] if mark in known]  # none is awaited in vain
            await checkpoint(progress)
            await asyncio.sleep(_ASK_S)

    async def _do_part(self, part: Part, progress: Document, checkpoint: Checkpoint, *, dry_run: bool) -> None:
        if part.earlier and not dry_run and "settled" not in progress:
            # A write that read its version before this reindex came by may still make an earlier one of it.
            progress["turn"] = (await self._stored.begin(())).turn
            await self._await_workers(progress, checkpoint)
            progress["settled"] = True
        self._pace.begin()
        with self._live.now.clock.indexing():
            extract = _Extract((await self._live.fresh()).extractor, self._pace)
            batch = await self._documents.some(part, extract, progress["after"], self._batch, dry_run=dry_run)
        progress["done"] += batch.done
        progress["changed"] += batch.changed
        progress["after"] = batch.last or ""
        progress["part"] += batch.last is None
        await checkpoint(progress)
        await self._pace.give_way()


class _Extract:
    """Extracts, and gives way to requests now and then."""

    def __init__(self, extractor: Extractor, pace: Pace) -> None:
        self._extractor = extractor
        self._pace = pace
        self._count = 0

    async def __call__(self, content: bytes) -> IndexValues:
        self._count += 1
        if self._count % _STRIDE == 0:
            await self._pace.give_way()
        return self._extractor.extract(parse_json(content))
