"""One-time codes of an authenticator app: six digits, thirty seconds, SHA-1, which every app can do.

Spec: RFC 6238, RFC 4226; the ``otpauth`` URI as the apps read it from a QR code.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import quote, urlencode

DIGITS: Final = 6
STEP_S: Final = 30
_SECRET_BYTES: Final = 20
_TOLERATED: Final = (0, -1, 1)
"""Steps around now that are accepted: clocks differ, and people type slowly."""


def new_secret() -> bytes:
    """Return a secret as long as the hash, as RFC 4226 §4 asks."""
    return secrets.token_bytes(_SECRET_BYTES)


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """Return the code of one step (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def matching_step(secret: bytes, code: str, now_s: float, after_step: int = -1) -> int | None:
    """Return the step whose code it is, or None. Steps up to ``after_step`` were used and count no more."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    now = int(now_s // STEP_S)
    matching = [
        now + offset
        for offset in _TOLERATED
        if now + offset >= 0 and hmac.compare_digest(code_at(secret, now + offset), typed)
    ]
    return next((step for step in matching if step > after_step), None)


def base32(secret: bytes) -> str:
    """Write a secret as people type it into an app."""
    return base64.b32encode(secret).decode().rstrip("=")


def enrolment_uri(secret: bytes, issuer: str, username: str) -> str:
    """Return what the QR code says."""
    label = quote(f"{issuer}:{username}", safe="")
    return f"otpauth://totp/{label}?{urlencode({'secret': base32(secret), 'issuer': issuer}, quote_via=quote)}"
