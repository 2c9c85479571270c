"""Characters that mean something to MongoDB, to regular expressions or to JSON mean themselves in a search.

Spec: http://hl7.org/fhir/R4/search.html#string, #escaping
"""

import re
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.http.refusals import fhir
from tests.server_process import ServerProcess
from tests.wire import Wire

TEXTS = [
    "plain",
    ".*",
    "a.c",
    "abc",
    "a+b",
    "aab",
    "(x)",
    "x",
    "[abc]",
    "^start",
    "start",
    "end$",
    "a|b",
    "a?b",
    "ab",
    "{1,3}",
    "\\d",
    "5",
    "\\",
    "/slash/i",
    "%41",
    "A",
    "a_b",
    "$where",
    '{"$gt":""}',
    "{$ne: null}",
    "'; return true; //",
    "${jndi:ldap://x}",
    "a,b",
    "naïve",
    "日本語",
    "\N{MUSICAL SYMBOL G CLEF} four bytes",
    "(?i)plain",
    "\\Qa.c\\E",
    "\\u0041",
    "*",
    "?",
    "#hash",
    "a&b=c",
    "a;b",
    '"quoted"',
]
"""One Patient has each as family name, one Observation each as a code with its text, one Device each as url."""
SYSTEM = "http://example.org/codes"


@pytest.fixture(scope="module")
def filled(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        for number, text in enumerate(TEXTS):
            coding = {"system": SYSTEM, "code": text.strip()}
            coded = {"coding": [coding], "text": text}
            resources: list[dict[str, object]] = [
                {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": text}]},
                {"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": coded},
                {"resourceType": "Device", "id": f"d{number}", "url": f"http://example.org/{quote(text, safe='')}"},
            ]
            for resource in resources:
                answer = wire.call("PUT", f"{resource['resourceType']}/{resource['id']}", fhir(resource))
                assert answer.status == 201, (text, answer.body)
        yield wire


def escaped(text: str) -> str:
    """Write a text as one search value: http://hl7.org/fhir/R4/search.html#escaping"""
    return re.sub(r"([\\,|$])", r"\\\1", text)


def found(wire: Wire, path: str, parameter: str, value: str) -> set[int]:
    """Return the numbers of the texts that a search finds."""
    answer = wire.get(f"{path}?{parameter}={quote(escaped(value), safe='')}&_count=1000")
    assert answer.status == 200, answer.body
    return {int(entry["resource"]["id"][1:]) for entry in answer.json.get("entry", [])}


@pytest.mark.parametrize("text", TEXTS)
def test_a_string_means_itself_under_every_modifier(filled: Wire, text: str) -> None:
    own = TEXTS.index(text)
    exact = found(filled, "Patient", "family:exact", text)
    assert exact == {own}
    assert found(filled, "Patient", "name:exact", text) == {own}
    starting = found(filled, "Patient", "family", text)
    containing = found(filled, "Patient", "family:contains", text)
    assert own in starting
    assert starting <= containing
    plain = folded(text)
    if plain:  # what has no letter and no digit may fold to nothing
        assert {TEXTS[number] for number in starting} <= {t for t in TEXTS if folded(t).startswith(plain)}
        assert {TEXTS[number] for number in containing} <= {t for t in TEXTS if plain in folded(t)}


def folded(text: str) -> str:
    """Return what is left when case and everything but letters and digits is taken away: no search may find less."""
    return "".join(character for character in text.casefold() if character.isalnum())


@pytest.mark.parametrize("text", TEXTS)
def test_a_token_means_itself(filled: Wire, text: str) -> None:
    assert found(filled, "Observation", "code", text) == {TEXTS.index(text)}
    value = quote(f"{SYSTEM}|{escaped(text)}", safe="")
    answer = filled.get(f"Observation?code={value}")
    assert [entry["resource"]["id"] for entry in answer.json["entry"]] == [f"o{TEXTS.index(text)}"]


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_of_a_token_means_itself(filled: Wire, text: str) -> None:
    matches = found(filled, "Observation", "code:text", text)
    assert TEXTS.index(text) in matches
    plain = folded(text)
    if plain:
        assert {TEXTS[number] for number in matches} <= {t for t in TEXTS if plain in folded(t)}


@pytest.mark.parametrize("text", TEXTS)
def test_a_uri_means_itself(filled: Wire, text: str) -> None:
    url = f"http://example.org/{quote(text, safe='')}"
    assert found(filled, "Device", "url", url) == {TEXTS.index(text)}
    below = {TEXTS[number] for number in found(filled, "Device", "url:below", url)}
    assert below == {other for other in TEXTS if quote(other, safe="").startswith(quote(text, safe=""))}


@pytest.mark.parametrize("modifier", ["", ":exact", ":contains"])
@pytest.mark.parametrize("pattern", ["(z+)+$", "(.*z){25}", "^(([x-z])+.)+[A-Z]([a-z])+$", "(?=(z+))z*b"])
def test_no_pattern_costs_time(filled: Wire, modifier: str, pattern: str) -> None:
    """The texts are matched as they are: a pattern that explodes is only an odd name."""
    started = time.monotonic()
    assert found(filled, "Patient", f"family{modifier}", pattern) == set()
    assert found(filled, "Patient", f"family{modifier}", "z" * 4000) == set()
    assert time.monotonic() - started < 5
