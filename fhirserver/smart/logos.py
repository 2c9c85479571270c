"""The logos of clients: small pictures that administrators enter, served from here, so that no page asks elsewhere.

``logo_uri`` of RFC 7591 is for who reads the catalogue; a page that showed it would tell its host who looks.
"""

import base64
import re
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from fhirserver.smart.clients import Client, digest_of
from fhirserver.smart.errors import INVALID_CLIENT_METADATA, OAuthError
from fhirserver.smart.services import Services

PATH: Final = "/auth/logos"
MAX_BYTES: Final = 16 * 1024
_URL: Final = re.compile(r"data:(?P<type>image/(?:png|jpeg|webp));base64,(?P<content>[A-Za-z0-9+/]+={0,2})")
_BEGINNINGS: Final = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}
"""What files of a kind begin with: pictures of lines and scripts (SVG) are none."""
_SHOWN: Final = {
    "Cache-Control": "public, max-age=86400",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
_DIGEST: Final = 12


def check_logo(url: object) -> None:
    """Raises OAuthError unless a ``data:`` URL is a picture that pages can show."""
    found = _URL.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise _wrong("`logo` is a `data:` URL in base64 of image/png, image/jpeg or image/webp.")
    try:
        content = base64.b64decode(found["content"], validate=True)
    except ValueError:
        raise _wrong("`logo` is not whole base64.") from None
    if len(content) > MAX_BYTES:
        raise _wrong(f"`logo` is at most {MAX_BYTES} bytes.")
    if not content.startswith(_BEGINNINGS[found["type"]]):
        raise _wrong(f"`logo` is no {found['type']}.")


def logo_path(client: Client) -> str | None:
    """Return where the logo of a client is, which changes with the picture; None where it has none."""
    return None if client.logo is None else f"{PATH}/{quote(client.client_id)}?{digest_of(client.logo)[:_DIGEST]}"


class Logos:
    """Shows them to everybody: they are of the login pages."""

    def __init__(self, services: Services) -> None:
        """Take them from the catalogue."""
        self._services = services

    async def answer(self, request: Request) -> Response:
        """``GET /auth/logos/{client_id}``."""
        client = await self._services.clients.active(request.path_params["client_id"])
        found = None if client is None or client.logo is None else _URL.fullmatch(client.logo)
        if found is None:
            return Response(status_code=404)
        return Response(base64.b64decode(found["content"]), media_type=found["type"], headers=_SHOWN)


def _wrong(text: str) -> OAuthError:
    return OAuthError(INVALID_CLIENT_METADATA, text)
