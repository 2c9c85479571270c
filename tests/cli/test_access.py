"""`fhirserver access`: decisions explained, now and at an instant; policy files checked."""

import json
from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest

from fhirserver.access.policy_file import DEFAULT
from fhirserver.app.knowledge import Knowledge
from fhirserver.cli.main import run
from tests.access.site import Json, consent, encounter, observation, patient


@pytest.fixture(scope="module")
def record(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory, knowledge: Knowledge) -> Iterator[Path]:
    """A database with a patient in the care of Practitioner/1, of whom an Observation is restricted."""
    folder = tmp_path_factory.mktemp("access")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FHIRSERVER_DATABASE_PREFIX", "test_access_cli")
        patched.setenv("FHIRSERVER_MONGODB_URI", mongodb_uri)
        patched.setenv("FHIRSERVER_DATA_DIR", str(folder / "data"))
        for module in ("loading", "access_simulator"):
            patched.setattr(f"fhirserver.app.{module}.load_knowledge", lambda _: knowledge)
        stays = encounter("e", "1", "Practitioner/1", period={"start": "2020-01-01"})
        resources = [patient("1"), {"resourceType": "Practitioner", "id": "1"}, stays, observation("o", "1", "V")]
        load(folder / "record.ndjson", *resources, observation("p", "1"))
        yield folder
        with pymongo.MongoClient[Json](mongodb_uri) as client:
            client.drop_database("test_access_cli_main")


def load(path: Path, *resources: Json) -> None:
    path.write_text("\n".join(json.dumps(one) for one in resources))
    assert run(["load", str(path)]) == 0


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = run(["access", "explain", *arguments])
    return code, capsys.readouterr().out


def test_explain(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = explained(capsys, "Practitioner/1", "Observation/p", "--role", "physician")
    assert code == 0
    assert said.startswith(
        "Practitioner/1 may read Observation/p as physician: there is a relation of care (relation)."
    )
    assert "evidence  encounter Encounter/e" in said

    code, said = explained(capsys, "Practitioner/1", "Observation/o", "--role", "physician")
    assert code == 1
    assert "may not read" in said
    assert "labels    very-restricted" in said
    assert "emergency would open it" in said

    code, said = explained(capsys, "Practitioner/2", "Observation/p", "--role", "physician", "--right", "u")
    assert (code, "may not update Observation/p" in said, "(relation)" in said) == (1, True, True)


def test_explain_at_an_instant(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Relations, Consents and the resource itself are those of the instant."""
    question = ("Practitioner/1", "Observation/p", "--role", "physician")
    before = explained(capsys, *question)[1].partition("at        ")[2].split()[0]
    load(record / "opposed.ndjson", consent("c", "1", {"type": "deny"}))
    assert "(opposition)" in explained(capsys, *question)[1]
    assert "(relation)" in explained(capsys, *question, "--at", before)[1]
    capsys.readouterr()
    assert run(["access", "explain", *question, "--at", "2019"]) == 2
    assert "was not known at the instant" in capsys.readouterr().err


def test_an_opposition_is_named_though_there_is_no_relation(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(record / "again.ndjson", consent("c", "1", {"type": "deny"}))
    assert "(opposition)" in explained(capsys, "Practitioner/3", "Observation/p", "--role", "physician")[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Practitioner/1", "Observation/none"], "`Observation/none` is not known."),
        (["Practitioner/1", "Observation/p", "--site", "other"], "`other` is not a site"),
        (["Practitioner/1", "Observation/p", "--at", "soon"], "is not a date or instant"),
    ],
)
def test_what_cannot_be_explained(
    record: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    capsys.readouterr()
    assert run(["access", "explain", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_check(tmp_path: Path, record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["access", "check"]) == 0
    said = capsys.readouterr().out
    assert "physician" in said
    assert "0 failures" in said

    fails = tmp_path / "fails.toml"
    fails.write_text(DEFAULT.read_text().replace('can = "crus", cannot = "d"', 'can = "crusd"', 1))
    assert run(["access", "check", str(fails)]) == 1
    assert "`physician` has no `d` on" in capsys.readouterr().out

    broken = tmp_path / "broken.toml"
    broken.write_text(DEFAULT.read_text().replace('rights = "crus"', 'rights = "crux"', 1))
    assert run(["access", "check", str(broken)]) == 1
    assert "is `crux`; expected letters of `cruds`" in capsys.readouterr().err
