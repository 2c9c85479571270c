"""`fhirserver doctor` names what lacks and ends with 1 then."""

import gc
from pathlib import Path

import pytest

from fhirserver.cli.main import run


@pytest.fixture(autouse=True)
def _environment(mongodb_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIRSERVER_MONGODB_URI", mongodb_uri)
    monkeypatch.setenv("FHIRSERVER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FHIRSERVER_DATABASE_PREFIX", "test_doctor")
    monkeypatch.setenv("COLUMNS", "250")


def test_a_machine_that_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "146 resource types" in printed
    assert "a replica set" in printed
    assert "`test_doctor_main` lacks resource.terms" in printed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver leaves a socket to the gc
def test_a_database_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FHIRSERVER_MONGODB_URI", "mongodb://127.0.0.1:9/?replicaSet=x")
    assert run(["doctor"]) == 1
    assert "The database cannot be reached" in capsys.readouterr().out
    gc.collect()


def test_a_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FHIRSERVER_PROT", "80")
    run(["doctor"])
    assert "FHIRSERVER_PROT is no setting of this server" in capsys.readouterr().out


def test_a_data_folder_that_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FHIRSERVER_DATA_DIR", str(tmp_path / "a" / "b"))
    assert run(["doctor"]) == 0
    assert "GiB free" in capsys.readouterr().out
