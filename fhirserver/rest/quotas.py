"""Weighted limits: what callers may ask of the server within a minute, by client, by user and of a site as a whole.

A request costs points by what it does and by how many resources it lets out; it is let in while there are points, and
pays when it is done. Each worker counts for itself and adds up with the others in one record for a key and window, as
soon as it has a hundredth of the limit to add: together they let in little beyond the limit, no request waits for the
count, and who asks little is never counted.
Spec: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/, RFC 6585 §4
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from fhirserver.kernel.caller import Caller
from fhirserver.kernel.exchange import Interaction, Target
from fhirserver.kernel.outcome import Throttled

Count: TypeAlias = Callable[[Mapping[str, float], float], Awaitable[Mapping[str, float]]]
"""Adds to the numbers under some keys, which expire after some seconds, and returns what they are then."""

WINDOW_S: Final = 60
_KEPT_S: Final = 2 * WINDOW_S
_WEIGHTS: Final[Mapping[Interaction, float]] = {
    Interaction.READ: 1,
    Interaction.VREAD: 1,
    Interaction.SEARCH_TYPE: 3,
    Interaction.SEARCH_SYSTEM: 5,
    Interaction.HISTORY_INSTANCE: 2,
    Interaction.HISTORY_TYPE: 5,
    Interaction.HISTORY_SYSTEM: 5,
    Interaction.CREATE: 4,
    Interaction.UPDATE: 6,
    Interaction.PATCH: 6,
    Interaction.DELETE: 4,
    Interaction.OPERATION: 10,
    Interaction.BATCH: 2,
    Interaction.TRANSACTION: 5,
}
_WORTH_SHARING: Final = 0.01
"""Part of a limit."""
_OF_RESOURCE: Final = 0.1
"""For each resource that leaves or is written."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Points within a window, for each one of a kind: a client, a user, a site."""

    kind: str
    points: int

    @property
    def policy(self) -> str:
        """The limit as ``RateLimit-Policy`` names it."""
        return f'"{self.kind}";q={self.points};w={WINDOW_S}'


@dataclass(slots=True)
class _Window:
    """What one of a kind has spent since a window began."""

    begun: int
    shared: float = 0
    """Of all workers, as of the last count."""
    own: float = 0
    """Since then, of this one."""
    sending: float = 0
    """Of it, what is being counted now."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What counts for a caller in a window."""

    windows: Sequence[tuple[Limit, _Window]]
    policy: tuple[bytes, bytes]
    """The header that says what the limits are."""


_KINDS: Final = ("client", "user", "site")
_POLICY: Final = b"ratelimit-policy"
_REST: Final = b"ratelimit"
_NAMES: Final = {_POLICY: "RateLimit-Policy", _REST: "RateLimit"}
_CALLERS: Final = 10_000


@dataclass(slots=True)
class Quotas:
    """The limits of one worker."""

    limits: Sequence[Limit]
    count: Count
    clock: Callable[[], float]
    """Seconds since the epoch."""
    _windows: dict[tuple[str, str], _Window] = field(default_factory=dict)
    _begun: int = 0
    _found: dict[int, tuple[Caller, _Found]] = field(default_factory=dict)
    """What counts in the present window, by the identity of callers: to compare them takes longer."""

    def admit(self, caller: Caller) -> None:
        """Let a caller in who has points left; raises Throttled."""
        for limit, window in self._of(caller, self.clock()).windows:
            if window.shared + window.own + window.sending >= limit.points:
                wait = self._rest_s(self.clock())
                said = {_NAMES[name]: value.decode() for name, value in self.charge(caller, 0)}
                raise Throttled(
                    f"The {limit.kind} has used the {limit.points} points of this minute; ask again in {wait} s.",
                    headers={"Retry-After": str(wait), **said},
                )

    def charge(self, caller: Caller, points: float) -> Sequence[tuple[bytes, bytes]]:
        """Take the points of a request that is done; return headers that say what the limits are, and what is left."""
        now_s = self.clock()
        found = self._of(caller, now_s)
        nearest, left = None, 1.0
        for limit, window in found.windows:
            window.own += points
            part = 1 - (window.shared + window.own + window.sending) / limit.points
            if nearest is None or part < left:
                nearest, left = limit, part
        if nearest is None:
            return ()
        points_left = int(left * nearest.points) if left > 0 else 0
        rest = f'"{nearest.kind}";r={points_left};t={self._rest_s(now_s)}'
        return (found.policy, (_REST, rest.encode()))

    async def share(self) -> None:
        """Add up with the other workers, and forget windows that have passed. Raises Unavailable."""
        now = int(self.clock() // WINDOW_S)
        worth = {limit.kind: limit.points * _WORTH_SHARING for limit in self.limits}
        self._windows = {key: window for key, window in self._windows.items() if window.begun == now}
        sent = {
            f"{kind} {name} {window.begun}": window
            for (kind, name), window in self._windows.items()
            if window.own >= worth[kind]
        }
        if sent:
            await self._share(sent)

    async def _share(self, windows: Mapping[str, _Window]) -> None:
        for window in windows.values():
            window.sending, window.own = window.own, 0
        try:
            counted = await self.count({key: window.sending for key, window in windows.items()}, _KEPT_S)
        except BaseException:
            for window in windows.values():
                window.own += window.sending
            raise
        else:
            for key, window in windows.items():
                window.shared = counted[key]
        finally:
            for window in windows.values():
                window.sending = 0

    def _of(self, caller: Caller, now_s: float) -> _Found:
        now = int(now_s // WINDOW_S)
        if now != self._begun or len(self._found) > _CALLERS:
            self._begun = now
            self._found.clear()
        known = self._found.get(id(caller))
        if known is not None:
            return known[1]
        names = dict(zip(_KINDS, (caller.client_id, caller.fhir_user, caller.site), strict=True))
        each = ((limit, names[limit.kind]) for limit in self.limits)
        windows = [(limit, self._window(limit.kind, name, now)) for limit, name in each if name]
        found = _Found(windows, (_POLICY, ", ".join(limit.policy for limit, _ in windows).encode()))
        self._found[id(caller)] = caller, found  # which keeps the caller, and so its identity
        return found

    def _window(self, kind: str, name: str, now: int) -> _Window:
        window = self._windows.get((kind, name))
        if window is None or window.begun != now:
            window = self._windows[kind, name] = _Window(now)
        return window

    @staticmethod
    def _rest_s(now_s: float) -> int:
        return max(1, math.ceil(WINDOW_S - now_s % WINDOW_S))


def cost_of(target: Target | None, resources: int) -> float:
    """Return the points of a request that let out or wrote so many resources."""
    weight = 1 if target is None else _WEIGHTS.get(target.interaction, 1)
    return weight + _OF_RESOURCE * resources
