"""Bundles as byte joins — http://hl7.org/fhir/R4/bundle.html, http.html#paging, http.html#history"""

import json
from typing import Any

import pytest

from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.interactions.bundle import render_history, render_responses, render_searchset, response_entry
from fhirserver.interactions.subset import Subset
from fhirserver.interactions.transaction import processing_order
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Interaction, Target
from fhirserver.kernel.outcome import Issue, IssueType, Severity
from fhirserver.kernel.version import Method, Version
from fhirserver.repository.requests import HistoryPage, SearchPage, Summary
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.structure import StructureValidator

BASE = "http://x.example.org/fhir"
AT_US = 1_700_000_000_123_456


def version(number: int, method: Method = Method.PUT, content: str = "") -> Version:
    head = f'"resourceType":"Basic","id":"{number}","meta":{{"versionId":"1"}}'
    body = f'{{{head},"code":{{"text":"{number}"}}{content}}}'
    return Version("Basic", str(number), number, AT_US, method, None if method is Method.DELETE else body.encode())


def request(**given: tuple[tuple[str, str], ...]) -> FhirRequest:
    return FhirRequest(target=Target(Interaction.SEARCH_TYPE, "Basic"), base_url=BASE, **given)


@pytest.fixture(scope="module")
def subset(definitions: Definitions) -> Subset:
    return Subset(definitions)


@pytest.fixture(scope="module")
def validator(definitions: Definitions) -> StructureValidator:
    return StructureValidator(definitions, RequiredCodes(definitions))


def links(bundle: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


def test_a_searchset(subset: Subset, validator: StructureValidator) -> None:
    page = SearchPage(
        matches=(version(1, content=',"extension":[{"url":"http://e","valueDecimal":1.0}]'),),
        included=(version(2),),
        total=1,
        applied=(("code", "http://s|a b"), ("_count", "1")),
        issues=(Issue(IssueType.NOT_SUPPORTED, "`x` was ignored.", Severity.WARNING),),
        next_cursor="n+1",
        previous_cursor="p",
    )
    raw = render_searchset(request(parameters=(("_cursor", "here"),)), "Basic", page, subset)
    bundle = parse_json(raw)
    assert b'"valueDecimal":1.0' in raw
    assert not validator.validate(bundle, "Bundle")
    assert [(e.get("fullUrl"), e["search"]["mode"]) for e in bundle["entry"]] == [
        (f"{BASE}/Basic/1", "match"),
        (f"{BASE}/Basic/2", "include"),
        (None, "outcome"),
    ]
    own = f"{BASE}/Basic?code=http://s%7Ca%20b&_count=1"
    assert links(bundle) == {
        "self": f"{own}&_cursor=here",
        "first": own,
        "previous": f"{own}&_cursor=p",
        "next": f"{own}&_cursor=n%2B1",
    }


def test_an_empty_searchset_has_no_entry_and_says_no_unknown_total(subset: Subset) -> None:
    bundle = json.loads(render_searchset(request(), "", SearchPage(matches=()), subset))
    assert bundle == {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "self", "url": BASE}]}


def test_a_count_has_no_entries(subset: Subset) -> None:
    page = SearchPage(matches=(version(1),), total=1, summary=Summary.COUNT)
    bundle = json.loads(render_searchset(request(), "Basic", page, subset))
    assert (bundle["total"], "entry" in bundle) == (1, False)


def test_elements_do_not_cut_what_is_included(subset: Subset) -> None:
    page = SearchPage(matches=(version(1),), included=(version(2),), elements=("code",))
    match, included = json.loads(render_searchset(request(), "Basic", page, subset))["entry"]
    assert "tag" in match["resource"]["meta"]
    assert "tag" not in included["resource"]["meta"]


def test_links_repeat_the_presentation(subset: Subset) -> None:
    page = SearchPage(matches=(), next_cursor="n")
    bundle = json.loads(render_searchset(request(presentation=(("_format", "json"),)), "Basic", page, subset))
    assert links(bundle)["next"] == f"{BASE}/Basic?_cursor=n&_format=json"


def test_a_history(subset: Subset, validator: StructureValidator) -> None:
    versions = (version(3, Method.DELETE), version(2, Method.PATCH), version(1, Method.PUT), version(4, Method.POST))
    page = HistoryPage(versions=versions, total=4)
    bundle = json.loads(render_history(request(), "Basic/_history", page, subset))
    assert not validator.validate(bundle, "Bundle")
    assert [(e["request"]["method"], e["request"]["url"], e["response"]["status"]) for e in bundle["entry"]] == [
        ("DELETE", "Basic/3", "204 No Content"),
        ("PATCH", "Basic/2", "200 OK"),
        ("PUT", "Basic/1", "201 Created"),
        ("POST", "Basic", "201 Created"),
    ]
    assert ["resource" in entry for entry in bundle["entry"]] == [False, True, True, True]
    assert bundle["entry"][0]["response"]["lastModified"] == "2023-11-14T22:13:20.123456Z"


def test_responses(validator: StructureValidator) -> None:
    outcome = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid"}]}'
    resource = b'{"resourceType":"Basic","id":"1","code":{"text":"x"}}'
    rendered = render_responses(
        "batch-response",
        map(
            response_entry,
            (
                FhirResponse(status=201, etag='W/"1"', last_modified_us=AT_US, location=f"{BASE}/Basic/1/_history/1"),
                FhirResponse(status=200, content=resource),
                FhirResponse(status=422, content=outcome, is_outcome=True),
                FhirResponse(status=299),
            ),
        ),
    )
    bundle = json.loads(rendered)
    assert not validator.validate(bundle, "Bundle")
    assert [e["response"]["status"] for e in bundle["entry"]] == [
        "201 Created",
        "200 OK",
        "422 Unprocessable Content",
        "299",
    ]
    assert bundle["entry"][1]["resource"]["id"] == "1"
    assert bundle["entry"][2]["response"]["outcome"]["issue"][0]["code"] == "invalid"


def of(interaction: Interaction) -> FhirRequest:
    return FhirRequest(target=Target(interaction, "Basic"), base_url=BASE)


R, W = Interaction.READ, Interaction.CREATE


def test_transactions_are_processed_delete_create_update_patch() -> None:
    given = [Interaction.READ, Interaction.PATCH, Interaction.UPDATE, Interaction.CREATE, Interaction.DELETE]
    given += [Interaction.CREATE, Interaction.DELETE]
    assert processing_order([of(kind) for kind in given]) == [4, 6, 3, 5, 1, 2]
