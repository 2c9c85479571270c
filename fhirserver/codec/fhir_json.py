"""FHIR JSON: bytes in and out without losing a digit or the order of an element.

A body is kept as its own bytes (white space between tokens removed) beside its decoded value, whose
non-integers are ``Decimal``. Nothing is ever re-encoded but what a patch changed.
Spec: http://hl7.org/fhir/R4/json.html
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from fhirserver.kernel.outcome import BadStructure, TooLong
from fhirserver.kernel.resource import Json, Resource

MAX_DEPTH: Final = 100
"""Levels of nesting a body may have; the deepest official example has 17."""

_COLON: Final = b'":'
_NEGATIVE_ZERO: Final = re.compile(rb"-0(?![.0-9eE])")
"""The one integer whose literal its value does not keep."""

_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Body:
    """A resource as it came: minified JSON bytes and the value they decode to."""

    raw: bytes
    value: Resource


def parse_resource(body: bytes) -> Body:
    """Read a body that must be one JSON object with a ``resourceType``.

    Raises BadStructure: not UTF-8, not JSON, duplicate keys, nested too deep, not a resource.
    """
    parsed = _parse(body)
    if not isinstance(parsed.value, dict):
        raise BadStructure("The body is not a JSON object; a resource was expected.")
    if not isinstance(parsed.value.get("resourceType"), str):
        raise BadStructure("The body has no `resourceType`.", expression=["resourceType"])
    return parsed


def decode_checked(raw: bytes) -> Body:
    """Read the bytes of a ``Body`` again, of which only the text of strings has changed since."""
    return Body(raw, _decoder.decode(raw))


def parse_json(body: bytes) -> Json:
    """Decode JSON with exact decimals, refusing what a FHIR parser must refuse."""
    return _parse(body).value


def _parse(body: bytes) -> Body:
    try:
        value = _decoder.decode(body)
        raw = msgspec.json.format(body, indent=-1)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, ValueError) as error:
        raise BadStructure(f"The body is not well-formed JSON: {_reason(error)}.") from None
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    if _may_repeat_a_key(raw, value):
        _refuse_duplicate_keys(raw)
    return Body(raw, value)


def _reason(error: Exception) -> str:
    """Keep the decoder's position, drop whatever of the body its message may carry."""
    if isinstance(error, UnicodeDecodeError):
        return "a string is not UTF-8"
    position = re.search(r"\(byte (\d+)\)", str(error))
    return f"syntax error at byte {position[1]}" if position else "it ends too early, or holds what no value can"


def _too_deep() -> BadStructure:
    return BadStructure(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _check_depth(value: Json) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _children(parent) if type(child) is dict or type(child) is list]
        if not level:
            return
    raise _too_deep()


def _children(value: Json) -> Iterable[Json]:
    return value.values() if type(value) is dict else value if type(value) is list else ()


def _may_repeat_a_key(raw: bytes, value: Json) -> bool:
    r"""Tell whether a key may stand twice in an object, from minified JSON and what it decodes to.

    ``":`` follows every key, and stands within strings as ``\":``. Encoded anew, there are as many of them unless a
    key was dropped, or the text spells such characters in the form ``\u0022``.
    """
    return b"\\u" in raw or raw.count(_COLON) != encode(value).count(_COLON)


def _refuse_duplicate_keys(body: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            occurrences = Counter(name for name, _ in pairs)
            twice = next(name for name, count in occurrences.items() if count > 1)
            shown = f"`{twice}`" if re.fullmatch(r"\w{1,64}", twice, re.ASCII) else "A key"
            raise BadStructure(f"{shown} occurs more than once in one JSON object.")
        return found

    json.loads(body, object_pairs_hook=unique)


def with_head(raw: bytes, head: Mapping[str, bytes]) -> bytes:
    """Move members to the front of an object and set their raw values; all other bytes stay as they are."""
    members = _members.decode(raw)
    parts = [b'"%b":%b' % (name.encode(), value) for name, value in head.items()]
    parts += [b"%b:%b" % (encode(name), bytes(value)) for name, value in members.items() if name not in head]
    return b"{" + b",".join(parts) + b"}"


def members_of(raw: bytes) -> dict[str, bytes]:
    """Return the members of a JSON object with their raw values."""
    return {name: bytes(value) for name, value in _members.decode(raw).items()}


def stamp(body: Body, logical_id: str, version_id: int, last_updated: str) -> bytes:
    """Give a resource its identity: ``resourceType``, ``id`` and ``meta`` become a new head.

    Of the client's ``meta`` everything stays but ``versionId`` and ``lastUpdated``.
    """
    meta = [b'"versionId":"%d"' % version_id, b'"lastUpdated":"%b"' % last_updated.encode()]
    start = b'{"resourceType":"%b",' % body.value["resourceType"].encode()
    if "id" not in body.value and "meta" not in body.value and body.raw.startswith(start):  # as created ones come
        return b'%b"id":"%b","meta":{%b},%b' % (start, logical_id.encode(), b",".join(meta), body.raw[len(start) :])
    if "meta" in body.value:
        own = members_of(members_of(body.raw)["meta"])
        meta += [b"%b:%b" % (encode(k), v) for k, v in own.items() if k not in ("versionId", "lastUpdated")]
    head = {
        "resourceType": encode(body.value["resourceType"]),
        "id": encode(logical_id),
        "meta": b"{" + b",".join(meta) + b"}",
    }
    return with_head(body.raw, head)


def same_content(one: bytes, other: bytes) -> bool:
    """Tell whether two stamped resources differ in nothing but version and time."""
    first, second = members_of(one), members_of(other)
    return _unversioned(first) == _unversioned(second)


def _unversioned(members: dict[str, bytes]) -> dict[str, Any]:
    meta = members_of(members["meta"])
    own = {k: v for k, v in meta.items() if k not in ("versionId", "lastUpdated")}
    return {**members, "meta": own}


def encode(value: Json) -> bytes:
    """Write a decoded value; decimals keep their digits."""
    return _encoder.encode(value)


def pretty(raw: bytes) -> bytes:
    """Indent JSON for people, literals untouched."""
    return msgspec.json.format(raw, indent=2)


class Literal(Decimal):
    """A decimal that remembers how it was written, for values that are decoded, changed in part and encoded."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> "Literal":
        """Read a JSON number."""
        self = super().__new__(cls, text)
        self.text = text
        return self


def decode_literal(raw: bytes) -> Json:
    """Decode JSON so that ``encode_literal`` writes every untouched number as it stood."""
    if _NEGATIVE_ZERO.search(raw) is None:
        return _literal_decoder.decode(raw)
    return json.loads(raw, parse_float=Literal, parse_int=lambda text: Literal(text) if text == "-0" else int(text))


def encode_literal(value: Json) -> bytes:
    """Write a value decoded by ``decode_literal``."""
    return _literal_encoder.encode(value)


def _write_literal(value: Any) -> msgspec.Raw:  # noqa: ANN401 - the hook's own signature
    if isinstance(value, Literal):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"{type(value).__name__} is not a JSON value")


_literal_decoder: Final = msgspec.json.Decoder(float_hook=Literal)
_literal_encoder: Final = msgspec.json.Encoder(enc_hook=_write_literal, decimal_format="number")


def limit_size(body: bytes, limit: int, what: str) -> None:
    """Refuse a body over its limit."""
    if len(body) > limit:
        raise TooLong(f"{what} is larger than {limit} bytes.")
