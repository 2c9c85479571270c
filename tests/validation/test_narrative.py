"""The XHTML of narratives — http://hl7.org/fhir/R4/narrative.html#xhtml (txt-1, txt-2)"""

from typing import Final

import pytest

from fhirserver.validation.structure import StructureValidator

NS: Final = 'xmlns="http://www.w3.org/1999/xhtml"'
BOMB: Final = '<!DOCTYPE div [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'

ALLOWED = [
    pytest.param("text", id="text"),
    pytest.param("<p><b>a</b><i>b</i><br/></p>", id="formatting"),
    pytest.param('<table class="grid" summary="x"><tbody><tr><td colspan="2">a</td></tr></tbody></table>', id="tables"),
    pytest.param("<ul><li>a</li></ul><ol><li>b</li></ol><dl><dt>c</dt><dd>d</dd></dl>", id="lists"),
    pytest.param('<a href="http://a.b/c">x</a>', id="an a element with href"),
    pytest.param('<a name="x">x</a>', id="an a element with name"),
    pytest.param('<a href="#a">x</a><a href="Patient/1">y</a><a href="urn:uuid:1">z</a>', id="relative links and urns"),
    pytest.param('<a href="mailto:a@b.c">x</a>', id="mailto"),
    pytest.param('<img src="a.png" alt="x"/>', id="an image is content"),
    pytest.param('<img src="data:image/png;base64,AA==" alt="x"/>', id="an image as data"),
    pytest.param('<p style="color: red">x</p>', id="internally contained style attributes"),
    pytest.param("&amp;&lt;&gt;&quot;&apos;&#160;&#xA0;", id="the five entities of XML, and numeric ones"),
    pytest.param("<!-- a comment --><p>x</p>", id="a comment"),
    pytest.param("<![CDATA[<script>]]>", id="a CDATA section is text"),
    pytest.param('<p xml:lang="fr" lang="fr" dir="ltr">é</p>', id="languages"),
    pytest.param(f"<p {NS}>x</p>", id="the namespace said again"),
]
FORBIDDEN = [
    pytest.param("<script>alert(1)</script>", "invariant", id="no scripts"),
    pytest.param('<p onclick="alert(1)">x</p>', "invariant", id="no event related attributes"),
    pytest.param('<a href="javascript:alert(1)">x</a>', "invariant", id="no javascript: links"),
    pytest.param('<a href=" java&#x0A;script:alert(1)">x</a>', "invariant", id="not in disguise"),
    pytest.param('<a href="JAVASCRIPT:alert(1)">x</a>', "invariant", id="nor in upper case"),
    pytest.param('<a href="vbscript:x">x</a>', "invariant", id="nor vbscript"),
    pytest.param('<a href="data:text/html,x">x</a>', "invariant", id="no data: links"),
    pytest.param('<img src="data:text/html,x"/>', "invariant", id="no data: but images"),
    pytest.param('<p style="width: expression(alert(1))">x</p>', "invariant", id="no active styles"),
    pytest.param("<style>p {}</style>", "invariant", id="no style sheets"),
    pytest.param("<form><input/></form>", "invariant", id="no forms"),
    pytest.param('<iframe src="http://a"/>', "invariant", id="no iframes"),
    pytest.param('<object data="http://a">x</object>', "invariant", id="no objects"),
    pytest.param("<font>x</font>", "invariant", id="no deprecated elements"),
    pytest.param("<ins>x</ins>", "invariant", id="not section 4 of chapter 9"),
    pytest.param("<P>x</P>", "invariant", id="XHTML is in lower case"),
    pytest.param('<svg xmlns="http://www.w3.org/2000/svg"/>', "invariant", id="no SVG"),
    pytest.param('<p xmlns="http://a.b">x</p>', "structure", id="no other namespace"),
    pytest.param('<h:p xmlns:h="http://www.w3.org/1999/xhtml">x</h:p>', "invariant", id="no prefixes"),
    pytest.param('<p foo="a">x</p>', "invariant", id="unknown attribute"),
    pytest.param("", "invariant", id="txt-2: some non-whitespace content"),
    pytest.param(" \n <p> </p>", "invariant", id="txt-2: white space in elements"),
    pytest.param("<!-- a > x -->", "invariant", id="txt-2: a comment is no content"),
    pytest.param("<p>x", "structure", id="not well-formed: open element"),
    pytest.param("<p>x</b>", "structure", id="not well-formed: crossed elements"),
    pytest.param("<p class=a>x</p>", "structure", id="not well-formed: unquoted attribute"),
    pytest.param('<p id="a" id="b">x</p>', "structure", id="not well-formed: attribute twice"),
    pytest.param("a & b", "structure", id="not well-formed: bare ampersand"),
    pytest.param("&nbsp;", "structure", id="no support for HTML entities like &nbsp;"),
    pytest.param("<?php x ?>a", "structure", id="no processing instructions"),
    pytest.param("a\x01b", "structure", id="no control characters"),
]
WHOLE = [
    pytest.param(f"<div {NS}>a</div>", None, id="a div in the XHTML namespace"),
    pytest.param(f'<div class="x" {NS}>a</div>', None, id="with other attributes first"),
    pytest.param(f"\n  <div {NS}>a</div>\n", None, id="with white space around"),
    pytest.param(f"<div {NS.replace(chr(34), chr(39))}>a</div>", None, id="with apostrophes"),
    pytest.param("<div>a</div>", "structure", id="without the namespace"),
    pytest.param('<div xmlns="http://a.b">a</div>', "structure", id="in another namespace"),
    pytest.param(f"<p {NS}>a</p>", "structure", id="not a div"),
    pytest.param(f"<div {NS}>a</div><div {NS}>b</div>", "structure", id="two roots"),
    pytest.param(f"<div {NS}>a</div>b", "structure", id="text after it"),
    pytest.param(f"{BOMB}<div {NS}>&b;</div>", "structure", id="a document type"),
    pytest.param(f'<!DOCTYPE div SYSTEM "file:///etc/passwd"><div {NS}>a</div>', "structure", id="an external one"),
    pytest.param(f'<?xml version="1.0"?><div {NS}>a</div>', "structure", id="an XML declaration"),
    pytest.param("a", "structure", id="no XML"),
    pytest.param("", "structure", id="nothing"),
    pytest.param(5, "structure", id="a number"),
    pytest.param("<div><script>a</script></div>", "structure", id="the root is judged first"),
]


