"""Token parameters: systems, data types, modifiers — http://hl7.org/fhir/R4/search.html#token"""

import pytest

from fhirserver.kernel.outcome import BadRequest, BadSearchValue
from fhirserver.kernel.resource import Json, Resource
from tests.door import Door, Selects

LOINC, LOCAL = "http://loinc.org", "http://acme.org/codes"
ROLES = "http://terminology.hl7.org/CodeSystem/v2-0203"
GENDER = "http://hl7.org/fhir/administrative-gender"


def observation(name: str, concept: Json = None, **more: Json) -> Resource:
    value = {"valueCodeableConcept": concept} if concept else {}
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, **value, **more}


def coded(*codings: Json, text: str | None = None) -> Json:
    concept = {"coding": list(codings)} if codings else {}
    return {**concept, **({"text": text} if text else {})}


def coding(code: str | None = None, system: str | None = None, display: str | None = None) -> Json:
    return {k: v for k, v in (("system", system), ("code", code), ("display", display)) if v is not None}


def patient(name: str, **more: Json) -> Resource:
    return {"resourceType": "Patient", "id": name, **more}


def identifier(value: str, system: str | None = None, kind: Json = None) -> Json:
    parts = (("system", system), ("value", value), ("type", kind))
    return {k: v for k, v in parts if v is not None}


CONCEPTS = {
    "a-loinc": coded(coding("a", LOINC)),
    "a-local": coded(coding("a", LOCAL)),
    "a-bare": coded(coding("a")),
    "b-loinc": coded(coding("b", LOINC, "Bee sting"), text="Sting of a bee"),
    "ab": coded(coding("a", LOINC), coding("b", LOCAL)),
    "upper": coded(coding("A", LOINC)),
    "text": coded(text="Tension HEADÂCHE, severe"),
    "display": coded(coding("c", LOINC, "Headache")),
    "system": coded(coding(system=LOINC, display="no code")),
    "bar": coded(coding("x|y", f"{LOCAL}|1")),
    "comma": coded(coding("x,y")),
    "dollar": coded(coding("x$y")),
    "backslash": coded(coding("x\\y")),
    "space": coded(coding("x y")),
    "dots": coded(text="..."),
}
RESOURCES = [
    *(observation(name, concept) for name, concept in CONCEPTS.items()),
    observation("none"),
    observation("no-value", **{"dataAbsentReason": coded(coding("unknown"))}),
    patient("male", gender="male", active=True),
    patient("female", gender="female", active=False),
    patient("unsaid", _gender={"extension": [{"url": "http://x", "valueString": "?"}]}),
    patient("id", identifier=[identifier("2345", "http://acme.org/patient"), identifier("urn:oid:1.2.3")]),
    patient("id-bare", identifier=[identifier("2345")]),
    patient("mrn", identifier=[
        identifier("446053", "http://h", coded(coding("MR", ROLES, "Medical record"), text="Dossier number")),
        identifier("17", "http://h", coded(coding("SS", ROLES))),
    ]),
    patient("ss", identifier=[identifier("446053", "http://h2", coded(coding("SS", ROLES), coding("NI", ROLES)))]),
    patient("system-only", identifier=[{"system": "http://acme.org/patient"}]),
    patient("phone", telecom=[{"system": "phone", "value": "+32 2 123"}, {"system": "email", "value": "a@b.be"}]),
    patient("tagged", meta={"tag": [coding("needs-review", LOCAL)], "security": [coding("R", LOINC)]}),
    {"resourceType": "ValueSet", "id": "v", "status": "active", "version": "1.0-Beta", "experimental": True},
    {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "characteristic": [
        {"code": coded(coding("c1")), "valueBoolean": True, "exclude": False},
        {"code": coded(coding("c2")), "valueCodeableConcept": coded(coding("true", LOCAL)), "exclude": True},
    ]},
]  # fmt: skip
EVERY_OBSERVATION = sorted([*CONCEPTS, "none", "no-value"])


def but(*names: str) -> str:
    return " ".join(name for name in EVERY_OBSERVATION if name not in names)


