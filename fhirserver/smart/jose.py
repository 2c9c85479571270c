"""Reading signed tokens that others made: only the algorithms asked for, only the keys given.

Spec: https://www.rfc-editor.org/rfc/rfc7515, RFC 7519, RFC 8725 (best current practices)
"""

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

SKEW_S: Final = 60.0
"""How far apart clocks may be."""
_MAX_HEADER: Final = 16 * 1024
_MAX_PARTS: Final = 3
_OWN_KEYS: Final = ("jwk", "x5u", "crit", "b64", "zip")
"""Members of a header that would let the sender choose how it is checked."""


class BadToken(Exception):
    """A signed token cannot be taken; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself before its signature is checked."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def look_at(token: str, algorithms: Collection[str]) -> Unverified:
    """Read a token without trusting it; raises BadToken unless it is signed in one of the ways known."""
    parts = token.split(".")
    if len(parts) != _MAX_PARTS or len(parts[0]) > _MAX_HEADER:
        raise BadToken("It is no signed JWT.")
    header, claims = _member(parts[0]), _member(parts[1])
    if header.get("alg") not in algorithms:
        raise BadToken(f"Its `alg` is none of {', '.join(sorted(algorithms))}.")
    if found := [name for name in _OWN_KEYS if name in header]:
        raise BadToken(f"Its header has `{found[0]}`, which is not taken.")
    return Unverified(header, claims)


def verified(token: str, key: ECKey | RSAKey, algorithm: str) -> bool:
    """Tell whether a token is signed with a key in this way."""
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = _MAX_HEADER
    try:
        jwt.decode(token, key, algorithms=[algorithm], registry=registry)
    except (JoseError, ValueError):
        return False
    return True


def check_times(claims: Mapping[str, Any], now_s: float, longest_s: float) -> float:
    """Return when a token expires; raises BadToken when it has, or lives longer than it may."""
    expires = claims.get("exp")
    if not _is_number(expires):
        raise BadToken("It has no `exp`.")
    if expires <= now_s - SKEW_S:
        raise BadToken("It has expired.")
    if expires > now_s + longest_s + SKEW_S:
        raise BadToken(f"Its `exp` is more than {longest_s:g} s ahead.")
    for name in ("nbf", "iat"):
        if name in claims and not (_is_number(claims[name]) and claims[name] <= now_s + SKEW_S):
            raise BadToken(f"Its `{name}` lies in the future.")
    return float(expires)


def audiences_of(claims: Mapping[str, Any]) -> list[str]:
    """Return whom a token is for."""
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    return [one for one in listed if isinstance(one, str)]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _member(part: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except ValueError:
        raise BadToken("It is no signed JWT.") from None
    if not isinstance(found, dict):
        raise BadToken("It is no signed JWT.")
    return found
