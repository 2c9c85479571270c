"""One FHIR request from its ASGI scope to its response: the way every call takes.

No framework and no request object: a GET is a dictionary of headers, a split path and the stored bytes.
Spec: http://hl7.org/fhir/R4/http.html, https://asgi.readthedocs.io/en/stable/specs/www.html
"""

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from fhirserver.audit.auditor import UNAUDITED, Auditor
from fhirserver.audit.record import Answer
from fhirserver.codec.fhir_json import pretty
from fhirserver.dispatch import Dispatch
from fhirserver.interactions.patch import ACCEPT_PATCH
from fhirserver.interactions.query import parse_path, parse_query, split_presentation
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Interaction, Query, Target
from fhirserver.kernel.ids import IdSource
from fhirserver.kernel.memory import remembered
from fhirserver.kernel.outcome import BadRequest, FhirError, NotFound, Throttled, TooLong, Unavailable
from fhirserver.repository.repository import Repository
from fhirserver.repository.trail import Trail
from fhirserver.rest.audited import audited_stream
from fhirserver.rest.body import ClientGone, Receive
from fhirserver.rest.cors import Cors, RawHeaders, is_preflight
from fhirserver.rest.errors import OnFault, answered, respond_error
from fhirserver.rest.formats import Formats
from fhirserver.rest.headers import Headers, accepts_gzip, header_text, new_request_id, request_id_of, scan_headers
from fhirserver.rest.limits import Limits
from fhirserver.rest.negotiate import Form, Representation, in_lines, negotiate, not_acceptable
from fhirserver.rest.quotas import Account, Quotas, cost_of
from fhirserver.rest.request import Known, RequestReader
from fhirserver.rest.respond import Send, base_headers, compressed, send_bytes, send_native, send_stream
from fhirserver.validation.positions import positioned

Scope: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_HOST: Final = re.compile(rb"[A-Za-z0-9.\-_]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_CLIENT_CLOSED: Final = 499
_DEFAULT: Final = negotiate(None, None)
_BINARY_READS: Final = frozenset({Interaction.READ, Interaction.VREAD})
_IN_TURTLE: Final = frozenset(
    {Interaction.READ, Interaction.VREAD, Interaction.SEARCH_TYPE, Interaction.SEARCH_SYSTEM, Interaction.CAPABILITIES}
    | {Interaction.HISTORY_INSTANCE, Interaction.HISTORY_TYPE, Interaction.HISTORY_SYSTEM}
)
"""What is answered in Turtle to who wants it."""
_IN_LINES: Final = frozenset({Interaction.SEARCH_TYPE, Interaction.SEARCH_SYSTEM})
"""What is answered in lines, as NDJSON or CSV, to who wants them."""
_MEMO: Final = 512
_NOWHERE: Final = (None,)
_ACCEPT_PATCH: Final = ("Accept-Patch", ACCEPT_PATCH)


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
    repository_for: Callable[[Scope, Headers, Trail], Awaitable[Repository]]
    """The repository bound to the caller and the trail of a request; raises LoginRequired and the like."""
    formats: Formats
    on_request: Callable[[RequestRecord], None]
    on_fault: OnFault
    limits: Limits = field(default_factory=Limits)
    cors: Cors = field(default_factory=Cors)
    audit: Auditor = UNAUDITED
    """What hears of every request before its answer goes out."""
    quotas: Quotas | None = None
    """What callers may ask within a minute."""
    site: str = "main"
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
        "account",
        "base_url",
        "caller",
        "headers",
        "limits",
        "method",
        "mount",
        "parameters",
        "presentation",
        "representation",
        "request_id",
        "resources",
        "scope",
        "started",
        "target",
        "trail",
    )

    def __init__(self, scope: Scope, headers: Headers, request_id: str) -> None:
        self.scope = scope
        self.headers = headers
        self.method: str = scope["method"]
        self.request_id = request_id
        self.started = time.perf_counter()
        self.mount = ""
        self.base_url = ""
        self.target: Target | None = None
        self.representation = _DEFAULT
        self.presentation: Query = ()
        self.parameters: Query = ()
        self.caller: Caller | None = None
        self.trail: Trail | None = None
        self.resources = 0
        """How many leave or were written."""
        self.account: Account | None = None
        """What the request is charged to."""
        self.limits: Sequence[tuple[bytes, bytes]] = ()
        """What says how much more its caller may ask."""


