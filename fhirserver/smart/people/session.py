"""A session: that a person has logged in at one browser, how, and until when; and when it is over."""

from dataclasses import dataclass
from typing import Final

from fhirserver.smart.people.assurance import ONE_FACTOR, higher, level_of, methods

TOUCH_S: Final = 60.0
"""How often its last use is written down: not at every request."""
# The first that is found: browsers name those they are like after themselves.
_BROWSERS: Final = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proof:
    """How a person proved who they are."""

    amr: tuple[str, ...]
    floor: str = ONE_FACTOR
    """The level that another OpenID provider vouched for."""

    @property
    def acr(self) -> str:
        """The level that was reached."""
        return higher(level_of(self.amr), self.floor)

    def and_by(self, method: str) -> "Proof":
        """Return the proof with one more method."""
        return Proof(methods(*self.amr, method), self.floor)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody logs in."""

    agent: str = ""
    source: str = ""
    station: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """As it was when it was read; the roles are those of the account, now."""

    id: str
    user_id: str
    site: str
    name: str
    fhir_user: str | None
    roles: tuple[str, ...]
    organizations: tuple[str, ...]
    is_admin: bool
    auth_time_s: float
    """When the person last proved who they are in full; unlocking by PIN is not that."""
    amr: tuple[str, ...]
    acr: str = ONE_FACTOR
    language: str | None = None
    created_s: float = 0.0
    seen_s: float = 0.0
    agent: str = ""
    """The browser, in a few words."""
    source: str = ""
    station: str | None = None
    suspended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """How long sessions last."""

    idle_s: float = 1800.0
    """Without any request; at a ward's station the session is then suspended and not ended."""
    longest_s: float = 43_200.0
    """From login, whatever is done: a shift."""
    fresh_s: float = 600.0
    """How recent a login must be for changing what one logs in with."""


def browser_of(user_agent: str) -> str:
    """Say in two words what a ``User-Agent`` is of: ``Firefox, Windows``; what is not known is left out."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return ", ".join(part for part in (browser, system) if part)


def is_over(created_s: float, seen_s: float, now_s: float, rules: SessionRules) -> bool:
    """Tell whether a session has lasted too long or lain idle too long."""
    return now_s >= created_s + rules.longest_s or now_s >= seen_s + rules.idle_s


def is_past_shift(created_s: float, now_s: float, rules: SessionRules) -> bool:
    """Tell whether a session has lasted as long as any may."""
    return now_s >= created_s + rules.longest_s


def is_fresh(auth_time_s: float, now_s: float, max_age_s: float) -> bool:
    """Tell whether a login is as recent as ``max_age`` asks (OpenID Connect Core §3.1.2.1)."""
    return now_s - auth_time_s <= max_age_s
