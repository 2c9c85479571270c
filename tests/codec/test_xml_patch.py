"""XML Patch — https://www.rfc-editor.org/rfc/rfc5261 (section 4 and the examples of appendix A), http.html#patch"""

import pytest

from fhirserver.codec.fhir_json import decode_literal, encode_literal
from fhirserver.codec.fhir_xml import FhirXml
from fhirserver.codec.xml_patch import apply_xml_patch, change_xml_resource, parse_xml_patch
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import BadRequest, BadStructure, FhirError, TooLong, Unprocessable

DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>\n"


def patched(document: str, operations: str, declared: str = "") -> str:
    operation = parse_xml_patch(f"<diff{declared}>{operations}</diff>".encode())
    return apply_xml_patch(operation, document.encode()).removeprefix(DECLARATION).decode()


RFC = [
    # document, operations, result
    pytest.param(
        "<doc><note>This is a sample document</note></doc>",
        '<add sel="doc"><foo id="ert4773">This is a new child</foo></add>',
        '<doc><note>This is a sample document</note><foo id="ert4773">This is a new child</foo></doc>',
        id="A.1 adding an element",
    ),
    pytest.param(
        '<doc><foo id="ert4773">x</foo><foo/></doc>',
        '<add sel="doc/foo[@id=\'ert4773\']" type="@user">Bob</add>',
        '<doc><foo id="ert4773" user="Bob">x</foo><foo/></doc>',
        id="A.2 adding an attribute",
    ),
    pytest.param(
        '<doc><foo id="ert4773">x</foo></doc>',
        '<add sel="doc/foo[@id=\'ert4773\']" pos="before"><!-- comment --></add>',
        '<doc><!-- comment --><foo id="ert4773">x</foo></doc>',
        id="A.4 adding a comment before",
    ),
    pytest.param(
        "<doc>x<a/></doc>",
        '<add sel="*/a" pos="after">y<b/>z</add>',
        "<doc>x<a/>y<b/>z</doc>",
        id="A.5 adding several nodes after",
    ),
    pytest.param(
        "<doc>x<a/>y</doc>", '<add sel="doc" pos="prepend">1<b/>2</add>', "<doc>1<b/>2x<a/>y</doc>", id="prepend"
    ),
    pytest.param("<doc>x<a/>y</doc>", '<add sel="doc">1<b/>2</add>', "<doc>x<a/>y1<b/>2</doc>", id="append"),
    pytest.param(
        "<doc>x<a/>y</doc>", '<add sel="doc/a" pos="before">1<b/>2</add>', "<doc>x1<b/>2<a/>y</doc>", id="before"
    ),
    pytest.param(
        "<doc>x<a/>y</doc>", '<add sel="doc/a" pos="after">1<b/>2</add>', "<doc>x<a/>1<b/>2y</doc>", id="after"
    ),
    pytest.param("<doc>x</doc>", '<add sel="doc" pos="prepend">1</add>', "<doc>1x</doc>", id="prepend a text alone"),
    pytest.param(
        '<doc><foo a="1">This is a sample</foo></doc>',
        '<replace sel="doc/foo[@a=\'1\']"><bar a="2"/></replace>',
        '<doc><bar a="2"/></doc>',
        id="A.6 replacing an element",
    ),
    pytest.param(
        '<doc a="test"/>',
        '<replace sel="doc/@a">new value</replace>',
        '<doc a="new value"/>',
        id="A.7 replacing an attribute",
    ),
    pytest.param(
        "<doc><!-- old --></doc>",
        '<replace sel="doc/comment()[1]"><!-- new --></replace>',
        "<doc><!-- new --></doc>",
        id="A.9 replacing a comment",
    ),
    pytest.param(
        "<doc><?test foo?></doc>",
        "<replace sel='doc/processing-instruction(\"test\")'><?test bar?></replace>",
        "<doc><?test bar?></doc>",
        id="A.10 replacing a processing instruction",
    ),
    pytest.param(
        "<doc>old<a/>second</doc>",
        '<replace sel="doc/text()[2]">new</replace>',
        "<doc>old<a/>new</doc>",
        id="A.11 a text node",
    ),
    pytest.param(
        "<doc>\n  <foo/>\n  <bar/>\n</doc>",
        '<remove sel="doc/foo" ws="after"/>',
        "<doc>\n  <bar/>\n</doc>",
        id="A.12 removing an element with white space",
    ),
    pytest.param('<doc a="1"/>', '<remove sel="doc/@a"/>', "<doc/>", id="A.13 removing an attribute"),
    pytest.param(
        "<doc>x<!-- c -->y</doc>", '<remove sel="doc/comment()"/>', "<doc>xy</doc>", id="A.15 removing a comment"
    ),
    pytest.param(
        "<doc>x<?t ?>y</doc>", '<remove sel="doc/processing-instruction()"/>', "<doc>xy</doc>", id="A.16 an instruction"
    ),
    pytest.param(
        "<doc>x<a/>y</doc>", '<remove sel="doc/text()[1]"/>', "<doc><a/>y</doc>", id="A.17 removing a text node"
    ),
    pytest.param("<doc><a/><b/></doc>", '<replace sel="/doc"><new/></replace>', "<new/>", id="replacing the root"),
    pytest.param('<doc><a id="q"/></doc>', "<remove sel=\"id('q')\"/>", "<doc/>", id="id()"),
    pytest.param(
        "<doc><a/><a/><a/></doc>",
        '<add sel="doc/a[2]" type="@n">2</add>',
        '<doc><a/><a n="2"/><a/></doc>',
        id="position",
    ),
    pytest.param(
        "<doc><a><b>x</b></a><a><b>y</b></a></doc>",
        "<remove sel=\"doc/a[b='y']\"/>",
        "<doc><a><b>x</b></a></doc>",
        id="a predicate on the text of a child",
    ),
    pytest.param(
        "<doc><a>x</a><a>y</a></doc>", "<remove sel=\"*/*[.='y']\"/>", "<doc><a>x</a></doc>", id="on its own text"
    ),
    pytest.param(
        "<doc><a><b v='1'/></a><a><b v='2'/></a></doc>",
        "<remove sel=\"doc/a[b/@v='2']\"/>",
        '<doc><a><b v="1"/></a></doc>',
        id="on the attribute of a child, as FHIR needs it",
    ),
    pytest.param(
        "<doc><a k='1' l='2'/><a k='1' l='3'/></doc>",
        "<remove sel=\"doc/a[@k='1'][@l='3']\"/>",
        '<doc><a k="1" l="2"/></doc>',
        id="two predicates",
    ),
    pytest.param(
        "<d><a/></d>", '<add sel="d/a"><b/></add><remove sel="d/a/b"/>', "<d><a/></d>", id="one after the other"
    ),
]


