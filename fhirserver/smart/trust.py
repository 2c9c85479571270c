"""Certificates of a trust community: who signs with one that its authorities vouch for is who its names say.

Spec: https://build.fhir.org/ig/HL7/fhir-udap-security-ig/ (UDAP), RFC 5280, RFC 7515 §4.1.6 (``x5c``)
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import (
    Certificate,
    ExtensionNotFound,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    load_der_x509_certificate,
    load_pem_x509_certificates,
)
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from fhirserver.smart.jose import BadToken

SignedBy: TypeAlias = ECKey | RSAKey
ALGORITHMS: Final = ("RS256", "RS384", "ES256", "ES384")
_LONGEST_CHAIN: Final = 5


class BadCertificates(Exception):
    """A file of certificates cannot be used; the text is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a certificate: the URIs that it names, and the key that it is of."""

    uris: tuple[str, ...]
    key: SignedBy


class TrustStore:
    """The authorities of a community."""

    def __init__(self, authorities: Sequence[Certificate]) -> None:
        """Trust whom these vouch for."""
        self._store = Store(list(authorities))

    def holder_of(self, header: Mapping[str, Any]) -> Holder:
        """Return who has signed a token with this header; raises BadToken."""
        chain = _chain(header)
        policy = PolicyBuilder().store(self._store).time(datetime.now(UTC))
        policy = policy.extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
        )
        try:
            policy.build_client_verifier().verify(chain[0], chain[1:])
        except VerificationError:
            raise BadToken("Its certificate is none that the trust store vouches for now.") from None
        return Holder(uris_of(chain[0]), _key_of(chain[0].public_key()))


@dataclass(frozen=True, slots=True)
class Identity:
    """The certificate of this server, with its key."""

    chain: tuple[Certificate, ...]
    key: SignedBy
    algorithm: str

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token that names its certificates."""
        header = {"alg": self.algorithm, "x5c": [_encoded(one) for one in self.chain]}
        return jwt.encode(header, dict(claims), self.key, algorithms=[self.algorithm], default_type=None)


def trust_store_of(path: Path) -> TrustStore:
    """Read the authorities of a PEM file; raises BadCertificates."""
    return TrustStore(_read(path))


def identity_of(path: Path) -> Identity:
    """Read a private key and its certificates, the own one first, of a PEM file; raises BadCertificates."""
    chain = tuple(_read(path))
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise BadCertificates(f"{path.name} has no private key without a password.") from None
    if isinstance(private, RSAPrivateKey):
        return Identity(chain, RSAKey.import_key(private), "RS256")
    if isinstance(private, EllipticCurvePrivateKey):
        return Identity(chain, ECKey.import_key(private), "ES384" if private.curve.key_size == 384 else "ES256")
    raise BadCertificates(f"The private key of {path.name} is neither RSA nor EC.")


def uris_of(certificate: Certificate) -> tuple[str, ...]:
    """Return the URIs that a certificate names."""
    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(UniformResourceIdentifier))


def _read(path: Path) -> list[Certificate]:
    try:
        return load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise BadCertificates(f"{path.name} is no file of PEM certificates ({type(problem).__name__}).") from None


def _chain(header: Mapping[str, Any]) -> list[Certificate]:
    encoded = header.get("x5c")
    if not isinstance(encoded, list) or not 0 < len(encoded) <= _LONGEST_CHAIN:
        raise BadToken(f"Its header has `x5c`, one to {_LONGEST_CHAIN} certificates.")
    try:
        return [load_der_x509_certificate(base64.b64decode(one, validate=True)) for one in encoded]
    except (ValueError, TypeError):
        raise BadToken("What `x5c` of its header has is no certificate.") from None


def _key_of(public: object) -> SignedBy:
    if isinstance(public, RSAPublicKey) and public.key_size >= 2048:
        return RSAKey.import_key(public)
    if isinstance(public, EllipticCurvePublicKey):
        return ECKey.import_key(public)
    raise BadToken("The key of its certificate is neither EC nor RSA of 2048 bits.")


def _encoded(certificate: Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
