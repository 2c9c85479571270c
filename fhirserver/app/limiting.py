"""The limits of one worker, added up with the others' in the background."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fhirserver.app.background import OnFault, repeating
from fhirserver.rest.quotas import Limit, Quotas
from fhirserver.settings import Settings
from fhirserver.store.records import Records

_EVERY_S: Final = 0.5


def limits_of(settings: Settings) -> tuple[Limit, ...]:
    """Return the limits that are set."""
    points = {"client": settings.client_points, "user": settings.user_points, "site": settings.site_points}
    return tuple(Limit(kind, amount) for kind, amount in points.items() if amount)


@asynccontextmanager
async def limiting(settings: Settings, records: Records, on_fault: OnFault) -> AsyncIterator[Quotas | None]:
    """Yield the quotas of this worker; none without limits."""
    limits = limits_of(settings)
    if not limits:
        yield None
        return
    quotas = Quotas(limits, records.count, time.time)
    async with repeating(quotas.share, _EVERY_S, "quotas", on_fault):
        yield quotas
