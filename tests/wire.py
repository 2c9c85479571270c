"""HTTP with nothing added by a client library: no redirects, no default headers, and bytes that are no HTTP.

Cheap enough for thousands of requests; one connection per caller, kept open.
"""

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, RemoteDisconnected
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")

FHIR_JSON = {"Accept": "application/fhir+json", "Content-Type": "application/fhir+json"}
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def location(self) -> str:
        """``Type/id`` out of the ``Location`` of a write."""
        return "/".join((self.headers["Location"] or "").rsplit("/", 4)[1:3])

    @property
    def version(self) -> int:
        """The version id out of the ``ETag``."""
        return int((self.headers["ETag"] or 'W/"0"')[3:-1])


class NoAnswer(Exception):
    """The connection broke before the response was complete: whether the request was served is unknown."""


class NotSent(NoAnswer):
    """Nobody listens: the request was not served."""


class Wire:
    """One connection to the FHIR base of a server; not for several threads at once."""

    def __init__(self, port: int, *, patience_s: float = _PATIENCE_S) -> None:
        """Connect on the first request."""
        self._connection = HTTPConnection("127.0.0.1", port, timeout=patience_s)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def call(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = FHIR_JSON) -> Answer:
        """Send a request to a path below the FHIR base; raises NoAnswer."""
        fresh = self._connection.sock is None
        try:
            return self._exchange(method, path, body, headers)
        except ConnectionRefusedError as problem:
            self.close()
            raise NotSent(f"{problem}") from problem
        except RemoteDisconnected as problem:
            self.close()
            if fresh or method != "GET":
                raise NoAnswer(f"{problem}") from problem
            return self.call(method, path, body, headers)  # an idle connection that the server gave up meanwhile
        except (OSError, HTTPException) as problem:
            self.close()
            raise NoAnswer(f"{type(problem).__name__}: {problem}") from problem

    def _exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        self._connection.request(method, f"/fhir/{path}" if path else "/fhir", body, dict(headers))
        response = self._connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def get(self, path: str) -> Answer:
        """Read."""
        return self.call("GET", path)

    def send(self, method: str, path: str, resource: object, **headers: str) -> Answer:
        """Write a resource; ``If_Match="…"`` and the like become headers."""
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call(method, path, json.dumps(resource).encode(), {**FHIR_JSON, **own})


def in_parallel(port: int, work: Callable[[Wire, T], R], items: Iterable[T], *, width: int = 4) -> list[R]:
    """Do the work for every item, ``width`` at a time, each on a connection that is kept; in no order."""
    waiting = iter(list(items))  # the next one of a list is taken by one thread only

    def one_after_the_other(_: int) -> list[R]:
        with Wire(port) as wire:
            return [work(wire, item) for item in waiting]

    with ThreadPoolExecutor(width) as threads:
        return [result for results in threads.map(one_after_the_other, range(width)) for result in results]


def send_raw(port: int, sent: bytes, *, patience_s: float = 10.0, half_close: bool = False) -> Answer:
    """Send bytes as they are on a connection of their own and read one response; raises NoAnswer.

    ``half_close`` ends our side first, so that a server waiting for more learns that nothing comes.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=patience_s) as connection:
        connection.sendall(sent)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        response = HTTPResponse(connection)
        try:
            response.begin()
            return Answer(response.status, response.headers, response.read())
        except (OSError, HTTPException) as problem:
            raise NoAnswer(f"{type(problem).__name__}: {problem}") from problem
