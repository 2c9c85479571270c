"""What the endpoints of OAuth answer when they refuse.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-5.2 (token), #section-4.1.2.1 (authorize), RFC 7591 §3.2.2
"""

from collections.abc import Mapping
from typing import Final

NOT_STORED: Final[Mapping[str, str]] = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""The headers of every answer that holds a secret or says something about one."""

INVALID_REQUEST: Final = "invalid_request"
INVALID_CLIENT: Final = "invalid_client"
INVALID_GRANT: Final = "invalid_grant"
INVALID_SCOPE: Final = "invalid_scope"
INVALID_TOKEN: Final = "invalid_token"  # noqa: S105 - the name of an error
UNAUTHORIZED_CLIENT: Final = "unauthorized_client"
UNSUPPORTED_GRANT_TYPE: Final = "unsupported_grant_type"
UNSUPPORTED_RESPONSE_TYPE: Final = "unsupported_response_type"
ACCESS_DENIED: Final = "access_denied"
LOGIN_REQUIRED: Final = "login_required"
CONSENT_REQUIRED: Final = "consent_required"
INVALID_REDIRECT_URI: Final = "invalid_redirect_uri"
INVALID_CLIENT_METADATA: Final = "invalid_client_metadata"

_BASIC: Final = 'Basic realm="fhirserver", charset="UTF-8"'


class OAuthError(Exception):
    """Ends a request of OAuth: ``error`` is of the registered ones, ``description`` one sentence for developers."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuse with a code and a sentence; neither repeats a secret."""
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.headers = {**NOT_STORED, **(headers or {})}

    def to_json(self) -> dict[str, str]:
        """Return the body of the answer."""
        return {"error": self.error, "error_description": self.description}


def invalid_client(description: str, *, with_basic: bool = False) -> OAuthError:
    """Return the refusal of a client that did not prove who it is; 401 says how, where it tried HTTP Basic."""
    return OAuthError(
        INVALID_CLIENT, description, status=401, headers={"WWW-Authenticate": _BASIC} if with_basic else None
    )


def invalid_grant(description: str) -> OAuthError:
    """Return the refusal of a code or a refresh token that gives nothing."""
    return OAuthError(INVALID_GRANT, description)


def invalid_scope(description: str) -> OAuthError:
    """Return the refusal of scopes that are not grammatical, or more than there may be."""
    return OAuthError(INVALID_SCOPE, description)


def invalid_request(description: str) -> OAuthError:
    """Return the refusal of a request that lacks something or has too much."""
    return OAuthError(INVALID_REQUEST, description)
