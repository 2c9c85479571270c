"""The spool keeps what was appended, whole; what a worker left is for others, and for nobody while it lives."""

import errno
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from fhirserver.audit.record import (
    Answer,
    CallerEntry,
    Happening,
    Kind,
    Outcome,
    Record,
    TouchedEntry,
    decode,
    outcome_of,
    patients_named,
    touched_fields,
)
from fhirserver.audit.recorder import Recorder
from fhirserver.audit.spool import Damaged, Spool, number_of, read_frames, segment_path, segments, take
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.exchange import Interaction, Target
from fhirserver.kernel.outcome import Unavailable
from fhirserver.kernel.version import Method, Version
from fhirserver.repository.trail import Touch, Trail

ALL = 1 << 40


def payloads(segment: Path, start: int = 0) -> list[bytes]:
    return [frame.payload for frame in read_frames(segment, start, ALL)]


def test_what_was_appended_is_read_in_its_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    written = [b"a", b"b", b"x" * 3_000_000, "é".encode()]
    for payload in written:
        spool.append(payload)
    assert payloads(segment_path(spool.path, 1)) == written
    frames = list(read_frames(segment_path(spool.path, 1), 0, ALL))
    assert payloads(segment_path(spool.path, 1), frames[1].end) == written[2:], "from where a frame ended"
    assert frames[-1].end == spool.size


def test_a_frame_that_is_not_whole_is_not_there_yet(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"first")
    spool.append(b"second")
    segment = segment_path(spool.path, 1)
    whole = segment.read_bytes()[: spool.size]
    for cut in range(len(whole) - 1, 13, -1):
        segment.write_bytes(whole[:cut])
        assert payloads(segment) == [b"first"]


@pytest.mark.parametrize("place", [0, 5, 9])
def test_bytes_that_are_no_frames_are_damage(tmp_path: Path, place: int) -> None:
    spool = Spool(tmp_path)
    spool.append(b"payload")
    segment = segment_path(spool.path, 1)
    content = bytearray(segment.read_bytes())
    content[place] ^= 0xFF
    segment.write_bytes(content)
    with pytest.raises(Damaged, match=r"00000001\.spool"):
        payloads(segment)


def test_a_segment_is_followed_by_the_next(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"one")
    spool.rotate()
    spool.append(b"two")
    assert [number_of(path) for path in segments(spool.path)] == [1, 2]
    assert [payloads(path) for path in segments(spool.path)] == [[b"one"], [b"two"]]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "audit")
    assert (tmp_path / "audit").stat().st_mode & 0o077 == 0
    assert segment_path(spool.path, 1).stat().st_mode & 0o077 == 0


def test_one_process_drains_a_spool_and_knows_when_its_worker_is_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (taken,) = take(tmp_path, (), os.getpid())
    assert taken.path == spool.path
    assert list(take(tmp_path, (), os.getpid())) == [], "while somebody drains it"
    assert not taken.is_left
    spool.close()
    assert taken.is_left
    taken.forget()
    assert not spool.path.exists()


def test_another_servers_spool_is_taken_once_its_worker_is_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path, server=1)
    assert list(take(tmp_path, (), 2)) == []
    assert [taken.path for taken in take(tmp_path, (), 1)] == [spool.path]


def test_what_was_left_by_a_worker_is_anybodys(tmp_path: Path) -> None:
    spool = Spool(tmp_path, server=1)
    spool.close()
    (taken,) = take(tmp_path, (), 2)
    taken.leave()
    assert [taken.path for taken in take(tmp_path, (), 2)] == [spool.path], "and again, after it was left"
    assert list(take(tmp_path, (spool.worker,), 2)) == []


def test_the_drain_and_the_worker_tell_each_other_how_far_they_are(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"one")
    size = spool.size
    spool.rotate()
    spool.append(b"three")
    spool.progress.load = 0.5
    (taken,) = take(tmp_path, (), os.getpid())
    assert (taken.progress.load, spool.drained) == (0.5, 0)
    before = taken.backlog_bytes
    assert before >= spool.written
    taken.progress.place = (1, size)
    assert (before - taken.backlog_bytes, spool.drained) == (size, size)
    taken.progress.place = (2, 5)
    assert spool.drained == size + 5


