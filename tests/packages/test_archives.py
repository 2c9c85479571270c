"""Archives as strangers send them: every wrong one is refused with a sentence, and leaves nothing."""

import gzip
import io
import json
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions.archives import BadPackage
from fhirserver.definitions.package_files import PackageFile, compile_archive, sha256_of
from tests.packages import making

MAX = 64 * 1024 * 1024


def compiled(archive: Path, max_bytes: int = MAX) -> PackageFile:
    target = archive.with_suffix(".package")
    compile_archive(archive, target, max_bytes)
    return PackageFile(target)


def refused(archive: Path, max_bytes: int = MAX) -> str:
    target = archive.with_suffix(".package")
    with pytest.raises(BadPackage) as problem:
        compile_archive(archive, target, max_bytes)
    assert not target.exists()
    return str(problem.value)


def with_member(path: Path, change: Callable[[tarfile.TarFile], None]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in making.files_of(making.definitions()).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        change(tar)
    return path


def test_a_package_is_read_whole(tmp_path: Path) -> None:
    archive = making.little(tmp_path, dependencies={"hl7.fhir.r4.core": "4.0.1"})
    found = compiled(archive)
    assert (found.manifest.key, found.manifest.license) == ("org.example.little#1.0.0", "CC0-1.0")
    assert found.manifest.dependencies == {"hl7.fhir.r4.core": "4.0.1"}
    assert found.archive_sha256 == sha256_of(archive)
    assert [one.type for one in found.entries] == [one["resourceType"] for one in making.definitions()]
    profile = found.resource(making.PROFILE)
    assert profile is not None
    assert profile == making.definitions()[0]
    assert found.resource(f"{making.PROFILE}|1.0.0") == profile
    assert found.resource(f"{making.PROFILE}|2.0.0") is None
    assert [(one.subject, one.related) for one in found.entries] == [
        ("Patient", ()), ("", ()), (making.CODE_SYSTEM, ()), ("", ()),
        ("", (making.CODE_SYSTEM, "http://example.org/other")), ("", ()), ("", ()),
    ]  # fmt: skip


def test_several_versions_of_one_definition_stand_side_by_side(tmp_path: Path) -> None:
    resources = [{**making.definitions(version)[3], "id": f"c{version[0]}"} for version in ("1.0.0", "2.0.0")]
    found = compiled(making.pack(tmp_path / "p.tgz", making.files_of(resources)))
    assert [one.version for one in found.find(making.VALUE_SET)] == ["1.0.0", "2.0.0"]
    first = found.resource(f"{making.VALUE_SET}|1.0.0")
    assert first is not None
    assert first["id"] == "c1"


def test_examples_pages_and_what_defines_nothing_are_passed_over(tmp_path: Path) -> None:
    files = making.files_of(making.definitions())
    files |= {
        "package/.index.json": b"{",
        "package/example/Patient-1.json": b"{ not json",
        "package/Patient-1.json": b'{"resourceType": "Patient", "id": "1"}',
        "package/other.json": b"[1, 2]",
        "other/page.html": b"<html>",
    }
    assert len(compiled(making.pack(tmp_path / "p.tgz", files)).entries) == len(making.definitions())


def _link(name: str, kind: bytes) -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)

    return add


def _named(name: str) -> Callable[[tarfile.TarFile], None]:
    return lambda tar: tar.addfile(tarfile.TarInfo(name))


def _huge_header(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("package/a.json")
    member.pax_headers = {"comment": "x" * (3 * 1024 * 1024)}
    tar.addfile(member)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_named("package/../../etc/passwd"), "outside"),
        (_named("../a.json"), "outside"),
        (_named("/etc/passwd"), "outside"),
        (_named("package\\..\\a.json"), "outside"),
        (_named("C:/a.json"), "outside"),
        (_link("package/a.json", tarfile.SYMTYPE), "a link or a device"),
        (_link("package/a.json", tarfile.LNKTYPE), "a link or a device"),
        (_link("package/a.json", tarfile.CHRTYPE), "a link or a device"),
        (_link("package/a.json", tarfile.FIFOTYPE), "a link or a device"),
        (_link("package/a.json", tarfile.BLKTYPE), "a link or a device"),
        (_named("package/package.json"), "there twice"),
        (_named("./package/package.json"), "there twice"),
        (_named("package/" + "a" * 400 + ".json"), "300 characters"),
        (_huge_header, "headers"),
    ],
    ids=["up-inside", "up", "absolute", "backslash", "drive", "symlink", "hard-link", "device", "fifo", "block",
         "twice", "twice-by-dot", "long-name", "long-header"],
)  # fmt: skip
def test_what_no_package_has_is_refused(tmp_path: Path, change: Callable[[tarfile.TarFile], None], said: str) -> None:
    assert said in refused(with_member(tmp_path / "p.tgz", change))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{ not json", "`package/ValueSet-a.json` is not JSON"),
        (b"\xff\xfe", "`package/ValueSet-a.json` is not JSON"),
        (b"[" * 100_000, "`package/ValueSet-a.json` is not JSON"),
        (b"", "`package/ValueSet-a.json` is not JSON"),
        (b'{"resourceType": "ValueSet", "url": 1}', "`package/ValueSet-a.json`"),
        (b'{"resourceType": "ValueSet", "url": "http://a.b", "compose": []}', "`package/ValueSet-a.json` is"),
        (b'{"resourceType": "CodeSystem", "url": "http://a.b", "concept": [{"code": 1}]}', "$.concept[0].code"),
        (b'{"resourceType": "StructureDefinition", "url": "http://a.b"}', "`type`"),
        (b'{"resourceType": "ConceptMap", "url": "http://a.b", "group": [1]}', "$.group[0]"),
    ],
    ids=["json", "utf-8", "depth", "empty", "url", "value-set", "code-system", "structure", "map"],
)  # fmt: skip
def test_a_malformed_definition_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    files = {**making.files_of(making.definitions()), "package/ValueSet-a.json": content}
    assert said in refused(making.pack(tmp_path / "p.tgz", files))


