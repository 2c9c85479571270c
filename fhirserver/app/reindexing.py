"""Reindexing the sites of a database, in process."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.preparing import prepare
from fhirserver.app.sites import sites_of
from fhirserver.jobs.reindex import reindex
from fhirserver.kernel.outcome import Unavailable
from fhirserver.settings import Settings

Progress = Callable[[str, int, int], None]
"""Hears (site, instances done, instances changed)."""


def reindex_sites(settings: Settings, uri: str, sites: Sequence[str], progress: Progress) -> None:
    """Reindex ``sites``, one after the other; raises DatabaseProblem, LookupError."""
    try:
        asyncio.run(_reindex(settings, uri, sites, progress))
    except Unavailable as problem:
        raise DatabaseProblem(f"{problem} Run it again: it begins anew.") from None


async def _reindex(settings: Settings, uri: str, sites: Sequence[str], progress: Progress) -> None:
    knowledge = load_knowledge(settings)
    await prepare(settings, uri, knowledge)
    async with sites_of(settings, uri, knowledge) as builder:
        for name in sites:
            site = await builder.open(name)
            await reindex(site.store, site.extractor, partial(progress, name))
