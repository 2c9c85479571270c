"""`fhirserver load`: what is loaded, what is refused and where, and what a second run does."""

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pymongo
import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.cli.main import run

Json = dict[str, Any]


@pytest.fixture
def database(
    mongodb_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pymongo.database.Database[Json]]:
    """The database that the command loads into, chosen by the environment."""
    prefix = f"test_load_{abs(hash(tmp_path)):x}"[:30]
    monkeypatch.setenv("FHIRSERVER_DATABASE_PREFIX", prefix)
    monkeypatch.setenv("FHIRSERVER_MONGODB_URI", mongodb_uri)
    monkeypatch.setenv("FHIRSERVER_DATA_DIR", str(tmp_path / "data"))
    with pymongo.MongoClient[Json](mongodb_uri) as client:
        yield client[f"{prefix}_main"]
        client.drop_database(f"{prefix}_main")


@pytest.fixture(autouse=True)
def _compiled_once(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhirserver.app.loading.load_knowledge", lambda _: knowledge)


def patient(logical_id: str | None = None, **more: object) -> Json:
    return {"resourceType": "Patient", **({"id": logical_id} if logical_id else {}), **more}


def put(resource: Json) -> Json:
    return {"resource": resource, "request": {"method": "PUT", "url": f"Patient/{resource['id']}"}}


def bundle(kind: str, *entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def write(path: Path, *documents: Json) -> Path:
    """Write documents as NDJSON (or, one of them, as JSON), gzipped when the name says so."""
    content = "\n".join(map(json.dumps, documents)).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def stored(database: pymongo.database.Database[Json]) -> set[str]:
    return {document["_id"] for document in database["resource"].find({}, {"_id": 1})}


def load(*arguments: Path | str) -> int:
    return run(["load", *map(str, arguments)])


@pytest.mark.parametrize(
    ("name", "documents", "keys"),
    [
        pytest.param("one.json", [patient("a")], {"Patient/a"}, id="a single resource"),
        pytest.param("one.json.gz", [patient("a")], {"Patient/a"}, id="a single resource, gzipped"),
        pytest.param("many.ndjson", [patient("a"), patient("b")], {"Patient/a", "Patient/b"}, id="NDJSON"),
        pytest.param("many.ndjson.gz", [patient("a"), patient("b")], {"Patient/a", "Patient/b"}, id="NDJSON, gzipped"),
        pytest.param("x.json", [bundle("transaction", put(patient("a")))], {"Patient/a"}, id="a transaction"),
        pytest.param("x.json", [bundle("batch", put(patient("a")))], {"Patient/a"}, id="a batch"),
        pytest.param("x.json", [bundle("collection", {"resource": patient("a")})], {"Patient/a"}, id="a collection"),
        pytest.param("x.json", [bundle("searchset", {"resource": patient("a")})], {"Patient/a"}, id="a searchset"),
        pytest.param(
            "x.ndjson",
            [patient("a"), bundle("transaction", put(patient("b"))), patient("c")],
            {"Patient/a", "Patient/b", "Patient/c"},
            id="Bundles among the lines of NDJSON",
        ),
    ],
)
def test_forms_of_files(
    database: pymongo.database.Database[Json], tmp_path: Path, name: str, documents: Sequence[Json], keys: set[str]
) -> None:
    assert load(write(tmp_path / name, *documents)) == 0
    assert stored(database) == keys


def test_a_folder_is_searched_through(database: pymongo.database.Database[Json], tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.json", patient("a"))
    write(tmp_path / "in" / "deep" / "b.ndjson.gz", patient("b"))
    (tmp_path / "in" / "notes.txt").write_text("not to be loaded")
    assert load(tmp_path / "in") == 0
    assert stored(database) == {"Patient/a", "Patient/b"}


def test_a_collection_keeps_its_links(database: pymongo.database.Database[Json], tmp_path: Path) -> None:
    urn = "urn:uuid:3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}}
    observation["subject"] = {"reference": urn}
    entries = [{"fullUrl": urn, "resource": patient("a")}, {"resource": observation}]
    assert load(write(tmp_path / "c.json", bundle("collection", *entries))) == 0
    kept = database["resource"].find_one({"_id": "Observation/o"})
    assert kept is not None
    assert json.loads(kept["x"])["subject"] == {"reference": "Patient/a"}


def test_a_refused_line_is_listed_and_does_not_keep_out_the_others(
    database: pymongo.database.Database[Json], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "x.ndjson", patient("a"), patient("b", gender="no such code"), patient("c"))
    with file.open("a") as lines:
        lines.write('\n{"resourceType":\n{"id":"x"}\n')
    assert load(file) == 1
    assert stored(database) == {"Patient/a", "Patient/c"}
    printed = capsys.readouterr().err
    assert f"refused {file}, line 2: `Patient.gender`" in printed
    assert f"refused {file}, line 4: It is not well-formed JSON." in printed
    assert f"refused {file}, line 5: There is no `resourceType`." in printed
    assert "2 entries loaded" in printed
    assert "3 refused" in printed


def test_a_refused_transaction_names_the_entry_and_loads_nothing(
    database: pymongo.database.Database[Json], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "x.json", bundle("transaction", put(patient("a")), put(patient("b", gender="none"))))
    assert load(file) == 1
    assert stored(database) == set()
    assert f"refused {file}, entry 1 (and with it all 2 entries): `Patient.gender`" in capsys.readouterr().err


def test_what_was_loaded_is_not_loaded_again_unless_asked(
    database: pymongo.database.Database[Json], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "x.ndjson", patient(), patient())
    assert load(file) == 0
    file = file.rename(tmp_path / "renamed.ndjson")
    assert load(file) == 0
    assert len(stored(database)) == 2
    assert "skipped as loaded before: 1 of the files" in capsys.readouterr().err
    assert load("--again", file) == 0
    assert len(stored(database)) == 4


def test_after_a_refusal_only_what_was_refused_is_tried_again(
    database: pymongo.database.Database[Json], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "x.ndjson", patient(), patient(gender="none"))
    assert load(file) == 1
    assert load(file) == 1
    assert len(stored(database)) == 1
    assert "0 entries loaded" in capsys.readouterr().err.splitlines()[-1]


def test_a_new_database_gets_everything(database: pymongo.database.Database[Json], tmp_path: Path) -> None:
    file = write(tmp_path / "x.json", patient("a"))
    assert load(file) == 0
    database.client.drop_database(database.name)
    assert load(file) == 0
    assert stored(database) == {"Patient/a"}


def test_bundles_that_need_one_another_find_each_other_in_any_order(
    database: pymongo.database.Database[Json], tmp_path: Path
) -> None:
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    observation["subject"] = {"reference": "Patient?identifier=urn:x|1"}
    needs = {"resource": observation, "request": {"method": "POST", "url": "Observation"}}
    write(tmp_path / "in" / "1.json", bundle("transaction", needs))
    identified = patient("a", identifier=[{"system": "urn:x", "value": "1"}])
    write(tmp_path / "in" / "2.json", bundle("transaction", put(identified)))
    assert load("--in-flight", "1", tmp_path / "in") == 0
    assert len(stored(database)) == 2


def test_a_broken_archive_is_refused_and_the_rest_is_loaded(
    database: pymongo.database.Database[Json], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write(tmp_path / "in" / "b.ndjson.gz", patient("b")).read_bytes()
    (tmp_path / "in" / "a.ndjson.gz").write_bytes(whole[:-12])
    assert load(tmp_path / "in") == 1
    assert stored(database) == {"Patient/b"}
    assert "a.ndjson.gz: It cannot be read" in capsys.readouterr().err


def test_a_database_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FHIRSERVER_MONGODB_URI", "mongodbx://nowhere/")
    assert load(write(tmp_path / "x.json", patient("a"))) == 1
    assert "fhirserver: The MongoDB connection string cannot be used (InvalidURI)." in capsys.readouterr().err
