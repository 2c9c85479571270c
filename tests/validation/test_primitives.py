"""Primitive types — http://hl7.org/fhir/R4/datatypes.html#primitive

Each value is a JSON token in a parameter of its type.
"""

from collections.abc import Callable

import pytest

LONG = "x" * (1024 * 1024)

VALID = [
    pytest.param("Boolean", "true", id="boolean: true | false"),
    pytest.param("Boolean", "false", id="boolean: false"),
    pytest.param("Integer", "0", id="integer: zero"),
    pytest.param("Integer", "-2147483648", id="integer: the smallest signed 32-bit number"),
    pytest.param("Integer", "2147483647", id="integer: the largest signed 32-bit number"),
    pytest.param("UnsignedInt", "0", id="unsignedInt: any non-negative integer"),
    pytest.param("PositiveInt", "1", id="positiveInt: any positive integer"),
    pytest.param("Decimal", "1", id="decimal: an integer literal"),
    pytest.param("Decimal", "1.00", id="decimal: the precision of the value has significance"),
    pytest.param("Decimal", "-0.10e-5", id="decimal: exponents may be used"),
    pytest.param("Decimal", "12345678901234567890.123456789", id="decimal: more digits than a double has"),
    pytest.param("Decimal", "1e307", id="decimal: large, but within a double"),
    pytest.param("Decimal", "0e999", id="decimal: zero has no magnitude"),
    pytest.param("Base64Binary", '"JVBERi0xLjUN"', id="base64Binary: groups of four"),
    pytest.param("Base64Binary", '"QQ=="', id="base64Binary: padded"),
    pytest.param("Base64Binary", r'"QUJD\r\n REVG"', id="base64Binary: white space between groups"),
    pytest.param("Instant", '"2015-02-07T13:28:17.239+02:00"', id="instant: the example of the specification"),
    pytest.param("Instant", '"2017-01-01T00:00:00Z"', id="instant: zone Z"),
    pytest.param("Instant", '"2016-12-31T23:59:60Z"', id="instant: a leap second"),
    pytest.param("Date", '"2018"', id="date: YYYY"),
    pytest.param("Date", '"1973-06"', id="date: YYYY-MM"),
    pytest.param("Date", '"1905-08-23"', id="date: YYYY-MM-DD"),
    pytest.param("Date", '"2000-02-29"', id="date: a leap day"),
    pytest.param("Date", '"0001-01-01"', id="date: the first day of the calendar"),
    pytest.param("DateTime", '"2015-02-07T13:28:17-05:00"', id="dateTime: hours and minutes with a time zone"),
    pytest.param("DateTime", '"2017-01-01T00:00:00.000Z"', id="dateTime: fractions of seconds"),
    pytest.param("DateTime", '"2018-05-31T23:59:59+14:00"', id="dateTime: the largest offset"),
    pytest.param("DateTime", '"1973-06"', id="dateTime: a partial date"),
    pytest.param("Time", '"14:35:00.5"', id="time: a time during the day"),
    pytest.param("String", r'"a\tb\r\nc"', id="string: u0009, u000D and u000A are allowed"),
    pytest.param("String", '" padded "', id="string: leading and trailing white space is allowed"),
    pytest.param("String", '"été 😀"', id="string: Unicode"),
    pytest.param("String", f'"{LONG}"', id="string: exactly 1024*1024 characters"),
    pytest.param("Markdown", r'"# Title\n\n* item"', id="markdown: a string with line feeds"),
    pytest.param("Code", '"two words"', id="code: single spaces inside"),
    pytest.param("Id", '"A-z.0"', id="id: letters, digits, - and ."),
    pytest.param("Id", f'"{"a" * 64}"', id="id: 64 characters"),
    pytest.param("Uri", '"urn:oid:1.2.3"', id="uri: absolute"),
    pytest.param("Uri", '"../a?b=c#d"', id="uri: relative"),
    pytest.param("Url", '"https://example.org/é"', id="url: Unicode"),
    pytest.param("Canonical", '"http://example.org/vs|1.0#a"', id="canonical: version and fragment"),
    pytest.param("Oid", '"urn:oid:1.2.3.4.5"', id="oid: an OID represented as a URI"),
    pytest.param("Uuid", '"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"', id="uuid: a UUID represented as a URI"),
]

