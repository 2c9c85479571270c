"""The public keys of clients: registered as a JWK Set, or at a URL from where they are fetched and kept for a while.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html, RFC 7517
"""

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from fhirserver.smart.fetch import Fetch, FetchProblem

PublicKey: TypeAlias = ECKey | RSAKey

ALGORITHMS: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS384": ("RSA", None),
    "ES384": ("EC", "P-384"),
    "RS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
}
"""Algorithm -> type and curve of its keys."""
MAX_KEYS: Final = 50
_MIN_RSA_BITS: Final = 2048
_KEPT_S: Final = 300.0
_LEAST_S: Final = 30.0
"""A set is not fetched again before, whoever asks for a key that it lacks."""
_LONGEST_S: Final = 3600.0
_AGAIN_S: Final = 5.0
_REMEMBERED: Final = 1000


class BadKeys(Exception):
    """A JWK Set cannot be used; the text is one sentence."""


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    keys: list[Mapping[str, Any]] = field(default_factory=list)
    fetched_s: float = float("-inf")
    ends_s: float = float("-inf")
    again_s: float = float("-inf")
    """After a fetch that failed: when the next may be tried."""


class KeySets:
    """Finds the key that a client's assertion was signed with."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        """Fetch what is registered by its URL with ``fetch``."""
        self._fetch = fetch
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def candidates(
        self, jwks: Mapping[str, Any] | None, jwks_uri: str | None, kid: str, algorithm: str
    ) -> list[PublicKey]:
        """Return the keys with which a signature may be checked. Raises BadKeys, FetchProblem."""
        if jwks is not None:
            return usable(keys_of(jwks), kid, algorithm)
        if jwks_uri is None:
            return []
        found = usable(await self._set_at(jwks_uri), kid, algorithm)
        return found or usable(await self._set_at(jwks_uri, lacks_a_key=True), kid, algorithm)

    async def _set_at(self, url: str, *, lacks_a_key: bool = False) -> list[Mapping[str, Any]]:
        kept = self._kept.setdefault(url, _Kept())
        self._kept.move_to_end(url)
        while len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        async with kept.lock:
            now = self._clock()
            if now >= kept.ends_s or (lacks_a_key and now >= kept.fetched_s + _LEAST_S):
                if now < kept.again_s:
                    raise FetchProblem("The document could not be fetched a moment ago.")
                kept.again_s = now + _AGAIN_S
                fetched = await self._fetch(url)
                kept.keys = keys_of(_parsed(fetched.body))
                age = _KEPT_S if fetched.max_age_s is None else fetched.max_age_s
                kept.fetched_s, kept.ends_s = now, now + min(max(age, _LEAST_S), _LONGEST_S)
                kept.again_s = now
            return kept.keys


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise FetchProblem("The document is not JSON.") from None


def keys_of(jwks: object) -> list[Mapping[str, Any]]:
    """Return the keys of a JWK Set; raises BadKeys."""
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not all(isinstance(key, Mapping) for key in keys):
        raise BadKeys("A JWK Set is an object with an array `keys` of objects.")
    if len(keys) > MAX_KEYS:
        raise BadKeys(f"A JWK Set has at most {MAX_KEYS} keys.")
    return keys


def check_registered(jwks: object) -> None:
    """Refuse a JWK Set that no assertion could be checked with, or that holds a secret; raises BadKeys."""
    keys = keys_of(jwks)
    if not keys:
        raise BadKeys("The JWK Set has no key.")
    for key in keys:
        if any(member in key for member in ("d", "p", "q", "dp", "dq", "qi", "k")):
            raise BadKeys("The JWK Set holds a private or symmetric key; register the public ones.")
        if not isinstance(key.get("kid"), str):
            raise BadKeys("Every key of the JWK Set has a `kid`.")
        if not any(_imported(key, algorithm) for algorithm in ALGORITHMS):
            raise BadKeys("Keys are RSA of at least 2048 bits, or EC on the curve P-384 or P-256.")


def usable(keys: list[Mapping[str, Any]], kid: str, algorithm: str) -> list[PublicKey]:
    """Return the keys of this id that this algorithm may be used with."""
    named = (key for key in keys if key.get("kid") == kid)
    imported = (_imported(key, algorithm) for key in named)
    return [key for key in imported if key is not None]


def _imported(key: Mapping[str, Any], algorithm: str) -> PublicKey | None:
    kind, curve = ALGORITHMS[algorithm]
    if key.get("kty") != kind or key.get("crv") != curve:
        return None
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return None
    members = ("kty", "kid", "n", "e", "crv", "x", "y")
    public: dict[str, str | list[str]] = {
        name: value for name, value in key.items() if name in members and isinstance(value, str)
    }
    try:
        if kind == "EC":
            return ECKey.import_key(public)
        return RSAKey.import_key(public) if _bits(key.get("n", "")) >= _MIN_RSA_BITS else None
    except (JoseError, ValueError, TypeError):
        return None


def _bits(modulus: str) -> int:
    """Return the length of a base64url number, so that no small key is even imported; raises ValueError."""
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length()
