"""The keys that tokens are signed with: made here, kept sealed, rotated without a pause.

A key is published as soon as it is made and signs once all who fetched the set before have fetched it anew; after
its successor signs, it is published for as long as what it signed is valid.
Spec: https://www.rfc-editor.org/rfc/rfc7517, https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from fhirserver.kernel.outcome import Unavailable
from fhirserver.smart.secret import Secret
from fhirserver.store.records import Records

PrivateKey: TypeAlias = ECKey | RSAKey

RS256: Final = "RS256"
ES256: Final = "ES256"
ALGORITHMS: Final = (RS256, ES256)
"""Of ID tokens, which OpenID Connect wants so, and of access tokens, which are shorter so."""
PUBLISHED_S: Final = 300
"""For so long may who fetched the set keep it."""
_PURPOSE: Final = "signing key"
_RSA_BITS: Final = 2048
_REREAD_S: Final = 60.0
_UNKNOWN_S: Final = 0.05
"""No more often is the database asked for a key that nobody has."""
_LONGEST_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair; times are of ``time.time()``."""

    kid: str
    algorithm: str
    signs_from_s: float
    ends_s: float | None
    """When it stops being published; None while it has no successor."""
    private: PrivateKey

    def public(self) -> dict[str, Any]:
        """Return the public half as a JWK."""
        return {**self.private.as_dict(private=False), "kid": self.kid, "alg": self.algorithm, "use": "sig"}


class SigningKeys:
    """The keys of all workers: records in one collection."""

    def __init__(self, records: Records, secret: Secret) -> None:
        """Keep them in ``records``, sealed with ``secret``."""
        self._records = records
        self._secret = secret
        self._keys: Mapping[str, SigningKey] = {}
        self._read_s = 0.0
        self._reading = asyncio.Lock()

    async def prepare(self) -> None:
        """Make the first keys where there are none. Raises WrongSecret."""
        await self._read()
        for algorithm in ALGORITHMS:
            if not any(key.algorithm == algorithm for key in self._keys.values()):
                await self._make(algorithm, signs_from_s=0.0)
        await self._read()

    async def all(self) -> list[SigningKey]:
        """Return the keys that are published, the oldest first. Raises Unavailable."""
        if time.time() - self._read_s > _REREAD_S:
            await self._read()
        return list(self._keys.values())

    async def sign(self, algorithm: str, claims: Mapping[str, Any], kind: str = "JWT") -> str:
        """Return a signed token. Raises Unavailable."""
        now = time.time()
        able = [key for key in await self.all() if key.algorithm == algorithm and key.signs_from_s <= now]
        if not able:
            raise Unavailable("There is no key to sign tokens with.")
        key = able[-1]
        header = {"alg": algorithm, "kid": key.kid, "typ": kind}
        return jwt.encode(header, dict(claims), key.private, algorithms=[algorithm])

    async def claims_of(self, kid: str, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that one of the keys has signed; their times are the caller's concern."""
        key = self._keys.get(kid) or await self._made_meanwhile(kid)
        if key is None:
            return None
        try:
            return dict(jwt.decode(token, key.private, algorithms=[key.algorithm]).claims)
        except (JoseError, ValueError):
            return None

    async def rotate(self, *, at_once: bool = False) -> list[SigningKey]:
        """Make new keys in the place of those that sign; return them.

        ``at_once``: for keys that others may have. What the old ones signed is void from now on.
        """
        begins = time.time() + (0 if at_once else 2 * PUBLISHED_S)
        ends = begins + (0 if at_once else _LONGEST_S)
        await self._read()
        old = [key for key in self._keys.values() if key.ends_s is None]
        made = [await self._make(algorithm, begins) for algorithm in ALGORITHMS]
        for key in old:
            await self._records.change(key.kid, {"ends_s": ends}, expires_s=ends - time.time())
        await self._read()
        return made

    async def _made_meanwhile(self, kid: str) -> SigningKey | None:
        """Look for a key that another worker may have made since this one read them."""
        asked_s = time.time()
        async with self._reading:
            if self._read_s < asked_s:
                await asyncio.sleep(self._read_s + _UNKNOWN_S - asked_s)
                await self._read_now()
        return self._keys.get(kid)

    async def _make(self, algorithm: str, signs_from_s: float) -> SigningKey:
        private = await asyncio.to_thread(_generate, algorithm)
        kid = private.thumbprint()
        content = orjson.dumps(private.as_dict(private=True))
        fields = {
            "algorithm": algorithm,
            "signs_from_s": signs_from_s,
            "created_s": time.time(),
            "sealed": self._secret.seal(_PURPOSE, kid, content),
        }
        await self._records.insert(kid, fields)
        return SigningKey(kid, algorithm, signs_from_s, None, private)

    async def _read(self) -> None:
        async with self._reading:
            await self._read_now()

    async def _read_now(self) -> None:
        begun_s, known = time.time(), self._keys
        records = await self._records.find({})
        keys = [self._open(record, known.get(record["key"])) for record in records]
        self._keys = {key.kid: key for key in sorted(keys, key=lambda key: key.signs_from_s)}
        self._read_s = begun_s

    def _open(self, record: Mapping[str, Any], known: SigningKey | None) -> SigningKey:
        kid, algorithm = record["key"], record["algorithm"]
        private = known.private if known else self._private(kid, algorithm, bytes(record["sealed"]))
        return SigningKey(kid, algorithm, record["signs_from_s"], record.get("ends_s"), private)

    def _private(self, kid: str, algorithm: str, sealed: bytes) -> PrivateKey:
        members = orjson.loads(self._secret.open(_PURPOSE, kid, sealed))
        return RSAKey.import_key(members) if algorithm == RS256 else ECKey.import_key(members)


def _generate(algorithm: str) -> PrivateKey:
    if algorithm == RS256:
        return RSAKey.generate_key(_RSA_BITS, auto_kid=True)
    return ECKey.generate_key("P-256", auto_kid=True)
