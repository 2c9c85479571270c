"""The table of interactions with an end to the time of each."""

import asyncio

from fhirserver.dispatch import Dispatch
from fhirserver.kernel.exchange import FhirRequest, FhirResponse
from fhirserver.kernel.outcome import RequestTimeout
from fhirserver.repository.repository import Repository


class TimedDispatch(Dispatch):
    """Gives no request more time than it may have, but for streams, which take as long as their client."""

    limit_s: float = 60.0

    async def run(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        """Run a request; raises RequestTimeout."""
        if request.chunks is not None:
            return await super().run(request, repository)
        try:
            async with asyncio.timeout(self.limit_s):
                return await super().run(request, repository)
        except TimeoutError:
            raise RequestTimeout(
                f"The request took more than {self.limit_s:g} s; what it wrote may be there."
            ) from None