@pytest.mark.parametrize(("document", "operations", "result"), RFC)
def test_rfc_5261(document: str, operations: str, result: str) -> None:
    assert patched(document, operations) == result


NAMESPACES = [
    pytest.param('<p:add sel="q:d/q:a"><q:b/></p:add>', ' xmlns:p="urn:ietf:rfc:7351" xmlns:q="urn:q"', id="prefixes"),
    pytest.param(
        '<p:add sel="d/a"><b/></p:add>', ' xmlns:p="urn:ietf:rfc:7351" xmlns="urn:q"', id="the default namespace"
    ),
]


@pytest.mark.parametrize(("operations", "declared"), NAMESPACES)
def test_names_are_those_of_the_patch(operations: str, declared: str) -> None:
    body = f"<p:patch{declared}>{operations}</p:patch>".encode()
    found = apply_xml_patch(parse_xml_patch(body), b'<d xmlns="urn:q"><a/></d>')
    assert b"b/></a></d>" in found


BAD_PATCHES = [
    ("<patch><move sel='a'/></patch>", "Operation 0"),
    ("<patch><add/></patch>", "selector"),
    ("<patch><add sel=''/></patch>", "selector"),
    ("<patch><add sel='//a'/></patch>", "selector"),
    ("<patch><add sel='a[position()=1]'/></patch>", "selector"),
    ("<patch><add sel='a[1 or 2]'/></patch>", "selector"),
    ("<patch><add sel='a | b'/></patch>", "selector"),
    ("<patch><add sel='ancestor::a'/></patch>", "selector"),
    ("<patch><add sel='a/../b'/></patch>", "selector"),
    ("<patch><add sel='a/@b/c'/></patch>", "another step"),
    ("<patch><add sel='p:a'/></patch>", "prefix"),
    ("<patch><add sel='document(1)'/></patch>", "selector"),
    ("<patch><add sel=\"a[@b='c'\"/></patch>", "selector"),
    ("<patch><add sel='a' pos='inside'/></patch>", "`pos`"),
    ("<patch><remove sel='a' pos='before'/></patch>", "`pos`"),
    ("<patch><remove sel='a' ws='all'/></patch>", "`ws`"),
    ("<patch><add sel='a' type='namespace::p'>x</add></patch>", "`type`"),
    ("<patch><add sel='a' type='@p:b'>x</add></patch>", "`type`"),
    ("<patch><x:add xmlns:x='urn:x' sel='a'/></patch>", "namespace of the root"),
    ("<other/>", "root element"),
    ("<patch>", "well-formed"),
    ("<!DOCTYPE patch><patch/>", "document type"),
    (f"<patch><add sel='{'a/' * 2000}a'/></patch>", "2000"),
]


