"""Value sets that their urls say — http://hl7.org/fhir/R4/snomedct.html, http://hl7.org/fhir/R4/loinc.html,
http://hl7.org/fhir/R4/codesystem-definitions.html#CodeSystem.valueSet"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fhirserver.kernel.canonical import Canonical, parse_canonical
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.implicit import Implicit
from fhirserver.terminology.index.opening import open_index
from fhirserver.terminology.library import Given, Library
from fhirserver.terminology.loaders import loader_of
from fhirserver.terminology.loaders.framework import Wanted
from fhirserver.terminology.loaders.tree import Tree
from fhirserver.terminology.selected import codes_of
from fhirserver.terminology.sources import Undecidable
from fhirserver.terminology.value_sets import ValueSet
from tests.server_process import ServerProcess, serving
from tests.terminology.ecl import release_files
from tests.terminology.ecl.small_ontology import RELEASE, SNOMED, VERSION, SmallOntology
from tests.terminology.test_installed import Operator, until
from tests.terminology.test_loaders import LOINC_FILES, Silent, write
from tests.wire import FHIR_JSON, Answer, Wire

EDITION, NEXT = VERSION.partition("/version/")[0], "http://snomed.info/sct/11000172109/version/20270515"
ANIMALS = {
    "resourceType": "CodeSystem",
    "url": "http://acme.org/animals",
    "version": "2",
    "valueSet": "http://acme.org/every-animal",
    "content": "complete",
    "concept": [{"code": "dog"}, {"code": "cat"}],
}


class Loaded:
    """Code systems that were loaded."""

    def __init__(self, *systems: CodeSystem) -> None:
        self._systems = systems

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        return [one for one in self._systems if one.head.url == url]

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        return ()

    def supplements(self, url: str) -> Sequence[Resource]:
        return ()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """SNOMED CT in two versions, LOINC and animals."""
    folder = tmp_path_factory.mktemp("loinc")
    tree = Tree([write(folder / "release", **LOINC_FILES)])
    loader_of(tree).load(tree, Wanted(None, None), folder / "index", Silent())
    loaded = Loaded(SmallOntology(), SmallOntology(NEXT), open_index(folder / "index"))
    return Library((Given([ANIMALS]), loaded, Implicit()))


ALL = " ".join(RELEASE.codes)
VALVES = "valve_disease tetralogy"
OF_SNOMED = [
    pytest.param(f"{SNOMED}?fhir_vs", ALL, id="all concepts"),
    pytest.param(f"{VERSION}?fhir_vs", ALL, id="all concepts of a version"),
    pytest.param(f"{EDITION}?fhir_vs=isa/$valve_disease", VALVES, id="is-a in the last version of an edition"),
    pytest.param(f"{SNOMED}?fhir_vs=isa/$valve_disease", VALVES, id="is-a"),
    pytest.param(f"{SNOMED}?fhir_vs=refset/$emergency_list", "infarct asthma", id="members of a reference set"),
    pytest.param(f"{SNOMED}?fhir_vs=refset/$asthma", "", id="members of what is no reference set"),
    pytest.param(
        f"{SNOMED}?fhir_vs=refset",
        "problem_list emergency_list same_as replaced_by possibly_equivalent map_refset en_gb en_us fr_be nl_be",
        id="reference sets",
    ),
    pytest.param(f"{SNOMED}?fhir_vs=ecl/<< $valve_disease", VALVES, id="expression constraint"),
    pytest.param(f"{SNOMED}?fhir_vs=ecl/%3C%3C%20$valve_disease%20%7CValve%7C", VALVES, id="percent-encoded"),
    pytest.param(f"{VERSION}?fhir_vs=ecl/<< $valve_disease |Valve|", VALVES, id="with bars and a version"),
    pytest.param(f"{SNOMED}?fhir_vs=ecl/$asthma {{{{ + HISTORY-MIN }}}}", "asthma old_asthma", id="plus is plus"),
    pytest.param(f"{SNOMED}?fhir_vs=ecl/* : $strength >= #250", "tablet_one tablet_three", id="with hashes"),
    pytest.param(f'{SNOMED}?fhir_vs=ecl/* {{{{ term = "a?b=c&d" }}}}', "", id="with marks of urls"),
]


@pytest.mark.parametrize(("url", "expected"), OF_SNOMED)
def test_of_snomed(library: Library, url: str, expected: str) -> None:
    codes = codes_of(library, RELEASE.text(url))

    assert {(system, RELEASE.names[code]) for system, code in codes} == {(SNOMED, one) for one in expected.split()}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("http://loinc.org/vs", {"1-8", "2-6", "3-4"}, id="all terms of LOINC"),
        pytest.param("http://loinc.org/vs/LL1-1", {"LA1-1", "LA2-2"}, id="answers of a list"),
        pytest.param("http://loinc.org/vs/LP1-1", {"1-8", "2-6"}, id="terms that have a part"),
        pytest.param("http://loinc.org/vs/LP2-2", {"1-8"}, id="terms that have a narrower part"),
        pytest.param("http://loinc.org/vs/LG1-1", {"1-8", "3-4"}, id="terms of a group"),
        pytest.param("http://loinc.org/vs/LG100-4", {"1-8", "2-6", "3-4"}, id="terms of the groups of a group"),
        pytest.param("http://acme.org/every-animal", {"dog", "cat"}, id="CodeSystem.valueSet"),
        pytest.param("http://acme.org/animals/vs", {"dog", "cat"}, id="[system]/vs"),
    ],
)
def test_of_other_code_systems(library: Library, url: str, expected: set[str]) -> None:
    assert {code for _, code in codes_of(library, url)} == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"{SNOMED}?fhir_vs=isa/none", "is not installed"),
        (f"{SNOMED}?fhir_vs=isa/123456/7", "is not installed"),
        (f"{SNOMED}?fhir_vs=other/123456", "is not installed"),
        (f"{SNOMED}?fhir_vss", "is not installed"),
        (f"{SNOMED}/123?fhir_vs", "is not installed"),
        ("http://snomed.info/sct/999999999?fhir_vs", "could not be found"),
        (f"{SNOMED}?fhir_vs=ecl/<< ", "position 4: expected a concept"),
        (f"{SNOMED}?fhir_vs=ecl/", "has no value"),
        ("http://loinc.org/vs/LX1-1", "is not installed"),
        ("http://acme.org/plants/vs", "is not installed"),
        ("/vs", "is not installed"),
    ],
)
def test_of_nothing(library: Library, url: str, said: str) -> None:
    with pytest.raises(Undecidable, match=said):
        codes_of(library, url)


def test_the_last_version_is_meant_unless_one_is_named(library: Library) -> None:
    meant = [library.value_set(f"{url}?fhir_vs") for url in (SNOMED, VERSION, EDITION)]

    assert [None if one is None else one.includes[0].version for one in meant] == [None, VERSION, EDITION]


def test_a_constraint_in_a_canonical_is_all_of_it() -> None:
    text = f"{SNOMED}?fhir_vs=ecl/<< 100009 |Asthma| : 100097 = #5"

    assert parse_canonical(text) == Canonical(text)


@pytest.fixture(scope="module")
def wire(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A server with the small release and three conditions."""
    folder: Path = tmp_path_factory.mktemp("implicit")
    with serving(ServerProcess(folder / "server", mongodb_uri)) as server, Wire(server.port) as wire:
        Operator(server).run("load", release_files.write(folder / "rf2"), "--version", VERSION)
        for name in ("asthma", "infarct", "cough"):
            coding = {"system": SNOMED, "code": RELEASE.codes[name]}
            condition = {"resourceType": "Condition", "id": name, "code": {"coding": [coding]}}
            body = json.dumps({**condition, "subject": {"reference": "Patient/1"}}).encode()
            assert wire.call("PUT", f"Condition/{name}", body, FHIR_JSON).status == 201
        assert wire.call("POST", "CodeSystem", json.dumps({**ANIMALS, "status": "active"}).encode()).status == 201
        until(lambda: _get(wire, "CodeSystem/$lookup", system=SNOMED, code="100009").status == 200)
        yield wire


