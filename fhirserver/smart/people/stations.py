"""Ward stations: browsers that several people share, where a suspended session is unlocked by PIN or passkey."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from fhirserver.smart.people.account import Account
from fhirserver.store.records import Records

_ID_BYTES: Final = 12
_SECRET_BYTES: Final = 32
PIN_DIGITS: Final = 6
_LONGEST_PIN: Final = 12


@dataclass(frozen=True, slots=True)
class Station:
    """One shared browser of a site."""

    id: str
    name: str
    site: str
    created_s: float = 0.0
    created_by: str = ""


class Stations:
    """Records ``station`` by id; the browser's cookie proves which it is."""

    def __init__(self, records: Records, clock: Callable[[], float] = time.time) -> None:
        """Keep them in ``records``."""
        self._records = records
        self._clock = clock

    async def add(self, name: str, by: Account) -> tuple[Station, str]:
        """Make this browser a station of the account's site; return it and its cookie."""
        station_id, secret = secrets.token_urlsafe(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        station = Station(station_id, name, by.site, self._clock(), by.id)
        fields = {
            "name": station.name,
            "site": station.site,
            "created_s": station.created_s,
            "created_by": station.created_by,
            "secret": _digest(secret),
        }
        await self._records.insert(station_id, fields)
        return station, f"{station_id}.{secret}"

    async def of_cookie(self, cookie: str | None) -> Station | None:
        """Return the station that a cookie proves."""
        station_id, _, secret = (cookie or "").partition(".")
        record = await self._records.get(station_id) if secret else None
        if record is None or not hmac.compare_digest(record["secret"], _digest(secret)):
            return None
        return Station(station_id, record["name"], record["site"], record["created_s"], record["created_by"])

    async def remove(self, station_id: str) -> bool:
        """Let a browser be no station any more."""
        return await self._records.delete(station_id)


def is_pin(text: str) -> bool:
    """Tell whether a text can be a PIN: six to twelve digits, not one digit over and over, not counted up or down."""
    if not (text.isascii() and text.isdigit() and PIN_DIGITS <= len(text) <= _LONGEST_PIN):
        return False
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(text)}
    return not (len(steps) == 1 and steps.issubset({0, 1, 9}))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