def _codes(validator: StructureValidator, div: object) -> list[str]:
    resource = {"resourceType": "Patient", "text": {"status": "generated", "div": div}}
    issues = validator.validate(resource, "Patient")
    assert {issue.expression for issue in issues} <= {("Patient.text.div",)}
    return [issue.code.value for issue in issues]


@pytest.mark.parametrize("content", ALLOWED)
def test_allowed(validator: StructureValidator, content: str) -> None:
    assert _codes(validator, f"<div {NS}>{content}</div>") == []
    assert _codes(validator, f"\n<div {NS}>{content}</div>") == []


@pytest.mark.parametrize(("content", "code"), FORBIDDEN)
def test_forbidden(validator: StructureValidator, content: str, code: str) -> None:
    assert _codes(validator, f"<div {NS}>{content}</div>") == [code]
    assert _codes(validator, f"\n<div {NS}>{content}</div>") == [code]


@pytest.mark.parametrize(("div", "code"), WHOLE)
def test_whole(validator: StructureValidator, div: object, code: str | None) -> None:
    assert _codes(validator, div) == ([] if code is None else [code])


def test_status_and_div_are_required(validator: StructureValidator) -> None:
    issues = validator.validate({"resourceType": "Patient", "text": {"status": "x"}}, "Patient")
    assert [issue.code.value for issue in issues] == ["required", "code-invalid"]
