"""Bodies that are no FHIR JSON, or not the resource they should be — http://hl7.org/fhir/R4/json.html, http.html"""

import gzip

import pytest

from tests.http.refusals import MARK, check_refused, fhir, patient
from tests.wire import FHIR_JSON, Wire

XHTML = "http://www.w3.org/1999/xhtml"

BAD_JSON = [
    pytest.param(b"", "The body", id="nothing"),
    pytest.param(b" ", "The body", id="white space"),
    pytest.param(b"{", "The body", id="cut off"),
    pytest.param(b'{"resourceType":"Patient",' + MARK.encode(), "byte 26", id="malformed"),
    pytest.param(b'{"resourceType":"Patient"}{}', "byte 27", id="something after the end"),
    pytest.param(b'{"resourceType":"Patient",}', "byte 26", id="trailing comma"),
    pytest.param(b"{'resourceType':'Patient'}", "byte 1", id="single quotes"),
    pytest.param(b'{/**/"resourceType":"Patient"}', "byte 1", id="comment"),
    pytest.param(b'\xef\xbb\xbf{"resourceType":"Patient"}', "byte 0", id="byte order mark"),
    pytest.param('{"resourceType":"Patient"}'.encode("utf-16"), "byte 0", id="UTF-16"),
    pytest.param(b"[]", "JSON object", id="array"),
    pytest.param(b'"Patient"', "JSON object", id="string"),
    pytest.param(b"null", "JSON object", id="null"),
    pytest.param(b"1", "JSON object", id="number"),
    pytest.param(b'{"resourceType":"Patient","gender":"male","gender":"female"}', "`gender`", id="duplicate key"),
    pytest.param(b'{"resourceType":"Patient","name":[{"text":"a","text":"b"}]}', "`text`", id="duplicate key inside"),
    pytest.param(b'{"resourceType":"Patient","id":"a","\\u0069d":"b"}', "`id`", id="duplicate key, once escaped"),
    pytest.param(b'{"resourceType":"Patient","resourceType":"Group"}', "`resourceType`", id="duplicate resourceType"),
    pytest.param(b'{"resourceType":"Patient","name":[{"text":"\xff"}]}', "UTF-8", id="a byte that is not UTF-8"),
    pytest.param(b'{"resourceType":"Patient","name":[{"text":"\xc0\xaf"}]}', "UTF-8", id="overlong UTF-8"),
    pytest.param(b'{"resourceType":"Patient","name":[{"text":"\xed\xa0\x80"}]}', "UTF-8", id="surrogate as UTF-8"),
    pytest.param(b'{"resourceType":"Patient","name":[{"text":"\\ud800"}]}', "The body", id="lone high surrogate"),
    pytest.param(b'{"resourceType":"Patient","name":[{"text":"\\udc00x"}]}', "byte", id="lone low surrogate"),
    pytest.param(b'{"resourceType":"Patient","name":[{"text":"a\x00b"}]}', "byte 44", id="NUL byte"),
    pytest.param(b'{"resourceType":"Patient","name":[{"text":"a\nb"}]}', "byte 44", id="line feed, not escaped"),
    pytest.param(b'{"resourceType":"Patient","active":NaN}', "byte 35", id="NaN"),
    pytest.param(b'{"resourceType":"Patient","active":Infinity}', "byte 35", id="Infinity"),
    pytest.param(b'{"resourceType":"Patient","multipleBirthInteger":01}', "byte 50", id="leading zero"),
    pytest.param(
        b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 5000 + b"}", "The body", id="5000 digits"
    ),
    pytest.param(b'{"resourceType":"Patient","x":1e99999999999999999999}', "The body", id="exponent of 20 digits"),
    pytest.param(b"[" * 100_000, "levels", id="depth bomb of arrays"),
    pytest.param(b'{"a":' * 100_000, "levels", id="depth bomb of objects"),
    pytest.param(b'{"resourceType":"Patient","x":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "levels", id="a closed one"),
    pytest.param(b'{"resourceType":"Patient","x":' + b"[" * 101 + b"]" * 101 + b"}", "levels", id="101 levels"),
    pytest.param(b"{}", "resourceType", id="no resourceType"),
    pytest.param(b'{"resourceType":null}', "resourceType", id="resourceType null"),
    pytest.param(b'{"resourceType":["Patient"]}', "resourceType", id="resourceType in an array"),
    pytest.param(b'{"resourceType":"Group","type":"person","actual":true}', "resourceType", id="another type"),
    pytest.param(b'{"resourceType":"patient"}', "resourceType", id="resourceType in lower case"),
    pytest.param(b'{"resourceType":"' + MARK.encode() + b'"}', "resourceType", id="unknown resourceType"),
]

BAD_PATIENTS = [
    pytest.param({"nonsense": MARK}, "`nonsense`", id="unknown element"),
    pytest.param({"$where": f"sleep(1000)//{MARK}"}, "Patient", id="$-key"),
    pytest.param({"name.family": MARK}, "Patient", id="dotted key"),
    pytest.param({"name": [{"$gt": ""}]}, "Patient.name[0]", id="$-key inside"),
    pytest.param({"gender": {"$ne": MARK}}, "Patient.gender", id="operator for a value"),
    pytest.param({"_id": {"$oid": MARK}}, "Patient.id", id="MongoDB's _id"),
    pytest.param({"": MARK}, "Patient", id="empty key"),
    pytest.param({"a\0b": MARK}, "Patient", id="NUL in a key"),
    pytest.param({"__proto__": {"admin": True}}, "`__proto__`", id="__proto__"),
    pytest.param({"name": [{"text": f"{MARK}\0"}]}, "Patient.name[0].text", id="escaped NUL"),
    pytest.param({"name": [{"text": f"{MARK}\1"}]}, "Patient.name[0].text", id="escaped control character"),
    pytest.param({"name": [{"text": ""}]}, "Patient.name[0].text", id="empty string"),
    pytest.param({"name": [{"text": MARK * 100_000}]}, "Patient.name[0].text", id="string over 1 MiB"),
    pytest.param({"name": []}, "Patient.name", id="empty array"),
    pytest.param({"name": {"text": MARK}}, "Patient.name", id="object where an array is"),
    pytest.param({"maritalStatus": {}}, "Patient.maritalStatus", id="empty object"),
    pytest.param({"maritalStatus": [{"text": MARK}]}, "Patient.maritalStatus", id="array where an object is"),
    pytest.param({"gender": None}, "Patient.gender", id="null"),
    pytest.param({"gender": MARK}, "Patient.gender", id="code outside a required binding"),
    pytest.param({"birthDate": MARK}, "Patient.birthDate", id="no date"),
    pytest.param({"birthDate": "2023-02-29"}, "Patient.birthDate", id="a day that is not"),
    pytest.param({"active": "true"}, "Patient.active", id="string for a boolean"),
    pytest.param({"multipleBirthInteger": 2**31}, "Patient.multipleBirth", id="integer over 31 bits"),
    pytest.param({"multipleBirthInteger": 2**64}, "Patient.multipleBirth", id="integer over 64 bits"),
    pytest.param({"multipleBirthInteger": 1.0}, "Patient.multipleBirth", id="fraction for an integer"),
    pytest.param({"deceasedBoolean": True, "deceasedDateTime": "2020"}, "Patient", id="a choice made twice"),
    pytest.param({"id": f"{MARK}/../x"}, "Patient.id", id="id with slashes"),
    pytest.param({"id": 1}, "Patient.id", id="number for an id"),
    pytest.param({"id": {"$ne": MARK}}, "Patient.id", id="operator for an id"),
    pytest.param({"meta": MARK}, "Patient.meta", id="string for meta"),
    pytest.param({"meta": []}, "Patient.meta", id="array for meta"),
    pytest.param({"meta": {"versionId": {"$gt": ""}}}, "Patient.meta.versionId", id="operator for a version"),
    pytest.param({"meta": {"lastUpdated": MARK}}, "Patient.meta.lastUpdated", id="no instant"),
    pytest.param({"contained": [{"resourceType": MARK}]}, "Patient.contained[0]", id="unknown contained type"),
    pytest.param({"extension": [{"valueString": MARK}]}, "Patient.extension[0]", id="extension without url"),
    pytest.param(
        {"text": {"status": "generated", "div": f"<div xmlns='{XHTML}'><script>{MARK}</script></div>"}},
        "Patient.text.div",
        id="script in the narrative",
    ),
    pytest.param(
        {"text": {"status": "generated", "div": f"<!DOCTYPE x [<!ENTITY y '{MARK}'>]><div>&y;</div>"}},
        "Patient.text.div",
        id="entities in the narrative",
    ),
]

OBSERVATION = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":?}}'
NUMBERS = ["1e999", "-1e999", "1e-999", "1e400", '"1"', '{"$numberDecimal":"1"}']


@pytest.mark.parametrize(("body", "place"), BAD_JSON)
def test_what_is_no_fhir_json_is_400(wire: Wire, body: bytes, place: str) -> None:
    check_refused(wire.call("POST", "Patient", body), 400, place)
    check_refused(wire.call("PUT", "Patient/a", body), 400, place)


@pytest.mark.parametrize(("members", "place"), BAD_PATIENTS)
def test_what_breaks_the_definitions_is_422_with_the_element(
    wire: Wire, members: dict[str, object], place: str
) -> None:
    check_refused(wire.call("POST", "Patient", patient(**members)), 422, place)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_no_decimal_holds_is_422(wire: Wire, number: str) -> None:
    before, after = OBSERVATION.split(b"?")
    check_refused(wire.call("POST", "Observation", before + number.encode() + after), 422, "Observation.value.value")


IDENTITIES = [
    pytest.param("Patient/a", {}, 400, "id", id="no id in the body"),
    pytest.param("Patient/a", {"id": "b"}, 400, "id", id="another id"),
    pytest.param("Patient/a", {"id": "A"}, 400, "id", id="another case"),
    pytest.param("Patient/a", {"id": ["a"]}, 422, "Patient.id", id="an array"),
    pytest.param("Observation/a", {"id": "a"}, 400, "resourceType", id="another type"),
]


@pytest.mark.parametrize(("path", "members", "status", "place"), IDENTITIES)
def test_an_update_names_its_instance(
    wire: Wire, path: str, members: dict[str, object], status: int, place: str
) -> None:
    check_refused(wire.call("PUT", path, patient(**members)), status, place)


MEDIA_TYPES = [
    "text/plain",
    "text/html",
    "x",
    "*/*",
    "text/turtle",
    "application/fhir+turtle",
    "application/fhir+xml; charset=latin1",
    "application/fhir+xml; fhirVersion=5.0",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "application/fhir+json; fhirVersion=3.0",
    "multipart/form-data; boundary=x",
]


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
@pytest.mark.parametrize(("method", "path"), [("POST", "Patient"), ("PUT", "Patient/a"), ("POST", "")])
def test_a_media_type_that_is_not_read_is_415(wire: Wire, method: str, path: str, media_type: str) -> None:
    answer = wire.call(method, path, patient(id="a"), {**FHIR_JSON, "Content-Type": media_type})
    check_refused(answer, 415, "http.Content-Type")


PATCHES = [
    pytest.param(b"", 400, "The body", id="nothing"),
    pytest.param(b"{}", 400, "array", id="an object"),
    pytest.param(b'[{"op":"add"}]', 400, "[0]", id="no path"),
    pytest.param(b'[{"op":"%s","path":"/a"}]' % MARK.encode(), 400, "[0]", id="unknown operation"),
    pytest.param(b'[{"op":"add","path":"x","value":1}]', 400, "[0]", id="no JSON Pointer"),
    pytest.param(b'[{"op":"remove","path":"/name","path":"/id"}]', 400, "`path`", id="duplicate key"),
    pytest.param(b'[{"op":"add","path":"/active","value":true}]', 404, "no resource", id="of nothing"),
]


@pytest.mark.parametrize(("body", "status", "place"), PATCHES)
def test_a_bad_patch_is_refused(wire: Wire, body: bytes, status: int, place: str) -> None:
    headers = {**FHIR_JSON, "Content-Type": "application/json-patch+json"}
    check_refused(wire.call("PATCH", "Patient/a", body, headers), status, place)


@pytest.mark.parametrize("media_type", ["application/xml-patch+json", "application/json", "text/plain"])
def test_a_patch_of_another_kind_is_415(wire: Wire, media_type: str) -> None:
    answer = wire.call("PATCH", "Patient/a", b"[]", {**FHIR_JSON, "Content-Type": media_type})
    check_refused(answer, 415, "http.Content-Type")


COMPRESSED = [
    pytest.param("gzip", gzip.compress(b"0" * 100 * 1024 * 1024), 413, "larger", id="bomb of 100 MiB"),
    pytest.param("gzip", gzip.compress(b"[" * 10_000_000), 400, "levels", id="depth bomb inside"),
    pytest.param("gzip", patient(), 400, "gzip", id="not compressed"),
    pytest.param("gzip", gzip.compress(patient())[:-5], 400, "gzip", id="cut off"),
    pytest.param("gzip", gzip.compress(patient()) + b"more", 400, "gzip", id="something after the end"),
    pytest.param("br", patient(), 415, "http.Content-Encoding", id="brotli"),
    pytest.param("gzip, gzip", patient(), 415, "http.Content-Encoding", id="twice"),
]


@pytest.mark.parametrize(("encoding", "body", "status", "place"), COMPRESSED)
def test_a_bad_compressed_body_is_refused(wire: Wire, encoding: str, body: bytes, status: int, place: str) -> None:
    answer = wire.call("POST", "Patient", body, {**FHIR_JSON, "Content-Encoding": encoding})
    check_refused(answer, status, place)


def test_a_body_over_the_limit_is_413_even_to_who_sends_it_all_first(wire: Wire) -> None:
    body = patient(name=[{"text": "x" * 65 * 1024 * 1024}])
    check_refused(wire.call("POST", "Patient", body), 413, "larger")
    assert wire.get("metadata").status == 200, "the connection still serves"


def test_a_form_over_its_limit_is_413(wire: Wire) -> None:
    headers = {**FHIR_JSON, "Content-Type": "application/x-www-form-urlencoded"}
    check_refused(wire.call("POST", "Patient/_search", b"name=" + b"x" * 1024 * 1024, headers), 413, "larger")


def test_more_index_values_than_a_document_holds_is_413(wire: Wire) -> None:
    """Not 500, and no harm to the resources that are stored at the same time."""
    identifiers = [{"system": f"http://example.org/{number:06}", "value": "x" * 25} for number in range(110_000)]
    check_refused(wire.call("POST", "Patient", patient(identifier=identifiers)), 413, "values to search by")


def test_many_issues_are_not_all_told(wire: Wire) -> None:
    answer = wire.call("POST", "Patient", patient(name=[{"nonsense": MARK}] * 50_000))
    assert answer.status == 422
    assert len(answer.json["issue"]) <= 1001
    assert MARK.encode() not in answer.body


def test_refusals_leave_the_connection_usable(wire: Wire) -> None:
    for body in (b"{", patient(gender="x"), fhir([1])):
        assert 400 <= wire.call("POST", "Patient", body).status < 500
    assert wire.get("metadata").status == 200
