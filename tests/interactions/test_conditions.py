"""ETags, dates and criteria — http://hl7.org/fhir/R4/http.html#cread, #concurrency, #cond-update"""

import pytest

from fhirserver.interactions.conditions import criteria_of, is_not_modified, only_if_absent, version_to_match
from fhirserver.kernel.exchange import FhirRequest, Interaction, Query, Target
from fhirserver.kernel.outcome import BadRequest, PreconditionFailed
from fhirserver.kernel.version import Method, Version

WRITTEN_AT_US = 1_700_000_000_500_000  # Tue, 14 Nov 2023 22:13:20.5 GMT
VERSION = Version("Patient", "1", 3, WRITTEN_AT_US, Method.PUT, b"{}")

IF_MATCH = [('W/"3"', "3"), ('"3"', "3"), (' W/"a-b.1" ', "a-b.1"), (None, None)]


@pytest.mark.parametrize(("header", "expected"), IF_MATCH)
def test_if_match_names_a_version(header: str | None, expected: str | None) -> None:
    assert version_to_match(header) == expected


@pytest.mark.parametrize("header", ["3", "*", "", 'W/"1", W/"2"', 'W/""', 'w/"1"', 'W/"1', "W/3"])
def test_if_match_that_is_no_etag_is_refused(header: str) -> None:
    with pytest.raises(BadRequest):
        version_to_match(header)


def test_if_none_match_of_an_update_is_a_star() -> None:
    assert only_if_absent("*")
    assert not only_if_absent(None)
    with pytest.raises(BadRequest):
        only_if_absent('W/"1"')


READS = [
    pytest.param('W/"3"', None, True, id="the content is unchanged since the ETag"),
    pytest.param('"3"', None, True, id="weak comparison"),
    pytest.param('W/"1", W/"3"', None, True, id="one of several"),
    pytest.param("*", None, True, id="* is any version"),
    pytest.param('W/"2"', None, False, id="another version"),
    pytest.param("3", None, False, id="no ETag at all is none of ours"),
    pytest.param(None, "Tue, 14 Nov 2023 22:13:20 GMT", True, id="not modified since: HTTP knows whole seconds"),
    pytest.param(None, "Tue, 14 Nov 2023 22:13:19 GMT", False, id="modified since"),
    pytest.param(None, "2023-11-14T22:13:20.500Z", True, id="a Bundle's ifModifiedSince is an instant"),
    pytest.param(None, "2023-11-14T23:13:19+01:00", False, id="an instant with an offset"),
    pytest.param(None, "yesterday", False, id="an invalid date is ignored"),
    pytest.param('W/"2"', "Tue, 14 Nov 2023 22:13:20 GMT", False, id="If-None-Match takes precedence"),
    pytest.param(None, None, False, id="no condition"),
]


@pytest.mark.parametrize(("if_none_match", "if_modified_since", "expected"), READS)
def test_conditional_read(if_none_match: str | None, if_modified_since: str | None, expected: bool) -> None:
    request = FhirRequest(
        target=Target(Interaction.READ, "Patient", "1"),
        base_url="http://x/fhir",
        if_none_match=if_none_match,
        if_modified_since=if_modified_since,
    )
    assert is_not_modified(request, VERSION) is expected


def test_criteria_pass_unchanged() -> None:
    criteria = (("identifier", "http://s|1"), ("active:not", "false"))
    assert criteria_of(criteria) == criteria


@pytest.mark.parametrize("query", [(), (("_", "1"), ("_format", "json"))])
def test_no_criteria_select_nothing(query: Query) -> None:
    with pytest.raises(PreconditionFailed):
        criteria_of(query)


def test_what_search_ignores_is_no_criterion() -> None:
    assert criteria_of((("_timeout", "1"), ("identifier", "1"))) == (("identifier", "1"),)


WIDENING = [
    pytest.param((("identifier", ""),), id="an empty value"),
    pytest.param((("identifier", " , "),), id="only commas"),
    pytest.param((("_count", "1"),), id="a result parameter"),
    pytest.param((("_sort", "_id"), ("identifier", "1")), id="a result parameter beside a criterion"),
    pytest.param((("_summary", "true"), ("identifier", "1")), id="a part of the resource to answer"),
    pytest.param((("_type", "Patient"),), id="_type says nothing within a type"),
    pytest.param((("_include:iterate", "*"),), id="an include with a modifier"),
]


@pytest.mark.parametrize("criteria", WIDENING)
def test_criteria_that_would_widen_are_refused(criteria: Query) -> None:
    with pytest.raises(BadRequest):
        criteria_of(criteria)
