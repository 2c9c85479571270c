"""The catalogue of clients, as administrators keep it: what is entered is checked, what is taken away ends at once."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from fhirserver.smart.client_metadata import ClientMetadata, checked, metadata_of
from fhirserver.smart.clients import AuthMethod, Client, digest_of, new_client_id, new_secret
from fhirserver.smart.errors import INVALID_CLIENT_METADATA, OAuthError
from fhirserver.smart.logins import OWN_PAGES
from fhirserver.smart.logos import check_logo
from fhirserver.smart.services import Services

OF_CLIENT: Final = tuple(ClientMetadata.model_fields)
OF_NETWORK: Final = (
    *("owner", "description", "logo", "trusted", "introspects"),
    *("organization", "purpose", "roles", "sites", "blocked"),
)
"""What the network says of a client, and not the client of itself."""


class Catalogue:
    """Enters, changes and removes clients."""

    def __init__(self, services: Services) -> None:
        """Keep them in ``services``."""
        self._services = services

    async def add(self, document: Mapping[str, Any], client_id: str | None = None) -> tuple[Client, str | None]:
        """Enter a client; return it with its secret, which is told this once. Raises OAuthError."""
        fields = self._checked(document)
        method: AuthMethod = fields["token_endpoint_auth_method"]
        secret = new_secret() if method.by_secret else None
        client = Client(
            **fields,
            client_id=client_id or new_client_id(),
            secret_digest=None if secret is None else digest_of(secret),
        )
        if client.client_id == OWN_PAGES or not await self._services.clients.add(client):
            raise OAuthError(INVALID_CLIENT_METADATA, "There is a client of this `client_id` already.")
        return client, secret

    async def change(self, client: Client, changes: Mapping[str, Any]) -> Client:
        """Change a client as a whole is then checked; tokens that it has end. Raises OAuthError."""
        known = {name: value for name, value in asdict(client).items() if name in (*OF_CLIENT, *OF_NETWORK)}
        fields = self._checked({**known, **changes})
        if fields["token_endpoint_auth_method"] is not client.token_endpoint_auth_method:
            raise OAuthError(INVALID_CLIENT_METADATA, "`token_endpoint_auth_method` cannot be changed.")
        changed = await self._services.clients.change(client.client_id, **fields)
        await self._services.revocations.end_client(client.client_id)
        if changed is None:
            raise OAuthError(INVALID_CLIENT_METADATA, "The client is gone.", status=404)
        return changed

    async def approve(self, client: Client, site: str) -> Client:
        """Let a site let a client in. Raises OAuthError."""
        self._check_sites([site])
        return await self._with_sites(client, (*client.sites, site))

    async def disapprove(self, client: Client, site: str) -> Client:
        """Let a site let a client in no more; what it has there ends."""
        changed = await self._with_sites(client, tuple(one for one in client.sites if one != site))
        await self._services.revocations.end_client_at(client.client_id, site)
        return changed

    async def renew_secret(self, client: Client) -> str:
        """Give a client another secret; the one before is worth nothing from now on. Raises OAuthError."""
        if not client.token_endpoint_auth_method.by_secret:
            raise OAuthError(INVALID_CLIENT_METADATA, "This client has no secret.")
        secret = new_secret()
        await self._services.clients.change(client.client_id, secret_digest=digest_of(secret))
        return secret

    async def remove(self, client: Client) -> None:
        """Delete a client and end all that it has."""
        await self._services.clients.remove(client.client_id)
        await self._services.revocations.end_client(client.client_id)

    def _checked(self, document: Mapping[str, Any]) -> dict[str, Any]:
        of_client = {name: value for name, value in document.items() if name in OF_CLIENT and value is not None}
        of_network = {name: value for name, value in document.items() if name in OF_NETWORK and value is not None}
        method = of_client.get("token_endpoint_auth_method")
        if isinstance(method, AuthMethod):
            of_client["token_endpoint_auth_method"] = method.value
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in of_client.items()}
        self._check_sites(of_network.get("sites", ()))
        if "logo" in of_network:
            check_logo(of_network["logo"])
        lists = {name: tuple(value) for name, value in of_network.items() if isinstance(value, list)}
        return {**of_network, **lists, **checked(metadata_of(listed), self._services.read_scopes)}

    def _check_sites(self, sites: Any) -> None:  # noqa: ANN401 - a list or a tuple
        known = self._services.network.mounts
        if strange := [site for site in sites if site not in known]:
            raise OAuthError(INVALID_CLIENT_METADATA, f"`{strange[0]}` is no site; sites are {', '.join(known)}.")

    async def _with_sites(self, client: Client, sites: tuple[str, ...]) -> Client:
        changed = await self._services.clients.change(client.client_id, sites=tuple(dict.fromkeys(sites)))
        if changed is None:
            raise OAuthError(INVALID_CLIENT_METADATA, "The client is gone.", status=404)
        return changed
