"""The limits of one worker, added up with the others' in the background."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from fhirserver.app.background import ended
from fhirserver.kernel.outcome import Unavailable
from fhirserver.rest.quotas import Limit, Quotas
from fhirserver.settings import Settings
from fhirserver.store.records import Records

_EVERY_S: Final = 0.5

OnFault = Callable[[BaseException], None]


def limits_of(settings: Settings) -> tuple[Limit, ...]:
    """Return the limits that are set."""
    points = {"client": settings.client_points, "user": settings.user_points, "site": settings.site_points}
    return tuple(Limit(kind, amount) for kind, amount in points.items() if amount)


@asynccontextmanager
async def limiting(settings: Settings, records: Records | None, on_fault: OnFault) -> AsyncIterator[Quotas | None]:
    """Yield the quotas of this worker; none without records to share them in, or without limits."""
    limits = limits_of(settings)
    if records is None or not limits:
        yield None
        return
    quotas = Quotas(limits, records.count, time.time)
    sharing = asyncio.create_task(_share(quotas, on_fault))
    try:
        yield quotas
    finally:
        await ended([sharing])


async def _share(quotas: Quotas, on_fault: OnFault) -> None:
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            await quotas.share()
        except Unavailable:
            continue  # what is not counted yet is counted when the database is back
        except Exception as problem:  # what went wrong once must not end it for good
            on_fault(problem)
