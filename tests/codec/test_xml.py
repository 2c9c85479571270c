"""The rules of the XML format — http://hl7.org/fhir/R4/xml.html, http://hl7.org/fhir/R4/json.html#primitive"""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.codec.fhir_xml import FhirXml
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import BadStructure

F = ' xmlns="http://hl7.org/fhir"'
H = "http://www.w3.org/1999/xhtml"
DIV = f'<div xmlns="{H}">'
PARAGRAPH = f'{DIV}<p a="1">x &lt; y &#160; <br/></p></div>'


@pytest.fixture(scope="session")
def xml(definitions: Definitions) -> FhirXml:
    return FhirXml(definitions)


def patient(inside: str) -> str:
    return f"<Patient{F}>{inside}</Patient>"


def narrative(div: str) -> str:
    return patient(f'<text><status value="generated"/>{div}</text>')


def in_json(inside: str) -> str:
    return f'{{"resourceType":"Patient",{inside}}}'


BOTH_WAYS = [
    pytest.param(patient('<active value="true"/>'), in_json('"active":true'), id="boolean"),
    pytest.param(patient('<multipleBirthInteger value="2"/>'), in_json('"multipleBirthInteger":2'), id="integer"),
    pytest.param(patient('<birthDate value="1974"/>'), in_json('"birthDate":"1974"'), id="a date is a string"),
    pytest.param(
        patient('<name><given value="a"/><given value="b"/></name>'),
        in_json('"name":[{"given":["a","b"]}]'),
        id="what may repeat is an array, once and twice",
    ),
    pytest.param(
        patient(
            '<birthDate value="1974" id="b"><extension url="http://x"><valueString value="v"/></extension></birthDate>'
        ),
        in_json('"birthDate":"1974","_birthDate":{"id":"b","extension":[{"url":"http://x","valueString":"v"}]}'),
        id="id and extensions of a primitive",
    ),
    pytest.param(
        patient('<birthDate><extension url="http://x"><valueCode value="v"/></extension></birthDate>'),
        in_json('"_birthDate":{"extension":[{"url":"http://x","valueCode":"v"}]}'),
        id="extensions without a value",
    ),
    pytest.param(
        patient('<name><given value="a"/><given id="i"/><given value="c" id="k"/><given value="d"/></name>'),
        in_json('"name":[{"given":["a",null,"c","d"],"_given":[null,{"id":"i"},{"id":"k"},null]}]'),
        id="nulls keep the two arrays of a repeating primitive aligned",
    ),
    pytest.param(
        patient('<name><given id="i"/></name>'),
        in_json('"name":[{"_given":[{"id":"i"}]}]'),
        id="an array of nulls is left out",
    ),
    pytest.param(
        patient('<name id="n"><family value="x"/></name>'),
        in_json('"name":[{"id":"n","family":"x"}]'),
        id="the id of an element is an attribute",
    ),
    pytest.param(patient('<id value="p"/>'), in_json('"id":"p"'), id="the id of a resource is an element"),
    pytest.param(
        patient('<contained><Group><id value="g"/></Group></contained>'),
        in_json('"contained":[{"resourceType":"Group","id":"g"}]'),
        id="contained resources",
    ),
    pytest.param(
        f'<Bundle{F}><entry><resource><Patient><active value="false"/></Patient></resource></entry></Bundle>',
        '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","active":false}}]}',
        id="resources of entries",
    ),
    pytest.param(
        f'<Parameters{F}><parameter><name value="p"/><part><name value="q"/><valueDecimal value="1.50"/></part>'
        "</parameter></Parameters>",
        '{"resourceType":"Parameters","parameter":[{"name":"p","part":[{"name":"q","valueDecimal":1.50}]}]}',
        id="elements defined by reference to another",
    ),
    pytest.param(
        f'<Observation{F}><valueQuantity><value value="7.10"/></valueQuantity></Observation>',
        '{"resourceType":"Observation","valueQuantity":{"value":7.10}}',
        id="a choice is named by its type",
    ),
    pytest.param(
        narrative(PARAGRAPH),
        in_json(f'"text":{{"status":"generated","div":{encode(PARAGRAPH).decode()}}}'),
        id="the narrative is its own text",
    ),
    pytest.param(
        patient('<name><text value="a&#10;b&#9;c&#13;&quot;&lt;&amp;>"/></name>'),
        in_json('"name":[{"text":"a\\nb\\tc\\r\\"<&>"}]'),
        id="white space and markup in a value",
    ),
    pytest.param(
        patient('<name><text value=" a "/></name>'), in_json('"name":[{"text":" a "}]'), id="blanks of a string"
    ),
    pytest.param(patient('<name><text value="é𝔸"/></name>'), in_json('"name":[{"text":"é𝔸"}]'), id="any character"),
]


