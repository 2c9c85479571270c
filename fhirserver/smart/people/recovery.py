"""Recovery codes: ten, each good once, for whoever lost the authenticator app. Only their digests are stored."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

HOW_MANY: Final = 10
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike."""
_GROUP: Final = 5
_GROUPS: Final = 3


def new_codes() -> tuple[str, ...]:
    """Return new codes, as ``k7m2p-x9fqr-h3dwe``: 74 bits each, so that a plain digest keeps them."""
    return tuple("-".join(_group() for _ in range(_GROUPS)) for _ in range(HOW_MANY))


def digest_of(code: str) -> str:
    """Return what is stored of a code, however it is typed."""
    typed = "".join(character for character in code.casefold() if character.isalnum())
    return hashlib.sha256(typed.encode()).hexdigest()


def without(code: str, digests: Sequence[str]) -> tuple[str, ...] | None:
    """Return the digests that are left once a code is used, or None when it is none of them."""
    used = digest_of(code)
    left = tuple(digest for digest in digests if not hmac.compare_digest(digest, used))
    return left if len(left) < len(digests) else None


def _group() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_GROUP))
