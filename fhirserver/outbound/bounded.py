"""A transport whose answers have an end: what is longer is cut off with an error, and nobody waits for the rest."""

from collections.abc import AsyncIterator
from types import TracebackType

import httpx2


class TooLongAnswer(httpx2.TransportError):
    """Another server sends more than it should; the text is a sentence."""


class Bounded(httpx2.AsyncBaseTransport):
    """Reads answers through another transport."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, max_bytes: int) -> None:
        """Allow ``max_bytes`` for each body, as it travels."""
        self._inner = inner
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; the body is bounded as it is read."""
        # What is compressed travels short and becomes long: so nothing may be.
        request.headers["Accept-Encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise TooLongAnswer("The other server compresses its answer, which was not asked for.")
        stream = _Cut(response.stream, self._max_bytes)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Stay open for the next client."""

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()


class _Cut(httpx2.AsyncByteStream):
    def __init__(self, inner: object, max_bytes: int) -> None:
        if not isinstance(inner, httpx2.AsyncByteStream):
            raise TypeError("an answer of an asynchronous transport has an asynchronous body")
        self._inner = inner
        self._max_bytes = self._left = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._left -= len(part)
            if self._left < 0:
                raise TooLongAnswer(f"The other server answers more than {self._max_bytes} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()
