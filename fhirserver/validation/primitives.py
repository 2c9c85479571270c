"""The syntax of primitive values in JSON, by type.

Regular expressions are those of the specification where it gives one, read as the prose around them says: days
exist, strings hold something to read and no control characters, integers fit 32 bits.
Spec: http://hl7.org/fhir/R4/datatypes.html#primitive
"""

import re
from calendar import isleap
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json
from fhirserver.validation.findings import Check, Findings, one
from fhirserver.validation.walk import Walk

MAX_STRING: Final = 1024 * 1024
"""Characters: "strings SHALL NOT exceed 1MB (1024*1024 characters) in size"."""

_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPACE: Final = re.compile(r"\s")
_YEAR: Final = "(?!0000)[0-9]{4}"
_DAY: Final = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))"
)
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE: Final = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_MONTH: Final = "(?:0[1-9]|1[0-2])"

_MUST_BE_STRING: Final = one(IssueType.STRUCTURE, "{} must be a JSON string.")
_BLANK: Final = one(IssueType.VALUE, "{} must hold at least one character that is not white space.")
_CONTROL: Final = one(
    IssueType.VALUE, "{} must not hold control characters other than tab, carriage return and line feed."
)
_TOO_LONG: Final = one(IssueType.TOO_LONG, f"{{}} must not be longer than {MAX_STRING} characters.")


def check_string(value: Json, walk: Walk) -> Findings | None:
    """Check a ``string`` or ``markdown``."""
    if type(value) is str and value.isprintable() and 0 < len(value) <= MAX_STRING and not value.isspace():
        return None
    return _explain_string(value)


def _explain_string(value: Json) -> Findings | None:
    if not isinstance(value, str):
        return _MUST_BE_STRING
    if len(value) > MAX_STRING:
        return _TOO_LONG
    if _NOT_XML.search(value):
        return _CONTROL
    return None if value.strip() else _BLANK


_CODE_FORM: Final = re.compile(r"[^\s]+(?:\s[^\s]+)*", re.ASCII)
_CODE: Final = one(IssueType.VALUE, "{} must be a code: no white space but single spaces between other characters.")


def check_code(value: Json, walk: Walk) -> Findings | None:
    """Check a ``code`` that no required binding names."""
    if type(value) is not str:
        return _MUST_BE_STRING
    if value and value.isprintable() and value[0] != " " and value[-1] != " " and "  " not in value:
        return None
    return _explain_string(value) or (None if _CODE_FORM.fullmatch(value) else _CODE)


_URI: Final = one(IssueType.VALUE, "{} must be a URI without white space.")


def check_uri(value: Json, walk: Walk) -> Findings | None:
    """Check a ``uri`` or ``url``, and note a reference to a contained resource."""
    if type(value) is not str:
        return _MUST_BE_STRING
    if not value or not value.isprintable() or " " in value:
        return _explain_uri(value)
    if value[0] == "#" and value != "#":
        walk.scope.refer(value)
    return None


def check_canonical(value: Json, walk: Walk) -> Findings | None:
    """Check a ``canonical``; it may also refer to the container with ``#``."""
    if type(value) is not str:
        return _MUST_BE_STRING
    if not value or not value.isprintable() or " " in value:
        return _explain_uri(value)
    if value[0] == "#":
        walk.scope.refer(value)
    return None


def _explain_uri(value: str) -> Findings | None:
    return _explain_string(value) or (_URI if _SPACE.search(value) else None)


def _matching(pattern: str, expected: str) -> Check:
    matches = re.compile(pattern, re.ASCII).fullmatch
    wrong = one(IssueType.VALUE, f"{{}} must be {expected}.")

    def check(value: Json, walk: Walk) -> Findings | None:
        if type(value) is not str:
            return _MUST_BE_STRING
        return None if matches(value) is not None else wrong

    return check


def _dated(pattern: str, expected: str) -> Check:
    """Return a check of ``YYYY-MM-DD…``: the pattern, which knows the months, and leap years."""
    matches = re.compile(pattern, re.ASCII).fullmatch
    wrong = one(IssueType.VALUE, f"{{}} must be {expected}.")

    def check(value: Json, walk: Walk) -> Findings | None:
        if type(value) is not str:
            return _MUST_BE_STRING
        if matches(value) is None:
            return wrong
        return _NO_SUCH_DAY if value[5:10] == "02-29" and not isleap(int(value[:4])) else None

    return check


