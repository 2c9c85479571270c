"""The caller of a FHIR request, from its ``Authorization`` header and from nowhere else.

A token that was verified is remembered. The records of those in use are looked at again several times a second, all
with one question, and by a request itself where the last look is older than ``RECHECK_S``: what is revoked, withdrawn,
locked or changed counts on every worker within a second.
Spec: https://www.rfc-editor.org/rfc/rfc6750, https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final

from fhirserver.kernel.caller import Caller
from fhirserver.kernel.outcome import LoginRequired
from fhirserver.smart.access_tokens import AccessTokens, caller_of

RECHECK_S: Final = 0.5
REFRESH_S: Final = 0.3
"""How often those in use are looked at: often enough for no request to have to."""
_AT_ONCE: Final = 2000
"""Tokens that one question is about; those beyond are looked at when they come."""
_REMEMBERED: Final = 20_000
_BEARER: Final = b"Bearer "
_CHALLENGE: Final = 'Bearer realm="fhirserver"'


class _Verified:
    """One token that is good, and when that was last found."""

    __slots__ = ("caller", "certificate", "checked_s", "checking", "is_used", "jti", "record")

    def __init__(self, record: Mapping[str, Any], checked_s: float) -> None:
        self.jti: str = record["key"]
        self.certificate: str | None = record["certificate"]
        self.record = record
        self.caller = caller_of(record)
        self.checked_s = checked_s
        self.checking: asyncio.Task[Caller | None] | None = None
        self.is_used = True
        """A request has come with it since the last look."""

    def renew(self, record: Mapping[str, Any], checked_s: float) -> None:
        """Take the record as it is now; a caller who is as before stays the same object, by which others know it."""
        if record is not self.record and record != self.record:
            self.record, self.caller = record, caller_of(record)
        self.checked_s = checked_s


class Authenticator:
    """Finds the callers of one worker's requests."""

    def __init__(self, tokens: AccessTokens, clock: Callable[[], float] = time.time) -> None:
        """Know the tokens of all workers."""
        self._tokens = tokens
        self._clock = clock
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def caller_of(self, headers: Mapping[bytes, bytes], site: str, certificate: str | None = None) -> Caller:
        """Return who asks a site, by a connection that shows ``certificate``. Raises LoginRequired, Unavailable."""
        token = _token_of(headers.get(b"authorization"))
        digest = hashlib.sha256(token).digest()
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
        found = self._verified.get(hashlib.sha256(header[len(_BEARER) :]).digest())
        if found is None or (found.certificate is not None and found.certificate != certificate):
            return None
        now_s, caller = self._clock(), found.caller
        if now_s - found.checked_s > RECHECK_S or caller.expires_at_s <= now_s or caller.site != site:
            return None
        found.is_used = True
        return caller

    async def refresh(self) -> None:
        """Look again at the tokens that were used since the last time. Raises Unavailable."""
        used = list(islice(((digest, one) for digest, one in self._verified.items() if one.is_used), _AT_ONCE))
        if not used:
            return
        asked_s = self._clock()
        living = await self._tokens.living_of([one.jti for _, one in used])
        for digest, one in used:
            one.is_used = False
            record = living.get(one.jti)
            if record is None:
                self._verified.pop(digest, None)
            else:
                one.renew(record, asked_s)

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
        """Look at the record again: once for all requests that wait for it."""
        known.is_used = True
        if known.checking is None:
            known.checking = asyncio.create_task(self._look(known))
            known.checking.add_done_callback(lambda _: setattr(known, "checking", None))
        caller = await asyncio.shield(known.checking)
        if caller is None:
            self._verified.pop(digest, None)
            raise _refused("The access token has expired or was revoked.")
        return caller

    async def _look(self, known: _Verified) -> Caller | None:
        asked_s = self._clock()
        record = await self._tokens.living(known.jti)
        if record is None:
            return None
        known.renew(record, asked_s)
        return known.caller


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
