"""The URL grammar — http://hl7.org/fhir/R4/http.html#summary"""

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.interactions.address import allowed_methods, locate
from fhirserver.interactions.query import parse_path
from fhirserver.kernel.exchange import Interaction as I
from fhirserver.kernel.exchange import Level, Target
from fhirserver.kernel.outcome import BadRequest, NotAllowed, NotFound

GRAMMAR = [
    ("GET", "/Patient/1", Target(I.READ, "Patient", "1")),
    ("HEAD", "/Patient/1", Target(I.READ, "Patient", "1")),
    ("GET", "/Patient/1/_history/2", Target(I.VREAD, "Patient", "1", "2")),
    ("PUT", "/Patient/1", Target(I.UPDATE, "Patient", "1")),
    ("PUT", "/Patient", Target(I.UPDATE, "Patient")),
    ("PATCH", "/Patient/1", Target(I.PATCH, "Patient", "1")),
    ("PATCH", "/Patient", Target(I.PATCH, "Patient")),
    ("DELETE", "/Patient/1", Target(I.DELETE, "Patient", "1")),
    ("DELETE", "/Patient/", Target(I.DELETE, "Patient")),
    ("POST", "/Patient", Target(I.CREATE, "Patient")),
    ("GET", "/Patient", Target(I.SEARCH_TYPE, "Patient")),
    ("POST", "/Patient/_search", Target(I.SEARCH_TYPE, "Patient")),
    ("GET", "", Target(I.SEARCH_SYSTEM)),
    ("POST", "/_search", Target(I.SEARCH_SYSTEM)),
    ("GET", "/metadata", Target(I.CAPABILITIES)),
    ("OPTIONS", "", Target(I.CAPABILITIES)),
    ("POST", "", Target(I.TRANSACTION)),
    ("GET", "/Patient/1/_history", Target(I.HISTORY_INSTANCE, "Patient", "1")),
    ("GET", "/Patient/_history", Target(I.HISTORY_TYPE, "Patient")),
    ("GET", "/_history", Target(I.HISTORY_SYSTEM)),
    ("GET", "/Patient/1/Observation", Target(I.SEARCH_TYPE, "Observation", compartment=("Patient", "1"))),
    ("POST", "/Patient/1/Observation/_search", Target(I.SEARCH_TYPE, "Observation", compartment=("Patient", "1"))),
    ("GET", "/Patient/1/*", Target(I.SEARCH_SYSTEM, compartment=("Patient", "1"))),
    ("POST", "/Patient/1/_search", Target(I.SEARCH_SYSTEM, compartment=("Patient", "1"))),
    ("POST", "/$process-message", Target(I.OPERATION, operation="process-message")),
    ("GET", "/ValueSet/$expand", Target(I.OPERATION, "ValueSet", operation="expand")),
    ("GET", "/Patient/1/$everything", Target(I.OPERATION, "Patient", "1", operation="everything")),
]


@pytest.mark.parametrize(("method", "path", "expected"), GRAMMAR, ids=lambda value: str(value)[:60])
def test_locate(method: str, path: str, expected: Target, definitions: Definitions) -> None:
    assert locate(method, parse_path(path.encode()), definitions) == expected


UNKNOWN = [
    *("/Patience", "/Resource", "/DomainResource", "/Element", "/patient", "/foo", "/*", "/Patient/*"),
    *("/metadata/x", "/_history/1", "/_search/x", "/Patient//1", "/Patient/1/x", "/Patient/1/_history/2/3"),
    *("/Observation/1/Patient", "/Patient/1/$a/b", "/Patient/1/Patience"),
]


@pytest.mark.parametrize("path", UNKNOWN)
def test_unknown_urls_are_not_found(path: str, definitions: Definitions) -> None:
    with pytest.raises((NotFound, BadRequest)) as refused:
        locate("GET", parse_path(path.encode()), definitions)
    assert refused.value.status in (400, 404)


@pytest.mark.parametrize("bad", ["a b", "a_b", "é", "x" * 65, "a/b", "{$ne:1}", "..;", "a\n"])
def test_malformed_ids_are_refused(bad: str, definitions: Definitions) -> None:
    with pytest.raises(BadRequest):
        locate("GET", ("Patient", bad), definitions)
    with pytest.raises(BadRequest):
        locate("GET", ("Patient", "1", "_history", bad), definitions)


METHODS = [
    ("POST", "/Patient/1", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
    ("DELETE", "/", "GET, HEAD, OPTIONS, POST"),
    ("POST", "/metadata", "GET, HEAD, OPTIONS"),
    ("GET", "/Patient/_search", "OPTIONS, POST"),
    ("PUT", "/Patient/1/_history/1", "GET, HEAD, OPTIONS"),
    ("TRACE", "/Patient", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
]


@pytest.mark.parametrize(("method", "path", "allowed"), METHODS)
def test_a_known_url_says_which_methods_it_has(method: str, path: str, allowed: str, definitions: Definitions) -> None:
    with pytest.raises(NotAllowed) as refused:
        locate(method, parse_path(path.encode()), definitions)
    assert refused.value.headers == {"Allow": allowed}


def test_allowed_methods_of_the_base(definitions: Definitions) -> None:
    assert allowed_methods((), definitions) == ("GET", "HEAD", "OPTIONS", "POST")


def test_levels() -> None:
    levels = [Target(I.OPERATION).level, Target(I.OPERATION, "A").level, Target(I.OPERATION, "A", "1").level]
    assert levels == [Level.SYSTEM, Level.TYPE, Level.INSTANCE]
