"""URLs, parameters and headers that are not what the server reads — http://hl7.org/fhir/R4/http.html, search.html"""

from urllib.parse import quote

import pytest

from tests.http.refusals import MARK, check_refused, patient
from tests.wire import FHIR_JSON, Wire

FORM = {**FHIR_JSON, "Content-Type": "application/x-www-form-urlencoded"}

BAD_IDS = [
    pytest.param("a_b", id="underscore"),
    pytest.param("a b", id="space"),
    pytest.param("a" * 65, id="65 characters"),
    pytest.param("a" * 8000, id="8000 characters"),
    pytest.param(".", id="this folder"),
    pytest.param("..", id="the folder above"),
    pytest.param("../../etc/passwd", id="path traversal"),
    pytest.param("é", id="not ASCII"),
    pytest.param("a;b", id="path parameter"),
    pytest.param("' or '1'='1", id="SQL"),
    pytest.param('{"$gt":""}', id="operator"),
    pytest.param("[$ne]", id="bracketed operator"),
    pytest.param(f"<script>{MARK}</script>", id="markup"),
]

BAD_PATHS = [
    pytest.param("Foo", 404, "`Foo`", id="unknown type"),
    pytest.param("Foo/1", 404, "`Foo`", id="instance of an unknown type"),
    pytest.param("patient/1", 404, "no such URL", id="type in lower case"),
    pytest.param("Resource", 404, "`Resource`", id="abstract type"),
    pytest.param("HumanName/1", 404, "`HumanName`", id="data type"),
    pytest.param("Patient/1/2/3", 404, "no such URL", id="too many segments"),
    pytest.param("Patient/1/Foo", 404, "`Foo`", id="unknown type in a compartment"),
    pytest.param("Group/1/Observation", 404, "`Group`", id="a type without compartment"),
    pytest.param("_nonsense", 404, "no such URL", id="unknown word"),
    pytest.param("metadata/x", 404, "no such URL", id="below metadata"),
    pytest.param("_history/1", 404, "no such URL", id="below the system's history"),
    pytest.param("Patient/1/_history/1/2", 404, "no such URL", id="below a version"),
    pytest.param("Patient//1", 400, "http.id", id="empty segment"),
    pytest.param("//", 404, "no such URL", id="only empty segments"),
    pytest.param("..", 404, "no such URL", id="above the base"),
    pytest.param("../../etc/passwd", 404, "no such URL", id="path traversal"),
    pytest.param("%2e%2e/%2e%2e/etc/passwd", 404, "no such URL", id="path traversal, escaped"),
    pytest.param("Patient/../Observation", 400, "http.id", id="path traversal inside"),
    pytest.param("Patient/..%2f..%2fetc%2fpasswd", 400, "http.id", id="escaped slashes"),
    pytest.param("Patient/1/_history/x_y", 400, "http.id", id="malformed version"),
    pytest.param("Patient/1/_history/-1", 404, "no such version", id="negative version"),
    pytest.param("Patient/1/_history/" + "9" * 60, 404, "no such version", id="huge version"),
    pytest.param("Patient/%", 400, "%", id="percent alone"),
    pytest.param("Patient/%zz", 400, "%", id="percent without digits"),
    pytest.param("Patient/%ff", 400, "UTF-8", id="not UTF-8"),
    pytest.param("Patient/%c0%ae%c0%ae", 400, "UTF-8", id="overlong dots"),
    pytest.param("Patient/%ed%a0%80", 400, "UTF-8", id="surrogate"),
    pytest.param("Patient/a%00b", 400, "NUL", id="escaped NUL"),
    pytest.param("Patient/$nonsense", 404, "`$nonsense`", id="unknown operation on a type"),
    pytest.param("Patient/1/$nonsense", 404, "`$nonsense`", id="unknown operation on an instance"),
    pytest.param("$nonsense", 404, "`$nonsense`", id="unknown operation"),
    pytest.param("Patient?" + "x" * 40_000, 413, "URL", id="URL of 40,000 characters"),
]

