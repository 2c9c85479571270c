"""Client assertions: a client proves who it is with a token that it signed for this endpoint and this once.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html, RFC 7523
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.smart.clients import AuthMethod, Client, Clients
from fhirserver.smart.errors import OAuthError, invalid_client
from fhirserver.smart.fetch import FetchProblem
from fhirserver.smart.jose import SKEW_S, BadToken, Unverified, audiences_of, check_times, look_at, verified
from fhirserver.smart.key_sets import BadKeys, KeySets
from fhirserver.store.records import Records

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS: Final = ("RS384", "ES384")
LONGEST_S: Final = 300.0
_MAX_JTI: Final = 255


@dataclass(frozen=True, slots=True)
class Proven:
    """A client that proved itself, and whether the very same proof was seen before."""

    client: Client
    is_replay: bool = False

    def once(self) -> Client:
        """Return the client; raises OAuthError where its assertion was used before."""
        if self.is_replay:
            raise invalid_client("The client assertion was used before; make a new one, with a `jti` of its own.")
        return self.client


class Assertions:
    """Checks them; every one is remembered until it would have expired, by all workers."""

    def __init__(
        self, clients: Clients, key_sets: KeySets, replays: Records, clock: Callable[[], float] = time.time
    ) -> None:
        """Remember the assertions seen in ``replays``."""
        self._clients = clients
        self._key_sets = key_sets
        self._replays = replays
        self._clock = clock

    async def prove(self, assertion: str, client_id: str | None, is_for_us: Callable[[str], bool]) -> Proven:
        """Return the client that signed an assertion; ``is_for_us`` knows the token endpoint. Raises OAuthError."""
        try:
            unverified = look_at(assertion, ALGORITHMS)
            client = await self._client_of(unverified, client_id)
            expires_s = self._check_claims(unverified.claims, is_for_us)
            await self._check_signature(assertion, unverified, client)
        except (BadToken, BadKeys, FetchProblem) as problem:
            raise invalid_client(f"The client assertion is not taken: {problem}") from None
        return Proven(client, is_replay=not await self._is_first(unverified.claims, expires_s))

    async def _client_of(self, unverified: Unverified, client_id: str | None) -> Client:
        header, claims = unverified.header, unverified.claims
        if str(header.get("typ", "")).upper() != "JWT":
            raise BadToken("The `typ` of its header is `JWT`.")
        if not isinstance(header.get("kid"), str):
            raise BadToken("Its header has no `kid`.")
        issuer, subject = claims.get("iss"), claims.get("sub")
        if not isinstance(issuer, str) or issuer != subject or client_id not in (None, issuer):
            raise BadToken("Its `iss` and `sub` are both the `client_id`.")
        client = await self._clients.active(issuer)
        if client is None or client.token_endpoint_auth_method is not AuthMethod.PRIVATE_KEY:
            raise invalid_client("The client is not known, or does not prove itself by a client assertion.")
        if "jku" in header and header["jku"] != client.jwks_uri:
            raise BadToken("The `jku` of its header is not the URL that is registered.")
        return client

    def _check_claims(self, claims: Mapping[str, Any], is_for_us: Callable[[str], bool]) -> float:
        if not any(is_for_us(audience) for audience in audiences_of(claims)):
            raise BadToken("Its `aud` is the URL of this token endpoint.")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI:
            raise BadToken(f"It has a `jti` of 1 to {_MAX_JTI} characters.")
        return check_times(claims, self._clock(), LONGEST_S)

    async def _check_signature(self, assertion: str, unverified: Unverified, client: Client) -> None:
        kid, algorithm = str(unverified.header["kid"]), str(unverified.header["alg"])
        keys = await self._key_sets.candidates(client.jwks, client.jwks_uri, kid, algorithm)
        if not any(verified(assertion, key, algorithm) for key in keys):
            raise BadToken("No registered key of its `kid` and `alg` has signed it.")

    async def _is_first(self, claims: Mapping[str, Any], expires_s: float) -> bool:
        seen = f"{claims['iss']}\n{claims['jti']}".encode()
        lives_s = expires_s - self._clock() + 2 * SKEW_S
        return await self._replays.insert(hashlib.sha256(seen).hexdigest(), {}, max(lives_s, SKEW_S))


def check_type(form_type: str | None) -> None:
    """Refuse an assertion of another kind; raises OAuthError."""
    if form_type != TYPE:
        raise OAuthError("invalid_request", f"`client_assertion_type` is `{TYPE}`.")