@pytest.mark.parametrize(("body", "message"), BAD_PATCHES)
def test_what_is_no_patch_is_refused(body: str, message: str) -> None:
    with pytest.raises(BadStructure, match=message):
        parse_xml_patch(body.encode())


def test_too_many_operations() -> None:
    with pytest.raises(TooLong):
        parse_xml_patch(b"<diff>" + b'<remove sel="a"/>' * 1001 + b"</diff>")


UNAPPLICABLE = [
    ('<remove sel="doc/b"/>', "selects nothing"),
    ('<remove sel="doc/a"/>', "selects 2 nodes"),
    ('<remove sel="doc"/>', "root element"),
    ('<add sel="doc" pos="before"><x/></add>', "beside"),
    ('<add sel="doc/@k">x</add>', "elements only"),
    ('<add sel="doc" type="@k">x</add>', "there already"),
    ('<add sel="doc" type="@n"><x/></add>', "from a text"),
    ('<replace sel="doc/a[1]"><x/><y/></replace>', "exactly one"),
    ('<replace sel="doc/a[1]">x</replace>', "exactly one"),
    ('<replace sel="doc/@k"><x/></replace>', "by a text"),
    ('<remove sel="doc/a[1]" ws="before"/>', "white space only"),
    ('<remove sel="doc/namespace::p"/>', "namespace"),
    ('<replace sel="doc/namespace::p">urn:y</replace>', "by a text"),
]


@pytest.mark.parametrize(("operations", "message"), UNAPPLICABLE)
def test_an_operation_that_cannot_be_applied_names_itself(operations: str, message: str) -> None:
    with pytest.raises(Unprocessable, match=rf"Operation 0.*{message}"):
        patched('<doc k="1">x<a/><a/></doc>', operations)


def test_the_work_of_selectors_is_bounded() -> None:
    document = "<doc>" + "<a><b v='1'/></a>" * 20_000 + "</doc>"
    with pytest.raises(Unprocessable, match="too many nodes"):
        patched(document, SLOW)


SLOW = "".join(f"<add sel=\"doc/a[b/@v='1'][{n}]\" type='@n'>1</add>" for n in range(1, 200))

PATIENT = (
    b'{"resourceType":"Patient","id":"p","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},'
    b'"text":{"status":"generated","div":"<div  xmlns=\\"http://www.w3.org/1999/xhtml\\"><p>x</p><br></br></div>"},'
    b'"name":[{"family":"A","given":["B","C"]},{"family":"D"}],"birthDate":"1970-01-01"}'
)


