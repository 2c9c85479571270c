"""Fetching what a client's registration points to, behind the guard of outgoing requests."""

import re
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, Protocol

from fhirserver.outbound.client import Outbound
from fhirserver.outbound.guard import Refused

_OK: Final = 200
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})")
_NOT_KEPT: Final = re.compile(r"(?:^|[,\s])no-(?:store|cache)\b")


class FetchProblem(Exception):
    """Nothing was fetched; the text is one sentence that names no address."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came."""

    body: bytes
    max_age_s: float | None = None
    """For how long it may be kept, where its ``Cache-Control`` says so."""


class Fetch(Protocol):
    """Gets a document from another server."""

    def __call__(self, url: str) -> Awaitable[Fetched]:
        """Return it; raises FetchProblem."""
        ...


def fetch_by(outbound: Outbound) -> Fetch:
    """Return a ``Fetch`` that asks through ``outbound``."""

    async def fetch(url: str) -> Fetched:
        try:
            answer = await outbound.send("GET", url, headers={"Accept": "application/json"})
        except Refused as problem:
            raise FetchProblem(str(problem)) from None
        if answer.status != _OK:
            raise FetchProblem(f"The document cannot be fetched (status {answer.status}).")
        return Fetched(answer.content, max_age_of(answer.headers.get("cache-control", "")))

    return fetch


def max_age_of(cache_control: str) -> float | None:
    """Return for how long a document may be kept, None when nothing is said."""
    if _NOT_KEPT.search(cache_control.lower()):
        return 0.0
    found = _MAX_AGE.search(cache_control.lower())
    return float(found[1]) if found else None
