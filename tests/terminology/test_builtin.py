"""Code systems that are a grammar or a registry — http://hl7.org/fhir/R4/terminologies-systems.html"""

from collections.abc import Iterator
from typing import Any

import pytest

from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.checking import Checker
from fhirserver.terminology.library import Library
from fhirserver.terminology.options import Options
from tests.server_process import ServerProcess
from tests.wire import Wire

UCUM = "http://unitsofmeasure.org"
TAGS = "urn:ietf:bcp:47"
COUNTRIES = "urn:iso:std:iso:3166"
ISO_639 = "http://terminology.hl7.org/CodeSystem/iso639"

FOUND = [
    pytest.param(UCUM, "mg/dL", "mg/dL", "mg/dL", id="a unit is called by its code"),
    pytest.param(UCUM, "mg{creat}", "mg{creat}", "mg{creat}", id="a unit with an annotation"),
    pytest.param(TAGS, "fr", "fr", "French", id="a language"),
    pytest.param(TAGS, "EN-us", "en-US", "English (United States)", id="a language in a region, in another case"),
    pytest.param(TAGS, "sr-latn-rs", "sr-Latn-RS", "Serbian (Latin, Serbia)", id="a script"),
    pytest.param(TAGS, "zh-yue", "zh-yue", "Chinese (Yue Chinese)", id="an extended language"),
    pytest.param(TAGS, "sl-rozaj-biske", "sl-rozaj-biske", "Slovenian (Resian, The San Giorgio dialect of Resian)",
                 id="two variants"),
    pytest.param(TAGS, "fr-x-eifel", "fr-x-eifel", "French (x-eifel)", id="private use"),
    pytest.param(TAGS, "de-u-co-phonebk", "de-u-co-phonebk", "German (u-co-phonebk)", id="an extension"),
    pytest.param(TAGS, "i-klingon", "i-klingon", "Klingon", id="a tag of old times"),
    pytest.param(TAGS, "qab", "qab", "Private use", id="a tag of a range"),
    pytest.param(COUNTRIES, "BE", "BE", "Belgium", id="two letters"),
    pytest.param(COUNTRIES, "BEL", "BEL", "Belgium", id="three letters"),
    pytest.param(COUNTRIES, "056", "056", "Belgium", id="three digits"),
    pytest.param(COUNTRIES, "XK", "XK", "Kosovo", id="two letters left to users"),
    pytest.param("urn:iso:std:iso:4217", "EUR", "EUR", "Euro", id="a currency"),
    pytest.param(f"{ISO_639}-1", "nl", "nl", "Dutch", id="a language of ISO 639-1"),
    pytest.param(f"{ISO_639}-2", "fre", "fre", "French", id="a bibliographic code of ISO 639-2"),
    pytest.param(f"{ISO_639}-3", "vls", "vls", "Vlaams", id="a language of ISO 639-3"),
    pytest.param("https://www.iana.org/time-zones", "Europe/Brussels", "Europe/Brussels", "Europe/Brussels",
                 id="a time zone"),
    pytest.param("urn:ietf:bcp:13", "application/fhir+json", "application/fhir+json", "application/fhir+json",
                 id="a media type"),
]  # fmt: skip
NOT_FOUND = [
    pytest.param(UCUM, "kgXX", id="no unit"),
    pytest.param(TAGS, "en-USA", id="no region"),
    pytest.param(TAGS, "xyzzy", id="no language"),
    pytest.param(TAGS, "en-u", id="an extension without a part"),
    pytest.param(TAGS, "en-US-US", id="a region twice"),
    pytest.param(TAGS, "Latn", id="a script alone"),
    pytest.param(TAGS, "", id="nothing"),
    pytest.param(COUNTRIES, "XKX", id="three letters that are not of the standard"),
    pytest.param("urn:iso:std:iso:4217", "EURO", id="no currency"),
    pytest.param("urn:ietf:bcp:13", "application/", id="a media type without a subtype"),
]


@pytest.mark.parametrize(("system", "code", "right", "display"), FOUND)
def test_codes(builtin: Builtin, system: str, code: str, right: str, display: str) -> None:
    concept = builtin.code_systems(system)[0].find(code)
    assert concept is not None
    assert (concept.code, concept.display) == (right, display)


@pytest.mark.parametrize(("system", "code"), NOT_FOUND)
def test_codes_that_are_none(builtin: Builtin, system: str, code: str) -> None:
    assert builtin.code_systems(system)[0].find(code) is None


def test_every_system_is_there(builtin: Builtin) -> None:
    assert all(builtin.code_systems(url)[0].head.url == url for url in builtin.urls)
    assert builtin.code_systems("http://loinc.org") == ()


