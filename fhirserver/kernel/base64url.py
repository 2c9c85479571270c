"""Bytes as text that URLs, headers and tokens hold as it is.

Spec: https://www.rfc-editor.org/rfc/rfc4648#section-5, https://www.rfc-editor.org/rfc/rfc7515#section-2
"""

import base64


def base64url(content: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
