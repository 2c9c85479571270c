"""Access tokens: signed JWTs for whoever serves resources, each with a record that says whether it still counts.

Spec: https://www.rfc-editor.org/rfc/rfc9068 (claims), IHE IUA ITI-71 (``extensions``), RFC 7009 (revocation)
"""

import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any, Final

from fhirserver.kernel.caller import Caller, Emergency
from fhirserver.smart.authorization import Authorization, Person
from fhirserver.smart.certificates import confirmation
from fhirserver.smart.clients import Client
from fhirserver.smart.jose import BadToken, look_at
from fhirserver.smart.keys import ES256, SigningKeys
from fhirserver.smart.scopes import BESIDE
from fhirserver.store.records import Records

TOKEN_INDEXES: Final = ("authorization", "user", "client_id", "session_id", "grant")
TYPE: Final = "at+jwt"
_JTI_BYTES: Final = 18
_ROLE_SYSTEM: Final = "urn:fhirserver:role"
_PURPOSE_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_POLICY: Final = "urn:ietf:params:oauth:jti:"
_BREAK_GLASS: Final = "BTG"


class AccessTokens:
    """Records ``token`` by ``jti``: without its record a token is worth nothing."""

    def __init__(self, records: Records, keys: SigningKeys, clock: Callable[[], float] = time.time) -> None:
        """Keep them in ``records``, sign them with ``keys``."""
        self._records = records
        self._keys = keys
        self._clock = clock

    async def issue(
        self,
        authorization: Authorization,
        client: Client,
        person: Person | None,
        *,
        audience: str,
        lives_s: float,
        organization_name: str | None = None,
    ) -> str:
        """Return a new token for ``audience``, a FHIR base; ``organization_name`` is that of the first organization."""
        jti, now = secrets.token_urlsafe(_JTI_BYTES), self._clock()
        record = _record(authorization, client, person, now, now + lives_s)
        record["organization_name"] = organization_name
        await self._records.insert(jti, record, lives_s)
        return await self._sign(jti, record, audience)

    async def for_emergency(self, jti: str, emergency: Emergency, audience_of: Callable[[str, str], str]) -> str | None:
        """Return a new token of the bearer of another, who breaks the glass; None when that one counts no more.

        ``audience_of`` names the FHIR base of an issuer and a site. What ends the other one's authorization ends both.
        """
        base = await self.living(jti)
        if base is None:
            return None
        new, now = secrets.token_urlsafe(_JTI_BYTES), self._clock()
        times = {"issued_s": now, "expires_at_s": emergency.until_s}
        record = {**base, **times, "purpose": _BREAK_GLASS, "emergency": asdict(emergency)}
        await self._records.insert(new, record, emergency.until_s - now)
        if await self.living(jti) is None:  # it was revoked meanwhile, with all that there was
            await self.revoke(new)
            return None
        return await self._sign(new, record, audience_of(base["issuer"], base["site"]))

    async def _sign(self, jti: str, record: Mapping[str, Any], audience: str) -> str:
        claims = {
            "iss": record["issuer"],
            "sub": record["user"] or record["client_id"],
            "aud": audience,
            "client_id": record["client_id"],
            "iat": int(record["issued_s"]),
            "exp": int(record["expires_at_s"]),
            "jti": jti,
            "scope": " ".join(record["scopes"]),
            **{name: record[name] for name in ("patient", "encounter") if record[name] is not None},
            **confirmation(record["certificate"]),
            "extensions": {"ihe_iua": _iua(record)},
        }
        return await self._keys.sign(ES256, claims, TYPE)

    async def jti_of(self, token: str) -> str | None:
        """Return the id of a token that was signed here, whether it still counts or not."""
        claims = await self._claims_of(token)
        return None if claims is None else str(claims["jti"])

    async def record_of(self, token: str) -> dict[str, Any] | None:
        """Return the record of a token that counts. Raises Unavailable."""
        jti = await self.jti_of(token)
        return None if jti is None else await self.living(jti)

    async def living(self, jti: str) -> dict[str, Any] | None:
        """Return the record of a token that has neither expired nor been revoked. Raises Unavailable."""
        record = await self._records.get(jti)
        return record if record is not None and record["expires_at_s"] > self._clock() else None

    async def living_of(self, jtis: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """Return the records of those tokens that count, by their ids. Raises Unavailable."""
        now = self._clock()
        return {one["key"]: one for one in await self._records.get_many(jtis) if one["expires_at_s"] > now}

    async def revoke(self, jti: str) -> None:
        """End one token."""
        await self._records.delete(jti)

    async def revoke_all(self, where: Mapping[str, Any]) -> int:
        """End the tokens of a ``user``, ``client_id``, ``session_id``, ``grant`` or ``authorization``."""
        return await self._records.delete_where(where)

    async def change(self, jti: str, fields: Mapping[str, Any]) -> bool:
        """Change what the caller of a token is, at the next request; tells whether the token counts."""
        return await self._records.change(jti, fields) is not None

    async def change_person(self, person: Person) -> int:
        """Let what is known of a user now count in the tokens of that user; return how many there are."""
        return await self._records.change_where({"user": person.user_id}, _person(person))

    async def _claims_of(self, token: str) -> Mapping[str, Any] | None:
        try:
            header = look_at(token, (ES256,)).header
        except BadToken:
            return None
        kid = header.get("kid")
        if header.get("typ") != TYPE or not isinstance(kid, str):
            return None
        claims = await self._keys.claims_of(kid, token)
        return claims if claims is not None and isinstance(claims.get("jti"), str) else None


def caller_of(record: Mapping[str, Any]) -> Caller:
    """Return who the record of a token says its bearer is."""
    emergency = record.get("emergency")
    return Caller(
        client_id=record["client_id"],
        scopes=tuple(scope for scope in record["scopes"] if scope not in BESIDE),
        fhir_user=record["fhir_user"],
        name=record["name"],
        roles=tuple(record["roles"]),
        organizations=tuple(record["organizations"]),
        patient=record["patient"],
        encounter=record["encounter"],
        purpose=record["purpose"],
        emergency=Emergency(**emergency) if emergency else None,
        token_id=record["key"],
        policy=_POLICY + record["key"],
        session_id=record["session_id"],
        site=record["site"],
        expires_at_s=record["expires_at_s"],
        is_admin=record["is_admin"],
    )


def _record(
    authorization: Authorization, client: Client, person: Person | None, now_s: float, expires_s: float
) -> dict[str, Any]:
    return {
        "authorization": authorization.id,
        "client_id": client.client_id,
        "client_name": client.client_name,
        "user": authorization.user,
        "session_id": authorization.session_id,
        "grant": authorization.grant,
        "site": authorization.site,
        "scopes": list(authorization.scopes),
        "patient": authorization.context.patient,
        "encounter": authorization.context.encounter,
        "purpose": authorization.purpose,
        **(_person(person) if person else _service(client)),
        "issuer": authorization.issuer,
        "certificate": authorization.certificate,
        "issued_s": now_s,
        "expires_at_s": expires_s,
    }


def _person(person: Person) -> dict[str, Any]:
    return {
        "fhir_user": person.fhir_user,
        "name": person.name,
        "roles": list(person.roles),
        "organizations": list(person.organizations),
        "is_admin": person.is_admin,
    }


def _service(client: Client) -> dict[str, Any]:
    return {
        "fhir_user": None,
        "name": client.client_name,
        "roles": list(client.roles),
        "organizations": [client.organization] if client.organization else [],
        "is_admin": False,
    }


def _iua(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of IUA (ITI TF-2 3.71.4.2.2.1)."""
    organization = record["organizations"][0] if record["organizations"] else None
    known = {
        "subject_name": record["name"],
        "subject_organization": record.get("organization_name"),
        "subject_organization_id": organization,
        "subject_role": [{"system": _ROLE_SYSTEM, "code": role} for role in record["roles"]],
        "purpose_of_use": [{"system": _PURPOSE_SYSTEM, "code": record["purpose"]}],
        "person_id": record["patient"],
    }
    return {name: value for name, value in known.items() if value}
