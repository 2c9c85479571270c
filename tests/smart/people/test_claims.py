"""What other OpenID providers say, mapped — OpenID Connect Core §2, §5.1; the login file."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fhirserver.smart.people.claims import ClaimMapping, IdentifierClaim, Identity, Refused, identity_of
from fhirserver.smart.people.issuers import BadLoginFile, Issuer, login_file_of, read_login_file
from fhirserver.smart.people.presets import PRESETS, RPPS

ISSUER = "https://idp.example.org"
MAPPING = ClaimMapping(
    name=("given_name", "family_name"),
    username="preferred_username",
    fhir_user="fhirUser",
    identifiers=(IdentifierClaim("rpps", "urn:rpps", "Practitioner"),),
    roles_claim="realm_access.roles",
    roles={"doctor": ("physician",), "both": ("physician", "nurse")},
    default_roles=("member",),
    levels={"gold": "2fa"},
    amr_levels={"hwk": "phr"},
)
CLAIMS: dict[str, Any] = {"sub": "s1", "given_name": "Anna", "family_name": "Peeters"}


def identity(**claims: object) -> Identity:
    return identity_of(ISSUER, {**CLAIMS, **claims}, MAPPING)


CASES = [
    pytest.param({}, "key", f"{ISSUER}|s1", id="issuer and subject together say who it is"),
    pytest.param({}, "name", "Anna Peeters", id="the name is made of several claims"),
    pytest.param({"given_name": None, "family_name": ""}, "name", "s1", id="without a name the subject is shown"),
    pytest.param({"preferred_username": "anna"}, "username", "anna", id="a user name"),
    pytest.param({"preferred_username": 7}, "username", None, id="a number is no user name"),
    pytest.param({"fhirUser": "Practitioner/1"}, "fhir_user", "Practitioner/1", id="a relative fhirUser"),
    pytest.param({"fhirUser": f"{ISSUER}/fhir/Patient/2"}, "fhir_user", "Patient/2", id="an absolute fhirUser"),
    pytest.param({"rpps": "10101"}, "identifiers", (("Practitioner", "urn:rpps", "10101"),), id="an identifier"),
    pytest.param({}, "identifiers", (), id="no identifier"),
    pytest.param({}, "roles", ("member",), id="roles that all have"),
    pytest.param({"realm_access": {"roles": ["doctor"]}}, "roles", ("member", "physician"), id="a role by a path"),
    pytest.param({"realm_access": {"roles": "doctor"}}, "roles", ("member", "physician"), id="one role as a text"),
    pytest.param({"realm_access": {"roles": ["root", "administrator"]}}, "roles", ("member",), id="unmapped give none"),
    pytest.param({"realm_access.roles": ["both"]}, "roles", ("member", "physician", "nurse"), id="a dotted name"),
    pytest.param({"realm_access": ["doctor"]}, "roles", ("member",), id="a path that leads nowhere"),
    pytest.param({}, "level", "1fa", id="without acr the lowest level"),
    pytest.param({"acr": "gold"}, "level", "2fa", id="acr as it is mapped"),
    pytest.param({"acr": "2fa"}, "level", "1fa", id="our own word from elsewhere means nothing"),
    pytest.param({"acr": "gold", "amr": ["pwd", "hwk"]}, "level", "phr", id="amr as it is mapped, the highest"),
    pytest.param({"amr": ["pwd"]}, "amr", ("pwd",), id="methods as they are told"),
]


@pytest.mark.parametrize(("claims", "field", "expected"), CASES)
def test_mapping(claims: dict[str, object], field: str, expected: object) -> None:
    assert getattr(identity(**claims), field) == expected


REFUSED = [
    pytest.param({"sub": ""}, "no-subject", id="no subject"),
    pytest.param({"sub": ["s1"]}, "no-subject", id="a subject that is no text"),
    pytest.param({"fhirUser": "Observation/1"}, "bad-fhir-user", id="a fhirUser that is no person"),
    pytest.param({"fhirUser": "javascript:alert(1)"}, "bad-fhir-user", id="a fhirUser that is no reference"),
]


@pytest.mark.parametrize(("claims", "reason"), REFUSED)
def test_refusals(claims: dict[str, object], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        identity(**claims)
    assert refused.value.reason == reason


def table(**fields: object) -> dict[str, Any]:
    known = {"id": "hospital", "name": "Hospital", "issuer": ISSUER, "client_id": "c", "client_secret": "s"}
    return {**known, **fields}


def issuer_of(**fields: object) -> Issuer:
    return login_file_of({"issuer": [table(**fields)]}, Path()).issuers[0]


def test_the_metadata_stand_below_the_issuer() -> None:
    assert issuer_of().metadata_url == f"{ISSUER}/.well-known/openid-configuration"
    assert issuer_of().scopes == ("openid", "profile")
    assert not issuer_of().provisions


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_start_that_says_what_it_leaves_out(preset: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("a key")
    fields = {"id": "one", "preset": preset, "issuer": ISSUER, "client_id": "c", "private_key_file": "key.pem"}
    issuer = login_file_of({"issuer": [fields]}, tmp_path).issuers[0]
    assert issuer.name == PRESETS[preset].fields["name"]
    assert any("UNVERIFIED" in gap for gap in PRESETS[preset].gaps)
    assert "openid" in issuer.scopes


def test_the_file_overrides_a_preset() -> None:
    assert issuer_of(preset="franceconnect", name="Ours", levels={}).mapping.levels == {}
    assert issuer_of(preset="franceconnect").name == "Hospital"


BAD = [
    pytest.param({"issuers": []}, "has a table `issuers`", id="an unknown table"),
    pytest.param({"issuer": [table(preset="smartcard")]}, "is not a preset", id="an unknown preset"),
    pytest.param({"issuer": [table(secret="x")]}, "`secret` of the issuer `hospital`", id="an unknown field"),  # noqa: S106
    pytest.param({"issuer": [table(minimum="3fa")]}, "`minimum` of the issuer", id="an unknown level"),
    pytest.param({"issuer": [table(), table()]}, "same `id`", id="two issuers of one id"),
    pytest.param({"issuer": [table(client_auth="private_key_jwt")]}, "needs a `private_key_file`", id="no key"),
    pytest.param({"step_up": {"user/*.rs": "high"}}, "`step_up` of `user/*.rs`", id="an unknown level of scopes"),
    pytest.param({"step_up": {"user/*": "2fa"}}, "`step_up` of `user/*`", id="scopes without rights"),
    pytest.param({"step_up": {"user/*.*u*": "2fa"}}, "is no scope of resources", id="a pattern of letters"),
    pytest.param({"step_up": {"user/Patient.rs?name=x": "2fa"}}, "is no scope of resources", id="criteria"),
]


@pytest.mark.parametrize(("tables", "text"), BAD)
def test_a_login_file_that_cannot_be_used(tables: dict[str, Any], text: str) -> None:
    with pytest.raises(BadLoginFile, match=text.replace("*", r"\*")) as problem:
        login_file_of(tables, Path())
    assert str(problem.value).count("\n") == 0


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "login.toml").write_text("[[issuer]\n")
    with pytest.raises(BadLoginFile, match="is not TOML"):
        read_login_file(tmp_path / "login.toml")
    with pytest.raises(BadLoginFile, match="cannot be read"):
        read_login_file(tmp_path / "other.toml")


DOCS = (Path(__file__).resolve().parents[3] / "docs" / "people.md").read_text()


def test_the_example_of_the_documentation_can_be_used() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    file = login_file_of(tomllib.loads(example), Path())
    assert file.issuers[0].mapping.identifiers[0].system == RPPS
    assert file.step_up["user/*.*"] == "2fa"


@pytest.mark.parametrize("preset", PRESETS)
def test_the_documentation_names_every_preset_and_that_it_is_unverified(preset: str) -> None:
    [row] = re.findall(rf"^\| `{preset}` \|.*$", DOCS, re.MULTILINE)
    assert "UNVERIFIED" in row
