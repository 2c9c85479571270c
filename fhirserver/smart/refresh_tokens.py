"""Refresh tokens: opaque, stored as digests; those of public clients are used once and replaced.

A token that is used a second time has been copied: whoever holds it or its successors then loses all of them.
Spec: https://www.rfc-editor.org/rfc/rfc9700#section-4.14 (best current practice), SMART App Launch 2.2, "Refresh"
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fhirserver.smart.authorization import Authorization, authorization_of
from fhirserver.smart.clients import Client, digest_of
from fhirserver.smart.errors import invalid_grant
from fhirserver.smart.scopes import OFFLINE, ONLINE
from fhirserver.store.records import Records

REFRESH_INDEXES: Final = ("id", "user", "client_id", "session_id", "grant")
_BYTES: Final = 32


class RefreshTokens:
    """Records ``refresh`` by digest; each holds the authorization that it renews."""

    def __init__(self, records: Records, *, offline_s: float, online_s: float) -> None:
        """Keep them in ``records``: unused ones for so long, online ones as long as a session may last."""
        self._records = records
        self._offline_s = offline_s
        self._online_s = online_s

    async def issue(self, authorization: Authorization) -> str:
        """Return a new token."""
        token = secrets.token_urlsafe(_BYTES)
        fields = {**authorization.to_record(), "used": False}
        await self._records.insert(digest_of(token), fields, self._lives_s(authorization))
        return token

    async def use(self, token: str, client: Client) -> Authorization:
        """Return what a token renews. Raises OAuthError; RefreshReused when it was used before."""
        record = await self._records.get(digest_of(token))
        if record is None or record["client_id"] != client.client_id:
            raise invalid_grant("The refresh token is not valid, has expired, was revoked or is another client's.")
        authorization = authorization_of(record)
        if client.is_public:
            used = await self._records.change(record["key"], {"used": True}, where={"used": False})
        else:
            used = await self._records.change(record["key"], {}, expires_s=self._lives_s(authorization))
        if used is None:
            raise RefreshReused(authorization)
        return authorization

    async def successor(self, token: str, authorization: Authorization, client: Client) -> str:
        """Return the token to use next time: a new one, or the same where the client keeps secrets."""
        return await self.issue(replace(authorization, nonce=None)) if client.is_public else token

    async def find(self, token: str) -> dict[str, Any] | None:
        """Return the record of a token."""
        record = await self._records.get(digest_of(token))
        return None if record is None or record["used"] else record

    async def client_of(self, token: str) -> str | None:
        """Return whose token it is, also of one that was used: its second use must be seen."""
        record = await self._records.get(digest_of(token))
        return None if record is None else str(record["client_id"])

    async def revoke_all(self, where: Mapping[str, Any]) -> int:
        """End the tokens of an authorization (``id``), ``user``, ``client_id``, ``session_id`` or ``grant``."""
        return await self._records.delete_where(where)

    def _lives_s(self, authorization: Authorization) -> float:
        return self._offline_s if authorization.has(OFFLINE) else self._online_s


class RefreshReused(Exception):
    """A refresh token was used twice; all that came of its authorization must end."""

    def __init__(self, authorization: Authorization) -> None:
        """Name the authorization."""
        super().__init__("A refresh token was used twice.")
        self.authorization = authorization


def gives_refresh(authorization: Authorization) -> bool:
    """Tell whether a client may renew what it was granted without the user."""
    return authorization.has(OFFLINE) or authorization.has(ONLINE)
