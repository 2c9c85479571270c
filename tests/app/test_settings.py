"""Settings come from the environment, and what cannot be served safely is refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from fhirserver.settings import Auth, Settings, is_loopback


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FHIRSERVER_{name.upper()}", raising=False)


def test_the_defaults_serve_this_machine_with_login() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.workers, settings.auth) == ("127.0.0.1", 8080, 1, Auth.SMART)
    assert (settings.sites, settings.database("main")) == (("main",), "fhirserver_main")


def test_every_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIRSERVER_SITES", "lux, north-wing")
    monkeypatch.setenv("FHIRSERVER_DATA_DIR", "/var/lib/fhirserver")
    monkeypatch.setenv("FHIRSERVER_MAX_BUNDLE_ENTRIES", "7")
    settings = Settings()
    assert settings.sites == ("lux", "north-wing")
    assert settings.data_dir == Path("/var/lib/fhirserver")
    assert settings.max_bundle_entries == 7


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIRSERVER_MONGODB_URI", "")
    assert Settings().mongodb_uri is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_off_is_accepted_on_a_loopback_host(host: str) -> None:
    assert is_loopback(host)
    assert Settings(auth=Auth.OFF, host=host).auth is Auth.OFF


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "fhir.example.org", "localhost.example.org", ""])  # noqa: S104
def test_off_is_refused_on_any_other_host(host: str) -> None:
    with pytest.raises(ValidationError, match="accepted on a loopback host only"):
        Settings(auth=Auth.OFF, host=host)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("port", "65536", "less than or equal to 65535"),
        ("workers", "0", "greater than or equal to 1"),
        ("sites", "main,main", "each once"),
        ("sites", "fhir", "cannot name a site"),
        ("sites", "Main", "match pattern"),
        ("sites", "", "at least 1 item"),
        ("base_url", "fhir.example.org", "expected an origin"),
        ("default_count", "2000", "default_count exceeds max_count"),
        ("database_prefix", "a.b", "match pattern"),
        ("auth", "maybe", "'smart' or 'off'"),
        ("host", "0.0.0.0", "needs base_url"),  # noqa: S104 - refused
        ("secret_key", "short", "at least 32 characters"),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(name: str, value: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Settings.model_validate({name: value})


def test_the_secret_is_not_shown() -> None:
    assert "k" * 32 not in repr(Settings(secret_key="k" * 32))


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]