@pytest.mark.parametrize(
    "stated",
    [None, b"", b"{", b"[]", b"{}", b'{"name": "a"}', b'{"name": "../a", "version": "1"}',
     b'{"name": "a/b", "version": "1"}', b'{"name": "a", "version": "1/2"}', b'{"name": 1, "version": "1"}',
     b'{"name": "a", "version": "1", "dependencies": []}', b'{"name": "a", "version": "1", "dependencies": {"b": 1}}',
     b'{"name": "a", "version": "1", "dependencies": {"../b": "1"}}'],
)  # fmt: skip
def test_package_json_must_be_there_and_valid(tmp_path: Path, stated: bytes | None) -> None:
    files = making.files_of(making.definitions())
    del files["package/package.json"]
    files |= {} if stated is None else {"package/package.json": stated}
    assert "package.json" in refused(making.pack(tmp_path / "p.tgz", files))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    whole = making.little(tmp_path).read_bytes()
    for name, content in {
        "text": b"hello", "empty": b"", "cut": whole[:-40], "half": whole[: len(whole) // 2],
        "zip": b"PK\x03\x04" + bytes(100), "gzip": gzip.compress(b"no tar" * 200),
        "spoilt": whole[:200] + bytes([whole[200] ^ 255]) + whole[201:],
    }.items():  # fmt: skip
        (tmp_path / f"{name}.tgz").write_bytes(content)
        assert refused(tmp_path / f"{name}.tgz"), name


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "p.tgz", "wb", compresslevel=9) as file:
        member = tarfile.TarInfo("package/other/a.bin")
        member.size = 60 * 1024 * 1024
        file.write(member.tobuf())
        for _ in range(60):
            file.write(bytes(1024 * 1024))
    tracemalloc.start()
    try:
        assert "more than 10000000 bytes" in refused(tmp_path / "p.tgz", 10_000_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_one_file_alone_must_not_be_too_large(tmp_path: Path) -> None:
    content = b'{"a": "' + bytes(65 * 1024 * 1024).replace(b"\0", b"a") + b'"}'
    archive = making.pack(tmp_path / "p.tgz", {**making.files_of([]), "package/a.json": content})
    assert "64 MiB" in refused(archive, 1 << 30)


def test_a_package_of_50_mb_takes_little_memory(tmp_path: Path) -> None:
    resources: list[dict[str, Any]] = []
    for number in range(50):
        text = os.urandom(500_000).hex()
        one = {
            **making.definitions()[3],
            "id": f"v{number}",
            "url": f"{making.VALUE_SET}-{number}",
            "description": text,
        }
        resources.append(one)
    archive = making.pack(tmp_path / "p.tgz", making.files_of(resources))
    del resources
    tracemalloc.start()
    try:
        found = compiled(archive)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    assert len(found.entries) == 50


def test_a_file_that_is_not_whole_is_not_opened(tmp_path: Path) -> None:
    archive = making.little(tmp_path)
    target = tmp_path / "p.package"
    compile_archive(archive, target, MAX)
    content = target.read_bytes()
    for spoilt in (b"", content[:20], content[:-1], b"x" + content[1:]):
        (tmp_path / "q").write_bytes(spoilt)
        with pytest.raises(BadPackage):
            PackageFile(tmp_path / "q")


def test_a_package_for_another_fhir_version_says_so(tmp_path: Path) -> None:
    stated = json.dumps({"name": "a", "version": "1", "fhirVersions": ["5.0.0"]}).encode()
    archive = making.pack(tmp_path / "p.tgz", {"package/package.json": stated})
    assert not compile_archive(archive, tmp_path / "p", MAX).is_r4
