"""Fetching what a client's registration points to: https, one answer of bounded size and time, no redirects."""

import re
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx2

MAX_BYTES: Final = 256 * 1024
TIMEOUT_S: Final = 5.0
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


def https_only(allowed: Collection[str] = (), clock: Callable[[], float] = time.monotonic) -> Fetch:
    """Return a ``Fetch`` of https URLs; those of the hosts (``host:port``) ``allowed`` may be of http."""

    async def fetch(url: str) -> Fetched:
        _check(url, allowed)
        try:
            async with (
                httpx2.AsyncClient(follow_redirects=False, timeout=TIMEOUT_S, trust_env=False) as client,
                client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
            ):
                return await _read(answer, clock() + TIMEOUT_S, clock)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
            raise FetchProblem(f"The document cannot be fetched ({type(problem).__name__}).") from None

    return fetch


def _check(url: str, allowed: Collection[str]) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise FetchProblem("The address is no URL.") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.netloc in allowed):
        raise FetchProblem("Documents are fetched by https only.")
    if parts.hostname is None or parts.username is not None:
        raise FetchProblem("The address names no host, or a user.")


async def _read(answer: httpx2.Response, until: float, clock: Callable[[], float]) -> Fetched:
    if answer.status_code != httpx2.codes.OK:
        raise FetchProblem(f"The document cannot be fetched (status {answer.status_code}).")
    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise FetchProblem(f"The document is larger than {MAX_BYTES} bytes.")
        if clock() > until:
            raise FetchProblem(f"The document takes more than {TIMEOUT_S:g} s.")
    return Fetched(body, max_age_of(answer.headers.get("cache-control", "")))


def max_age_of(cache_control: str) -> float | None:
    """Return for how long a document may be kept, None when nothing is said."""
    if _NOT_KEPT.search(cache_control.lower()):
        return 0.0
    found = _MAX_AGE.search(cache_control.lower())
    return float(found[1]) if found else None
