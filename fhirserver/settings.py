"""The server's settings: environment variables with the prefix ``FHIRSERVER_``, all with a default.

Command line options override them; ``docs/settings.md`` lists them. Names of limits carry their unit.
"""

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENV_PREFIX: Final = "FHIRSERVER_"
_SITE_NAME: Final = r"^[a-z][a-z0-9-]{0,31}$"
_RESERVED_SITES: Final = frozenset({"fhir", "auth", "apps", "healthz", "readyz", "metrics", "docs", "network"})
_MEBIBYTE: Final = 1024 * 1024

SiteName = Annotated[str, Field(pattern=_SITE_NAME)]


class Auth(StrEnum):
    """Who may call: bearers of SMART tokens, or anybody on this machine."""

    SMART = "smart"
    OFF = "off"


class Registration(StrEnum):
    """Who may register a client by itself (RFC 7591)."""

    OFF = "off"
    TOKEN = "token"  # noqa: S105 - who has an initial access token
    OPEN = "open"


class Validation(StrEnum):
    """What a write is judged by beside the base definition of its type."""

    OFF = "off"
    DECLARED = "declared"
    REQUIRED = "required"


class LogLevel(StrEnum):
    """The least severe entry that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """JSON lines for machines, coloured columns for people."""

    JSON = "json"
    CONSOLE = "console"


class Settings(BaseSettings):
    """One frozen value, made once per process."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    mongodb_uri: str | None = None
    """An existing MongoDB replica set; without it the server starts a ``mongod`` of its own."""
    data_dir: Path = Path("data")
    """What the server writes on this machine: files of its own ``mongod``, compiled packages, load states."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0 takes any free port."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that serve requests."""
    auth: Auth = Auth.SMART
    secret_key: Annotated[str | None, Field(min_length=32, repr=False)] = None
    """What signing keys and secrets are sealed with; by default a file of the data folder, good for one machine."""
    access_token_s: Annotated[int, Field(ge=60, le=3600)] = 3600
    """The life of an app's access token."""
    service_token_s: Annotated[int, Field(ge=30, le=300)] = 300
    """The life of a backend service's access token."""
    refresh_token_s: Annotated[int, Field(ge=3600)] = 90 * 24 * 3600
    """How long offline access, and the consent to it, last without being used."""
    registration: Registration = Registration.OFF
    registration_scope: str = "openid fhirUser profile launch launch/patient online_access offline_access patient/*.rs"
    """The most that a client may be granted that registers itself."""
    name: Annotated[str, Field(min_length=1, max_length=60)] = "fhirserver"
    """What the pages for people call this server."""
    second_factor_roles: Annotated[tuple[str, ...], NoDecode] = ("staff",)
    """Roles that need a second factor at login, comma separated; ``staff``, ``everybody``, ``none``."""
    min_password_characters: Annotated[int, Field(ge=8, le=64)] = 12
    breached_passwords: Path | None = None
    """A list of breached passwords: SHA-1 digests in their order, as they are published."""
    session_idle_s: Annotated[int, Field(ge=60)] = 1800
    """A login ends when its browser asks for nothing so long."""
    session_longest_s: Annotated[int, Field(ge=300)] = 43_200
    """A login ends after so long whatever is done: a shift."""
    login_file: Path | None = None
    """A TOML file: upstream OpenID providers, and scopes that need a stronger login."""
    policy_dir: Path | None = None
    """Folder of access policies, ``{site}.toml`` each; a site without one has the policy that ships."""
    validation: Validation = Validation.DECLARED
    """Which profiles a write must meet: none, those it declares, or those that its site requires as well."""
    validation_dir: Path | None = None
    """Folder of validation policies, ``{site}.toml`` each."""
    base_url: str | None = None
    """The public origin (``https://fhir.example.org``) behind a proxy; by default that of the request."""
    cors_origins: Annotated[tuple[str, ...] | None, NoDecode] = None
    """Origins of web pages that may call, comma separated; by default any under ``smart``, none under ``off``."""
    tls_cert: Path | None = None
    """The server's certificate and what certifies it, PEM; without one a proxy speaks TLS, or nobody does."""
    tls_key: Path | None = None
    """The key of ``tls_cert``, PEM, without a password."""
    tls_ca: Path | None = None
    """Who certifies clients, PEM: those that show a certificate may have tokens bound to it."""
    udap_trust_store: Path | None = None
    """PEM file with the authorities of a trust community, whose clients may register by certificate."""
    udap_certificate: Path | None = None
    """PEM file with this server's private key and certificates in that community, the own one first."""
    udap_scope: str = "openid fhirUser profile launch/patient online_access offline_access patient/*.rs user/*.rs"
    """The most that a client of the community may be granted."""
    outbound_allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts, ``host:port`` or networks that this server may ask though they are private, comma separated."""
    terminology_servers: Annotated[tuple[str, ...], NoDecode] = ()
    """Who is asked for code systems that nobody here has: ``prefix of their urls=FHIR base``, comma separated."""
    package_registry: str = ""
    """The FHIR package registry that ``package install NAME@VERSION`` asks; empty: none."""
    sites: Annotated[tuple[SiteName, ...], NoDecode, Field(min_length=1)] = ("main",)
    """Establishments, comma separated; the first is served at ``/fhir``, each at ``/{site}/fhir``."""
    identity_rules: Annotated[tuple[Literal["be", "fr"], ...], NoDecode] = ("be", "fr")
    """Countries whose rules the identities of patients follow when they change, comma separated."""
    production_sites: Annotated[tuple[SiteName, ...], NoDecode] = ()
    """Sites with real patients, comma separated: identities made for tests and demonstrations are refused there."""
    database_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,30}$")] = "fhirserver"
    """Databases are named ``{prefix}_{site}``."""
    demo: bool = True
    """Load the demo record on the first start with an empty database."""
    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.JSON
    corpora: Path | None = None
    """Folder of public test corpora; only tests and benchmarks read it."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 64 * _MEBIBYTE
    """Largest request body, after decompression."""
    max_binary_bytes: Annotated[int, Field(ge=1024)] = 1024 * _MEBIBYTE
    """Largest Binary sent in its own content type."""
    max_package_bytes: Annotated[int, Field(ge=1024)] = 1024 * _MEBIBYTE
    """Largest FHIR package, unpacked."""
    max_bundle_entries: Annotated[int, Field(ge=1)] = 5000
    max_url_bytes: Annotated[int, Field(ge=256)] = 32 * 1024
    default_count: Annotated[int, Field(ge=1)] = 50
    """``_count`` when the request has none."""
    max_count: Annotated[int, Field(ge=1)] = 1000
    """Largest ``_count``; more is served as this many."""
    total_bound: Annotated[int, Field(ge=0)] = 1000
    """Up to here ``Bundle.total`` is counted without being asked for."""
    chain_bound: Annotated[int, Field(ge=1)] = 10_000
    """Resources that one link of a chained search may select; more is refused as too costly."""
    include_bound: Annotated[int, Field(ge=1)] = 2000
    """Included resources on one page of a search."""
    sort_bound: Annotated[int, Field(ge=1)] = 100_000
    """Matches that one search may sort; more is refused as too costly."""
    scan_bound: Annotated[int, Field(ge=0)] = 100_000
    """Resources that a search may look at one by one, for what no index answers; more is refused as too costly."""
    slow_search_s: Annotated[float, Field(ge=0)] = 1.0
    """A search that takes longer is logged with its plan, without its values."""
    delete_bound: Annotated[int, Field(ge=1)] = 1000
    """Resources that one conditional delete may delete."""
    max_nesting: Annotated[int, Field(ge=4, le=90)] = 32
    """Levels to which extensions, items and contained or bundled resources may be nested."""
    time_zone: str = "UTC"
    """The zone of dates and times that name none, in searches and in the index (``Europe/Brussels``)."""
    audit: bool | None = None
    """Keep an audit trail of every request; by default under ``smart``, not under ``off``."""
    audit_provenance: bool = True
    """Keep a Provenance of every write whose caller brings none."""
    audit_mass_reading: Annotated[int, Field(ge=1)] = 200
    """Records that one user may have access to within an hour before it is reported as unusual."""
    audit_backlog_bytes: Annotated[int, Field(ge=1024 * 1024)] = 256 * _MEBIBYTE
    """Records of one worker that may wait to be stored; beyond it requests are refused until there is room."""
    client_points: Annotated[int, Field(ge=0)] = 60_000
    """What one client may ask within a minute: a read is a point, a search some; 0: no limit."""
    user_points: Annotated[int, Field(ge=0)] = 20_000
    """The same of one user, whatever the clients; 0: no limit."""
    site_points: Annotated[int, Field(ge=0)] = 0
    """The same of all callers of a site together; 0: no limit."""
    request_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    shutdown_timeout_s: Annotated[int, Field(ge=0)] = 30
    """How long a stopping server lets requests finish."""
    keep_alive_s: Annotated[int, Field(ge=1)] = 75
    """How long an idle connection stays open."""

    @field_validator(
        "sites",
        "production_sites",
        "identity_rules",
        "cors_origins",
        "outbound_allow",
        "second_factor_roles",
        "terminology_servers",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("outbound_allow")
    @classmethod
    def _check_outbound(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if "/" in entry:
                ipaddress.ip_network(entry)
        return entries

    @field_validator("terminology_servers")
    @classmethod
    def _check_servers(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            prefix, _, base = entry.partition("=")
            if ":" not in prefix or not base.startswith(("https://", "http://")):
                raise ValueError("expected entries such as http://snomed.info/sct=https://tx.example.org/fhir")
        return entries

    @field_validator("package_registry")
    @classmethod
    def _check_registry(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("expected the URL of a registry such as https://packages.example.org")
        return value.rstrip("/")

    @field_validator("sites")
    @classmethod
    def _check_sites(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        if not sites or len(set(sites)) != len(sites):
            raise ValueError("name at least one site, and each once")
        if taken := sorted(_RESERVED_SITES.intersection(sites)):
            raise ValueError(f"`{taken[0]}` is a path of the server and cannot name a site")
        return sites

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("expected the name of a time zone such as Europe/Brussels") from None
        return name

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("expected an origin such as https://fhir.example.org")
        return value.rstrip("/") if value else None

    @model_validator(mode="after")
    def _check_auth(self) -> "Settings":
        if self.auth is Auth.OFF and not is_loopback(self.host):
            raise ValueError(
                f"auth `off` lets anybody in, so it is accepted on a loopback host only; `{self.host}` is none"
            )
        if self.auth is Auth.SMART and self.base_url is None and not is_loopback(self.host):
            raise ValueError(f"auth `smart` on `{self.host}` needs base_url: the origin that tokens are issued by")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        if self.tls_ca is not None and self.tls_cert is None:
            raise ValueError("tls_ca needs tls_cert and tls_key")
        if (self.udap_trust_store is None) is not (self.udap_certificate is None):
            raise ValueError("udap_trust_store and udap_certificate go together")
        if self.default_count > self.max_count:
            raise ValueError("default_count exceeds max_count")
        return self

    @property
    def is_audited(self) -> bool:
        """Whether there is an audit trail."""
        return self.auth is Auth.SMART if self.audit is None else self.audit

    def database(self, site: str) -> str:
        """Name the database of a site."""
        return f"{self.database_prefix}_{site}"

    @property
    def scheme(self) -> str:
        """How this server itself is spoken to."""
        return "http" if self.tls_cert is None else "https"

    @property
    def network_database(self) -> str:
        """Name the database of what belongs to no site: clients, tokens, sessions, limits."""
        return f"{self.database_prefix}_network"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can connect to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
