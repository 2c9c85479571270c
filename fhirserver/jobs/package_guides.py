"""Keeps an ImplementationGuide on a site for each package that it uses, so that a search finds what is installed.

Every worker does it after every change; who comes second finds it done.
"""

from collections.abc import Sequence
from typing import Final

from fhirserver.codec.fhir_json import encode, parse_resource
from fhirserver.definitions.guides import GUIDE, TAG, guides
from fhirserver.definitions.installed import ActivePackages
from fhirserver.kernel.outcome import Unavailable, Unprocessable
from fhirserver.kernel.resource import Resource
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Delete, Update

_MOST: Final = 1000


class GuideKeeper:
    """One worker's, for one site."""

    def __init__(self, repository: Repository, active: ActivePackages) -> None:
        """Store with ``repository`` what is ``active``."""
        self._repository = repository
        self._active = active
        self._mark = ""

    async def keep(self) -> None:
        """Store the guides of what is there, delete those of what is gone, if anything changed. Raises Unavailable."""
        mark = self._active.mark
        if mark == self._mark:
            return
        self._mark = mark
        try:
            await self._keep()
        except Unavailable:
            self._mark = ""  # once more
            raise

    async def _keep(self) -> None:
        wanted = guides(self._active)
        there = await self._repository.every_match(GUIDE, (("_tag", f"{TAG}|"),), _MOST)
        for logical_id, candidates in wanted.items():
            await self._store(logical_id, candidates)
        for version in there:
            if version.logical_id not in wanted:
                await self._repository.write(Delete(resource_type=GUIDE, logical_id=version.logical_id))

    async def _store(self, logical_id: str, candidates: Sequence[Resource]) -> None:
        """Store the first of some guides that can be."""
        for number, guide in enumerate(candidates, 1):
            body = parse_resource(encode(guide))
            try:
                await self._repository.write(Update(resource_type=GUIDE, logical_id=logical_id, body=body))
            except Unprocessable:
                if number == len(candidates):
                    raise
            else:
                return
