"""``_summary`` and ``_elements`` — http://hl7.org/fhir/R4/search.html#summary, #elements"""

import gzip
import json
from pathlib import Path

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.interactions.subset import SUBSETTED, Subset, parse_subset
from fhirserver.kernel.outcome import BadRequest
from fhirserver.repository.requests import Summary

OBSERVATION = (
    b'{"resourceType":"Observation","id":"1","meta":{"versionId":"1"},"text":{"status":"empty"},'
    b'"extension":[{"url":"http://e","valueDecimal":1.0}],"status":"final","_status":{"id":"s"},'
    b'"code":{"text":"x"},"valueQuantity":{"value":1.00E2,"unit":"kg"},"note":[{"text":"n"}],'
    b'"component":[{"code":{"text":"c"},"valueInteger":1,"interpretation":[{"text":"i"}]}]}'
)
MARK = json.dumps([SUBSETTED], separators=(",", ":")).encode()
META = b'"meta":{"versionId":"1","tag":' + MARK + b"}"


@pytest.fixture(scope="module")
def subset(definitions: Definitions) -> Subset:
    return Subset(definitions)


def observation(*members: bytes) -> bytes:
    return b'{"resourceType":"Observation","id":"1",' + b",".join((META, *members)) + b"}"


STATUS, CODE = b'"status":"final","_status":{"id":"s"}', b'"code":{"text":"x"}'
VALUE = b'"valueQuantity":{"value":1.00E2,"unit":"kg"}'
COMPONENT = b'"component":[{"code":{"text":"c"},"valueInteger":1}]'

CUTS = [
    pytest.param(Summary.TRUE, (), (STATUS, CODE, VALUE, COMPONENT), id="true: summary elements, at every depth"),
    pytest.param(Summary.TEXT, (), (b'"text":{"status":"empty"}', STATUS, CODE), id="text: text and the mandatory"),
    pytest.param(Summary.FALSE, ("value",), (STATUS, CODE, VALUE), id="elements: a choice by its name"),
    pytest.param(Summary.FALSE, ("valueQuantity",), (STATUS, CODE, VALUE), id="elements: a choice as JSON has it"),
    pytest.param(Summary.FALSE, ("value[x]",), (STATUS, CODE, VALUE), id="elements: a choice as definitions have it"),
    pytest.param(Summary.FALSE, ("Observation.note",), (STATUS, CODE, b'"note":[{"text":"n"}]'), id="elements: typed"),
    pytest.param(Summary.FALSE, ("nonsense",), (STATUS, CODE), id="elements: what is unknown is not there"),
]


@pytest.mark.parametrize(("summary", "elements", "members"), CUTS)
def test_cut(subset: Subset, summary: Summary, elements: tuple[str, ...], members: tuple[bytes, ...]) -> None:
    assert subset.apply("Observation", OBSERVATION, summary, elements) == observation(*members)


def test_data_is_all_but_the_text(subset: Subset) -> None:
    cut = subset.apply("Observation", OBSERVATION, Summary.DATA)
    assert cut == OBSERVATION.replace(b'"text":{"status":"empty"},', b"").replace(b'"meta":{"versionId":"1"}', META)


@pytest.mark.parametrize("summary", [Summary.FALSE, Summary.COUNT])
def test_nothing_is_cut(subset: Subset, summary: Summary) -> None:
    assert subset.apply("Observation", OBSERVATION, summary) == OBSERVATION


def test_the_mark_is_set_once_and_other_tags_stay(subset: Subset) -> None:
    tags = b'{"system":"http://t","code":"t"},' + MARK[1:-1]
    tagged = b'{"resourceType":"Basic","id":"1","meta":{"tag":[%b]},"code":{"text":"x"}}' % tags
    assert subset.apply("Basic", tagged, Summary.TRUE) == tagged


def test_attachments_lose_their_data(subset: Subset) -> None:
    document = (
        b'{"resourceType":"DocumentReference","id":"1","meta":{},"status":"current","content":'
        b'[{"attachment":{"contentType":"text/plain","data":"eA=="}},{"attachment":{"data":"eA=="}}]}'
    )
    cut = json.loads(subset.apply("DocumentReference", document, Summary.TRUE))
    assert cut["content"] == [{"attachment": {"contentType": "text/plain"}}]


def test_modifier_elements_always_stay(subset: Subset) -> None:
    patient = b'{"resourceType":"Patient","id":"1","meta":{},"active":false,"name":[{"family":"x"}]}'
    assert b'"active":false' in subset.apply("Patient", patient, Summary.FALSE, ("name",))


READS = [
    ((), (Summary.FALSE, ())),
    ((("_summary", "true"),), (Summary.TRUE, ())),
    ((("_elements", "a, b,"), ("_elements", "c")), (Summary.FALSE, ("a", "b", "c"))),
    ((("_summary", "false"), ("_elements", "a")), (Summary.FALSE, ("a",))),
]


@pytest.mark.parametrize(("query", "expected"), READS)
def test_parse_subset(query: tuple[tuple[str, str], ...], expected: tuple[Summary, tuple[str, ...]]) -> None:
    assert parse_subset(query) == expected


@pytest.mark.parametrize(
    "query", [(("_summary", "count"),), (("_summary", ""),), (("_summary", "text"), ("_elements", "a"))]
)
def test_what_a_read_cannot_give(query: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(BadRequest):
        parse_subset(query)


def test_summaries_of_the_official_examples_are_parts_of_them(subset: Subset, corpora: Path) -> None:
    with gzip.open(corpora / "01-r4-examples" / "r4-examples.ndjson.gz", "rt") as lines:
        for line in lines:
            resource = json.loads(line)["resource"]
            cut = subset.apply(resource["resourceType"], json.dumps({"meta": {}, **resource}).encode(), Summary.TRUE)
            assert is_part({**json.loads(cut), "meta": {}}, {**resource, "meta": {}})


def is_part(part: object, whole: object) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and is_part(value, whole[name]) for name, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return all(any(is_part(item, other) for other in whole) for item in part)
    return part == whole
