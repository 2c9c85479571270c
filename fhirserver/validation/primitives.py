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
from fhirserver.kernel.texts import Text
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

_MUST_BE_STRING: Final = one(
    IssueType.STRUCTURE,
    Text(
        "json-string",
        en="{path} must be a JSON string.",
        fr="{path} doit être une chaîne JSON.",
        nl="{path} moet een JSON-string zijn.",
    ),
)
_BLANK: Final = one(
    IssueType.VALUE,
    Text(
        "string-blank",
        en="{path} must hold at least one character that is not white space.",
        fr="{path} doit contenir au moins un caractère autre qu'une espace.",
        nl="{path} moet ten minste één teken bevatten dat geen witruimte is.",
    ),
)
_CONTROL: Final = one(
    IssueType.VALUE,
    Text(
        "string-control",
        en="{path} must not hold control characters other than tab, carriage return and line feed.",
        fr=(
            "{path} ne doit pas contenir de caractères de contrôle autres que tabulation, retour chariot et saut "
            "de ligne."
        ),
        nl="{path} mag geen andere stuurtekens bevatten dan tab, regelterugloop en regelopschuiving.",
    ),
)
_TOO_LONG: Final = one(
    IssueType.TOO_LONG,
    Text(
        "string-too-long",
        en="{path} must not be longer than {0} characters.",
        fr="{path} ne doit pas dépasser {0} caractères.",
        nl="{path} mag niet langer zijn dan {0} tekens.",
    ),
    str(MAX_STRING),
)


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
_CODE: Final = one(
    IssueType.VALUE,
    Text(
        "code-form",
        en="{path} must be a code: no white space but single spaces between other characters.",
        fr="{path} doit être un code : pas d'espaces, hormis une seule à la fois entre d'autres caractères.",
        nl="{path} moet een code zijn: geen witruimte behalve enkele spaties tussen andere tekens.",
    ),
)


def check_code(value: Json, walk: Walk) -> Findings | None:
    """Check a ``code`` that no required binding names."""
    if type(value) is not str:
        return _MUST_BE_STRING
    if value and value.isprintable() and value[0] != " " and value[-1] != " " and "  " not in value:
        return None
    return _explain_string(value) or (None if _CODE_FORM.fullmatch(value) else _CODE)


_URI: Final = one(
    IssueType.VALUE,
    Text(
        "uri-form",
        en="{path} must be a URI without white space.",
        fr="{path} doit être un URI sans espaces.",
        nl="{path} moet een URI zonder witruimte zijn.",
    ),
)


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


def _matching(pattern: str, text: Text) -> Check:
    matches = re.compile(pattern, re.ASCII).fullmatch
    wrong = one(IssueType.VALUE, text)

    def check(value: Json, walk: Walk) -> Findings | None:
        if type(value) is not str:
            return _MUST_BE_STRING
        return None if matches(value) is not None else wrong

    return check


def _dated(pattern: str, text: Text) -> Check:
    """Return a check of ``YYYY-MM-DD…``: the pattern, which knows the months, and leap years."""
    matches = re.compile(pattern, re.ASCII).fullmatch
    wrong = one(IssueType.VALUE, text)

    def check(value: Json, walk: Walk) -> Findings | None:
        if type(value) is not str:
            return _MUST_BE_STRING
        if matches(value) is None:
            return wrong
        return _NO_SUCH_DAY if value[5:10] == "02-29" and not isleap(int(value[:4])) else None

    return check