def _get(wire: Wire, path: str, **parameters: str) -> Answer:
    return wire.call("GET", f"{path}?" + "&".join(f"{key}={quote(value)}" for key, value in parameters.items()))


def _names(answer: Answer) -> set[str]:
    assert answer.status == 200, answer.body
    pending, found = [answer.json["expansion"]], set[str]()
    while pending:
        inside = pending.pop().get("contains", ())
        found.update(RELEASE.names[one["code"]] for one in inside)
        pending.extend(inside)
    return found


def test_expand_a_constraint(wire: Wire) -> None:
    url = RELEASE.text(f"{SNOMED}?fhir_vs=ecl/<< $heart_disease |Heart disease| : $site = << $valve")
    found = _get(wire, "ValueSet/$expand", url=url)

    assert _names(found) == {"valve_disease", "tetralogy"}
    assert found.json["url"] == url


def test_expand_a_constraint_by_what_is_typed(wire: Wire) -> None:
    url = RELEASE.text(f"{SNOMED}?fhir_vs=ecl/<< $disease")

    assert _names(_get(wire, "ValueSet/$expand", url=url, filter="heart att")) == {"infarct"}


def test_expand_a_value_set_that_has_a_constraint(wire: Wire) -> None:
    filters = [{"property": "constraint", "op": "=", "value": RELEASE.text("<< $disease : $morph = *")}]
    include = {
        "system": SNOMED,
        "filter": [*filters, {"property": "concept", "op": "in", "value": RELEASE.codes["problem_list"]}],
    }
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [include]}}
    body = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": value_set}]}
    found = wire.call("POST", "ValueSet/$expand", json.dumps(body).encode(), FHIR_JSON)

    assert _names(found) == {"pneumonia", "asthma"}


