"""What terminology there is, and under which licence: the manifest says what is true"""

import hashlib
import tomllib
from typing import Any

import pytest

from fhirserver import assets
from fhirserver.app.knowledge import Knowledge
from fhirserver.terminology.builtin.source import Builtin

CONTENT: list[dict[str, Any]] = tomllib.loads((assets.folder("terminology") / "manifest.toml").read_text())["content"]
FETCHED = [one for one in CONTENT if one["comes"] == "set-up"]


@pytest.mark.parametrize("content", FETCHED, ids=lambda one: one["name"])
def test_a_file_that_is_fetched_has_its_hash(content: dict[str, Any]) -> None:
    data = assets.definition_file(content["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == content["hash"]


def test_every_entry_says_what_must_be_known() -> None:
    for one in CONTENT:
        assert one.keys() >= {"name", "url", "licence", "redistributable", "comes"}
        assert one["comes"] in ("set-up", "dependency", "code", "user")
        assert ("version" in one) == (one["comes"] != "user")


def test_every_code_system_that_is_built_in_is_there(knowledge: Knowledge) -> None:
    known = {one["url"] for one in CONTENT if one["comes"] != "user"}
    languages = "http://terminology.hl7.org/CodeSystem/iso639"
    assert {
        url if not url.startswith(languages) else "urn:iso:std:iso:639" for url in Builtin(knowledge.ucum).urls
    } <= known


def test_nothing_that_may_not_be_given_on_is_here() -> None:
    here = {path.name for path in assets.folder("terminology").rglob("*") if path.is_file()}
    assert here == {"README.md", "manifest.toml"}
