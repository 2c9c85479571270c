"""Other terminology servers: asked for code systems that nobody here has, when the operator names a server for them.

Only codes and value sets leave, never what they are about. Answers are remembered for an hour; a server that fails
three times in a row is left alone for half a minute.
Spec: http://hl7.org/fhir/R4/terminology-service.html
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.kernel.outcome import BadStructure, IssueType, Unavailable
from fhirserver.kernel.resource import Json, Resource
from fhirserver.outbound.client import Answer
from fhirserver.outbound.guard import Refused
from fhirserver.terminology.issues import TermError, TermIssue

_FHIR_JSON: Final = "application/fhir+json"
MAX_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of one answer."""
LIFE_S: Final = 3600.0
_MAX_REMEMBERED: Final = 32 * 1024 * 1024
_MAX_FAILURES: Final = 3
_REST_S: Final = 30.0


class Sending(Protocol):
    """Asks other servers."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int = MAX_ANSWER,
    ) -> Answer:
        """Send one request and return the whole answer, whatever its status; raises Refused."""
        ...


@dataclass(slots=True)
class _Server:
    """A server, and how it has been doing."""

    base: str
    failures: int = 0
    rests_until: float = 0.0

    @property
    def is_resting(self) -> bool:
        return time.monotonic() < self.rests_until

    def failed(self) -> None:
        self.failures += 1
        if self.failures >= _MAX_FAILURES:
            self.rests_until = time.monotonic() + _REST_S

    def answered(self) -> None:
        self.failures, self.rests_until = 0, 0.0


class Elsewhere:
    """Which server to ask for which code systems, and what they have answered."""

    def __init__(self, servers: Iterable[tuple[str, str]] = (), sending: Sending | None = None) -> None:
        """Ask for code systems whose url begins with a prefix of ``servers``; the longest one counts."""
        bases: dict[str, _Server] = {}
        named = [(prefix, bases.setdefault(base, _Server(base.rstrip("/")))) for prefix, base in servers]
        self._servers = sorted(named, key=lambda one: -len(one[0])) if sending is not None else []
        self._sending = sending
        self._known: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._size = 0

    def serves(self, url: str | None) -> bool:
        """Tell whether there is a server for a code system."""
        return url is not None and self._server(url) is not None

    async def ask(self, url: str, operation: str, parameters: Sequence[Resource], language: str | None) -> Resource:
        """Return what the server of a code system answers to ``Type/$operation``; raises Unavailable, TermError."""
        server = self._server(url)
        if server is None or self._sending is None:
            raise Unavailable(f"There is no terminology server for `{url}`.")
        body = encode({"resourceType": "Parameters", "parameter": list(parameters)})
        key = hashlib.sha256("\n".join((server.base, operation, language or "")).encode() + body).hexdigest()
        known = self._known.get(key)
        if known is None or known[1] < time.monotonic():
            content = await self._answer(self._sending, server, url, operation, (body, language))
            self._remember(key, content)
        else:
            content = known[0]
            self._known.move_to_end(key)
        return _resource(content, url)

    async def _answer(
        self, sending: Sending, server: _Server, url: str, operation: str, asked: tuple[bytes, str | None]
    ) -> bytes:
        if server.is_resting:
            raise _unavailable(url, "It has failed several times and is left alone for a while.")
        body, language = asked
        headers = {"Content-Type": _FHIR_JSON, "Accept": _FHIR_JSON}
        if language:
            headers["Accept-Language"] = language
        try:
            answer = await sending.send(
                "POST", f"{server.base}/{operation}", headers=headers, content=body, max_bytes=MAX_ANSWER
            )
        except Refused as problem:
            server.failed()
            raise _unavailable(url, str(problem)) from None
        if answer.status >= 500 or answer.status in (401, 403, 429) or answer.status in range(300, 400):
            server.failed()
            raise _unavailable(url, f"It answers {answer.status}.")
        server.answered()
        if answer.status != 200:
            raise _refused(url, answer)
        return answer.content

    def _server(self, url: str) -> _Server | None:
        return next((server for prefix, server in self._servers if url.startswith(prefix)), None)

    def _remember(self, key: str, content: bytes) -> None:
        before = self._known.pop(key, None)
        self._size += len(content) - (0 if before is None else len(before[0]))
        self._known[key] = content, time.monotonic() + LIFE_S
        while self._size > _MAX_REMEMBERED:
            _, (forgotten, _) = self._known.popitem(last=False)
            self._size -= len(forgotten)


def _resource(content: bytes, url: str) -> Resource:
    try:
        found: Json = parse_json(content)
    except BadStructure:
        found = None
    if not isinstance(found, dict) or found.get("resourceType") not in ("Parameters", "ValueSet"):
        raise _unavailable(url, "Its answer is neither Parameters nor a ValueSet.")
    return found


def _refused(url: str, answer: Answer) -> TermError:
    """Return the error of a question that the other server refuses, in its words."""
    said = None
    try:
        issues: Json = parse_json(answer.content).get("issue", [])
        said = next((_text(one) for one in issues if isinstance(one, dict)), None)
    except (BadStructure, AttributeError, TypeError):
        said = None
    text = f"The terminology server for `{url}` says: {said}" if said else f"It refuses the question ({answer.status})."
    return TermError(TermIssue(IssueType.NOT_FOUND, text[:1000], kind="not-found"), url)


def _text(issue: Resource) -> str | None:
    details = issue.get("details")
    text = details.get("text") if isinstance(details, dict) else None
    said = text or issue.get("diagnostics")
    return said if isinstance(said, str) else None


def _unavailable(url: str, why: str) -> Unavailable:
    return Unavailable(f"The terminology server for `{url}` does not answer. {why}")
