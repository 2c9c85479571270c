"""Walks the chain of a site and says what was done to it: events changed, missing, moved, cut off at the end.

The head is read first, so that a server may lengthen the chain meanwhile.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fhirserver.audit.chain import GENESIS, Chain
from fhirserver.codec.fhir_json import decode_checked
from fhirserver.repository.append_only import RECEIVED
from fhirserver.search.extract import Extractor
from fhirserver.store.audit import AuditStore, Head, Link, Stored, indexed_terms, place_of

_MARK: Final = RECEIVED["system"].encode()
_LINK: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
_MOST: Final = 1000
"""Findings that are kept; all are counted."""


def read_link(text: str) -> Link:
    """Read ``number:code``. Raises ValueError."""
    found = _LINK.fullmatch(text)
    if found is None:
        raise ValueError("not of the form number:code")
    return Link(int(found[1]), bytes.fromhex(found[2]))


def written_link(link: Link) -> str:
    """Write a link as ``read_link`` reads it."""
    return f"{link.number}:{link.mac.hex()}"


class Flaw(StrEnum):
    """What is wrong."""

    GAP = "gap"
    ALTERATION = "alteration"
    TRUNCATION = "truncation"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in one sentence."""

    flaw: Flaw
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """What to walk: from an instant to another, in µs; and a link that was noted elsewhere."""

    since_us: int | None = None
    until_us: int | None = None
    expected: Link | None = None


@dataclass(slots=True)
class Report:
    """What was found."""

    checked: int = 0
    received: int = 0
    """Events of other systems, which are in no chain."""
    last: Link | None = None
    head: Head | None = None
    flaws: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, flaw: Flaw, text: str) -> None:
        """Note something that is wrong."""
        self.flaws += 1
        if len(self.findings) < _MOST:
            self.findings.append(Finding(flaw, text))


Progress = Callable[[int, int], None]
"""Hears how many events were looked at, of how many."""


class Verifier:
    """Walks the chain of one site once."""

    def __init__(self, store: AuditStore, chain: Chain, extractor: Extractor, progress: Progress) -> None:
        """Check ``store`` against the key of ``chain``, and what events are found by against ``extractor``."""
        self._store = store
        self._extractor = extractor
        self._chain = chain
        self._progress = progress
        self._report = Report()

    async def run(self, span: Span) -> Report:
        """Walk. Raises Unavailable."""
        report = self._report
        report.head = head = await self._store.head()
        since = 0 if span.since_us is None else place_of(span.since_us)
        until = _end(span, head)
        await self._walk(since, until, span.expected)
        if span.until_us is None:
            self._check_end(head, is_whole=span.since_us is None)
        if span.expected is not None:
            self._check_expected(span.expected)
        return report

    async def _walk(self, since: int, until: int | None, expected: Link | None) -> None:
        total = await self._store.count(since, until)
        before = await self._store.last_before(since + 1) if since else None
        link: Link | None = before.link if before is not None else GENESIS
        seen = 0
        async for event in self._store.events(since, until):
            seen += 1
            self._progress(seen, max(total, seen))
            if event.link is None:
                self._check_received(event)
                continue
            self._check(link or GENESIS, event, event.link)
            if expected is not None and event.link.number == expected.number and event.link.mac != expected.mac:
                self._report.add(Flaw.ALTERATION, f"Event {expected.number} is not the one that was noted.")
            link = event.link
        self._report.last = link if link != GENESIS else None

    def _check(self, before: Link, event: Stored, link: Link) -> None:
        report = self._report
        report.checked += 1
        missing = link.number - before.number - 1
        if missing > 0:
            report.add(Flaw.GAP, f"Events {before.number + 1} to {link.number - 1} are missing ({missing}).")
        elif missing < 0:
            report.add(Flaw.ALTERATION, f"`{event.key}` has the number {link.number}, which was there before.")
        elif event.content is None:
            report.add(Flaw.ALTERATION, f"`{event.key}` (event {link.number}) has lost its content.")
        else:
            made = self._chain.follow(before, event, event.place)
            if not hmac.compare_digest(made.mac, link.mac):
                report.add(Flaw.ALTERATION, f"`{event.key}` (event {link.number}) was changed.")
            elif not self._is_found(event):
                report.add(Flaw.ALTERATION, f"`{event.key}` (event {link.number}) is not found by what it says.")

    def _is_found(self, event: Stored) -> bool:
        """Tell whether searches find an event by all that it says; custom parameters may find it by more."""
        values = self._extractor.extract(decode_checked(event.content or b"").value)
        return indexed_terms(values) <= event.terms

    def _check_received(self, event: Stored) -> None:
        self._report.received += 1
        if event.content is None or _MARK not in event.content:
            self._report.add(Flaw.ALTERATION, f"`{event.key}` is in no chain, and no other system sent it.")

    def _check_end(self, head: Head | None, *, is_whole: bool) -> None:
        report, last = self._report, self._report.last
        if head is None:
            if last is not None:
                report.add(Flaw.TRUNCATION, "The head of the chain is missing.")
            return
        if not self._chain.is_sealed(head):
            report.add(Flaw.ALTERATION, "The head of the chain was changed, or is of another key.")
        number = last.number if last is not None else 0
        if number < head.link.number and (is_whole or last is not None):
            missing = head.link.number - number
            report.add(Flaw.TRUNCATION, f"The last {missing} events, up to {head.link.number}, are missing.")
        elif last is not None and last != head.link:
            report.add(Flaw.ALTERATION, f"The head of the chain does not belong to event {number}.")

    def _check_expected(self, expected: Link) -> None:
        last = self._report.head.link.number if self._report.head is not None else 0
        if last < expected.number:
            text = f"Event {expected.number} was noted; the chain ends with {last}."
            self._report.add(Flaw.TRUNCATION, text)


def _end(span: Span, head: Head | None) -> int | None:
    """Return the place up to which to walk: events after the head are of a drain under way."""
    if span.until_us is not None:
        return place_of(span.until_us)
    return None if head is None else head.place