_NO_SUCH_DAY: Final = one(
    IssueType.VALUE,
    Text(
        "day-unknown",
        en="{path} must be a day that exists: this February has 28.",
        fr="{path} doit être un jour qui existe : ce mois de février en a 28.",
        nl="{path} moet een dag zijn die bestaat: deze februari telt er 28.",
    ),
)
_BOOLEAN: Final = one(
    IssueType.STRUCTURE,
    Text(
        "json-boolean",
        en="{path} must be a JSON boolean, `true` or `false`.",
        fr="{path} doit être un booléen JSON, `true` ou `false`.",
        nl="{path} moet een JSON-boolean zijn, `true` of `false`.",
    ),
)
_RANGE: Final = Text(
    "integer-range",
    en="{path} must be a whole number from {0} to {1}.",
    fr="{path} doit être un nombre entier de {0} à {1}.",
    nl="{path} moet een geheel getal van {0} tot {1} zijn.",
)
_NOT_WHOLE: Final = one(
    IssueType.STRUCTURE,
    Text(
        "integer-form",
        en="{path} must be a JSON number without fraction and exponent.",
        fr="{path} doit être un nombre JSON sans décimales ni exposant.",
        nl="{path} moet een JSON-getal zonder decimalen en exponent zijn.",
    ),
)


def check_boolean(value: Json, walk: Walk) -> Findings | None:
    """Check a ``boolean``."""
    return None if value is True or value is False else _BOOLEAN


def _whole(low: int, high: int) -> Check:
    wrong = one(IssueType.VALUE, _RANGE, str(low), str(high))

    def check(value: Json, walk: Walk) -> Findings | None:
        if type(value) is not int:  # neither a bool nor a Decimal
            return _NOT_WHOLE
        return None if low <= value <= high else wrong

    return check


_LARGEST: Final = 10**308
_NUMBER: Final = one(
    IssueType.STRUCTURE,
    Text(
        "json-number",
        en="{path} must be a JSON number.",
        fr="{path} doit être un nombre JSON.",
        nl="{path} moet een JSON-getal zijn.",
    ),
)
_MAGNITUDE: Final = one(
    IssueType.VALUE,
    Text(
        "decimal-magnitude",
        en="{path} must be a number between 1E-308 and 1E+308 in magnitude, or zero.",
        fr="{path} doit être un nombre entre 1E-308 et 1E+308 en valeur absolue, ou zéro.",
        nl="{path} moet een getal zijn tussen 1E-308 en 1E+308 in absolute waarde, of nul.",
    ),
)


def check_decimal(value: Json, walk: Walk) -> Findings | None:
    """Check a ``decimal``: any precision, and a magnitude that every receiver can hold."""
    if isinstance(value, Decimal):
        return None if -308 <= value.adjusted() < 308 or not value else _MAGNITUDE
    if type(value) is int:
        return None if -_LARGEST <= value <= _LARGEST else _MAGNITUDE
    return _NUMBER


_BASE64: Final = re.compile(r"[0-9A-Za-z+/]*={0,2}", re.ASCII)
_BASE64_FORM: Final = one(
    IssueType.VALUE,
    Text(
        "base64-form",
        en="{path} must be base64: groups of four of `A-Z a-z 0-9 + /`, padded with `=`.",
        fr="{path} doit être du base64 : groupes de quatre parmi `A-Z a-z 0-9 + /`, complétés par `=`.",
        nl="{path} moet base64 zijn: groepen van vier uit `A-Z a-z 0-9 + /`, aangevuld met `=`.",
    ),
)


def check_base64(value: Json, walk: Walk) -> Findings | None:
    """Check a ``base64Binary``; white space between groups of four is allowed."""
    if type(value) is not str:
        return _MUST_BE_STRING
    if value and len(value) % 4 == 0 and _BASE64.fullmatch(value) is not None:
        return None
    lines = value.split()
    is_grouped = bool(lines) and all(len(line) % 4 == 0 for line in lines)
    return None if is_grouped and _BASE64.fullmatch("".join(lines)) is not None else _BASE64_FORM