OF_CODE = "[code] irrespective of the value of the system property"
CASES = [
    pytest.param("a", "a-bare a-local a-loinc ab", id=OF_CODE),
    pytest.param("A", "upper", id="match is case sensitive"),
    pytest.param(f"{LOINC}|a", "a-loinc ab", id="[system]|[code]"),
    pytest.param(f"{LOCAL}|b", "ab", id="matches against any coding in the CodeableConcept"),
    pytest.param(f"{LOINC}|b", "b-loinc", id="[system]|[code]: both of one coding"),
    pytest.param("|a", "a-bare", id="|[code]: the Coding has no system property"),
    pytest.param(f"{LOINC}|", "a-loinc ab b-loinc display system upper", id="[system]|: the value of the system"),
    pytest.param(f"{LOCAL}\\|1|x\\|y", "bar", id="escaped bars in system and code"),
    pytest.param("x\\|y", "bar", id="an escaped bar in a code"),
    pytest.param("x\\,y", "comma", id="an escaped comma"),
    pytest.param("x,y", "", id="an unescaped comma is an or"),
    pytest.param("x\\$y", "dollar", id="an escaped dollar"),
    pytest.param("x$y", "dollar", id="a dollar of a parameter that is no composite"),
    pytest.param("x\\\\y", "backslash", id="an escaped backslash"),
    pytest.param("x%20y", "space", id="a space"),
    pytest.param(f"{LOINC}|b,|a,nothing", "a-bare b-loinc", id="or"),
    pytest.param(f"a&value-concept={LOCAL}|b", "ab", id="and"),
    pytest.param(f"{LOINC}|nothing,http://nothing|a", "", id="an unknown code is no error"),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
async def test_a_code(selects: Selects, value: str, expected: str) -> None:
    assert await selects(f"Observation?value-concept={value}") == expected


MODIFIERS = [
    pytest.param(":text=headache", "display", id=":text searches CodeableConcept.text and Coding.display"),
    pytest.param(":text=TENSION head", "text", id=":text is a normal string search: case, accents and punctuation"),
    pytest.param(":text=ache", "", id=":text is a normal string search: from the start"),
    pytest.param(":text=sting,bee", "b-loinc", id=":text: or"),
    pytest.param(":text=no code", "system", id=":text: a display without a code"),
    pytest.param(":text=...", "dots", id=":text: nothing but punctuation"),
    pytest.param(":not=a", but("a-bare", "a-local", "a-loinc", "ab"), id=":not includes those without a value"),
    pytest.param(f":not={LOINC}|a", but("a-loinc", "ab"), id=":not applies to the set, not each entry"),
    pytest.param(":not=|a", but("a-bare"), id=":not: |[code]"),
    pytest.param(f":not={LOINC}|", but("a-loinc", "ab", "b-loinc", "display", "system", "upper"), id=":not: [system]|"),
    pytest.param(":not=a,A", but("a-bare", "a-local", "a-loinc", "ab", "upper"), id=":not: none of several"),
    pytest.param(":not=a&value-concept:missing=false",
                 but("a-bare", "a-local", "a-loinc", "ab", "none", "no-value"), id=":not and not missing"),
    pytest.param(":missing=true", "no-value none", id=":missing=true"),
    pytest.param(":missing=false", but("none", "no-value"), id=":missing=false"),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "expected"), MODIFIERS)
async def test_a_modifier(selects: Selects, suffix: str, expected: str) -> None:
    assert await selects(f"Observation?value-concept{suffix}") == expected