@pytest.mark.parametrize(("document", "expected"), BOTH_WAYS)
def test_xml_is_json_and_back(xml: FhirXml, document: str, expected: str) -> None:
    assert xml.to_json(document.encode()).decode() == expected
    assert xml.from_json(expected.encode()).decode() == '<?xml version="1.0" encoding="UTF-8"?>' + document


DECIMALS = ["0", "1.00", "-0.0", "100", "1e3", "1.50E-10", "0.1234567890123456789012345678901234567890", "-7"]


@pytest.mark.parametrize("number", DECIMALS)
def test_a_decimal_keeps_its_literal(xml: FhirXml, number: str) -> None:
    document = f'<Observation{F}><valueQuantity><value value="{number}"/></valueQuantity></Observation>'
    found = xml.to_json(document.encode())
    assert f'"value":{number}}}' in found.decode()
    assert f'value="{number}"' in xml.from_json(found).decode()


def test_minus_zero_is_not_zero(xml: FhirXml) -> None:
    assert 'value="-0"' in xml.from_json(b'{"resourceType":"Observation","valueQuantity":{"value":-0}}').decode()
    assert 'value="-0.50"' in xml.from_json(b'{"resourceType":"Observation","valueQuantity":{"value":-0.50}}').decode()


SAME = [
    pytest.param("\ufeff" + patient('<active value="true"/>'), id="a byte order mark"),
    pytest.param('<?xml version="1.0"?>' + patient('<active value="true"/>'), id="a declaration"),
    pytest.param('<?xml version="1.0" encoding="utf-8"?>' + patient('<active value="true"/>'), id="UTF-8 declared"),
    pytest.param(patient('<!-- c --><active value="true"/><?p i?>'), id="comments and instructions are no content"),
    pytest.param(patient("\n  <active\n value='true'>\r\n</active> "), id="white space and quotes"),
    pytest.param('<f:Patient xmlns:f="http://hl7.org/fhir"><f:active value="true"/></f:Patient>', id="a prefix"),
    pytest.param(patient('<active value=" true&#10;"/>'), id="white space around a boolean is trimmed"),
    pytest.param(
        f'<Patient{F} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b">'
        '<active value="true"/></Patient>',
        id="a schema location is no content",
    ),
    pytest.param(patient('<active value="&#116;rue"/>'), id="a character reference"),
]


@pytest.mark.parametrize("document", SAME)
def test_what_does_not_matter(xml: FhirXml, document: str) -> None:
    assert xml.to_json(document.encode()) == b'{"resourceType":"Patient","active":true}'


def test_a_plus_before_an_integer_is_dropped(xml: FhirXml) -> None:
    assert xml.to_json(patient('<multipleBirthInteger value="+2"/>').encode()).endswith(b":2}")


def test_elements_are_written_in_the_order_of_their_definition(xml: FhirXml) -> None:
    found = xml.from_json(in_json('"gender":"male","name":[{"given":["a"],"family":"b"}],"id":"x"').encode()).decode()
    assert re.findall(r"<(\w+)", found) == ["Patient", "id", "name", "family", "given", "gender"]


