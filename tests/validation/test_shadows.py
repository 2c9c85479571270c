"""Primitives with ids and extensions — http://hl7.org/fhir/R4/json.html#primitive"""

from collections.abc import Callable

import pytest

Problems = list[tuple[str, str]]
EXT = '{"extension":[{"url":"http://a.b/c","valueString":"x"}]}'
BAD_EXT = '{"extension":[{"url":"http://a.b/c"}]}'

CASES = [
    pytest.param(f'"birthDate":"1970","_birthDate":{EXT}', [], id="a value with an extension"),
    pytest.param('"birthDate":"1970","_birthDate":{"id":"a"}', [], id="a value with an id"),
    pytest.param(f'"_birthDate":{EXT}', [], id="an extension instead of a value"),
    pytest.param(f'"deceasedDateTime":"1970","_deceasedDateTime":{EXT}', [], id="of a choice"),
    pytest.param('"_birthDate":{"id":"a"}', [("structure", ".birthDate")], id="an id alone is nothing"),
    pytest.param('"_birthDate":{}', [("structure", ".birthDate")], id="an empty object is nothing"),
    pytest.param('"birthDate":"1970","_birthDate":{}', [("structure", ".birthDate")], id="nor beside a value"),
    pytest.param('"_birthDate":null', [("structure", ".birthDate")], id="null is nothing"),
    pytest.param('"birthDate":"1970","_birthDate":null', [], id="null beside a value: nothing more about it"),
    pytest.param(f'"birthDate":null,"_birthDate":{EXT}', [("structure", ".birthDate")], id="null outside an array"),
    pytest.param(f'"birthDate":"x","_birthDate":{EXT}', [("value", ".birthDate")], id="the value is still checked"),
    pytest.param(f'"_birthDate":[{EXT}]', [("structure", ".birthDate")], id="an array where none may be"),
    pytest.param('"_birthDate":"a"', [("structure", ".birthDate")], id="a string for the object"),
    pytest.param('"_birthDate":{"value":"1970"}', [("structure", ".birthDate")], id="the value is not inside"),
    pytest.param('"birthDate":"1970","_birthDate":{"foo":1}', [("structure", ".birthDate")], id="unknown element"),
    pytest.param(f'"_birthDate":{BAD_EXT}', [("invariant", ".birthDate.extension[0]")], id="ext-1 inside"),
    pytest.param('"gender":"male","_gender":{"id":"a"}', [], id="of a bound code"),
    pytest.param('"gender":"x","_gender":{"id":"a"}', [("code-invalid", ".gender")], id="a bound code that is wrong"),
    pytest.param(f'"name":[{{"given":["A","B"],"_given":[null,{EXT}]}}]', [], id="aligned arrays"),
    pytest.param(
        f'"name":[{{"given":["A",null],"_given":[null,{EXT}]}}]', [], id="null is used to fill out both arrays"
    ),
    pytest.param(f'"name":[{{"_given":[{EXT},{EXT}]}}]', [], id="extensions instead of all values"),
    pytest.param('"name":[{"given":["A"],"_given":[null]}]', [], id="nulls only beside values"),
    pytest.param(
        '"name":[{"given":["A",null],"_given":[{"id":"a"},null]}]',
        [("structure", ".name[0].given[1]")],
        id="null in both arrays at one place",
    ),
    pytest.param(
        '"name":[{"given":[null],"_given":[{"id":"a"}]}]',
        [("structure", ".name[0].given[0]")],
        id="null beside an id alone",
    ),
    pytest.param(
        f'"name":[{{"_given":[null,{EXT}]}}]', [("structure", ".name[0].given[0]")], id="null beside no value"
    ),
    pytest.param(
        f'"name":[{{"given":["A"],"_given":[null,{EXT}]}}]', [("structure", ".name[0].given")], id="different lengths"
    ),
    pytest.param('"name":[{"given":["A"],"_given":[]}]', [("structure", ".name[0].given")], id="an empty array"),
    pytest.param('"name":[{"text":"a","_given":[]}]', [("structure", ".name[0].given")], id="an empty array alone"),
    pytest.param(f'"name":[{{"_given":{EXT}}}]', [("structure", ".name[0].given")], id="an object for the array"),
    pytest.param(f'"name":[{{"given":"A","_given":[{EXT}]}}]', [("structure", ".name[0].given")], id="a string for it"),
    pytest.param(
        f'"name":[{{"given":["",2],"_given":[{EXT},{BAD_EXT}]}}]',
        [
            ("value", ".name[0].given[0]"),
            ("structure", ".name[0].given[1]"),
            ("invariant", ".name[0].given[1].extension[0]"),
        ],
        id="everything wrong at once",
    ),
    pytest.param(f'"_id":{EXT}', [], id="Resource.id is an element with extensions"),
    pytest.param('"name":[{"text":"a","_id":{"id":"x"}}]', [("structure", ".name[0]")], id="Element.id is not"),
    pytest.param(
        '"extension":[{"url":"http://a.b","_url":{"id":"x"},"valueCode":"x"}]',
        [("structure", ".extension[0]")],
        id="nor is Extension.url",
    ),
    pytest.param('"_resourceType":{"id":"a"}', [("structure", "")], id="nor is resourceType"),
    pytest.param('"_":1', [("structure", "")], id="an underscore alone"),
]


@pytest.mark.parametrize(("members", "expected"), CASES)
def test_shadow(problems_of: Callable[[str], Problems], members: str, expected: Problems) -> None:
    assert problems_of(f'{{"resourceType":"Patient",{members}}}') == [(c, "Patient" + path) for c, path in expected]


XHTML = '"div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">a</div>"'


def test_xhtml_has_an_id_but_no_extensions(problems_of: Callable[[str], Problems]) -> None:
    start = f'{{"resourceType":"Patient","text":{{"status":"generated",{XHTML},"_div":'
    assert problems_of(start + '{"id":"a"}}}') == []
    assert problems_of(start + EXT + "}}") == [("structure", "Patient.text.div")]