BAD_PARAMETERS = [
    pytest.param("Patient", "name[$ne]=x", "parameter name", id="operator in brackets"),
    pytest.param("Patient", "name[$regex]=.*", "parameter name", id="regex operator in brackets"),
    pytest.param("Patient", "_id[$ne]=x", "parameter name", id="operator on _id"),
    pytest.param("Patient", "$where=1", "parameter name", id="$where"),
    pytest.param("Patient", "birthdate={MARK}", "http.birthdate", id="no date"),
    pytest.param("Patient", 'birthdate={"$gt":""}', "http.birthdate", id="JSON for a date"),
    pytest.param("Patient", "birthdate=2023-02-29", "http.birthdate", id="a day that is not"),
    pytest.param("Patient", "birthdate=zz2020", "http.birthdate", id="unknown prefix"),
    pytest.param("Patient", "birthdate=gt", "http.birthdate", id="prefix alone"),
    pytest.param("Patient", "nonsense={MARK}", "http.nonsense", id="unknown parameter"),
    pytest.param("Patient", "Name=x", "http.Name", id="parameter in another case"),
    pytest.param("Patient", "__proto__=x", "http.__proto__", id="__proto__"),
    pytest.param("Patient", "_filter=birthdate eq {MARK}", "http._filter", id="_filter"),
    pytest.param("Patient", "_query={MARK}", "http._query", id="_query"),
    pytest.param("Patient", "name:nonsense={MARK}", "http.name:nonsense", id="unknown modifier"),
    pytest.param("Patient", "birthdate:exact=2020", "http.birthdate:exact", id="modifier of another type"),
    pytest.param("Patient", "gender:missing={MARK}", "http.gender:missing", id=":missing is a boolean"),
    pytest.param("Patient", "organization:Foo=1", "http.organization:Foo", id="unknown type as a modifier"),
    pytest.param("Patient", "general-practitioner.nonsense=x", "http.general-practitioner.nonsense", id="bad chain"),
    pytest.param("Patient", "a.b.c.d.e.f.g.h.i=x", "http.a.b.c.d.e.f.g.h.i", id="chain deeper than the limit"),
    pytest.param("Patient", "_has:Observation=x", "http._has:Observation", id="_has without a parameter"),
    pytest.param("Patient", "_has:Foo:patient:code=x", "http._has:Foo:patient:code", id="_has of an unknown type"),
    pytest.param("Patient", "_has:Observation:x:code=y", "http._has:Observation:x:code", id="_has of no reference"),
    pytest.param("Patient", "_count=-1", "http._count", id="negative _count"),
    pytest.param("Patient", "_count={MARK}", "http._count", id="_count that is no number"),
    pytest.param("Patient", "_count=1.5", "http._count", id="_count with a fraction"),
    pytest.param("Patient", "_count=99999999999999999999", "http._count", id="_count of 20 digits"),
    pytest.param("Patient", "_count=٣", "http._count", id="_count in other digits"),
    pytest.param("Patient", "_sort=nonsense", "http._sort", id="unknown sort key"),
    pytest.param("Patient", "_sort=" + ",".join(["birthdate"] * 200), "http._sort", id="200 sort keys"),
    pytest.param("Patient", "_summary={MARK}", "http._summary", id="unknown _summary"),
    pytest.param("Patient", "_total={MARK}", "http._total", id="unknown _total"),
    pytest.param("Patient", "_include={MARK}", "http._include", id="malformed _include"),
    pytest.param("Patient", "_revinclude={MARK}", "http._revinclude", id="malformed _revinclude"),
    pytest.param("Patient", "_include:nonsense=Patient:link", "http._include:nonsense", id="unknown include modifier"),
    pytest.param("Patient", "_cursor={MARK}", "http._cursor", id="made-up cursor"),
    pytest.param("Patient", "_cursor=AAAA", "http._cursor", id="short cursor"),
    pytest.param("Patient", "_cursor=" + "A" * 500, "http._cursor", id="long cursor"),
    pytest.param("Patient", "_type=Patient", "http._type", id="_type of one type"),
    pytest.param("", "_type=Foo", "_type", id="_type of none"),
    pytest.param("Patient", "name=%", "http.name", id="percent alone"),
    pytest.param("Patient", "name=%zz", "http.name", id="percent without digits"),
    pytest.param("Patient", "name=%ff", "http.name", id="not UTF-8"),
    pytest.param("Patient", "name=%ed%a0%80", "http.name", id="surrogate"),
    pytest.param("Patient", "name=a%00b", "http.name", id="NUL"),
    pytest.param("Patient", "na%00me=a", "NUL", id="NUL in the name"),
    pytest.param("Patient", "=x", "no name", id="no name"),
    pytest.param("Patient", r"name=a\b", "http.name", id="a backslash that escapes nothing"),
    pytest.param("Patient", "identifier=|", "http.identifier", id="token of a bar alone"),
    pytest.param("Patient", "active=x|y|z", "http.active", id="token with too many parts"),
    pytest.param("Patient", "_lastUpdated={MARK}", "http._lastUpdated", id="no instant"),
    pytest.param("Patient", "_id=" + ",".join(f"a{n}" for n in range(2500)), "http._id", id="list over the limit"),
    pytest.param("RiskAssessment", "probability=1e999", "http.probability", id="number no decimal holds"),
    pytest.param("RiskAssessment", "probability=NaN", "http.probability", id="NaN"),
    pytest.param("RiskAssessment", "probability=Infinity", "http.probability", id="Infinity"),
    pytest.param("RiskAssessment", "probability=0x10", "http.probability", id="hexadecimal"),
    pytest.param("RiskAssessment", "probability=" + "9" * 5000, "http.probability", id="5000 digits"),
    pytest.param("Observation", "value-quantity=5|a|b|{MARK}", "http.value-quantity", id="quantity of four parts"),
    pytest.param("Observation", "value-quantity=gt1e99999999999", "http.value-quantity", id="huge exponent"),
    pytest.param("Observation", "code-value-quantity={MARK}", "http.code-value-quantity", id="half a composite"),
    pytest.param("Observation", "code-value-quantity=a$1$2", "http.code-value-quantity", id="composite of three"),
    pytest.param("Observation", "subject:Patient=Group/1", "http.subject:Patient", id="type against the modifier"),
    pytest.param("_history", "_since={MARK}", "http._since", id="history: no instant"),
    pytest.param("_history", "_count=-1", "http._count", id="history: negative _count"),
    pytest.param("_history", "_type=Foo", "http._type", id="history: unknown type"),
    pytest.param("_history", "_cursor={MARK}", "http._cursor", id="history: made-up cursor"),
    pytest.param("Patient/_history", "nonsense=1", "http.nonsense", id="history: unknown parameter"),
    pytest.param("Patient/_history", "_sort={MARK}", "http._sort", id="history: unknown order"),
]

