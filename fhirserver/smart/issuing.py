"""Turning what was granted into tokens, and seeing to it that nothing is given that has ended meanwhile.

A token is entered first and what it rests on is looked at after: whoever ends that removes the tokens there are
after the end is written, so one of both always sees the other.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from fhirserver.kernel.base64url import base64url
from fhirserver.smart.authorization import Authorization, Person
from fhirserver.smart.clients import Client
from fhirserver.smart.errors import invalid_grant
from fhirserver.smart.keys import RS256
from fhirserver.smart.noted import note_authorization, note_user
from fhirserver.smart.scopes import FHIR_USER, OFFLINE, ONLINE, OPENID, PROFILE
from fhirserver.smart.services import Services

_GONE: Final = "What was granted has ended: it was withdrawn or revoked, or its user has logged out."


async def issue(services: Services, authorization: Authorization, client: Client) -> dict[str, Any]:
    """Return the answer of the token endpoint, without a refresh token. Raises OAuthError, Unavailable."""
    note_authorization(authorization.site, authorization.context.patient)
    person = await _person(services, authorization)
    if person is not None:
        note_user(person.name, authorization.site, person.fhir_user, person.roles, person.organizations)
    lives_s = _life_s(services, authorization)
    audience = services.network.base_of(authorization.issuer, authorization.site)
    organizations = (client.organization or "",) if person is None else person.organizations
    name = await _name_of(services, authorization.site, organizations[0]) if organizations else None
    token = await services.access_tokens.issue(
        authorization, client, person, audience=audience, lives_s=lives_s, organization_name=name
    )
    await _confirm(services, authorization, person)
    answer = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(lives_s),
        "scope": " ".join(authorization.scopes),
        **authorization.context.parameters(),
    }
    if person is not None and authorization.has(OPENID):
        answer["id_token"] = await _id_token(services, authorization, person, token)
    return answer


async def _name_of(services: Services, site: str, organization: str) -> str | None:
    """Return the name of an organization (``Organization/1``); None: there is none."""
    found = await services.open_site(site).read_many([organization]) if organization else []
    contents = (orjson.loads(one.content) for one in found if one.content is not None)
    return next((one.get("name") for one in contents), None)


def _life_s(services: Services, authorization: Authorization) -> float:
    policy = services.policy
    if authorization.user is None:
        return policy.service_token_s
    is_online = authorization.has(ONLINE) and not authorization.has(OFFLINE)
    return min(policy.access_token_s, policy.online_token_s) if is_online else policy.access_token_s


async def _person(services: Services, authorization: Authorization) -> Person | None:
    if authorization.user is None:
        return None
    person = await services.logins.person(authorization.user)
    if person is None:
        raise invalid_grant(_GONE)
    return person


async def _confirm(services: Services, authorization: Authorization, person: Person | None) -> None:
    """Take back what was issued when its ground is gone by now; raises OAuthError."""
    if not await _holds(services, authorization):
        await services.revocations.end_authorization(authorization.id)
        raise invalid_grant(_GONE)
    if person is None:
        return
    now = await services.logins.person(person.user_id)
    if now is None:
        await services.revocations.end_authorization(authorization.id)
        raise invalid_grant(_GONE)
    if now != person:
        await services.revocations.change_person(now)


async def _holds(services: Services, authorization: Authorization) -> bool:
    client = await services.clients.active(authorization.client_id)
    if client is None or authorization.site not in client.sites:
        return False
    if await services.revocations.is_ended(authorization.id):
        return False
    if authorization.grant is not None and await services.grants.get(authorization.grant) is None:
        return False
    return authorization.session_id is None or await services.logins.is_alive(authorization.session_id)


async def _id_token(services: Services, authorization: Authorization, person: Person, access_token: str) -> str:
    """Spec: https://openid.net/specs/openid-connect-core-1_0.html#IDToken"""
    now = services.clock()
    claims = {
        "iss": authorization.issuer,
        "sub": person.user_id,
        "aud": authorization.client_id,
        "iat": int(now),
        "exp": int(now + services.policy.access_token_s),
        "auth_time": int(authorization.auth_time_s),
        "at_hash": _half_digest(access_token),
        "nonce": authorization.nonce,
        "acr": authorization.acr,
        "amr": list(authorization.amr) or None,
        "sid": authorization.session_id,
        **user_claims(services, authorization.issuer, authorization.site, authorization.scopes, person),
    }
    return await services.keys.sign(RS256, {name: value for name, value in claims.items() if value is not None})


def user_claims(
    services: Services, issuer: str, site: str, scopes: tuple[str, ...], person: Person
) -> Mapping[str, str]:
    """Return what a client learns of the user, as far as its scopes go."""
    claims = {"name": person.name} if PROFILE in scopes else {}
    if FHIR_USER in scopes and person.fhir_user is not None:
        base = services.network.base_of(issuer, site)
        claims["fhirUser"] = f"{base}/{person.fhir_user}"
        if PROFILE in scopes:
            claims["profile"] = claims["fhirUser"]
    return claims


def _half_digest(token: str) -> str:
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64url(half)
