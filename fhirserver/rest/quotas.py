"""Weighted limits: what callers may ask of the server within a minute, by client, by user and of a site as a whole.

A request costs points by what it does and by how many resources it lets out; it is let in while there are points, and
pays when it is done. Each worker counts for itself and adds up with the others in one record for a key and window, as
soon as it has a hundredth of the limit to add: together they let in little beyond the limit, no request waits for the
count, and who asks little is never counted.
Spec: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/, RFC 6585 §4
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
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


class _Window:
    """What one of a kind has spent since a window began."""

    __slots__ = ("begun", "counted", "left", "limit", "points", "said")

    def __init__(self, limit: Limit, begun: int) -> None:
        self.limit = limit
        self.points = limit.points
        self.begun = begun
        self.left = float(self.points)
        """Of the points, as far as this worker knows."""
        self.counted = self.left
        """The same as of the last count: what it is less now, this worker has spent since."""
        self.said = b'"%b";r=%%d;t=%%d' % limit.kind.encode()
        """The header of what is left."""

    @property
    def own(self) -> float:
        """What this worker has spent since the last count."""
        return self.counted - self.left

    def become(self, counted: float) -> None:
        """Take what was left of all workers as of a count; what this one has spent since comes off it."""
        self.counted, self.left = counted, counted - self.own


class Account:
    """What counts for a caller until a window ends."""

    __slots__ = ("caller", "ends_s", "policy", "windows")

    def __init__(self, caller: Caller, windows: Sequence[_Window], ends_s: float) -> None:
        """Keep the caller too, and so its identity."""
        self.caller = caller
        self.ends_s = ends_s
        self.windows = windows
        self.policy = (_POLICY, ", ".join(window.limit.policy for window in windows).encode())
        """The header that says what the limits are."""


_KINDS: Final = ("client", "user", "site")
_POLICY: Final = b"ratelimit-policy"
_REST: Final = b"ratelimit"
_NAMES: Final = {_POLICY: "RateLimit-Policy", _REST: "RateLimit"}
_CALLERS: Final = 10_000
_MORE_THAN_ALL: Final = 2.0


@dataclass(slots=True)
class Quotas:
    """The limits of one worker."""

    limits: Sequence[Limit]
    count: Count
    clock: Callable[[], float]
    """Seconds since the epoch."""
    _windows: dict[tuple[str, str], _Window] = field(default_factory=dict)
    _begun_s: float = 0
    _ends_s: float = 0
    """Of the present window."""
    _accounts: dict[int, Account] = field(default_factory=dict)
    """Those of the present window, by the identity of callers: to compare them takes longer."""

    def admit(self, caller: Caller) -> Account:
        """Let a caller in who has points left; return what is to be charged. Raises Throttled."""
        now_s = self.clock()
        account = self._accounts.get(id(caller)) if self._begun_s <= now_s < self._ends_s else None
        if account is None:
            account = self._open(caller, now_s)
        for window in account.windows:
            if window.left <= 0:
                raise self._throttled(account, window.limit)
        return account

    def charge(self, account: Account, points: float) -> Sequence[tuple[bytes, bytes]]:
        """Take the points of a request that is done; return headers that say what the limits are, and what is left."""
        now_s = self.clock()
        if now_s >= account.ends_s:
            account = self._open(account.caller, now_s)
        nearest, least = None, _MORE_THAN_ALL
        for window in account.windows:
            window.left = left = window.left - points
            part = left / window.points
            if part < least:
                nearest, least = window, part
        if nearest is None:
            return ()
        left = nearest.left
        return account.policy, (_REST, nearest.said % (left if left > 0 else 0, ceil(account.ends_s - now_s)))

    async def share(self) -> None:
        """Add up with the other workers, and forget windows that have passed. Raises Unavailable."""
        now = int(self.clock() // WINDOW_S)
        self._windows = {key: window for key, window in self._windows.items() if window.begun == now}
        sent = {
            f"{kind} {name} {window.begun}": window
            for (kind, name), window in self._windows.items()
            if window.own >= window.limit.points * _WORTH_SHARING
        }
        if sent:
            await self._share(sent)

    async def _share(self, windows: Mapping[str, _Window]) -> None:
        sent = {key: window.own for key, window in windows.items()}
        for window in windows.values():
            window.counted = window.left
        try:
            counted = await self.count(sent, _KEPT_S)
        except BaseException:
            for key, window in windows.items():
                window.counted += sent[key]
            raise
        for key, window in windows.items():
            window.become(window.limit.points - counted[key])

    def _throttled(self, account: Account, limit: Limit) -> Throttled:
        said = {_NAMES[name]: value.decode() for name, value in self.charge(account, 0)}
        wait = max(1, ceil(account.ends_s - self.clock()))
        return Throttled(
            f"The {limit.kind} has used the {limit.points} points of this minute; ask again in {wait} s.",
            headers={"Retry-After": str(wait), **said},
        )

    def _open(self, caller: Caller, now_s: float) -> Account:
        begun = int(now_s // WINDOW_S)
        if begun * WINDOW_S != self._begun_s or len(self._accounts) >= _CALLERS:
            self._begun_s, self._ends_s = begun * WINDOW_S, (begun + 1) * WINDOW_S
            self._accounts.clear()
        names = dict(zip(_KINDS, (caller.client_id, caller.fhir_user, caller.site), strict=True))
        each = ((limit, names[limit.kind]) for limit in self.limits)
        windows = [self._window(limit, name, begun) for limit, name in each if name]
        account = self._accounts[id(caller)] = Account(caller, windows, self._ends_s)
        return account

    def _window(self, limit: Limit, name: str, begun: int) -> _Window:
        key = (limit.kind, name)
        window = self._windows.get(key)
        if window is None or window.begun != begun:
            window = self._windows[key] = _Window(limit, begun)
        return window


def cost_of(target: Target | None, resources: int) -> float:
    """Return the points of a request that let out or wrote so many resources."""
    weight = 1 if target is None else _WEIGHTS.get(target.interaction, 1)
    return weight + _OF_RESOURCE * resources
