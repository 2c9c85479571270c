"""Authorization codes: opaque, of a minute, good for one exchange by the client and the verifier they were made for.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2, https://www.rfc-editor.org/rfc/rfc7636
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from typing import Final

from fhirserver.kernel.base64url import base64url
from fhirserver.smart.authorization import Authorization, authorization_of
from fhirserver.smart.clients import Client, digest_of
from fhirserver.smart.errors import invalid_grant
from fhirserver.store.records import Records

_BYTES: Final = 32
_REMEMBERED_S: Final = 600.0
"""How long a used code is known as one that was: what came of it ends when it is shown again."""
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


class CodeReused(Exception):
    """A code was shown a second time; what the first gave must end."""

    def __init__(self, authorization: str) -> None:
        """Name the authorization."""
        super().__init__("An authorization code was used twice.")
        self.authorization = authorization


class Codes:
    """Records ``code`` by digest."""

    def __init__(self, records: Records, lives_s: float, clock: Callable[[], float] = time.time) -> None:
        """Keep them in ``records``; each is good for so long."""
        self._records = records
        self._lives_s = lives_s
        self._clock = clock

    async def issue(self, authorization: Authorization, *, redirect_uri: str, challenge: str) -> str:
        """Return a new code."""
        code = secrets.token_urlsafe(_BYTES)
        fields = {
            **authorization.to_record(),
            "redirect_uri": redirect_uri,
            "challenge": challenge,
            "until_s": self._clock() + self._lives_s,
            "used": False,
        }
        await self._records.insert(digest_of(code), fields, self._lives_s + _REMEMBERED_S)
        return code

    async def use(self, code: str, client: Client, *, redirect_uri: str, verifier: str) -> Authorization:
        """Return what a code stands for. Raises OAuthError; CodeReused when it was used before."""
        record = await self._records.get(digest_of(code))
        if record is None or record["client_id"] != client.client_id:
            raise invalid_grant("The code is not valid, has expired or is another client's.")
        if await self._records.change(record["key"], {"used": True}, where={"used": False}) is None:
            raise CodeReused(record["id"])
        if record["until_s"] <= self._clock():
            raise invalid_grant("The code has expired.")
        if redirect_uri != record["redirect_uri"]:
            raise invalid_grant("`redirect_uri` is not the one to which the code was sent.")
        if not fits(verifier, record["challenge"]):
            raise invalid_grant("`code_verifier` does not fit the `code_challenge`.")
        return authorization_of(record)


def is_challenge(text: str) -> bool:
    """Tell whether this can be a challenge of the method S256."""
    return _CHALLENGE.fullmatch(text) is not None


def fits(verifier: str, challenge: str) -> bool:
    """Tell whether a verifier is the one whose digest a challenge is."""
    digest = base64url(hashlib.sha256(verifier.encode()).digest())
    return _VERIFIER.fullmatch(verifier) is not None and hmac.compare_digest(digest, challenge)
