"""The JSON API of administrators over the keys that tokens are signed with, below ``/auth/admin/keys``.

None of them is ever told: what is public of them is at ``/auth/keys``. ``fhirserver key`` is the same.
"""

from typing import Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from fhirserver.smart.client_admin import administrator_of
from fhirserver.smart.keys import SigningKey
from fhirserver.smart.refusals import refusals
from fhirserver.smart.services import Services

PREFIX: Final = "/auth/admin/keys"


class KeyEntry(BaseModel):
    """A key that is published."""

    kid: str
    alg: str
    signs_from_seconds: float
    """0 of the first: since ever."""
    published_until_seconds: float | None
    """None while it has no successor."""


class Rotation(BaseModel):
    """How keys are replaced."""

    model_config = ConfigDict(extra="forbid")

    at_once: bool = False
    """What the keys before have signed counts no more: for keys that were stolen."""


def key_admin_router(services: Services) -> APIRouter:
    """Return the endpoints, for administrators alone."""
    administrator, refused = Depends(administrator_of(services)), refusals(400, 401, 403, 421, 429, 503)
    router = APIRouter(prefix=PREFIX, tags=["keys"], responses=refused, dependencies=[administrator])

    @router.get("")
    async def list_all() -> list[KeyEntry]:
        """List the keys that are published, the oldest first."""
        return [_entry(key) for key in await services.keys.all()]

    @router.post("/rotate")
    async def rotate(wanted: Rotation) -> list[KeyEntry]:
        """Make new keys, which sign once all who fetch them have them; list all."""
        await services.keys.rotate(at_once=wanted.at_once)
        return [_entry(key) for key in await services.keys.all()]

    return router


def _entry(key: SigningKey) -> KeyEntry:
    return KeyEntry(
        kid=key.kid,
        alg=key.algorithm,
        signs_from_seconds=key.signs_from_s,
        published_until_seconds=key.ends_s,
    )
