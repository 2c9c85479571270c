"""Forms that pages send: bounded, read once, with fields that may stand several times (check boxes)."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from fhirserver.kernel.outcome import BadRequest, TooLong

_MAX_BYTES: Final = 128 * 1024
_MAX_FIELDS: Final = 400
_TYPE: Final = "application/x-www-form-urlencoded"


class Form:
    """The fields of one form."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        """Keep them in their order."""
        self._pairs = pairs

    def __call__(self, name: str) -> str:
        """Return the first value of a field, as it was typed; "" when it is absent."""
        return next((value for key, value in self._pairs if key == name), "")

    def all(self, name: str) -> list[str]:
        """Return all values of a field."""
        return [value for key, value in self._pairs if key == name]


async def read_form(request: Request) -> Form:
    """Read a form; raises BadRequest, TooLong."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise BadRequest("This page takes forms.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BYTES:
            raise TooLong("The form is too large.")
    try:
        return Form(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise BadRequest("The form cannot be read.") from None
