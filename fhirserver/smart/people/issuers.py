"""The login file: upstream OpenID providers, and the levels that scopes need. TOML, read once at the start.

``docs/people.md`` describes its tables. It holds client secrets, so it belongs to the server's user alone.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fhirserver.smart.people.assurance import LEVELS, ONE_FACTOR
from fhirserver.smart.people.claims import ClaimMapping, IdentifierClaim, check_mapping
from fhirserver.smart.people.presets import PRESETS
from fhirserver.smart.people.rules import is_guarded_scope

Level: TypeAlias = Literal["1fa", "2fa", "phr"]
FHIR_USER_TYPES: TypeAlias = Literal["Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person"]
_SLUG: Final = r"^[a-z][a-z0-9-]{0,31}$"


class BadLoginFile(ValueError):
    """The file cannot be used; the text is one sentence for the operator."""


class _Identifier(BaseModel):
    model_config = ConfigDict(extra="forbid")
    claim: str
    system: str
    type: FHIR_USER_TYPES


class _IssuerTable(BaseModel):
    """One ``[[issuer]]``."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(pattern=_SLUG)
    preset: str | None = None
    name: str
    issuer: str = Field(pattern=r"^https?://")
    metadata_url: str | None = None
    client_id: str
    client_secret: str | None = None
    private_key_file: Path | None = None
    client_auth: Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] = "client_secret_basic"
    scopes: list[str] = ["openid", "profile"]
    acr_values: dict[Level, str] = {}
    minimum: Level = "1fa"
    link: Literal["existing", "provision"] = "existing"
    site: str | None = None
    userinfo: bool = False
    name_claims: list[str] = ["name"]
    username_claim: str | None = None
    fhir_user_claim: str | None = None
    identifiers: list[_Identifier] = []
    roles_claim: str | None = None
    roles: dict[str, list[str]] = {}
    default_roles: list[str] = []
    levels: dict[str, Level] = {}
    amr_levels: dict[str, Level] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An upstream OpenID provider as this server uses it."""

    id: str
    name: str
    issuer: str
    metadata_url: str
    client_id: str
    client_secret: str | None
    """Or the PEM of a private key, where ``client_auth`` is ``private_key_jwt``."""
    client_auth: str
    scopes: tuple[str, ...]
    acr_values: Mapping[str, str]
    minimum: str = ONE_FACTOR
    provisions: bool = False
    """Whether who is not known gets an account, when exactly one resource has their identifier."""
    site: str | None = None
    userinfo: bool = False
    mapping: ClaimMapping = field(default_factory=ClaimMapping)


@dataclass(frozen=True, slots=True)
class LoginFile:
    """What the file says."""

    issuers: tuple[Issuer, ...] = ()
    step_up: Mapping[str, str] = field(default_factory=dict)


def read_login_file(path: Path) -> LoginFile:
    """Read the file; raises BadLoginFile."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadLoginFile(f"The login file cannot be read ({problem.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise BadLoginFile(f"The login file is not TOML ({problem}).") from None
    return login_file_of(tables, path.parent)


def login_file_of(tables: Mapping[str, Any], folder: Path) -> LoginFile:
    """Return what parsed tables say; ``folder``: where files of keys are looked for. Raises BadLoginFile."""
    if unknown := sorted(tables.keys() - {"issuer", "step_up"}):
        raise BadLoginFile(f"The login file has a table `{unknown[0]}`; expected `issuer` and `step_up`.")
    issuers = tuple(_issuer(table, folder) for table in tables.get("issuer", ()))
    if len({issuer.id for issuer in issuers}) != len(issuers):
        raise BadLoginFile("Two issuers of the login file have the same `id`.")
    step_up = tables.get("step_up", {})
    for scope, level in step_up.items():
        if not is_guarded_scope(scope):
            raise BadLoginFile(f"`step_up` of `{scope}`: this is no scope of resources, such as `user/*.cud`.")
        if level not in LEVELS:
            raise BadLoginFile(f"`step_up` of `{scope}` is not one of {', '.join(LEVELS)}.")
    return LoginFile(issuers, step_up)


def _issuer(table: Mapping[str, Any], folder: Path) -> Issuer:
    preset = table.get("preset")
    if preset is not None and preset not in PRESETS:
        raise BadLoginFile(f"`{preset}` is not a preset; expected one of {', '.join(PRESETS)}.")
    fields = {**(PRESETS[preset].fields if preset else {}), **table}
    try:
        known = _IssuerTable.model_validate(fields)
    except ValidationError as problem:
        first = problem.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadLoginFile(f"`{place}` of the issuer `{table.get('id', '?')}`: {first['msg']}.") from None
    base = known.issuer.rstrip("/")
    return Issuer(
        id=known.id,
        name=known.name,
        issuer=known.issuer,
        metadata_url=known.metadata_url or f"{base}/.well-known/openid-configuration",
        client_id=known.client_id,
        client_secret=_credential(known, folder),
        client_auth=known.client_auth,
        scopes=tuple(dict.fromkeys(["openid", *known.scopes])),
        acr_values={str(level): value for level, value in known.acr_values.items()},
        minimum=known.minimum,
        provisions=known.link == "provision",
        site=known.site,
        userinfo=known.userinfo,
        mapping=_mapping(known),
    )


def _mapping(known: _IssuerTable) -> ClaimMapping:
    mapping = ClaimMapping(
        name=tuple(known.name_claims),
        username=known.username_claim,
        fhir_user=known.fhir_user_claim,
        identifiers=tuple(IdentifierClaim(one.claim, one.system, one.type) for one in known.identifiers),
        roles_claim=known.roles_claim,
        roles={value: tuple(roles) for value, roles in known.roles.items()},
        default_roles=tuple(known.default_roles),
        levels=dict(known.levels),
        amr_levels=dict(known.amr_levels),
    )
    check_mapping(mapping)
    return mapping


def _credential(known: _IssuerTable, folder: Path) -> str | None:
    if known.client_auth != "private_key_jwt":
        return known.client_secret
    if known.private_key_file is None:
        raise BadLoginFile(f"The issuer `{known.id}` needs a `private_key_file` for `private_key_jwt`.")
    try:
        return (folder / known.private_key_file).read_text(encoding="ascii")
    except OSError as problem:
        raise BadLoginFile(f"The key of the issuer `{known.id}` cannot be read ({problem.strerror}).") from None
