"""The caller of a FHIR request, from its ``Authorization`` header and from nowhere else.

A token that was verified is remembered. The records of those in use are looked at again several times a second, all
with one question. A request whose token was last looked at before ``RECHECK_S`` asks itself, together with those that
come meanwhile: what is revoked, withdrawn, locked or changed counts on every worker within a second.
Spec: https://www.rfc-editor.org/rfc/rfc6750, https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any, Final

from fhirserver.kernel.caller import Caller
from fhirserver.kernel.outcome import LoginRequired
from fhirserver.smart.access_tokens import AccessTokens, caller_of
from fhirserver.store.coalesce import Coalescer

RECHECK_S: Final = 0.5
REFRESH_S: Final = 0.3
"""How often those in use are looked at: often enough for no request to have to."""
_AT_ONCE: Final = 2000
"""Tokens that one question is about; those beyond are looked at when they come."""
_REMEMBERED: Final = 20_000
_BEARER: Final = b"Bearer "
_BEARER_LENGTH: Final = len(_BEARER)
_CHALLENGE: Final = 'Bearer realm="fhirserver"'


class _Verified:
    """One token that is good, and when that was last found."""

    __slots__ = ("caller", "certificate", "checked_s", "is_used", "jti", "record", "until_s")

    def __init__(self, record: Mapping[str, Any], checked_s: float) -> None:
        self.jti: str = record["key"]
        self.certificate: str | None = record["certificate"]
        self.record = record
        self.caller = caller_of(record)
        self.checked_s = checked_s
        self.until_s = self._until_s()
        """Until when nothing has to be asked or refused for it."""
        self.is_used = True
        """A request has come with it since the last look."""

    def renew(self, record: Mapping[str, Any], checked_s: float) -> None:
        """Take the record as it is now; a caller who is as before stays the same object, by which others know it."""
        if checked_s < self.checked_s:
            return  # a later look was answered sooner
        if record is not self.record and record != self.record:
            self.record, self.caller = record, caller_of(record)
        self.checked_s = checked_s
        self.until_s = self._until_s()

    def _until_s(self) -> float:
        return min(self.checked_s + RECHECK_S, self.caller.expires_at_s)


class Authenticator:
    """Finds the callers of one worker's requests."""

    def __init__(self, tokens: AccessTokens, clock: Callable[[], float] = time.time) -> None:
        """Know the tokens of all workers."""
        self._tokens = tokens
        self._clock = clock
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._look = Coalescer(self._look_at, _AT_ONCE)

    async def caller_of(self, headers: Mapping[bytes, bytes], site: str, certificate: str | None = None) -> Caller:
        """Return who asks a site, by a connection that shows ``certificate``. Raises LoginRequired, Unavailable."""
        token = _token_of(headers.get(b"authorization"))
        digest = sha256(token).digest()
        known = self._verified.get(digest)
        if known is None:
            known = await self._verify(token, digest)
            caller = known.caller
        elif self._clock() - known.checked_s <= RECHECK_S:
            caller, known.is_used = known.caller, True
        else:
            caller = await self._recheck(known, digest)
        if known.certificate is not None and known.certificate != certificate:
            raise _refused("The access token is bound to a certificate that this connection does not show.")
        if caller.expires_at_s <= self._clock():
            raise _refused("The access token has expired.")
        if caller.site != site:
            raise _refused("The access token is for another FHIR base.")
        return caller

    def known(self, headers: Mapping[bytes, bytes], site: str, certificate: str | None = None) -> Caller | None:
        """Return who asks where nothing has to be asked or refused for it; None: ask ``caller_of``."""
        header = headers.get(b"authorization", b"")
        if not header.startswith(_BEARER):
            return None
        found = self._verified.get(sha256(header[_BEARER_LENGTH:]).digest())
        if found is None or (found.certificate is not None and found.certificate != certificate):
            return None
        caller = found.caller
        if self._clock() >= found.until_s or caller.site != site:
            return None
        found.is_used = True
        return caller

    async def refresh(self) -> None:
        """Look again at the tokens that were used since the last time. Raises Unavailable."""
        used = list(islice(((digest, one) for digest, one in self._verified.items() if one.is_used), _AT_ONCE))
        if not used:
            return
        for _, one in used:
            one.is_used = False
        living = await self._look_at([one for _, one in used])
        for (digest, _), lives in zip(used, living, strict=True):
            if not lives:
                self._verified.pop(digest, None)

    async def _verify(self, token: bytes, digest: bytes) -> _Verified:
        asked_s = self._clock()
        record = await self._tokens.record_of(token.decode("latin-1"))
        if record is None:
            raise _refused("The access token is not valid, has expired or was revoked.")
        known = self._verified[digest] = _Verified(record, asked_s)
        while len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return known

    async def _recheck(self, known: _Verified, digest: bytes) -> Caller:
        """Look at the record again: with one question for all requests that wait."""
        known.is_used = True
        if not await self._look(known):
            self._verified.pop(digest, None)
            raise _refused("The access token has expired or was revoked.")
        return known.caller

    async def _look_at(self, tokens: Sequence[_Verified]) -> list[bool]:
        """Look at the records of tokens as they are now; tell of each whether it counts."""
        asked_s = self._clock()
        living = await self._tokens.living_of([one.jti for one in tokens])
        for one in tokens:
            if (record := living.get(one.jti)) is not None:
                one.renew(record, asked_s)
        return [one.jti in living for one in tokens]


def _token_of(header: bytes | None) -> bytes:
    if header is None:
        raise LoginRequired(
            "This needs an access token: `Authorization: Bearer …`.", headers={"WWW-Authenticate": _CHALLENGE}
        )
    scheme, _, token = header.partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token:
        raise _refused("The `Authorization` header is not `Bearer` and an access token.")
    return token


def _refused(text: str) -> LoginRequired:
    return LoginRequired(text, headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'})