check_element_id: Final = _matching(
    r"\S{1,1048576}",
    Text(
        "element-id-form",
        en="{path} must be a string without white space.",
        fr="{path} doit être une chaîne sans espaces.",
        nl="{path} moet een string zonder witruimte zijn.",
    ),
)
check_id: Final = _matching(
    r"[A-Za-z0-9\-.]{1,64}",
    Text(
        "id-form",
        en="{path} must be an id: 1 to 64 of `A-Z a-z 0-9 - .`.",
        fr="{path} doit être un id : 1 à 64 caractères parmi `A-Z a-z 0-9 - .`.",
        nl="{path} moet een id zijn: 1 tot 64 tekens uit `A-Z a-z 0-9 - .`.",
    ),
)

_DATE_FORM: Final = Text(
    "date-form",
    en="{path} must be a date: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.",
    fr="{path} doit être une date : `YYYY`, `YYYY-MM` ou `YYYY-MM-DD`.",
    nl="{path} moet een datum zijn: `YYYY`, `YYYY-MM` of `YYYY-MM-DD`.",
)
_DATE_TIME_FORM: Final = Text(
    "datetime-form",
    en="{path} must be a dateTime: `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ss` with a time zone.",
    fr=(
        "{path} doit être une date et heure : `YYYY`, `YYYY-MM`, `YYYY-MM-DD` ou `YYYY-MM-DDThh:mm:ss` avec un "
        "fuseau horaire."
    ),
    nl="{path} moet een datum en tijd zijn: `YYYY`, `YYYY-MM`, `YYYY-MM-DD` of `YYYY-MM-DDThh:mm:ss` met een tijdzone.",
)
_INSTANT_FORM: Final = Text(
    "instant-form",
    en="{path} must be an instant: `YYYY-MM-DDThh:mm:ss` with a time zone.",
    fr="{path} doit être un instant : `YYYY-MM-DDThh:mm:ss` avec un fuseau horaire.",
    nl="{path} moet een tijdstip zijn: `YYYY-MM-DDThh:mm:ss` met een tijdzone.",
)
_TIME_FORM: Final = Text(
    "time-form",
    en="{path} must be a time: `hh:mm:ss`.",
    fr="{path} doit être une heure : `hh:mm:ss`.",
    nl="{path} moet een tijd zijn: `hh:mm:ss`.",
)
_OID_FORM: Final = Text(
    "oid-form",
    en="{path} must be an OID: `urn:oid:` and numbers with dots between.",
    fr="{path} doit être un OID : `urn:oid:` et des nombres séparés par des points.",
    nl="{path} moet een OID zijn: `urn:oid:` en getallen met punten ertussen.",
)
_UUID_FORM: Final = Text(
    "uuid-form",
    en="{path} must be a UUID: `urn:uuid:` and lower-case hexadecimal digits.",
    fr="{path} doit être un UUID : `urn:uuid:` et des chiffres hexadécimaux minuscules.",
    nl="{path} moet een UUID zijn: `urn:uuid:` en hexadecimale cijfers in kleine letters.",
)

PRIMITIVES: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "base64Binary": check_base64,
        "boolean": check_boolean,
        "canonical": check_canonical,
        "code": check_code,
        "date": _dated(f"{_YEAR}(?:-{_MONTH}|-{_DAY})?", _DATE_FORM),
        "dateTime": _dated(
            f"{_YEAR}(?:-{_MONTH}|-{_DAY}(?:T{_TIME}{_ZONE})?)?",
            _DATE_TIME_FORM,
        ),
        "decimal": check_decimal,
        "id": check_id,
        "instant": _dated(f"{_YEAR}-{_DAY}T{_TIME}{_ZONE}", _INSTANT_FORM),
        "integer": _whole(-2147483648, 2147483647),
        "markdown": check_string,
        "oid": _matching(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+", _OID_FORM),
        "positiveInt": _whole(1, 2147483647),
        "string": check_string,
        "time": _matching(_TIME, _TIME_FORM),
        "unsignedInt": _whole(0, 2147483647),
        "uri": check_uri,
        "url": check_uri,
        "uuid": _matching(
            "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            _UUID_FORM,
        ),
    }
)
