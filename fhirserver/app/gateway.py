"""The outermost ASGI application: hands a request to the site whose base its path names, else to the pages.

FHIR requests never pass through the web framework; nothing here reads a body.
Spec: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from fhirserver.settings import is_loopback

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_MISDIRECTED: Final = b"This server answers requests for this machine only: use http://localhost.\n"


class Gateway:
    """``/fhir`` is the first site, ``/{site}/fhir`` each of them."""

    def __init__(
        self, lanes: Mapping[str, AsgiApp], pages: AsgiApp, lifespan: Callable[[], AbstractAsyncContextManager[None]]
    ) -> None:
        """Serve ``lanes`` by site, the first one as the default; ``lifespan`` surrounds all requests."""
        self._bases = {f"/{site}/fhir": lane for site, lane in lanes.items()}
        self._default = next(iter(lanes.values()))
        self._pages = pages
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the server."""
        if scope["type"] == "http":
            await self._find(scope["path"])(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def _find(self, path: str) -> AsgiApp:
        if path.startswith("/fhir") and path[5:6] in ("", "/"):
            return self._default
        site, slash, rest = path[1:].partition("/")
        if slash and (rest == "fhir" or rest.startswith("fhir/")):
            return self._bases.get(f"/{site}/fhir", self._pages)
        return self._pages

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._lifespan():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as problem:
            await send({"type": "lifespan.startup.failed", "message": type(problem).__name__})
            raise
        await send({"type": "lifespan.shutdown.complete"})


class LoopbackHosts:
    """Refuses requests that were made for another name than this machine's.

    Without login, a web page could otherwise have its own name resolved to the loopback address and read everything
    from within the browser of whoever visits it.
    """

    def __init__(self, app: AsgiApp, public_origin: str | None) -> None:
        """Serve ``app``, also under the name of ``public_origin``."""
        self._app = app
        self._public = urlsplit(public_origin).hostname if public_origin else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or answer 421 Misdirected Request (RFC 9110 §15.5.20)."""
        if scope["type"] != "http" or self._is_own(_host_of(scope)):
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(_MISDIRECTED)).encode())]
        await send({"type": "http.response.start", "status": 421, "headers": headers})
        await send({"type": "http.response.body", "body": _MISDIRECTED})

    def _is_own(self, host: str | None) -> bool:
        return host is not None and (host == self._public or is_loopback(host))


def _host_of(scope: Scope) -> str | None:
    header = next((value for name, value in scope["headers"] if name == b"host"), b"")
    try:
        return urlsplit(f"//{header.decode('latin-1')}").hostname
    except ValueError:
        return None
