"""The certificate that a client has proven to be of by TLS, and the tokens bound to it.

Spec: https://www.rfc-editor.org/rfc/rfc8705#section-3
"""

import hashlib
import ssl
from collections.abc import Mapping
from typing import Any, Final

from fhirserver.kernel.base64url import base64url

THUMBPRINT: Final = "x5t#S256"


def thumbprint_of(scope: Mapping[str, Any]) -> str | None:
    """Return the thumbprint of the certificate that a connection was made with, None where none was shown."""
    extensions = scope.get("extensions")
    shown = extensions.get("tls", {}).get("client_cert_chain") if extensions else None
    if not shown:
        return None
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(shown[0])).digest()
    return base64url(digest)


def confirmation(thumbprint: str | None) -> dict[str, Any]:
    """Return the claim ``cnf`` of what is bound to a certificate, nothing of what is not."""
    return {} if thumbprint is None else {"cnf": {THUMBPRINT: thumbprint}}