def test_elements_may_come_in_any_order(xml: FhirXml) -> None:
    found = xml.to_json(patient('<name id="a"/><gender value="male"/><name id="b"/>').encode())
    assert found.decode() == in_json('"name":[{"id":"a"},{"id":"b"}],"gender":"male"')


NARRATIVES = [
    pytest.param(f'<div xmlns="{H}"><p>x</p></div>', f'<div xmlns="{H}"><p>x</p></div>', id="as it stands"),
    pytest.param(
        f"<div   class='a'  xmlns='{H}' ><br></br><!-- c --></div>",
        f"<div   class='a'  xmlns='{H}' ><br></br><!-- c --></div>",
        id="quotes, blanks and comments of its own",
    ),
    pytest.param(
        f'<h:div xmlns:h="{H}"><h:p a="h:b">x</h:p></h:div>',
        f'<div xmlns="{H}"><p a="h:b">x</p></div>',
        id="a prefix of its own",
    ),
    pytest.param(f"<div title='a>b' xmlns='{H}'/>", f"<div title='a>b' xmlns='{H}'/>", id="a bracket in an attribute"),
    pytest.param(
        f'<div xmlns="{H}"><div>a</div><div/></div>', f'<div xmlns="{H}"><div>a</div><div/></div>', id="div in div"
    ),
    pytest.param(f'<div xmlns="{H}"/>', f'<div xmlns="{H}"/>', id="empty"),
    pytest.param(f'<div xmlns="{H}">a\r\nb</div>', f'<div xmlns="{H}">a\nb</div>', id="line ends are those of XML"),
    pytest.param(
        f'<div xmlns="{H}">]]&gt;<![CDATA[<b>]]></div >', f'<div xmlns="{H}">]]&gt;<![CDATA[<b>]]></div >', id="CDATA"
    ),
]


@pytest.mark.parametrize(("div", "expected"), NARRATIVES)
def test_narrative(xml: FhirXml, div: str, expected: str) -> None:
    found = parse_json(xml.to_json(narrative(div).encode()))
    assert found["text"]["div"] == expected
    etree.fromstring(found["text"]["div"])


def test_a_narrative_with_an_inherited_prefix(xml: FhirXml) -> None:
    inside = '<f:text><f:status value="generated"/><div>x</div></f:text>'
    document = f'<f:Patient xmlns:f="http://hl7.org/fhir" xmlns="{H}">{inside}</f:Patient>'
    assert parse_json(xml.to_json(document.encode()))["text"]["div"] == f'<div xmlns="{H}">x</div>'