def test_expand_all_of_a_code_system_of_the_record(wire: Wire) -> None:
    found = _get(wire, "ValueSet/$expand", url="http://acme.org/animals/vs")

    assert [one["code"] for one in found.json["expansion"]["contains"]] == ["dog", "cat"]


def test_expand_what_a_code_system_of_the_record_names_as_all_its_codes(wire: Wire) -> None:
    for url in ("http://acme.org/every-animal", "http://acme.org/every-animal|2"):
        found = _get(wire, "ValueSet/$expand", url=url)
        assert found.status == (200 if "|" not in url else 422), found.body
    found = _get(wire, "ValueSet/$expand", url="http://acme.org/every-animal")
    assert [one["code"] for one in found.json["expansion"]["contains"]] == ["dog", "cat"]


def test_it_counts_from_the_next_question_on(wire: Wire) -> None:
    url, system = "http://acme.org/every-plant", "http://acme.org/plants"
    assert _get(wire, "ValueSet/$expand", url=url).status == 422
    plants = {**ANIMALS, "id": "plants", "url": system, "valueSet": url, "status": "active"}
    assert wire.call("PUT", "CodeSystem/plants", json.dumps(plants).encode(), FHIR_JSON).status == 201
    valid = _get(wire, "ValueSet/$validate-code", url=url, system=system, code="dog")
    assert next(one for one in valid.json["parameter"] if one["name"] == "result")["valueBoolean"] is True
    assert wire.call("GET", f"Observation?code:in={url}").status == 200
    other = {**plants, "valueSet": f"{url}-more"}
    assert wire.call("PUT", "CodeSystem/plants", json.dumps(other).encode(), FHIR_JSON).status == 200
    assert _get(wire, "ValueSet/$expand", url=url).status == 422
    assert _get(wire, "ValueSet/$expand", url=f"{url}-more").status == 200


@pytest.mark.parametrize(("name", "result"), [("tetralogy", True), ("asthma", False)])
def test_validate_code(wire: Wire, name: str, result: bool) -> None:
    url = RELEASE.text(f"{SNOMED}?fhir_vs=ecl/<< $disease |Any| : $site = << $heart")
    found = _get(wire, "ValueSet/$validate-code", url=url, system=SNOMED, code=RELEASE.codes[name])

    told: dict[str, Any] = {one["name"]: one for one in found.json["parameter"]}
    assert told["result"]["valueBoolean"] is result


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("fhir_vs=isa/$disease", {"asthma", "infarct"}),
        ("fhir_vs=refset/$emergency_list", {"asthma", "infarct"}),
        ("fhir_vs=ecl/<< $finding MINUS << $disease |a term|", {"cough"}),
        ("fhir_vs=ecl/* : $site = $lung", {"asthma"}),
        ("fhir_vs=ecl/* : $site = $lung \\, $morph = $edema", {"asthma"}),
    ],
)
def test_search_in_a_value_set(wire: Wire, what: str, expected: set[str]) -> None:
    found = wire.call("GET", "Condition?code:in=" + quote(RELEASE.text(f"{SNOMED}?{what}")))

    assert found.status == 200, found.body
    assert {one["resource"]["id"] for one in found.json.get("entry", ())} == expected


def test_a_constraint_that_cannot_be_read_is_a_bad_request(wire: Wire) -> None:
    for path in (
        "ValueSet/$expand?url=",
        "ValueSet/$validate-code?system=http://a.b&code=c&url=",
        "Condition?code:in=",
    ):
        found = wire.call("GET", path + quote(f"{SNOMED}?fhir_vs=ecl/<< << 100009"))

        assert found.status == 400, path
        assert "position 4: expected a concept" in json.dumps(found.json)
