"""Passkeys: WebAuthn credentials with user verification, discoverable, so that login needs no name.

Spec: https://www.w3.org/TR/webauthn-3/
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from fhirserver.smart.people.account import Account, Passkey

_VERIFIED: Final = UserVerificationRequirement.REQUIRED
_TRANSPORTS: Final = frozenset(transport.value for transport in AuthenticatorTransport)
_LONGEST_ANSWER: Final = 65_536


class BadPasskey(Exception):
    """The authenticator's answer proves nothing."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whom credentials are made for: the origin people see, and its host."""

    origin: str
    host: str
    name: str


class Passkeys:
    """Makes and verifies credentials for one relying party."""

    def __init__(self, party: RelyingParty, clock: Callable[[], float] = time.time) -> None:
        """Serve the pages of ``party``."""
        self._party = party
        self._clock = clock

    def creation(self, account: Account, challenge: bytes) -> str:
        """Return what a page gives ``navigator.credentials.create`` (§5.4), as JSON."""
        options = generate_registration_options(
            rp_id=self._party.host,
            rp_name=self._party.name,
            user_id=account.id.encode(),
            user_name=account.username,
            user_display_name=account.name,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_VERIFIED
            ),
            exclude_credentials=[_descriptor(passkey) for passkey in account.passkeys],
        )
        return options_to_json(options)

    def created(self, answer: str, challenge: bytes, name: str) -> Passkey:
        """Return the credential that an authenticator made; raises BadPasskey."""
        credential = _parsed(answer)
        try:
            made = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._party.host,
                expected_origin=self._party.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as problem:
            raise BadPasskey(type(problem).__name__) from None
        return Passkey(
            id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            name=name,
            synced=made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            transports=_transports(credential),
            created_s=self._clock(),
        )

    def request(self, challenge: bytes, account: Account | None = None) -> str:
        """Return what a page gives ``navigator.credentials.get`` (§5.5), as JSON; of one account, or of any."""
        allowed = [_descriptor(passkey) for passkey in account.passkeys] if account else None
        options = generate_authentication_options(
            rp_id=self._party.host, challenge=challenge, allow_credentials=allowed, user_verification=_VERIFIED
        )
        return options_to_json(options)

    def used(self, answer: str, challenge: bytes, passkey: Passkey) -> Passkey:
        """Return a credential as it is after its use; raises BadPasskey."""
        try:
            verified = verify_authentication_response(
                credential=_parsed(answer),
                expected_challenge=challenge,
                expected_rp_id=self._party.host,
                expected_origin=self._party.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as problem:
            raise BadPasskey(type(problem).__name__) from None
        return replace(passkey, sign_count=verified.new_sign_count, used_s=self._clock())


def credential_id_of(answer: str) -> bytes:
    """Return the id of the credential that an answer is by; raises BadPasskey."""
    named = _parsed(answer).get("rawId")
    try:
        return base64url_to_bytes(named) if isinstance(named, str) else b""
    except ValueError:
        raise BadPasskey("rawId") from None


def _parsed(answer: str) -> dict[str, Any]:
    try:
        credential = orjson.loads(answer) if len(answer) <= _LONGEST_ANSWER else None
    except orjson.JSONDecodeError:
        credential = None
    if not isinstance(credential, dict):
        raise BadPasskey("not JSON")
    return credential


def _transports(credential: dict[str, Any]) -> tuple[str, ...]:
    response = credential.get("response")
    named = response.get("transports") if isinstance(response, dict) else None
    return tuple(one for one in named if one in _TRANSPORTS) if isinstance(named, list) else ()


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(one) for one in passkey.transports] or None
    return PublicKeyCredentialDescriptor(id=passkey.id, transports=transports)
