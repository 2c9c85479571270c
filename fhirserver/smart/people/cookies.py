"""The cookies: the session, the browser that forms are bound to, the station of a ward, the language.

All are HttpOnly and SameSite=Lax; on https they are Secure and have the ``__Host-`` prefix, so that no other host and
no plain connection can set them. Spec: RFC 6265bis §4.1.2, §4.1.3.2
"""

import hashlib
import hmac
import secrets
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION: Final = "fhirserver_session"
BROWSER: Final = "fhirserver_browser"
STATION: Final = "fhirserver_station"
LANGUAGE: Final = "fhirserver_language"
YEAR_S: Final = 365 * 24 * 3600
_HOST_PREFIX: Final = "__Host-"
_BYTES: Final = 32
_LONGEST: Final = 256


class Cookies:
    """Reads and sets them; ``public_origin`` is how people reach the server, where a proxy stands before it."""

    def __init__(self, public_origin: str | None = None) -> None:
        """Take the scheme of each request where no public origin is known."""
        self._is_https = public_origin.startswith("https://") if public_origin else None

    def is_secure(self, request: HTTPConnection) -> bool:
        """Tell whether the browser speaks https."""
        return self._is_https if self._is_https is not None else request.url.scheme == "https"

    def read(self, request: HTTPConnection, name: str) -> str | None:
        """Return a cookie's value."""
        value = request.cookies.get(self._name(request, name))
        return value if value and len(value) <= _LONGEST else None

    def write(
        self, request: HTTPConnection, response: Response, name: str, value: str, max_age_s: int | None = None
    ) -> None:
        """Set a cookie, until the browser is closed or for some time."""
        response.set_cookie(
            self._name(request, name),
            value,
            max_age=max_age_s,
            path="/",
            secure=self.is_secure(request),
            httponly=True,
            samesite="lax",
        )

    def drop(self, request: HTTPConnection, response: Response, name: str) -> None:
        """Take a cookie back."""
        secure = self.is_secure(request)
        response.delete_cookie(self._name(request, name), path="/", secure=secure, httponly=True, samesite="lax")

    def _name(self, request: HTTPConnection, name: str) -> str:
        return _HOST_PREFIX + name if self.is_secure(request) else name


def new_secret() -> str:
    """Return the value of a new browser cookie."""
    return secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> str:
    """Return what names a browser without proving to be it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def form_token(browser: str, session_id: str | None) -> str:
    """Return the token of a browser's forms: who does not know its cookie cannot make it; login changes it."""
    return hmac.digest(browser.encode(), f"form:{session_id or ''}".encode(), hashlib.sha256).hex()


def is_form_token(token: str, browser: str, session_id: str | None) -> bool:
    """Tell whether a form is of this browser and this session."""
    return hmac.compare_digest(token.encode(), form_token(browser, session_id).encode())