_NO_SUCH_DAY: Final = one(IssueType.VALUE, "{} must be a day that exists: this February has 28.")
_BOOLEAN: Final = one(IssueType.STRUCTURE, "{} must be a JSON boolean, `true` or `false`.")


def check_boolean(value: Json, walk: Walk) -> Findings | None:
    """Check a ``boolean``."""
    return None if value is True or value is False else _BOOLEAN


def _whole(low: int, high: int) -> Check:
    wrong = one(IssueType.VALUE, f"{{}} must be a whole number from {low} to {high}.")
    not_whole = one(IssueType.STRUCTURE, "{} must be a JSON number without fraction and exponent.")

    def check(value: Json, walk: Walk) -> Findings | None:
        if type(value) is not int:  # neither a bool nor a Decimal
            return not_whole
        return None if low <= value <= high else wrong

    return check


_LARGEST: Final = 10**308
_NUMBER: Final = one(IssueType.STRUCTURE, "{} must be a JSON number.")
_MAGNITUDE: Final = one(IssueType.VALUE, "{} must be a number between 1E-308 and 1E+308 in magnitude, or zero.")


def check_decimal(value: Json, walk: Walk) -> Findings | None:
    """Check a ``decimal``: any precision, and a magnitude that every receiver can hold."""
    if isinstance(value, Decimal):
        return None if -308 <= value.adjusted() < 308 or not value else _MAGNITUDE
    if type(value) is int:
        return None if -_LARGEST <= value <= _LARGEST else _MAGNITUDE
    return _NUMBER


_BASE64: Final = re.compile(r"[0-9A-Za-z+/]*={0,2}", re.ASCII)
_BASE64_FORM: Final = one(IssueType.VALUE, "{} must be base64: groups of four of `A-Z a-z 0-9 + /`, padded with `=`.")


def check_base64(value: Json, walk: Walk) -> Findings | None:
    """Check a ``base64Binary``; white space between groups of four is allowed."""
    if type(value) is not str:
        return _MUST_BE_STRING
    if value and len(value) % 4 == 0 and _BASE64.fullmatch(value) is not None:
        return None
    lines = value.split()
    is_grouped = bool(lines) and all(len(line) % 4 == 0 for line in lines)
    return None if is_grouped and _BASE64.fullmatch("".join(lines)) is not None else _BASE64_FORM


check_element_id: Final = _matching(r"\S{1,1048576}", "a string without white space")
check_id: Final = _matching(r"[A-Za-z0-9\-.]{1,64}", "an id: 1 to 64 of `A-Z a-z 0-9 - .`")

PRIMITIVES: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "base64Binary": check_base64,
        "boolean": check_boolean,
        "canonical": check_canonical,
        "code": check_code,
        "date": _dated(f"{_YEAR}(?:-{_MONTH}|-{_DAY})?", "a date: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`"),
        "dateTime": _dated(
            f"{_YEAR}(?:-{_MONTH}|-{_DAY}(?:T{_TIME}{_ZONE})?)?",
            "a dateTime: `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ss` with a time zone",
        ),
        "decimal": check_decimal,
        "id": check_id,
        "instant": _dated(f"{_YEAR}-{_DAY}T{_TIME}{_ZONE}", "an instant: `YYYY-MM-DDThh:mm:ss` with a time zone"),
        "integer": _whole(-2147483648, 2147483647),
        "markdown": check_string,
        "oid": _matching(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+", "an OID: `urn:oid:` and numbers with dots between"),
        "positiveInt": _whole(1, 2147483647),
        "string": check_string,
        "time": _matching(_TIME, "a time: `hh:mm:ss`"),
        "unsignedInt": _whole(0, 2147483647),
        "uri": check_uri,
        "url": check_uri,
        "uuid": _matching(
            "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "a UUID: `urn:uuid:` and lower-case hexadecimal digits",
        ),
    }
)