CONDITIONS = [
    pytest.param("", 412, "no", id="no criteria"),
    pytest.param("name=", 400, "name", id="no value"),
    pytest.param("nonsense={MARK}", 400, "http.nonsense", id="unknown parameter"),
    pytest.param("name[$ne]=x", 400, "parameter name", id="operator in brackets"),
    pytest.param("_count=1", 400, "`_count`", id="a result parameter"),
    pytest.param("_sort=name", 400, "`_sort`", id="another result parameter"),
    pytest.param("birthdate={MARK}", 400, "http.birthdate", id="no date"),
]

NAMED_BY_METHOD = {"PUT": patient(), "PATCH": b'[{"op":"add","path":"/active","value":true}]', "DELETE": None}


def written(query: str) -> str:
    """Write a query as it goes into a URL: what is escaped stays, the rest is."""
    return quote(query.replace("{MARK}", MARK), safe="=&%,:$\\+")


@pytest.mark.parametrize("logical_id", BAD_IDS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_is_no_id_is_400(wire: Wire, method: str, logical_id: str) -> None:
    body = patient(id=logical_id) if method == "PUT" else None
    check_refused(wire.call(method, f"Patient/{quote(logical_id, safe='')}", body), 400, "http.id")


@pytest.mark.parametrize(("path", "status", "place"), BAD_PATHS)
def test_a_url_that_addresses_nothing(wire: Wire, path: str, status: int, place: str) -> None:
    check_refused(wire.get(path), status, place)


@pytest.mark.parametrize(("path", "query", "place"), BAD_PARAMETERS)
def test_a_bad_parameter_is_400_and_named(wire: Wire, path: str, query: str, place: str) -> None:
    check_refused(wire.get(f"{path}?{written(query)}"), 400, place)
    if not path.endswith("_history"):
        search = f"{path}/_search" if path else "_search"
        check_refused(wire.call("POST", search, written(query).encode(), FORM), 400, place)


def test_more_parameters_than_the_limit_are_413(wire: Wire) -> None:
    check_refused(wire.get("Patient?" + "&".join(["_id=a"] * 1001)), 413, "parameters")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "LOCK", "SEARCH"])