REFUSED = [
    # what is sent, what the message says, where
    (patient("<nonsense/>"), "Line 1: `nonsense` is not an element of `Patient`", "Patient"),
    (patient('\n<name>\n<given value="a"/>\n<first value="b"/></name>'), "Line 4: `first`", "Patient.name[0]"),
    (
        patient('<active value="true"/>\n<active value="true"/>'),
        "Line 2: `active` must not be repeated",
        "Patient.active",
    ),
    (patient('<active value="yes"/>'), "`active` must be `true` or `false`", "Patient.active"),
    (patient('<multipleBirthInteger value="1.0"/>'), "must be an integer", "Patient.multipleBirth"),
    (patient('<multipleBirthInteger value="01"/>'), "must be an integer", "Patient.multipleBirth"),
    (patient("<active/>"), "`active` must have a `value` or an extension", "Patient"),
    (patient('<name><given value="a"/><given/></name>'), "`given` must have a `value`", "Patient.name[0]"),
    (patient('<active value="true" other="1"/>'), "the attribute `other` is not allowed", "Patient.active"),
    (patient('<name xml:lang="en"><text value="x"/></name>'), "the attribute `lang` is not allowed", "Patient.name[0]"),
    (f'<Patient{F} id="x"/>', "the attribute `id` is not allowed", "Patient"),
    (patient('<name value="x"/>'), "the attribute `value` is not allowed", "Patient.name[0]"),
    (patient("text"), "no text between elements", "Patient"),
    (patient('<active value="true">true</active>'), "no text between elements", "Patient.active"),
    (patient("<![CDATA[x]]>"), "no text between elements", "Patient"),
    (patient("<contained/>"), "`contained` must have a resource", "Patient"),
    (patient("<contained><Group/><Group/></contained>"), "holds one resource only", "Patient.contained[0]"),
    (patient("<contained><Thing/></contained>"), "`Thing` is not a resource type", "Patient.contained[0]"),
    (patient("<contained><HumanName/></contained>"), "`HumanName` is not a resource type", "Patient.contained[0]"),
    (
        patient("<contained><Group/></contained><contained><Group><x/></Group></contained>"),
        "`x`",
        "Patient.contained[1]",
    ),
    (narrative("<div>x</div>"), f"`div` must be in the namespace `{H}`", "Patient.text"),
    (narrative(f"{DIV}x</div>{DIV}y</div>"), "`div` must not be repeated", "Patient.text"),
    (patient('<active xmlns="http://x" value="true"/>'), "`active` must be in the namespace", "Patient"),
    ("<Patient/>", "`Patient` must be in the namespace `http://hl7.org/fhir`", ""),
    (f"<patient{F}/>", "`patient` is not a resource type", ""),
    (f"<DomainResource{F}/>", "`DomainResource` is not a resource type", ""),
    (
        patient("<extension><valueString value='a'/></extension><extension url='b' value='1'/>"),
        "`value`",
        "Patient.extension[1]",
    ),
    (
        f'<Observation{F}><valueQuantity><value value="1,5"/></valueQuantity></Observation>',
        "a decimal number",
        "Observation.value.value",
    ),
    (
        f'<Observation{F}><valueQuantity><value value="NaN"/></valueQuantity></Observation>',
        "a decimal number",
        "Observation.value.value",
    ),
]


@pytest.mark.parametrize(("document", "message", "place"), REFUSED, ids=[message[:50] for _, message, _ in REFUSED])
def test_a_refusal_names_line_and_element(xml: FhirXml, document: str, message: str, place: str) -> None:
    with pytest.raises(BadStructure) as refused:
        xml.to_json(document.encode())
    issue = refused.value.issues[0]
    assert message in issue.diagnostics
    assert re.match(r"Line \d+: ", issue.diagnostics)
    assert issue.expression == ((place,) if place else ())


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
        lambda c: c >= " " or c in "\t\n\r"
    )
)


@given(texts=st.lists(TEXT, min_size=1, max_size=4), number=st.decimals(allow_nan=False, allow_infinity=False))
def test_any_value_comes_back(definitions: Definitions, texts: list[str], number: object) -> None:
    codec = FhirXml(definitions)
    literal = str(number).replace("E+", "E")
    notes = encode([{"text": text} for text in texts])
    raw = b'{"resourceType":"Observation","valueQuantity":{"value":%b},"note":%b}' % (literal.encode(), notes)
    document = codec.from_json(raw)
    etree.fromstring(document)
    assert codec.to_json(document) == raw


@given(
    document=st.text(max_size=40)
    | st.lists(
        st.sampled_from(
            [
                "<Patient xmlns='http://hl7.org/fhir'>",
                "</Patient>",
                "<name>",
                "</name>",
                "<active value='true'/>",
                "<!--",
                "-->",
                "<![CDATA[",
                "]]>",
                "&amp;",
                "&x;",
                "<?x",
                "?>",
                "<!DOCTYPE x>",
                "<text>",
                "</text>",
                DIV,
                "</div>",
                "<div/>",
                "<contained>",
                "x",
                "\0",
            ]
        ),
        max_size=12,
    ).map("".join)
)
def test_any_text_is_read_or_refused(definitions: Definitions, document: str) -> None:
    with suppress(BadStructure):
        FhirXml(definitions).to_json(document.encode("utf-8", "surrogatepass"))