OTHERS = [
    pytest.param("Patient?gender=male", "male", id="code"),
    pytest.param(f"Patient?gender={GENDER}|male", "male", id="code: the implicit system"),
    pytest.param(f"Patient?gender={GENDER}|", "female male", id="code: any of its system"),
    pytest.param("Patient?gender=http://other|male", "", id="code: not of that system"),
    pytest.param("Patient?gender:missing=false", "female male", id="missing: present with extensions but no value"),
    pytest.param("Patient?active=true", "male", id="boolean: true"),
    pytest.param("Patient?active=false", "female", id="boolean: false"),
    pytest.param("Patient?active:not=false&gender:missing=false", "male", id="boolean: not"),
    pytest.param("Patient?identifier=2345", "id id-bare", id="Identifier: value"),
    pytest.param("Patient?identifier=http://acme.org/patient|2345", "id", id="Identifier: system and value"),
    pytest.param("Patient?identifier=|2345", "id-bare", id="Identifier: no system"),
    pytest.param("Patient?identifier=http://acme.org/patient|", "id system-only", id="Identifier: the system"),
    pytest.param("Patient?identifier=|urn:oid:1.2.3,urn:oid:1.2.3", "id", id="Identifier: a CDA II.root in either"),
    pytest.param("Patient?identifier=234", "", id="Identifier: not the beginning"),
    pytest.param(f"Patient?identifier:of-type={ROLES}|MR|446053", "mrn", id=":of-type"),
    pytest.param(f"Patient?identifier:of-type={ROLES}|NI|446053", "ss", id=":of-type: any of the type codes"),
    pytest.param(f"Patient?identifier:of-type={ROLES}|SS|17,{ROLES}|SS|446053", "mrn ss", id=":of-type: or"),
    pytest.param(f"Patient?identifier:of-type={ROLES}|MR|17", "", id=":of-type: type and value of one identifier"),
    pytest.param("Patient?identifier:text=dossier", "mrn", id=":text: Identifier.type.text"),
    pytest.param("Patient?telecom=a@b.be", "phone", id="ContactPoint"),
    pytest.param("Patient?phone=%2B32 2 123", "phone", id="ContactPoint: a phone"),
    pytest.param("Patient?email=%2B32 2 123", "", id="ContactPoint: no email"),
    pytest.param("Patient?_tag=needs-review", "tagged", id="_tag"),
    pytest.param(f"Patient?_tag={LOCAL}|needs-review", "tagged", id="_tag with its system"),
    pytest.param("Patient?_security=R", "tagged", id="_security"),
    pytest.param("ValueSet?version=1.0-beta", "v", id="string: the search is not case sensitive"),
    pytest.param("ValueSet?version=1.0-BETA", "v", id="string: either way"),
    pytest.param("ValueSet?version=1.0", "", id="string: exact matching"),
    pytest.param("Group?value=true", "g", id="boolean or CodeableConcept"),
    pytest.param(f"Group?value={LOCAL}|true", "g", id="CodeableConcept or boolean"),
    pytest.param("Group?exclude=true&exclude=false", "g", id="each value alone"),
    pytest.param("Patient?_id=male,female,?", "female male", id="_id: what cannot be an id is nobody's"),
    pytest.param("Patient?_id=MALE", "", id="_id is case sensitive"),
    pytest.param("Patient?_id=Observation/none", "", id="_id of another type"),
    pytest.param("Patient?_id:not=male,female&gender:missing=false", "", id="_id:not"),
    pytest.param("Group?_id:not=h,?", "g", id="_id:not of others"),
    pytest.param("Patient?_id:missing=true", "", id="_id is never missing"),
    pytest.param("Group?_id:missing=false", "g", id="_id is always there"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), OTHERS)
async def test_a_data_type(selects: Selects, query: str, expected: str) -> None:
    assert await selects(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "Patient?gender=|", "Patient?identifier:of-type=a|b", "Patient?identifier:of-type=a||c",
        "Patient?active=|true", "Patient?phone=phone|555", "Patient?telecom=|", "Patient?gender:missing=maybe",
        "Patient?gender:missing=true,false", "Observation?value-concept=a\\b", "Observation?value-concept=a\\",
    ],
)  # fmt: skip
async def test_a_value_that_is_no_token_is_refused(door: Door, query: str) -> None:
    with pytest.raises(BadSearchValue):
        await door.search(query)


@pytest.mark.parametrize(
    "query",
    ["Patient?gender:exact=male", "Patient?gender:of-type=a|b|c", "Patient?_id:text=a", "Patient?gender:in=http://x",
     "Patient?gender:above=http://x|male", "Patient?active:in=http://x", "Patient?gender:Patient=male",
     "Patient?gender:nonsense=male"],
)  # fmt: skip
@pytest.mark.parametrize("lenient", [False, True])
async def test_a_modifier_that_is_not_supported_shall_be_rejected(door: Door, query: str, lenient: bool) -> None:
    with pytest.raises(BadRequest) as refused:
        await door.search(query, lenient=lenient)
    assert refused.value.issues[0].code == "not-supported"
    assert refused.value.issues[0].expression == (f"http.{query[8:].partition('=')[0]}",)
