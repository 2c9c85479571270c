"""Callers whose access is limited by hand, for tests of one door at a time."""

from fhirserver.access.access import Unrestricted
from fhirserver.kernel.caller import Caller


class Limited(Unrestricted):
    """May do everything; tests narrow it by what they override."""

    @property
    def caller(self) -> Caller | None:
        return Caller(client_id="limited", scopes=())

    @property
    def key(self) -> str:
        return "limited"

    @property
    def has_masks(self) -> bool:
        return True  # there may be: they are asked for