@pytest.mark.parametrize("path", ["", "Patient", "Patient/1", "metadata", "_history", "Patient/_search", "Patient/$x"])
def test_an_unknown_method_is_405_with_what_is_allowed(wire: Wire, method: str, path: str) -> None:
    answer = wire.call(method, path)
    check_refused(answer, 405, f"`{method}`")
    assert "OPTIONS" in answer.headers["Allow"]
    assert method not in answer.headers["Allow"]


WRONG_METHODS = ["PUT metadata", "POST Patient/1", "DELETE _history", "GET Patient/_search", "PATCH ", "PUT Patient/$x"]


@pytest.mark.parametrize("request_line", WRONG_METHODS)
def test_a_known_method_elsewhere_is_405(wire: Wire, request_line: str) -> None:
    method, _, path = request_line.partition(" ")
    check_refused(wire.call(method, path, b"" if method != "GET" else None), 405, f"`{method}`")


def test_head_answers_as_get_without_the_body(wire: Wire) -> None:
    for path in ("Patient/1", "Foo", "Patient?birthdate=x", "metadata", "Patient"):
        get, head = wire.get(path), wire.call("HEAD", path)
        assert (head.status, head.body) == (get.status, b"")
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_options_tells_the_methods_and_answers_404_where_nothing_is(wire: Wire) -> None:
    assert wire.call("OPTIONS", "Patient/1").headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
    check_refused(wire.call("OPTIONS", "Foo/1"), 404, "`Foo`")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(("criteria", "status", "place"), CONDITIONS)
def test_criteria_never_widen(wire: Wire, method: str, criteria: str, status: int, place: str) -> None:
    patch = {"Content-Type": "application/json-patch+json"} if method == "PATCH" else {}
    path = f"Patient?{written(criteria)}" if criteria else "Patient"
    check_refused(wire.call(method, path, NAMED_BY_METHOD[method], {**FHIR_JSON, **patch}), status, place)


@pytest.mark.parametrize(("criteria", "status", "place"), CONDITIONS)
def test_the_criteria_of_a_conditional_create_never_widen(wire: Wire, criteria: str, status: int, place: str) -> None:
    headers = {**FHIR_JSON, "If-None-Exist": written(criteria)}
    check_refused(wire.call("POST", "Patient", patient(), headers), status, place)


BAD_HEADERS = [
    pytest.param({"If-Match": MARK}, 400, "http.If-Match", id="If-Match without quotes"),
    pytest.param({"If-Match": "*"}, 400, "http.If-Match", id="If-Match: *"),
    pytest.param({"If-Match": 'W/"1", W/"2"'}, 400, "http.If-Match", id="If-Match with two tags"),
    pytest.param({"If-Match": f'W/"{MARK}"'}, 412, "http.If-Match", id="If-Match with another version"),
    pytest.param({"If-Match": 'W/"{\\"$gt\\":0}"'}, 400, "http.If-Match", id="If-Match with an operator"),
    pytest.param({"If-None-Match": MARK}, 400, "http.If-None-Match", id="If-None-Match other than *"),
    pytest.param({"Accept": "text/turtle"}, 406, "http.Accept", id="Accept Turtle of a write"),
    pytest.param({"Accept": "application/fhir+json; fhirVersion=5.0"}, 406, "http.Accept", id="Accept R5"),
    pytest.param({"Accept": f"text/html, {MARK}/x"}, 406, "http.Accept", id="Accept HTML"),
]


@pytest.mark.parametrize(("headers", "status", "place"), BAD_HEADERS)
def test_a_bad_header_is_refused_and_named(wire: Wire, headers: dict[str, str], status: int, place: str) -> None:
    check_refused(wire.call("PUT", "Patient/new", patient(id="new"), {**FHIR_JSON, **headers}), status, place)


@pytest.mark.parametrize("wanted", ["rdf", "text/html", MARK, "application/fhir+json;fhirVersion=3.0"])
def test_a_format_that_is_not_written_is_406(wire: Wire, wanted: str) -> None:
    check_refused(wire.get(f"Patient?_format={quote(wanted)}"), 406, "http._format")


def test_a_search_takes_a_form_only(wire: Wire) -> None:
    check_refused(wire.call("POST", "Patient/_search", b'{"name":{"$ne":1}}'), 415, "http.Content-Type")
