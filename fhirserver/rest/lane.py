"""One FHIR request from its ASGI scope to its response: the way every call takes.

No framework and no request object: a GET is a dictionary of headers, a split path and the stored bytes.
Spec: http://hl7.org/fhir/R4/http.html, https://asgi.readthedocs.io/en/stable/specs/www.html
"""

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeAlias

from fhirserver.codec.fhir_json import pretty
from fhirserver.dispatch import Dispatch
from fhirserver.interactions.query import parse_path, parse_query, split_presentation
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Interaction, Query, Target
from fhirserver.kernel.ids import IdSource
from fhirserver.kernel.outcome import BadRequest, NotFound, TooLong
from fhirserver.repository.repository import Repository
from fhirserver.rest.body import ClientGone, Receive
from fhirserver.rest.cors import Cors, RawHeaders, is_preflight
from fhirserver.rest.errors import OnFault, answered
from fhirserver.rest.headers import Headers, accepts_gzip, new_request_id, request_id_of, scan_headers
from fhirserver.rest.limits import Limits
from fhirserver.rest.negotiate import Representation, negotiate, not_acceptable
from fhirserver.rest.request import Known, RequestReader
from fhirserver.rest.respond import Send, base_headers, compressed, send_bytes, send_native

Scope: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_HOST: Final = re.compile(rb"[A-Za-z0-9.\-_]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_CLIENT_CLOSED: Final = 499
_DEFAULT: Final = negotiate(None, None)
_BINARY_READS: Final = frozenset({Interaction.READ, Interaction.VREAD})
_MEMO: Final = 512


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """What the log and the metrics learn of a request: nothing of its content, no id of a resource."""

    request_id: str
    method: str
    interaction: Interaction | None
    """None when the URL addressed nothing."""
    resource_type: str | None
    operation: str | None
    status: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneServices:
    """What the lane is built from."""

    dispatch: Dispatch
    repository_for: Callable[[Scope], Repository]
    """The repository bound to the caller of a request; raises LoginRequired and the like."""
    on_request: Callable[[RequestRecord], None]
    on_fault: OnFault
    limits: Limits = field(default_factory=Limits)
    cors: Cors = field(default_factory=Cors)
    mounts: tuple[str, ...] = ("/fhir",)
    """The paths at which the service base stands."""
    origin: str | None = None
    """Scheme and host as callers know them; by default those they call."""
    request_ids: IdSource = new_request_id


def fhir_lane(services: LaneServices) -> App:
    """Build the ASGI application that serves FHIR below ``services.mounts``."""
    return FhirLane(services)


class _Call:
    """One request on its way: what is known of it when it ends."""

    __slots__ = (
        "headers",
        "method",
        "mount",
        "presentation",
        "representation",
        "request_id",
        "scope",
        "started",
        "target",
    )

    def __init__(self, scope: Scope, headers: Headers, request_id: str) -> None:
        self.scope = scope
        self.headers = headers
        self.method: str = scope["method"]
        self.request_id = request_id
        self.started = time.perf_counter()
        self.mount = ""
        self.target: Target | None = None
        self.representation = _DEFAULT
        self.presentation: Query = ()


class FhirLane:
    """The application; its caches keep what it read in the headers that clients repeat."""

    def __init__(self, services: LaneServices) -> None:
        """Serve with ``services``."""
        self._services = services
        self._mounts = tuple((mount.encode(), mount) for mount in services.mounts)
        self._reader = RequestReader(services.limits)
        self._negotiate = lru_cache(_MEMO)(negotiate)
        self._accepts_gzip = lru_cache(_MEMO)(accepts_gzip)
        self._origin = lru_cache(_MEMO)(self._find_origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers = scan_headers(scope["headers"])
        call = _Call(scope, headers, request_id_of(headers) or self._services.request_ids())
        status = _CLIENT_CLOSED
        try:
            response = await answered(self._answer(call, receive), call.request_id, self._services.on_fault)
            status = response.status
            await self._send(call, response, send)
        except ClientGone:
            pass
        finally:
            self._record(call, status)

    async def _answer(self, call: _Call, receive: Receive) -> FhirResponse:
        path, query = self._url(call)
        if call.method == "OPTIONS" and (path or is_preflight(call.method, call.headers)):
            return self._options(call, path)
        dispatch = self._services.dispatch
        call.target = target = dispatch.locate(call.method, path)
        parameters, call.presentation = split_presentation(query)
        call.representation = self._represent(call, target)
        origin = self._origin(call.scope.get("scheme", "http"), call.headers.get(b"host", b""))
        base_url = origin + call.mount
        if target.interaction is Interaction.CAPABILITIES:
            prefer = self._reader.prefer(call.headers)
            return dispatch.capabilities(
                FhirRequest(target=target, base_url=base_url, parameters=parameters, prefer=prefer)
            )
        known = Known(target, base_url, parameters, call.presentation, call.representation.wants_native)
        repository = self._services.repository_for(call.scope)
        request = dispatch.specify(await self._reader.read(receive, call.headers, call.method, known))
        call.target = request.target
        if request.presentation != call.presentation:  # a form may ask for a format too
            call.presentation = request.presentation
            call.representation = self._represent(call, target)
        return await dispatch.run(request, repository)

    def _url(self, call: _Call) -> tuple[tuple[str, ...], Query]:
        """Split the URL below the mount into path segments and parameters."""
        raw_path: bytes = call.scope.get("raw_path") or call.scope["path"].encode()
        raw_query: bytes = call.scope.get("query_string", b"")
        if len(raw_path) + len(raw_query) > self._services.limits.max_url_bytes:
            raise TooLong(f"The URL is longer than {self._services.limits.max_url_bytes} bytes; `POST` to `_search`.")
        for prefix, mount in self._mounts:
            if raw_path.startswith(prefix) and raw_path[len(prefix) : len(prefix) + 1] in (b"", b"/"):
                call.mount = mount
                return parse_path(raw_path[len(prefix) :]), parse_query(raw_query)
        raise NotFound("There is no FHIR service at this URL.")

    def _options(self, call: _Call, path: tuple[str, ...]) -> FhirResponse:
        """Answer a preflight, or which methods a URL knows."""
        allowed = ("Allow", ", ".join(self._services.dispatch.allowed_methods(path)))
        return FhirResponse(status=204, headers=(allowed,))

    def _represent(self, call: _Call, target: Target) -> Representation:
        formats = [value for name, value in call.presentation if name == "_format"]
        representation = self._negotiate(call.headers.get(b"accept"), formats[-1] if formats else None)
        if representation.content_type is None:
            own = target.resource_type == "Binary" and target.interaction in _BINARY_READS
            if not (own and representation.wants_native):
                raise not_acceptable()
        return representation

    def _find_origin(self, scheme: str, host: bytes) -> str:
        if self._services.origin is not None:
            return self._services.origin.rstrip("/")
        if not _HOST.fullmatch(host):
            raise BadRequest("The `Host` header names no host.", expression=["http.Host"])
        return f"{scheme}://{host.decode()}"

    async def _send(self, call: _Call, response: FhirResponse, send: Send) -> None:
        headers: RawHeaders = base_headers(response, call.request_id)
        headers += self._services.cors.headers(call.headers)
        is_head = call.method == "HEAD"
        if is_preflight(call.method, call.headers):
            headers += self._services.cors.preflight(call.headers)
        if response.native is not None:
            await send_native(send, response.status, headers, response.native, is_head=is_head)
            return
        body = response.content or b""
        if body:
            body = self._encode(call, body, headers)
        await send_bytes(send, response.status, headers, body, is_head=is_head)

    def _encode(self, call: _Call, body: bytes, headers: RawHeaders) -> bytes:
        """Indent and compress as asked."""
        headers.append((b"content-type", call.representation.content_type or _DEFAULT.content_type or b""))
        if call.presentation and ("_pretty", "true") in call.presentation:
            body = pretty(body)
        if len(body) >= self._services.limits.min_gzip_bytes and self._accepts_gzip(
            call.headers.get(b"accept-encoding", b"")
        ):
            body = compressed(body, headers)
        return body

    def _record(self, call: _Call, status: int) -> None:
        target = call.target
        self._services.on_request(
            RequestRecord(
                call.request_id,
                call.method,
                target.interaction if target else None,
                target.resource_type if target else None,
                target.operation if target else None,
                status,
                time.perf_counter() - call.started,
            )
        )