def change(definitions: Definitions, operations: str, resource: bytes = PATIENT) -> str:
    body = f'<diff xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml">{operations}</diff>'
    changed = change_xml_resource(parse_xml_patch(body.encode()), decode_literal(resource), FhirXml(definitions))
    return encode_literal(changed).decode()


CHANGES = [
    pytest.param(
        '<replace sel="f:Patient/f:birthDate/@value">1930-01-01</replace>', '"1970-01-01"', '"1930-01-01"', id="a value"
    ),
    pytest.param('<remove sel="f:Patient/f:name[2]"/>', ',{"family":"D"}', "", id="an item"),
    pytest.param(
        "<remove sel=\"f:Patient/f:name[f:family/@value='D']\"/>", ',{"family":"D"}', "", id="an item by value"
    ),
    pytest.param('<remove sel="Patient/name[1]/given[2]"/>', '["B","C"]', '["B"]', id="without prefixes"),
    pytest.param(
        '<add sel="f:Patient/f:name[1]/f:family" pos="before"><f:text value="T"/></add>',
        '"name":[{',
        '"name":[{"text":"T",',
        id="an element in its place",
    ),
    pytest.param(
        '<add sel="f:Patient"><gender value="male"/></add>',
        '"birthDate":"1970-01-01"',
        '"birthDate":"1970-01-01","gender":"male"',
        id="content without a namespace is FHIR",
    ),
    pytest.param(
        '<add sel="f:Patient/f:birthDate"><f:extension url="http://x"><f:valueCode value="v"/></f:extension></add>',
        '"1970-01-01"',
        '"1970-01-01","_birthDate":{"extension":[{"url":"http://x","valueCode":"v"}]}',
        id="an extension",
    ),
    pytest.param(
        '<replace sel="f:Patient/f:text/h:div/h:p"><h:p>y</h:p></replace>',
        '<div  xmlns=\\"http://www.w3.org/1999/xhtml\\"><p>x</p><br></br></div>',
        '<div xmlns=\\"http://www.w3.org/1999/xhtml\\"><p>y</p><br/></div>',
        id="inside the narrative",
    ),
    pytest.param("", "", "", id="no operation changes nothing"),
]


@pytest.mark.parametrize(("operations", "old", "new"), CHANGES)
def test_a_resource_is_changed_there_and_nowhere_else(
    definitions: Definitions, operations: str, old: str, new: str
) -> None:
    assert change(definitions, operations) == PATIENT.decode().replace(old, new)


def test_literals_stay(definitions: Definitions) -> None:
    resource = b'{"resourceType":"Observation","status":"final","valueQuantity":{"value":7.10,"unit":"a"}}'
    found = change(definitions, '<replace sel="f:Observation/f:status/@value">amended</replace>', resource)
    assert found == resource.decode().replace("final", "amended")


REFUSED = [
    ('<replace sel="f:Patient/f:id/@value">q</replace>', BadRequest, "`id`"),
    ('<replace sel="f:Patient/f:meta/f:versionId/@value">9</replace>', BadRequest, "versionId"),
    ('<replace sel="f:Patient"><f:Group/></replace>', BadRequest, "resourceType"),
    ('<add sel="f:Patient"><f:nonsense/></add>', Unprocessable, "`nonsense` is not an element"),
    ('<add sel="f:Patient">text</add>', Unprocessable, "no text between"),
    ('<add sel="f:Patient"><x xmlns="urn:x"/></add>', Unprocessable, "`x`"),
    ('<remove sel="f:Patient/f:birthDate/@value"/>', Unprocessable, "`birthDate` must have"),
    ('<replace sel="f:Patient"><f:thing/></replace>', Unprocessable, "not a resource type"),
]


@pytest.mark.parametrize(("operations", "kind", "message"), REFUSED)
def test_a_bad_change_is_refused(
    definitions: Definitions, operations: str, kind: type[FhirError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        change(definitions, operations)
