"""The outermost ASGI application: hands a request to the site whose base its path names, else to the pages.

FHIR requests never pass through the web framework; nothing here reads a body.
Spec: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from fhirserver.kernel.memory import remembered
from fhirserver.settings import is_loopback

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Lifespan: TypeAlias = Callable[[], AbstractAsyncContextManager[Mapping[str, AsgiApp]]]

_MEMO: Final = 256
_WELL_KNOWN: Final = ".well-known"
"""Below a FHIR base too, what stands here is about the server (RFC 8615); no resource type is named so."""
_MISDIRECTED: Final = b"This server answers requests for this machine only: use http://localhost.\n"
_FOREIGN: Final = b"Pages of this origin may not call; see the setting FHIRSERVER_CORS_ORIGINS.\n"


class Gateway:
    """``/fhir`` and ``/{site}/fhir`` belong to the lanes, every other path to the pages."""

    def __init__(self, lifespan: Lifespan, pages: AsgiApp) -> None:
        """Serve the lanes that ``lifespan`` gives, by the path each stands at; it surrounds all requests."""
        self._lifespan = lifespan
        self._lanes: Mapping[str, AsgiApp] = {}
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the server."""
        if scope["type"] == "http":
            await self._find(scope["path"])(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def _find(self, path: str) -> AsgiApp:
        segments = path.split("/", 3)
        if len(segments) == 1:  # `OPTIONS *`
            return self._pages
        lane, below = self._lanes.get(f"/{segments[1]}"), segments[2:]
        if lane is None and below:
            lane, below = self._lanes.get(f"/{segments[1]}/{segments[2]}"), segments[3:]
        if below and below[0].startswith(_WELL_KNOWN):
            lane = self._lanes.get(f"/{_WELL_KNOWN}", lane)
        return lane or self._pages

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self.serving():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve for as long as the context lasts."""
        async with self._lifespan() as self._lanes:
            yield


class LocalCallers:
    """Refuses requests that a web page from elsewhere makes through the browser of who works on this machine.

    Without login such a page could read and change everything: by having its own name resolved to the loopback
    address, which the ``Host`` header tells, or by sending what needs no preflight, which ``Origin`` tells.
    """

    def __init__(self, app: AsgiApp, public_origin: str | None, origins: Collection[str]) -> None:
        """Serve ``app`` as this machine or as ``public_origin``, to its own pages and those of ``origins``."""
        self._app = app
        self._public_host = urlsplit(public_origin).hostname if public_origin else None
        self._origins = origins
        self._judge = remembered(_MEMO)(self._judge_headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or answer 421 (RFC 9110 §15.5.20) or 403."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        host = origin = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
        refusal = self._judge(host, origin)
        if refusal is None:
            return await self._app(scope, receive, send)
        return await _refuse(send, *refusal)

    def _judge_headers(self, host: bytes, origin: bytes) -> tuple[int, bytes] | None:
        own, caller = host.decode("latin-1"), origin.decode("latin-1")
        if not self._is_own(own):
            return 421, _MISDIRECTED
        if caller and caller not in self._origins and caller.partition("://")[2] != own:
            return 403, _FOREIGN
        return None

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        return name is not None and (name == self._public_host or is_loopback(name))


async def _refuse(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
