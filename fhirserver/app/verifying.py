"""Verifying the audit trail of sites from the command line, while servers serve or without any."""

import asyncio
from collections.abc import Callable, Iterable

from fhirserver.app.auditing import chain_secret
from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import Knowledge, load_knowledge
from fhirserver.app.sites import own_bases
from fhirserver.audit.chain import Chain
from fhirserver.audit.verify import Report, Span, Verifier
from fhirserver.kernel.instant import UniqueClock
from fhirserver.kernel.outcome import Unavailable
from fhirserver.search.extract import Extractor, IndexingRules
from fhirserver.settings import Settings
from fhirserver.store.audit import AuditStore
from fhirserver.store.connection import Connection

Progress = Callable[[str, int, int], None]
"""Hears the site, how many events were looked at, of how many."""


def verify_sites(
    settings: Settings, uri: str, sites: Iterable[str], span: Span, progress: Progress
) -> dict[str, Report]:
    """Walk the chain of each site; raises DatabaseProblem."""
    try:
        return asyncio.run(_each(settings, uri, sites, span, progress))
    except Unavailable as problem:
        raise DatabaseProblem(str(problem)) from None


async def _each(
    settings: Settings, uri: str, sites: Iterable[str], span: Span, progress: Progress
) -> dict[str, Report]:
    connection, secret, knowledge = Connection(uri), chain_secret(settings), load_knowledge(settings)
    reports = {}
    try:
        for name in sites:
            store = AuditStore(connection.store(settings.database(name), UniqueClock()))
            extractor = Extractor(knowledge.definitions, knowledge.parameters, _rules(settings, name, knowledge))
            verifier = Verifier(store, Chain(secret, name), extractor, _of_site(name, progress))
            reports[name] = await verifier.run(span)
    finally:
        await connection.close()
    return reports


def _rules(settings: Settings, name: str, knowledge: Knowledge) -> IndexingRules:
    return IndexingRules(ucum=knowledge.ucum, own_bases=tuple(f"{base}/" for base in own_bases(settings, name)))


def _of_site(name: str, progress: Progress) -> Callable[[int, int], None]:
    return lambda seen, total: progress(name, seen, total)
