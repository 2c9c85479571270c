"""UDAP: clients of a trust community register and prove themselves by certificates.

Spec: https://build.fhir.org/ig/HL7/fhir-udap-security-ig/ (discovery, registration, b2b, consumer)
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.smart import network
from fhirserver.smart.assertions import LONGEST_S, Proven
from fhirserver.smart.client_metadata import checked, metadata_of
from fhirserver.smart.clients import Client, Clients, new_client_id
from fhirserver.smart.errors import INVALID_CLIENT_METADATA, OAuthError, invalid_client
from fhirserver.smart.jose import SKEW_S, BadToken, Unverified, audiences_of, check_times, look_at, verified
from fhirserver.smart.scopes import Ceiling, Scopes
from fhirserver.smart.trust import ALGORITHMS, Holder, Identity, TrustStore
from fhirserver.store.records import Records

INVALID_STATEMENT: Final = "invalid_software_statement"
UNAPPROVED_STATEMENT: Final = "unapproved_software_statement"
_SIGNED_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """A trust community that this network belongs to."""

    trust_store: TrustStore
    identity: Identity
    scope: str
    """The most that a client of the community gets."""
    sites: tuple[str, ...]


class Udap:
    """Registers and recognizes the clients of a community."""

    def __init__(
        self,
        community: Community,
        clients: Clients,
        replays: Records,
        read_scopes: Callable[[str], Scopes],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep them among ``clients``."""
        self._community = community
        self._clients = clients
        self._replays = replays
        self._read_scopes = read_scopes
        self._clock = clock

    def metadata(self, origin: str, base: str) -> dict[str, Any]:
        """Return what clients are told at ``[base]/.well-known/udap``."""
        endpoints = {
            "authorization_endpoint": origin + network.AUTHORIZE,
            "token_endpoint": origin + network.TOKEN,
            "registration_endpoint": origin + network.REGISTER,
        }
        now = int(self._clock())
        of_token = {"iss": base, "sub": base, "iat": now, "exp": now + _SIGNED_S, "jti": secrets.token_hex(16)}
        return {
            "udap_versions_supported": ["1"],
            "udap_profiles_supported": ["udap_dcr", "udap_authn", "udap_authz"],
            "udap_authorization_extensions_supported": [],
            "udap_authorization_extensions_required": [],
            "udap_certifications_supported": [],
            "udap_certifications_required": [],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "scopes_supported": self._community.scope.split(),
            **endpoints,
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "registration_endpoint_jwt_signing_alg_values_supported": list(ALGORITHMS),
            "signed_metadata": self._community.identity.sign({**of_token, **endpoints}),
        }

    async def register(self, document: Mapping[str, Any], is_for_us: Callable[[str], bool]) -> tuple[Client, bool]:
        """Enter the client of a software statement, or change or remove it; tells whether it is new.

        What one that is not new has must end then. Raises OAuthError.
        """
        statement = document.get("software_statement")
        if document.get("udap") != "1" or not isinstance(statement, str):
            raise OAuthError(INVALID_CLIENT_METADATA, "UDAP registration has `udap` `1` and a `software_statement`.")
        claims = await self._claims_of(statement, is_for_us)
        known = await self._clients.find({"udap_uri": claims["iss"]}, limit=10)
        if claims.get("grant_types") == []:
            return await self._cancel(known), False
        fields = {**self._fields(claims), "software_statement": statement, "udap_uri": claims["iss"]}
        same = next((client for client in known if client.grant_types[0] == fields["grant_types"][0]), None)
        if same is not None:
            changed = await self._clients.change(same.client_id, **fields)
            return changed or same, False
        client = Client(**fields, client_id=new_client_id(), sites=self._community.sites, self_registered=True)
        await self._clients.add(client)
        return client, True

    async def prove(self, assertion: str, is_for_us: Callable[[str], bool]) -> Proven:
        """Return the client that signed an assertion with its certificate. Raises OAuthError."""
        try:
            unverified, holder = self._signed(assertion)
            claims = unverified.claims
            client_id = claims.get("iss")
            client = await self._clients.active(client_id) if isinstance(client_id, str) else None
            if client is None or claims.get("sub") != client_id or client.udap_uri not in holder.uris:
                raise BadToken("Its `iss` and `sub` are the `client_id` of who holds the certificate.")
            is_first = await self._check(claims, is_for_us)
        except BadToken as problem:
            raise invalid_client(f"The client assertion is not taken: {problem}") from None
        return Proven(client, is_replay=not is_first)

    async def _claims_of(self, statement: str, is_for_us: Callable[[str], bool]) -> Mapping[str, Any]:
        try:
            unverified, holder = self._signed(statement)
        except BadToken as problem:
            raise OAuthError(UNAPPROVED_STATEMENT, f"The software statement is not taken: {problem}") from None
        claims = unverified.claims
        try:
            if claims.get("iss") not in holder.uris or claims.get("sub") != claims.get("iss"):
                raise BadToken("Its `iss` and `sub` are a URI that its certificate names.")
            if not await self._check(claims, is_for_us):
                raise BadToken("It was used before.")
        except BadToken as problem:
            raise OAuthError(INVALID_STATEMENT, f"The software statement is not taken: {problem}") from None
        return claims

    def _signed(self, token: str) -> tuple[Unverified, Holder]:
        unverified = look_at(token, ALGORITHMS)
        holder = self._community.trust_store.holder_of(unverified.header)
        if not verified(token, holder.key, str(unverified.header["alg"])):
            raise BadToken("The key of its certificate has not signed it.")
        return unverified, holder

    async def _check(self, claims: Mapping[str, Any], is_for_us: Callable[[str], bool]) -> bool:
        """Tell whether claims are of this hour, for this endpoint, and were not seen before; raises BadToken."""
        if not any(is_for_us(audience) for audience in audiences_of(claims)):
            raise BadToken("Its `aud` is the URL of this endpoint.")
        if not isinstance(claims.get("jti"), str) or "iat" not in claims:
            raise BadToken("It has a `jti` and an `iat`.")
        expires_s = check_times(claims, self._clock(), LONGEST_S)
        seen = hashlib.sha256(f"{claims['iss']}\n{claims['jti']}".encode()).hexdigest()
        return await self._replays.insert(seen, {}, max(expires_s - self._clock() + 2 * SKEW_S, SKEW_S))

    def _fields(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        if not claims.get("contacts"):
            raise OAuthError(INVALID_CLIENT_METADATA, "`contacts` has at least one.")
        if claims.get("token_endpoint_auth_method") != "private_key_jwt":
            raise OAuthError(INVALID_CLIENT_METADATA, "`token_endpoint_auth_method` is `private_key_jwt`.")
        own = {name: value for name, value in claims.items() if name not in ("jwks", "jwks_uri", "launch_uri")}
        fields = checked(metadata_of(own), self._read_scopes, by_certificate=True)
        within = Ceiling(self._read_scopes(self._community.scope)).within(self._read_scopes(fields["scope"]))
        if not within.texts:
            raise OAuthError(INVALID_CLIENT_METADATA, "`scope`: none of these may a client of the community have.")
        return {**fields, "scope": " ".join(within.texts)}

    async def _cancel(self, known: list[Client]) -> Client:
        if not known:
            raise OAuthError(INVALID_CLIENT_METADATA, "There is no registration to cancel.")
        for client in known:
            await self._clients.remove(client.client_id)
        return known[0]
