"""Which account an upstream identity is: the one linked to it, or a new one where the issuer may make accounts."""

import secrets
from dataclasses import dataclass, replace
from typing import Final

from fhirserver.kernel.outcome import Conflict
from fhirserver.smart.people.account import Account, BadAccount, normalized_username
from fhirserver.smart.people.accounts import Accounts
from fhirserver.smart.people.claims import Identity, Refused
from fhirserver.smart.people.directory import Directory
from fhirserver.smart.people.issuers import Issuer

_SUFFIX_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Linking:
    """Finds and makes accounts for identities."""

    accounts: Accounts
    directory: Directory
    default_site: str

    async def account_of(self, issuer: Issuer, identity: Identity) -> Account:
        """Return the account of an identity. Raises Refused."""
        account = await self.accounts.with_identity(identity.key)
        if account is None:
            return await self._provision(issuer, identity)
        if account.locked:
            raise Refused("locked")
        return await self._with_present_roles(issuer, account, identity)

    async def link(self, account: Account, identity: Identity) -> Account:
        """Link an identity to an account whose owner is logged in. Raises Refused when it is another's."""
        if not await self.accounts.add_handle(account, identity=identity.key):
            owner = await self.accounts.with_identity(identity.key)
            if owner is None or owner.id != account.id:
                raise Refused("linked-to-other")
            return account
        return await self.accounts.change(account, identities=(*account.identities, identity.key))

    async def _provision(self, issuer: Issuer, identity: Identity) -> Account:
        if not issuer.provisions:
            raise Refused("not-linked")
        site = issuer.site or self.default_site
        fhir_user = identity.fhir_user or await self._found(site, identity)
        if fhir_user is None:
            raise Refused("not-found")
        name = await self.directory.name_of(site, fhir_user)
        if name is None:
            raise Refused("not-found")
        new = Account(
            id="",
            username=_username(issuer, identity),
            name=name,
            site=site,
            fhir_user=fhir_user,
            roles=identity.roles,
            identities=(identity.key,),
        )
        try:
            return await self.accounts.add(new)
        except BadAccount:
            return await self._provision_again(issuer, new)

    async def _provision_again(self, issuer: Issuer, new: Account) -> Account:
        """Return the account that another login of the same person made, else one of another name.

        That a name is taken does not prove whose it is.
        """
        made = await self.accounts.with_identity(new.identities[0])
        if made is not None:
            return made
        return await self.accounts.add(replace(new, username=f"{issuer.id}-{secrets.token_hex(_SUFFIX_BYTES)}"))

    async def _found(self, site: str, identity: Identity) -> str | None:
        """Return the one resource that has the identity's identifier; two are none."""
        for resource_type, system, value in identity.identifiers:
            found = await self.directory.find(site, resource_type, system, value)
            if len(found) == 1:
                return found[0]
        return None

    async def _with_present_roles(self, issuer: Issuer, account: Account, identity: Identity) -> Account:
        """Take over roles at each login from an issuer that makes accounts: it is who knows them."""
        if not issuer.provisions or issuer.mapping.roles_claim is None or identity.roles == account.roles:
            return account
        try:
            return await self.accounts.change(account, roles=identity.roles)
        except (Conflict, BadAccount):
            return account


def _username(issuer: Issuer, identity: Identity) -> str:
    try:
        return normalized_username(identity.username or "")
    except BadAccount:
        return f"{issuer.id}-{secrets.token_hex(_SUFFIX_BYTES)}"