@pytest.fixture(scope="module")
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        yield wire


def _get(wire: Wire, target: str) -> Any:  # noqa: ANN401 - JSON
    answer = wire.call("GET", target)
    assert answer.status == 200, answer.json
    return answer.json


def test_a_unit_says_its_canonical_form_and_property_when_asked(wire: Wire) -> None:
    found = _get(wire, f"CodeSystem/$lookup?system={UCUM}&code=mg&property=canonical&property=property")
    properties = [one["part"] for one in found["parameter"] if one["name"] == "property"]
    assert [(part[0]["valueCode"], part[1]["valueString"]) for part in properties] == [
        ("canonical", "g"),
        ("property", "mass"),
    ]


EXPANSIONS = [
    pytest.param("all-distance-units", 68, True, id="units of a canonical form: those in common use"),
    pytest.param("currencies", 178, False, id="currencies are all there"),
    pytest.param("iso3166-1-3", 249, False, id="countries by three letters"),
    pytest.param("mimetypes", 0, True, id="media types cannot be listed"),
]


@pytest.mark.parametrize(("value_set", "count", "is_unclosed"), EXPANSIONS)
def test_expansions(wire: Wire, value_set: str, count: int, is_unclosed: bool) -> None:
    found = _get(wire, f"ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/{value_set}")["expansion"]
    assert abs(len(found.get("contains", ())) - count) <= 12
    assert ("extension" in found) == is_unclosed


GRAMS = {"system": UCUM, "filter": [{"property": "canonical", "op": "=", "value": "g"}]}
RARE = {"system": UCUM, "concept": [{"code": "ng{rare}"}, {"code": "m{rare}"}]}
OF_A_GRAMMAR = [
    pytest.param({"include": [{**GRAMS, "valueSet": ["#rare"]}]}, ["ng{rare}"],
                 id="units of a value set that a filter selects, in common use or not"),
    pytest.param({"include": [{"system": UCUM, "valueSet": ["#rare"]}]}, ["ng{rare}", "m{rare}"], id="all of them"),
    pytest.param({"include": [RARE], "exclude": [GRAMS]}, ["m{rare}"], id="without those that a filter selects"),
    pytest.param({"include": [RARE], "exclude": [{"system": UCUM}]}, [], id="without any unit"),
    pytest.param({"include": [RARE], "exclude": [{**GRAMS, "valueSet": ["#rare"]}]}, ["m{rare}"],
                 id="without those of a value set that a filter selects"),
]  # fmt: skip


@pytest.mark.parametrize(("compose", "codes"), OF_A_GRAMMAR)
def test_a_grammar_narrows_and_takes_away_what_others_list(
    wire: Wire, compose: dict[str, Any], codes: list[str]
) -> None:
    rare = {"resourceType": "ValueSet", "id": "rare", "status": "active", "compose": {"include": [RARE]}}
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": compose, "contained": [rare]}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": value_set}]}
    found = wire.send("POST", "ValueSet/$expand", parameters).json["expansion"]
    assert [one["code"] for one in found.get("contains", ())] == codes
    assert "extension" not in found, "it is closed"


def test_a_filter_of_another_property_is_refused(wire: Wire) -> None:
    include = [{"system": UCUM, "filter": [{"property": "colour", "op": "=", "value": "red"}]}]
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": {"include": include}}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": value_set}]}
    answer = wire.send("POST", "ValueSet/$expand", parameters)
    assert answer.status == 400
    assert 'The filter "colour = red"' in answer.json["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    ("unit", "code", "is_in"),
    [("mg", "kg", True), ("mg", "[lb_av]", True), ("mg", "m", False), ("mg%2FdL", "g/L", True), ("mg/dL", "g/L", True),
     ("mg/dL", "mmol/L", False), ("Cel", "[degF]", True), ("Cel", "K", True), ("1", "%", True),
     ("%25", "{cells}", True), ("mg", "no unit", False)],
)  # fmt: skip
def test_units_that_compare_with_one(builtin: Builtin, unit: str, code: str, is_in: bool) -> None:
    """A value set of each unit: those of the same canonical units — http://hl7.org/fhir/R4/ucum.html"""
    library = Library((builtin,))
    value_set = library.value_set(f"{UCUM}/vs/{unit}")
    assert value_set is not None
    assert Checker(library, value_set, Options()).has(UCUM, code) is is_in


@pytest.mark.parametrize("unit", ["", "no unit", "kgXX", "%FF"])
def test_there_is_none_of_what_is_no_unit(builtin: Builtin, unit: str) -> None:
    assert Library((builtin,)).value_set(f"{UCUM}/vs/{unit}") is None