def test_a_worker_that_was_killed_leaves_what_it_wrote(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from fhirserver.audit.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1])); spool.append(b'kept'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert run.returncode == -9
    (taken,) = take(tmp_path, (), os.getpid())
    assert payloads(segments(taken.path)[0]) == [b"kept"]
    taken.leave()


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(Spool(tmp_path), 1 << 20)


def entries(recorder: Recorder) -> list[CallerEntry | Record]:
    return [decode(payload) for path in segments(recorder.spool.path) for payload in payloads(path)]


def answer(status: int = 200, caller: Caller | None = None, **more: object) -> Answer:
    fields: dict[str, object] = {
        "site": "main",
        "request_id": "r1",
        "method": "GET",
        "path": "Patient/1",
        "target": Target(Interaction.READ, "Patient", "1"),
        "status": status,
        "caller": caller,
        "trail": None,
        "address": "10.0.0.1",
        **more,
    }
    return Answer(**fields)  # type: ignore[arg-type]


CALLER = Caller(client_id="app", scopes=(), fhir_user="Practitioner/1", name="Dr X", roles=("physician",))


def test_a_caller_is_explained_once_in_a_segment(recorder: Recorder) -> None:
    for _ in range(3):
        recorder.answered(answer(caller=CALLER))
    recorder.answered(answer(caller=Caller(client_id="other", scopes=())))
    found = entries(recorder)
    assert [type(one).__name__ for one in found] == [
        "CallerEntry",
        "Record",
        "Record",
        "Record",
        "CallerEntry",
        "Record",
    ]
    recorder.rotate()
    recorder.answered(answer(caller=CALLER))
    assert [type(one).__name__ for one in entries(recorder)[-2:]] == ["CallerEntry", "Record"]


def test_a_record_holds_what_was_asked_and_touched(recorder: Recorder) -> None:
    trail = Trail()
    trail.begin(Target(Interaction.SEARCH_TYPE, "Observation"), (("patient", "1"),))
    content = (
        b'{"resourceType":"Observation","subject":{"reference":"Patient/p1"},"performer":[{"reference":"Patient/p2"}]}'
    )
    trail.saw(Version("Observation", "o", 3, 0, Method.PUT, content))
    trail.saw(Version("Patient", "p9", 1, 0, Method.PUT, b"{}"), Touch.CREATED)
    trail.decided("policy 1")
    recorder.answered(answer(trail=trail, caller=CALLER))
    record = entries(recorder)[-1]
    assert isinstance(record, Record)
    assert record.steps[0].parameters == (("patient", "1"),)
    assert [(one.key, one.version, one.touch, one.patients) for one in record.touched] == [
        ("Observation/o", 3, "r", ("p1", "p2")),
        ("Patient/p9", 1, "c", ("p9",)),
    ]
    assert (record.decision, record.status, record.outcome) == ("policy 1", 200, "0")


NAMED = [
    (b'{"subject":{"reference":"Patient/1"}}', ["1"]),
    (b'{"subject":{"reference":"Patient/1/_history/2"},"x":"Patient/1"}', ["1"]),
    (b'{"x":"https://a.example/fhir/Patient/7","y":"Patient/1"}', ["1", "https://a.example/fhir/Patient/7"]),
    (b'{"x":"see Patient/1 there","y":"RelatedPatient/2"}', []),
    (b'{"x":"Patient?identifier=1"}', []),
    (None, []),
]


@pytest.mark.parametrize(("content", "patients"), NAMED)
def test_patients_are_those_that_the_json_refers_to(content: bytes | None, patients: list[str]) -> None:
    assert list(patients_named(content)) == patients


OUTCOMES = [(200, "0"), (304, "0"), (401, "4"), (404, "4"), (429, "4"), (500, "8"), (501, "8"), (503, "12")]


@pytest.mark.parametrize(("status", "outcome"), OUTCOMES)
def test_a_status_has_its_outcome(status: int, outcome: str) -> None:
    assert outcome_of(status) == outcome


def test_strangers_are_recorded_one_by_one_and_then_counted(recorder: Recorder) -> None:
    for _ in range(50):
        recorder.answered(answer(401))
    recorder.answered(answer(401, address="10.0.0.2"))
    assert len(entries(recorder)) == 21
    recorder.settle()
    last = entries(recorder)[-1]
    assert isinstance(last, Record)
    assert len(entries(recorder)) == 22
    assert last.repeats == 29, "with the record itself all 30 that were only counted"
    recorder.settle()
    assert len(entries(recorder)) == 22


def test_who_has_logged_in_is_always_recorded(recorder: Recorder) -> None:
    for _ in range(50):
        recorder.answered(answer(403, caller=CALLER))
    assert sum(isinstance(one, Record) for one in entries(recorder)) == 50


def test_requests_are_refused_while_nobody_drains(recorder: Recorder) -> None:
    while recorder.spool.written <= 1 << 20:
        recorder.check()
        recorder.answered(answer(path="x" * 10_000, target=None, caller=CALLER))
    with pytest.raises(Unavailable):
        recorder.check()
    recorder.spool.progress.place = (1, recorder.spool.size)
    recorder.check()


class FullDisk(Spool):
    """A spool on a disk that takes nothing more."""

    def append(self, payload: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_what_cannot_be_written_is_not_answered(tmp_path: Path) -> None:
    recorder = Recorder(FullDisk(tmp_path), 1 << 20)
    with pytest.raises(Unavailable, match="audit trail"):
        recorder.answered(answer(caller=CALLER))


def test_what_the_authorization_server_did_is_recorded(recorder: Recorder) -> None:
    recorder.happened(
        Happening(
            kind=Kind.LOGIN, site="main", outcome=Outcome.MINOR, caller=CALLER, text="Wrong password.", query="a=b"
        )
    )
    record = entries(recorder)[-1]
    assert isinstance(record, Record)
    assert (record.kind, record.outcome, record.text) == ("login", "4", "Wrong password.")


def test_the_check_of_a_frame_is_that_of_its_payload(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"abc")
    written = segment_path(spool.path, 1).read_bytes()[: spool.size]
    assert written == (3).to_bytes(4) + zlib.crc32(b"abc").to_bytes(4) + b"abc"


META = '{"resourceType":"Basic","id":"a","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:00.000000Z"'
R = '{"system":"s","code":"R"}'


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        pytest.param(META + "}}", [], id="none"),
        pytest.param(META + '},"x":{"security":[' + R + "]}}", [], id="elsewhere than in meta"),
        pytest.param(META + ',"security":[' + R + "]}}", [("s", "R")], id="one"),
        pytest.param(META + ',"security":[' + R + ',{"code":"V"}]}}', [("s", "R"), ("", "V")], id="two"),
        pytest.param(META + ',"tag":[{"code":"t"}],"security":[' + R + "]}}", [("s", "R")], id="behind tags"),
        pytest.param(META + ',"tag":[{"display":"]"}],"security":[' + R + "]}}", [("s", "R")], id="behind a bracket"),
        pytest.param(
            META + r',"tag":[{"display":"\"}],\"security\":[]"}],"security":[' + R + "]}}",
            [("s", "R")],
            id="behind a trap",
        ),
        pytest.param(META + ',"security":[{"code":"]"},' + R + "]}}", [("", "]"), ("s", "R")], id="with a bracket"),
        pytest.param(
            META + ',"security":[{"extension":[{"url":"u"}],"code":"R"}]}}', [("", "R")], id="with an extension"
        ),
        pytest.param('{"meta":{"security":[' + R + ']},"resourceType":"Basic"}', [("s", "R")], id="in another order"),
    ],
)
def test_the_labels_of_a_version_are_recorded(content: str, labels: list[tuple[str, str]]) -> None:
    version = Version("Basic", "a", 1, 0, Method.PUT, content.encode())
    (fields,) = touched_fields([version])
    assert list(TouchedEntry(*fields).labels) == labels
