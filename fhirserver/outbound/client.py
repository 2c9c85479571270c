"""An HTTP client behind the guard: no redirects, no proxies, no connection kept, an end to size and time."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final

import httpx2

from fhirserver.outbound.bounded import Bounded, TooLongAnswer
from fhirserver.outbound.guard import Guard, Refused

MAX_BYTES: Final = 256 * 1024
TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What another server said; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Connects to the address that the guard has judged, under the name of the URL."""

    def __init__(self, guard: Guard, verify: ssl.SSLContext | bool = True) -> None:
        """Trust the certificates of ``verify``, by default those of the system's authorities."""
        self._guard = guard
        # a connection is kept for an address, but what it proved is a name: so none is kept
        self._inner = httpx2.AsyncHTTPTransport(verify=verify, limits=httpx2.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; raises Refused."""
        pinned = await self._guard.pin(str(request.url))
        request.url = request.url.copy_with(host=pinned.address)  # the Host header is of the name already
        request.extensions = {**request.extensions, "sni_hostname": pinned.host}
        return await self._inner.handle_async_request(request)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()


class Outbound:
    """Asks other servers."""

    def __init__(self, guard: Guard, *, verify: ssl.SSLContext | bool = True, timeout_s: float = TIMEOUT_S) -> None:
        """Let no request take longer than ``timeout_s``, from its name's resolution to its last byte."""
        self._guard = guard
        self._verify = verify
        self._timeout_s = timeout_s

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """Send one request and return the whole answer, whatever its status; raises Refused."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._send(httpx2.Request(method, url, headers=headers, content=content), max_bytes)
        except TimeoutError:
            raise Refused(f"The other server takes more than {self._timeout_s:g} s.") from None
        except TooLongAnswer as problem:
            raise Refused(str(problem)) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
            raise Refused(f"The other server cannot be asked ({type(problem).__name__}).") from None

    async def _send(self, request: httpx2.Request, max_bytes: int) -> Answer:
        transport = Bounded(GuardedTransport(self._guard, self._verify), max_bytes)
        client = httpx2.AsyncClient(
            transport=transport, follow_redirects=False, timeout=self._timeout_s, trust_env=False
        )
        async with client:
            response = await client.send(request)
            return Answer(response.status_code, dict(response.headers), response.content)
