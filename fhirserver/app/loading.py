"""Loading files into a site's database, in process: the interactions run without HTTP between."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.preparing import prepare
from fhirserver.app.sites import sites_of
from fhirserver.jobs.load import Loader, Report
from fhirserver.jobs.load_journal import Journal
from fhirserver.kernel.outcome import Unavailable
from fhirserver.settings import Settings

JOURNAL: Final = "load.journal"
_DATABASE: Final = "database"
_UNBOUNDED_ENTRIES: Final = 1_000_000
_UNBOUNDED_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load: into which site, how many units at a time, what an earlier run has loaded again or not."""

    site: str
    in_flight: int = 4
    again: bool = False


def load_files(settings: Settings, uri: str, files: Sequence[Path], options: LoadOptions, report: Report) -> None:
    """Load files; raises DatabaseProblem, LookupError without definitions."""
    # The operator's own files: what bounds the requests of many callers does not bound them.
    unbounded = {"max_bundle_entries": _UNBOUNDED_ENTRIES, "request_timeout_s": _UNBOUNDED_S}
    try:
        asyncio.run(_load(settings.model_copy(update=unbounded), uri, files, options, report))
    except Unavailable as problem:
        raise DatabaseProblem(f"{problem} Run the load again to go on where it ended.") from None


async def _load(settings: Settings, uri: str, files: Sequence[Path], options: LoadOptions, report: Report) -> None:
    knowledge = load_knowledge(settings)
    await prepare(settings, uri, knowledge)
    async with sites_of(settings, uri, knowledge) as builder:
        site = await builder.open(options.site)
        stored = await site.store.set_once(_DATABASE, {"mark": secrets.token_hex(16)})
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        journal = Journal(settings.data_dir / JOURNAL, stored["mark"])
        loader = Loader(site.execute, journal, report, in_flight=options.in_flight, again=options.again)
        await loader.run(files)
