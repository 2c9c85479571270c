"""conformance §2: UDAP discovery, registration by software statement, tokens by certificate.

Spec: https://build.fhir.org/ig/HL7/fhir-udap-security-ig/
"""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey

from fhirserver.app.knowledge import Knowledge
from fhirserver.settings import Auth
from fhirserver.smart.clients import new_secret
from fhirserver.smart.jose import look_at, verified
from tests.conftest import new_settings, running
from tests.smart.conftest import ASSERTION, BASE, ORIGIN, TOKEN, Network, bearer, error_of

REGISTER = f"{ORIGIN}/auth/register"
NOW = datetime.now(UTC)


@dataclass
class Party:
    """Somebody with a certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        x5c = [base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()]
        head = {"alg": "ES256", "x5c": x5c, **(header or {})}
        return jwt.encode(head, dict(claims), ECKey.import_key(self.key), algorithms=["ES256"], default_type=None)

    def pem(self) -> bytes:
        private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return private + self.certificate.public_bytes(Encoding.PEM)


def authority(name: str) -> Party:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _begun(subject, subject, key, days=3650)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = builder.add_extension(usage, critical=True)
    return Party(key, builder.sign(key, SHA256()))


def member(of: Party, uri: str, days: int = 30) -> Party:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "member")])
    builder = _begun(subject, of.certificate.subject, key, days=days)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    builder = builder.add_extension(names, critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(of.key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    return Party(key, builder.sign(of.key, SHA256()))


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=60)).not_valid_after(NOW + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


AUTHORITY = authority("The community")
URI = "https://app.example.org/udap"
APP = member(AUTHORITY, URI)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def community(
    mongodb_uri: str, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Network]:
    folder: Path = tmp_path_factory.mktemp("udap")
    (folder / "authorities.pem").write_bytes(AUTHORITY.certificate.public_bytes(Encoding.PEM))
    (folder / "own.pem").write_bytes(member(AUTHORITY, BASE).pem())
    settings = new_settings(
        auth=Auth.SMART,
        data_dir=folder,
        audit=False,
        udap_trust_store=folder / "authorities.pem",
        udap_certificate=folder / "own.pem",
        udap_scope="openid launch/patient patient/*.rs system/*.rs",
    )
    async with running(settings, mongodb_uri, knowledge) as app:
        transport = httpx2.ASGITransport(app.asgi)
        async with httpx2.AsyncClient(transport=transport, base_url=f"{BASE}/") as http:
            yield Network(app, http)


def claims(**changes: object) -> dict[str, Any]:
    now = int(time.time())
    known = {
        "iss": URI,
        "sub": URI,
        "aud": REGISTER,
        "iat": now,
        "exp": now + 300,
        "jti": new_secret(),
        "client_name": "A member",
        "contacts": ["mailto:a@example.org"],
        "grant_types": ["client_credentials"],
        "response_types": [],
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": "system/*.cruds",
        **changes,
    }
    return {name: value for name, value in known.items() if value is not None}


async def register(network: Network, party: Party = APP, **changes: object) -> httpx2.Response:
    body = {"udap": "1", "software_statement": party.sign(claims(**changes)), "certifications": []}
    return await network.http.post(REGISTER, json=body)


async def test_2_1_discovery_is_signed(community: Network, network: Network) -> None:
    found = (await community.http.get(".well-known/udap")).json()
    assert found["udap_versions_supported"] == ["1"]
    assert {"udap_dcr", "udap_authn", "udap_authz"} <= set(found["udap_profiles_supported"])
    assert found["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    for name in ("udap_certifications_supported", "udap_authorization_extensions_required", "scopes_supported"):
        assert isinstance(found[name], list)
    signed = found["signed_metadata"]
    assert verified(signed, _own_key(signed), "ES256")
    said = look_at(signed, ("ES256",)).claims
    assert said["iss"] == said["sub"] == BASE
    for name in ("authorization_endpoint", "token_endpoint", "registration_endpoint"):
        assert said[name] == found[name]
    assert (await network.http.get(".well-known/udap")).status_code == 404, "of no community"


def _own_key(token: str) -> ECKey:

    encoded = look_at(token, ("ES256",)).header["x5c"][0]
    public = x509.load_der_x509_certificate(base64.b64decode(encoded)).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return ECKey.import_key(public)


async def test_2_2_a_software_statement_registers_a_client_once_and_changes_it_then(community: Network) -> None:
    first = await register(community)
    assert first.status_code == 201, first.text
    body = first.json()
    assert body["client_id"]
    assert body["software_statement"]
    assert body["scope"] == "system/*.rs", "the most of the community"
    again = await register(community, client_name="A better member")
    assert again.status_code == 200
    assert (again.json()["client_id"], again.json()["client_name"]) == (body["client_id"], "A better member")


STRANGER = member(authority("Another community"), URI)
EXPIRED = member(AUTHORITY, URI, days=-1)
STATEMENTS = [
    pytest.param(STRANGER, {}, "unapproved_software_statement", id="another community"),
    pytest.param(EXPIRED, {}, "unapproved_software_statement", id="an expired certificate"),
    pytest.param(APP, {"iss": "https://other.example.org"}, "invalid_software_statement", id="another iss"),
    pytest.param(APP, {"sub": "https://other.example.org"}, "invalid_software_statement", id="sub is not iss"),
    pytest.param(APP, {"aud": TOKEN}, "invalid_software_statement", id="another aud"),
    pytest.param(APP, {"exp": int(time.time()) + 3600}, "invalid_software_statement", id="exp too far ahead"),
    pytest.param(APP, {"exp": int(time.time()) - 300}, "invalid_software_statement", id="expired"),
    pytest.param(APP, {"jti": None}, "invalid_software_statement", id="no jti"),
    pytest.param(APP, {"contacts": None}, "invalid_client_metadata", id="no contacts"),
    pytest.param(APP, {"client_name": None}, "invalid_client_metadata", id="no name"),
    pytest.param(APP, {"token_endpoint_auth_method": "none"}, "invalid_client_metadata", id="another method"),
    pytest.param(APP, {"scope": "system/Nothing.rs"}, "invalid_client_metadata", id="an unknown scope"),
    pytest.param(APP, {"grant_types": ["authorization_code"], "response_types": ["code"], "scope": "openid"},
                 "invalid_redirect_uri", id="an app without redirect_uris"),
]  # fmt: skip


@pytest.mark.parametrize(("party", "changes", "error"), STATEMENTS)
async def test_2_2_bad_statements_are_400(
    community: Network, party: Party, changes: dict[str, Any], error: str
) -> None:
    answer = await register(community, party, **changes)
    assert (answer.status_code, error_of(answer)) == (400, error)


async def test_2_2_a_statement_that_another_key_signed_is_refused(community: Network) -> None:
    forger = Party(ec.generate_private_key(ec.SECP256R1()), APP.certificate)
    assert error_of(await register(community, forger)) == "unapproved_software_statement"


async def test_2_3_a_registered_client_proves_itself_by_its_certificate(community: Network) -> None:
    client_id = (await register(community)).json()["client_id"]
    now = int(time.time())

    def form(party: Party, **changes: object) -> dict[str, Any]:
        own = {"iss": client_id, "sub": client_id, "aud": TOKEN, "iat": now, "exp": now + 60, "jti": new_secret()}
        return {
            "grant_type": "client_credentials",
            "scope": "system/Patient.rs",
            "udap": "1",
            "client_assertion_type": ASSERTION,
            "client_assertion": party.sign({**own, **changes}),
        }

    good = form(APP)
    answer = await community.post("/auth/token", good)
    assert answer.status_code == 200, answer.text
    found = await community.http.get("Patient", headers=bearer(answer.json()["access_token"]))
    assert found.status_code == 200
    assert error_of(await community.post("/auth/token", good)) == "invalid_client", "once"
    for party, changes in (
        (STRANGER, {}),
        (member(AUTHORITY, "https://other.example.org"), {}),
        (APP, {"aud": REGISTER}),
        (APP, {"sub": "other"}),
    ):
        assert error_of(await community.post("/auth/token", form(party, **changes))) == "invalid_client"
    assert (await register(community, grant_types=[])).status_code == 200, "cancelled"
    assert error_of(await community.post("/auth/token", form(APP))) == "invalid_client"
