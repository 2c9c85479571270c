"""Resources that accounts are linked to, as the login needs to know them; `app` gives what looks them up."""

from typing import Protocol


class Directory(Protocol):
    """Looks up people of the record, with the rights of the server itself: nothing it finds is shown."""

    async def find(self, site: str, resource_type: str, system: str, value: str) -> list[str]:
        """Return references to the resources that have this identifier, two at most."""
        ...

    async def name_of(self, site: str, reference: str) -> str | None:
        """Return how a person of the record is called; None when there is no such resource."""
        ...
