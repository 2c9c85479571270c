"""Ending what was granted: everything that came of it ends at once, on every worker."""

from collections.abc import Mapping
from typing import Any, Final

from fhirserver.smart.access_tokens import AccessTokens
from fhirserver.smart.authorization import Person
from fhirserver.smart.grants import Grants
from fhirserver.smart.refresh_tokens import RefreshTokens
from fhirserver.store.records import Records

_REMEMBERED_S: Final = 3600.0


class Revocations:
    """What the endpoints, the administration and the accounts call when rights end or change."""

    def __init__(self, ended: Records, access: AccessTokens, refresh: RefreshTokens, grants: Grants) -> None:
        """End these; ``ended`` remembers authorizations that are, for who is about to renew one."""
        self._ended = ended
        self._access = access
        self._refresh = refresh
        self._grants = grants

    async def end_authorization(self, authorization: str) -> None:
        """End all tokens that came of one authorization."""
        await self._ended.put(authorization, {}, _REMEMBERED_S)
        await self._refresh.revoke_all({"id": authorization})
        await self._access.revoke_all({"authorization": authorization})

    async def is_ended(self, authorization: str) -> bool:
        """Tell whether an authorization has been ended."""
        return await self._ended.get(authorization) is not None

    async def end_client(self, client_id: str) -> None:
        """End all that a client has."""
        await self._both({"client_id": client_id})
        await self._grants.remove({"client_id": client_id})

    async def end_client_at(self, client_id: str, site: str) -> None:
        """End all that a client has at one site."""
        await self._both({"client_id": client_id, "site": site})

    async def end_user(self, user: str) -> None:
        """End all that was granted in a user's name: the account was locked or removed."""
        await self._both({"user": user})

    async def end_session(self, session_id: str) -> None:
        """End what lasts no longer than its session: all but offline access."""
        await self._refresh.revoke_all({"session_id": session_id})
        await self._access.revoke_all({"session_id": session_id})

    async def withdraw(self, grant: str, user: str) -> bool:
        """End what a user has granted to an app; tells whether there was such a grant."""
        if not await self._grants.withdraw(grant, user):
            return False
        await self._both({"grant": grant})
        return True

    async def change_person(self, person: Person) -> None:
        """Let the roles and names of a user count in the tokens that there are."""
        await self._access.change_person(person)

    async def _both(self, where: Mapping[str, Any]) -> None:
        await self._refresh.revoke_all(where)
        await self._access.revoke_all(where)
