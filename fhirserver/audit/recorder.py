"""Writes the record of a request before its answer goes out: a few microseconds, one write, no waiting.

Nobody is answered of whose request no record could be written.
"""

from dataclasses import dataclass
from time import time_ns
from typing import Any, Final, TypeAlias

from fhirserver.audit.record import (
    NOBODY,
    Answer,
    Happening,
    Kind,
    Named,
    caller_fields,
    encode,
    named_by_reference,
    outcome_of,
    target_fields,
    touched_fields,
)
from fhirserver.audit.spool import Spool
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.outcome import Unavailable
from fhirserver.kernel.version import Version
from fhirserver.repository.trail import Touched

STREAM_PART: Final = 500
"""Versions of a stream that one record is about."""
_REST: Final = Kind.REST.value
_OUTCOMES: Final = {200: outcome_of(200).value}
_REFUSED: Final = 400
_EACH: Final = 20
"""Requests without login of one address that are recorded one by one until ``settle``; the others are counted."""
_ADDRESSES: Final = 10_000
_CALLERS: Final = 10_000


class Recorder:
    """The one writer of this process's spool."""

    def __init__(self, spool: Spool, max_backlog_bytes: int) -> None:
        """Write to ``spool``, and refuse requests while it holds ``max_backlog_bytes`` that nobody has drained."""
        self.spool = spool
        self.recorded = 0
        """Requests that were recorded."""
        self._max_backlog_bytes = max_backlog_bytes
        self._room_until = max_backlog_bytes
        """How much may be written before it must be asked again how much has been drained."""
        self._callers: dict[Caller, int] = {}
        self._numbers: dict[int, _Numbered] = {}
        """By the identity of callers, whose requests follow each other: to compare them takes longer."""
        self._strangers: dict[str, _Stranger] = {}

    def check(self) -> None:
        """Refuse a request while the trail cannot take more. Raises Unavailable."""
        if self.spool.written > self._room_until:
            self._room_until = self.spool.drained + self._max_backlog_bytes
            if self.spool.written > self._room_until:
                raise Unavailable("The audit trail cannot take more at this moment; try again.")

    def answered(self, answer: Answer) -> None:
        """Record a request. Raises Unavailable when it cannot be written."""
        if answer.caller is None and answer.status >= _REFUSED and self._is_one_too_many(answer):
            return
        touched = answer.trail.take() if answer.trail is not None else []
        self._write(answer, _steps(answer), touched, 0)

    def streamed(self, answer: Answer, part: int, *, ended: bool) -> bool:
        """Record what a stream has touched since the last time, once it is enough; tell whether it was."""
        trail = answer.trail
        if trail is None or not trail.touched:
            return ended
        if len(trail.touched) < STREAM_PART and not ended:
            return False
        self._write(answer, _steps(answer), trail.take(), part)
        return True

    def happened(self, happening: Happening) -> None:
        """Record what the authorization server did or refused. Raises Unavailable when it cannot be written."""
        steps = [("", None, None, None, None, None, ((happening.query, ""),))] if happening.query else []
        self._append(
            (
                "r",
                time_ns() // 1000,
                happening.site,
                happening.request_id,
                happening.kind,
                self._number(happening.caller)[1],
                happening.address,
                "",
                0,
                happening.outcome,
                steps,
                (),
                0,
                happening.decision,
                happening.text,
                happening.patient,
            )
        )

    def settle(self) -> None:
        """Record how many requests without login were not recorded one by one. Raises Unavailable."""
        strangers, self._strangers = self._strangers, {}
        for stranger in strangers.values():
            if stranger.more:
                self._write(stranger.answer, _steps(stranger.answer), [], 0, stranger.more - 1)

    def rotate(self) -> None:
        """Go on in a new segment, in which callers are explained anew."""
        try:
            self.spool.rotate()
        except OSError:
            return  # nothing is lost: the present one goes on
        self._callers.clear()
        self._numbers.clear()

    def _is_one_too_many(self, answer: Answer) -> bool:
        """Count a request without login; tell whether it is only counted."""
        stranger = self._strangers.setdefault(answer.address or "", _Stranger(answer))
        if stranger.written < _EACH and len(self._strangers) < _ADDRESSES:
            stranger.written += 1
            return False
        stranger.answer = answer
        stranger.more += 1
        return True

    def _write(
        self,
        answer: Answer,
        steps: list[tuple[Any, ...]],
        touched: list[Version | Touched],
        part: int,
        repeats: int = 0,
    ) -> None:
        if self.spool.written >= self.spool.long_at:
            self.rotate()
        site, request_id, method, _, _, status, caller, trail, address, _ = answer
        _, number, expected = self._numbers.get(id(caller)) or self._number(caller)
        entry: tuple[Any, ...] = (
            "r",
            time_ns() // 1000,
            site,
            request_id,
            _REST,
            number,
            address,
            method,
            status,
            _OUTCOMES.get(status) or outcome_of(status),
            steps,
            touched_fields(touched, expected),
            part,
            "" if trail is None else trail.decision,
        )
        if repeats or (trail is not None and (trail.has_provenance or trail.happened)):  # few have: the others end here
            happened, has_provenance = ("", False) if trail is None else (trail.happened, trail.has_provenance)
            entry = (*entry, happened, None, has_provenance, repeats)
        self.recorded += 1
        try:
            self.spool.append(encode(entry))
        except OSError:
            raise _unwritten() from None

    def _number(self, caller: Caller | None) -> "_Numbered":
        """Return the number of a caller, and the patient that most of what it reads is about."""
        if caller is None:
            return _NO_CALLER
        number = self._callers.get(caller)
        if number is None:
            number = self._callers[caller] = len(self._callers) + 1
            self._append(caller_fields(number, caller))
        if len(self._numbers) >= _CALLERS:
            self._numbers.clear()
        expected = NOBODY if caller.patient is None else named_by_reference(caller.patient)
        numbered = self._numbers[id(caller)] = (caller, number, expected)  # which keeps the caller, and its identity
        return numbered

    def _append(self, entry: tuple[Any, ...]) -> None:
        self.recorded += 1
        try:
            self.spool.append(encode(entry))
        except OSError:
            raise _unwritten() from None


def _unwritten() -> Unavailable:
    return Unavailable("The audit trail cannot be written; what the request wrote may be there.")


_Numbered: TypeAlias = tuple[Caller | None, int, Named]
_NO_CALLER: Final[_Numbered] = (None, 0, NOBODY)


@dataclass(slots=True)
class _Stranger:
    """An address from which requests come without login."""

    answer: Answer
    written: int = 0
    more: int = 0


def _steps(answer: Answer) -> list[tuple[Any, ...]]:
    """Return what was asked for; of what got no further than its URL, that."""
    trail = answer.trail
    if trail is not None and trail.steps:
        if len(trail.steps) == 1:
            (step,) = trail.steps
            return [target_fields(step.target, step.parameters, step.status)]
        return [target_fields(step.target, step.parameters, step.status) for step in trail.steps]
    if answer.target is not None:
        return [target_fields(answer.target, answer.parameters, answer.status)]
    return [("", None, None, None, None, None, ((answer.path, ""),), answer.status)]