INVALID = [
    pytest.param("Boolean", '"true"', "structure", id="boolean: not a string"),
    pytest.param("Boolean", "1", "structure", id="boolean: 0 and 1 are not valid values"),
    pytest.param("Integer", "1.0", "structure", id="integer: not written as 1.0"),
    pytest.param("Integer", "1e0", "structure", id="integer: not written as 1e0"),
    pytest.param("Integer", '"1"', "structure", id="integer: not a string"),
    pytest.param("Integer", "true", "structure", id="integer: not a boolean"),
    pytest.param("Integer", "2147483648", "value", id="integer: 32 bits"),
    pytest.param("Integer", "-2147483649", "value", id="integer: 32 bits, negative"),
    pytest.param("UnsignedInt", "-1", "value", id="unsignedInt: not negative"),
    pytest.param("PositiveInt", "0", "value", id="positiveInt: not zero"),
    pytest.param("PositiveInt", "2147483648", "value", id="positiveInt: 32 bits"),
    pytest.param("Decimal", '"1.0"', "structure", id="decimal: not a string"),
    pytest.param("Decimal", "true", "structure", id="decimal: not a boolean"),
    pytest.param("Decimal", "1e999", "value", id="decimal: beyond what a double holds"),
    pytest.param("Decimal", "-1e999", "value", id="decimal: beyond what a double holds, negative"),
    pytest.param("Decimal", "1e-999", "value", id="decimal: a double would be zero"),
    pytest.param("Decimal", "1" + "0" * 400, "value", id="decimal: an integer literal beyond a double"),
    pytest.param("Base64Binary", '"QQ="', "value", id="base64Binary: wrong padding"),
    pytest.param("Base64Binary", '"Q&=="', "value", id="base64Binary: a character outside the alphabet"),
    pytest.param("Base64Binary", '"=QQQ"', "value", id="base64Binary: padding in front"),
    pytest.param("Base64Binary", '"QU JD"', "value", id="base64Binary: white space only between groups of four"),
    pytest.param("Base64Binary", '"QQ== QUJD"', "value", id="base64Binary: padding inside"),
    pytest.param("Base64Binary", '""', "value", id="base64Binary: not empty"),
    pytest.param("Base64Binary", "5", "structure", id="base64Binary: not a number"),
    pytest.param("Instant", '"2015-02-07"', "value", id="instant: at least to the second"),
    pytest.param("Instant", '"2015-02-07T13:28:17"', "value", id="instant: always includes a time zone"),
    pytest.param("Instant", '"2015-02-30T13:28:17Z"', "value", id="instant: the day exists"),
    pytest.param("Date", '"2015-02-30"', "value", id="date: 30 February"),
    pytest.param("Date", '"1900-02-29"', "value", id="date: 1900 was not a leap year"),
    pytest.param("Date", '"2015-04-31"', "value", id="date: 31 April"),
    pytest.param("Date", '"2015-13"', "value", id="date: month 13"),
    pytest.param("Date", '"2015-00-10"', "value", id="date: month 0"),
    pytest.param("Date", '"0000"', "value", id="date: year 0"),
    pytest.param("Date", '"15-01-01"', "value", id="date: two digits of a year"),
    pytest.param("Date", '"2015-1-1"', "value", id="date: one digit of a month"),
    pytest.param("Date", '"20150101"', "value", id="date: without hyphens"),
    pytest.param("Date", '"2015-W01-1"', "value", id="date: an ISO week"),
    pytest.param("Date", '"2015-01-01T10:00:00Z"', "value", id="date: with a time"),
    pytest.param("Date", '"٢٠١٥-01-01"', "value", id="date: digits that are not ASCII"),
    pytest.param("Date", "2015", "structure", id="date: not a number"),
    pytest.param("DateTime", '"2015-02-07T13:28"', "value", id="dateTime: seconds must be provided"),
    pytest.param("DateTime", '"2015-02-07T13:28:17"', "value", id="dateTime: a time zone shall be populated"),
    pytest.param("DateTime", '"2015-02-07T24:00:00Z"', "value", id='dateTime: the time "24:00" is not allowed'),
    pytest.param("DateTime", '"2015-02-07T10:00:00+15:00"', "value", id="dateTime: an offset beyond 14:00"),
    pytest.param("DateTime", '"2015-02-07 10:00:00Z"', "value", id="dateTime: T, not a space"),
    pytest.param("DateTime", '"2015-02-07T10:00:00z"', "value", id="dateTime: Z in upper case"),
    pytest.param("Time", '"14:35"', "value", id="time: seconds must be provided"),
    pytest.param("Time", '"14:35:00Z"', "value", id="time: a time zone shall not be present"),
    pytest.param("Time", '"24:00:00"', "value", id='time: the time "24:00" shall not be used'),
    pytest.param("String", '""', "value", id="string: not empty"),
    pytest.param("String", r'" \t\n"', "value", id="string: not only white space"),
    pytest.param("String", r'"a\u0000b"', "value", id="string: no NUL"),
    pytest.param("String", r'"a\u001fb"', "value", id="string: no code points below 32"),
    pytest.param("String", r'"a\ufffeb"', "value", id="string: no code points that XML cannot hold"),
    pytest.param("String", f'"{LONG}x"', "too-long", id="string: shall not exceed 1MB"),
    pytest.param("String", "1", "structure", id="string: not a number"),
    pytest.param("String", "{}", "structure", id="string: not an object"),
    pytest.param("String", '["a"]', "structure", id="string: not an array"),
    pytest.param("String", "null", "structure", id="string: not null"),
    pytest.param("Markdown", '"  "', "value", id="markdown: not only white space"),
    pytest.param("Code", '" a"', "value", id="code: no leading white space"),
    pytest.param("Code", '"a "', "value", id="code: no trailing white space"),
    pytest.param("Code", '"a  b"', "value", id="code: no double spaces"),
    pytest.param("Code", '""', "value", id="code: at least one character"),
    pytest.param("Id", '"a_b"', "value", id="id: no underscore"),
    pytest.param("Id", f'"{"a" * 65}"', "value", id="id: no more than 64 characters"),
    pytest.param("Id", '"é"', "value", id="id: ASCII only"),
    pytest.param("Uri", '"http://a b"', "value", id="uri: no white space"),
    pytest.param("Uri", '""', "value", id="uri: not empty"),
    pytest.param("Uri", r'"http://a\n"', "value", id="uri: no line feed"),
    pytest.param("Url", '" "', "value", id="url: not blank"),
    pytest.param("Canonical", '"http://a b"', "value", id="canonical: no white space"),
    pytest.param("Oid", '"1.2.3"', "value", id="oid: starts with urn:oid:"),
    pytest.param("Oid", '"urn:oid:3.1"', "value", id="oid: starts with 0, 1 or 2"),
    pytest.param("Oid", '"urn:oid:1.02"', "value", id="oid: no leading zeros"),
    pytest.param("Uuid", '"c757873d-ec9a-4326-a141-556f43239520"', "value", id="uuid: starts with urn:uuid:"),
    pytest.param("Uuid", '"urn:uuid:C757873D-EC9A-4326-A141-556F43239520"', "value", id="uuid: lower case"),
]


def _parameters(type_name: str, token: str) -> str:
    return f'{{"resourceType":"Parameters","parameter":[{{"name":"a","value{type_name}":{token}}}]}}'


@pytest.mark.parametrize(("type_name", "token"), VALID)
def test_valid(problems_of: Callable[[str], object], type_name: str, token: str) -> None:
    assert problems_of(_parameters(type_name, token)) == []


@pytest.mark.parametrize(("type_name", "token", "code"), INVALID)
def test_invalid(problems_of: Callable[[str], object], type_name: str, token: str, code: str) -> None:
    assert problems_of(_parameters(type_name, token)) == [(code, "Parameters.parameter[0].value")]