class FhirLane:
    """The application; its caches keep what it read in the headers that clients repeat."""

    def __init__(self, services: LaneServices) -> None:
        """Serve with ``services``."""
        self._services = services
        self._mounts = tuple((mount.encode(), mount) for mount in services.mounts)
        self._reader = RequestReader(services.limits, services.formats)
        self._negotiate = remembered(_MEMO)(negotiate)
        self._in_lines = remembered(_MEMO)(in_lines)
        self._accepts_gzip = remembered(_MEMO)(accepts_gzip)
        self._origin = remembered(_MEMO)(self._find_origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers = scan_headers(scope["headers"])
        call = _Call(scope, headers, request_id_of(headers) or self._services.request_ids())
        status = _CLIENT_CLOSED
        try:
            response = await answered(
                self._answer(call, receive),
                call.request_id,
                self._services.on_fault,
                header_text(headers, b"accept-language"),
            )
            if call.target is None:
                call.representation = self._represent_lost(call)
            if response.content and response.media_type is None and call.representation.form is not Form.JSON:
                response = await answered(self._convert(call, response), call.request_id, self._services.on_fault)
            call.resources = len(call.trail.touched) if call.trail is not None else 0
            response = self._audited(call, response)
            self._charge(call, response)
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
        parameters, call.presentation = split_presentation(query)
        call.parameters = parameters
        call.target = target = dispatch.locate(call.method, path)
        call.representation = self._represent(call, target)
        origin = self._origin(call.scope.get("scheme", "http"), call.headers.get(b"host", b""))
        base_url = call.base_url = origin + call.mount
        if target.interaction is Interaction.CAPABILITIES:
            prefer = self._reader.prefer(call.headers)
            return dispatch.capabilities(
                FhirRequest(target=target, base_url=base_url, parameters=parameters, prefer=prefer)
            )
        known = Known(target, base_url, parameters, call.presentation, call.representation.wants_native)
        self._services.audit.check()
        call.trail = Trail()
        repository = await self._services.repository_for(call.scope, call.headers, call.trail)
        call.caller = repository.caller
        if self._services.quotas is not None and call.caller is not None:
            call.account = self._services.quotas.admit(call.caller)
        request = dispatch.specify(await self._reader.read(receive, call.headers, call.method, known))
        call.target = request.target
        if request.presentation != call.presentation:  # a form may ask for a format too
            call.presentation = request.presentation
            call.representation = self._represent(call, target)
        if call.representation.streamed_as is not None:
            request = replace(request, streamed_as=call.representation.streamed_as)
        try:
            return await dispatch.run(request, repository)
        except FhirError as error:
            error.issues = positioned(error.issues, request.body, request.xml)
            raise

    def _audited(self, call: _Call, response: FhirResponse) -> FhirResponse:
        """Have the request recorded; an answer that cannot be recorded does not go out."""
        if _is_public(call):
            return response
        answer = Answer(
            self._services.site,
            call.request_id,
            call.method,
            call.scope["path"].removeprefix(call.mount).lstrip("/") if call.target is None else "",
            call.target,
            response.status,
            call.caller,
            call.trail,
            (call.scope.get("client") or _NOWHERE)[0],
            call.parameters,
        )
        try:
            self._services.audit.answered(answer)
        except Unavailable as error:
            call.representation = _DEFAULT
            return respond_error(error)
        if response.stream is None:
            return response
        return replace(response, stream=audited_stream(self._services.audit, answer, response.stream))

    def _charge(self, call: _Call, response: FhirResponse) -> None:
        """Take the points of a request from those of its caller, who is told how many are left."""
        quotas = self._services.quotas
        if quotas is not None and call.account is not None and response.status != Throttled.status:
            call.limits = quotas.charge(call.account, cost_of(call.target, call.resources))

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
        methods = self._services.dispatch.allowed_methods(path)
        headers = (("Allow", ", ".join(methods)),)
        return FhirResponse(status=204, headers=(*headers, *((_ACCEPT_PATCH,) if "PATCH" in methods else ())))

    def _represent(self, call: _Call, target: Target) -> Representation:
        if target.interaction in _IN_LINES and (streamed_as := self._streamed_as(call)) is not None:
            return replace(_DEFAULT, streamed_as=streamed_as)
        representation = self._negotiated(call, with_turtle=target.interaction in _IN_TURTLE)
        if representation.content_type is None:
            own = target.resource_type == "Binary" and target.interaction in _BINARY_READS
            if not (own and representation.wants_native):
                raise not_acceptable()
        return representation

    def _negotiated(self, call: _Call, *, with_turtle: bool) -> Representation:
        formats = [value for name, value in call.presentation if name == "_format"]
        wanted = formats[-1] if formats else None
        return self._negotiate(call.headers.get(b"accept"), wanted, with_turtle=with_turtle)

    def _streamed_as(self, call: _Call) -> str | None:
        formats = [value for name, value in call.presentation if name == "_format"]
        return self._in_lines(call.headers.get(b"accept"), formats[-1] if formats else None)

    def _represent_lost(self, call: _Call) -> Representation:
        """Choose how to answer a request that addresses nothing: as it asks, where that can be made out."""
        try:
            found = self._negotiated(call, with_turtle=False)
        except FhirError:
            return _DEFAULT
        return found if found.content_type is not None else _DEFAULT

    async def _convert(self, call: _Call, response: FhirResponse) -> FhirResponse:
        """Write the resource in another format than JSON."""
        wanted, call.representation = call.representation, _DEFAULT  # that of the error, should this fail
        content = await self._services.formats.write(
            response.content or b"",
            wanted.form,
            indented=_is_pretty(call),
            base_url=call.base_url,
            recurs=call.target is not None and call.target.interaction is Interaction.CAPABILITIES,
        )
        call.representation = wanted
        return replace(response, content=content)

    def _find_origin(self, scheme: str, host: bytes) -> str:
        if self._services.origin is not None:
            return self._services.origin.rstrip("/")
        if not _HOST.fullmatch(host):
            raise BadRequest("The `Host` header names no host.", expression=["http.Host"])
        return f"{scheme}://{host.decode()}"

    async def _send(self, call: _Call, response: FhirResponse, send: Send) -> None:
        headers: RawHeaders = base_headers(response, call.request_id, is_secure=call.base_url.startswith("https:"))
        headers += call.limits
        headers += self._services.cors.headers(call.headers)
        is_head = call.method == "HEAD"
        if is_preflight(call.method, call.headers):
            headers += self._services.cors.preflight(call.headers)
        if response.native is not None:
            await send_native(send, response.status, headers, response.native, is_head=is_head)
            return
        if response.stream is not None:
            headers.append((b"content-type", f"{response.media_type}; charset=utf-8".encode()))
            await send_stream(send, response.status, headers, response.stream, is_head=is_head)
            return
        body = response.content or b""
        if body:
            body = self._encode(call, body, headers, response.media_type)
        await send_bytes(send, response.status, headers, body, is_head=is_head)

    def _encode(self, call: _Call, body: bytes, headers: RawHeaders, media_type: str | None = None) -> bytes:
        """Indent and compress as asked; what is of a media type of its own stays as it is written."""
        own = call.representation.content_type if media_type is None else f"{media_type}; charset=utf-8".encode()
        headers.append((b"content-type", own or _DEFAULT.content_type or b""))
        if call.presentation and media_type is None and call.representation.form is Form.JSON and _is_pretty(call):
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


def _is_public(call: _Call) -> bool:
    """Tell whether a request tells nothing but what the server is: it is answered to anybody and leaves no trail."""
    if call.target is None:
        return call.method == "OPTIONS"
    return call.target.interaction is Interaction.CAPABILITIES


def _is_pretty(call: _Call) -> bool:
    return ("_pretty", "true") in call.presentation
