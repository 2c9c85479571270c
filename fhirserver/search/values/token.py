"""Token parameters: codes with their systems, exact; ``:text``, ``:not``, ``:of-type``, ``:above``, ``:below`` …

Spec: http://hl7.org/fhir/R4/search.html#token
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fhirserver.identifiers.kinds import canonical_system
from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.search.coded import Codes, Subsumes
from fhirserver.search.index import SEPARATOR
from fhirserver.search.plan import HasTerm, HasTermPrefix, HasText, Plan, any_of
from fhirserver.search.text_test import TextTest
from fhirserver.search.values.string import normalise
from fhirserver.search.values.text import split_unescaped, unescape
from fhirserver.search.values.words import plan_words


def token_extractor(key: str) -> Callable[[str, Json, list[str]], None]:
    """Return what adds the terms of one value of a token parameter: (FHIR type, value, terms)."""
    seen: dict[tuple[Json, Json, Json], tuple[str, ...]] = {}

    def add_coding(coding: dict[str, Json], into: list[str]) -> None:
        parts = (coding.get("code"), coding.get("system"), coding.get("display"))
        terms = seen.get(parts)
        if terms is None:
            terms = tuple(_coding_terms(key, *parts))
            if len(seen) < REMEMBERED:
                seen[parts] = terms
        into.extend(terms)

    def add(type_name: str, value: Json, into: list[str]) -> None:
        if isinstance(value, str):
            into.append(f"{key}={value.casefold() if type_name == 'string' else value}{SEPARATOR}")
        elif type_name == "CodeableConcept":
            for coding in value.get("coding", ()):
                add_coding(coding, into)
            into.extend(_text(key, value.get("text")))
        elif type_name == "Coding":
            add_coding(value, into)
        else:
            into.extend(_other_terms(key, type_name, value))

    return add


REMEMBERED: Final = 2000
"""Codings recur: a key keeps the terms of the first that it meets."""


def _coding_terms(key: str, code: Json, system: Json, display: Json) -> Iterator[str]:
    if isinstance(code, str):
        yield f"{key}:code={code}"  # many resources share it: one exact term keeps its search in index order
    yield from _systematic(key, code, system)
    yield from _text(key, display)


def _other_terms(key: str, type_name: str, value: Json) -> Iterator[str]:
    if isinstance(value, bool | int):
        yield f"{key}={str(value).lower()}{SEPARATOR}"
    elif type_name == "Identifier":
        system = value.get("system")
        canonical = canonical_system(system) if isinstance(system, str) else None
        yield from _systematic(key, value.get("value"), canonical)
        yield from _typed_identifier(key, value)
    elif type_name == "ContactPoint":
        yield from _systematic(key, value.get("value"), None)
    elif type_name in ("Quantity", "Money"):
        yield from _systematic(key, value.get("code", value.get("currency")), value.get("system"))


def _systematic(key: str, code: Json, system: Json) -> Iterator[str]:
    if isinstance(code, str):
        yield f"{key}={code}{SEPARATOR}{system if isinstance(system, str) else ''}"
    if isinstance(system, str):
        yield f"{key}|={system}"


def _text(key: str, text: Json) -> Iterator[str]:
    if isinstance(text, str):
        yield f"{key}:text={normalise(text)}"


def _typed_identifier(key: str, identifier: dict[str, Json]) -> Iterator[str]:
    kind = identifier.get("type")
    if not isinstance(kind, dict):
        return
    yield from _text(key, kind.get("text"))
    for coding in kind.get("coding", ()):
        yield from _text(key, coding.get("display"))
        if "code" in coding and "value" in identifier:
            parts = (identifier["value"], coding.get("system", ""), coding["code"])
            yield f"{key}:of-type={SEPARATOR.join(parts)}"


@dataclass(frozen=True, slots=True)
class TokenForm:
    """What the elements of a token parameter look like."""

    types: frozenset[str]
    """Their FHIR types."""
    implied: frozenset[str] = frozenset()
    """The code systems that an element of type ``code`` implies; its terms carry no system."""
    mime: bool = False
    """They are MIME types."""


CODED: Final = frozenset({"Coding", "CodeableConcept"})
PLAIN: Final = frozenset({"boolean", "code", "id", "string", "uri", "url", "canonical", "integer", "positiveInt"})
SYSTEMLESS: Final = frozenset({"boolean", "uri", "url", "canonical", "ContactPoint"})
"""Here "the presence of the pipe symbol SHALL NOT be used"."""


def plan_token(keys: tuple[str, ...], text: str, modifier: str | None, form: TokenForm) -> Plan:
    """Read ``code``, ``system|code``, ``|code`` or ``system|``, or the value of a modifier. Raises BadSearchValue."""
    if modifier is not None:
        return _MODIFIED[modifier](keys, text, modifier, form)
    parts = [unescape(part) for part in split_unescaped(text, "|")]
    if len(parts) == 1:
        return _plan_code(keys, parts[0], form)
    if form.types <= SYSTEMLESS:
        raise BadSearchValue("Its elements have no system; expected `code` alone, and `\\|` for a bar in it.")
    system, code = parts[0], "|".join(parts[1:])
    if not (system or code):
        raise BadSearchValue("It is not a token; expected `code`, `system|code`, `|code` or `system|`.")
    if "Identifier" in form.types:
        system = canonical_system(system)
    if not code:
        return _plan_system(keys, system, form)
    if system in form.implied:
        system = ""
    return HasTerm(tuple(f"{key}={c}{SEPARATOR}{system}" for key in keys for c in _cases(code, form)))


def _cases(code: str, form: TokenForm) -> tuple[str, ...]:
    """Return a code as its elements may be indexed: of the type ``string`` without regard to case."""
    if "string" not in form.types:
        return (code,)
    return (code.casefold(),) if form.types == {"string"} else tuple(dict.fromkeys((code, code.casefold())))


def _plan_text(keys: tuple[str, ...], normal: str) -> Plan:
    if not normal:
        return HasTerm(tuple(f"{key}:text=" for key in keys))
    return any_of(*(HasTermPrefix(f"{key}:text={normal}") for key in keys))


def _plan_code(keys: tuple[str, ...], code: str, form: TokenForm) -> Plan:
    if not code:
        raise BadSearchValue("It is empty; expected `code`, `system|code`, `|code` or `system|`.")
    cases = _cases(code, form)
    if not form.types <= CODED | PLAIN:
        return any_of(*(HasTermPrefix(f"{key}={c}{SEPARATOR}") for key in keys for c in cases))
    terms: list[str] = []
    if form.types & CODED:
        terms += [f"{key}:code={code}" for key in keys]
    if form.types & PLAIN:
        terms += [f"{key}={c}{SEPARATOR}" for key in keys for c in cases]
    return HasTerm(tuple(terms))


def _plan_system(keys: tuple[str, ...], system: str, form: TokenForm) -> Plan:
    if system in form.implied:
        return any_of(*(HasTermPrefix(f"{key}=") for key in keys))
    return HasTerm(tuple(f"{key}|={system}" for key in keys))


def _plan_of_type(keys: tuple[str, ...], text: str) -> Plan:
    parts = [unescape(part) for part in split_unescaped(text, "|")]
    if len(parts) != 3 or not all(parts):
        raise BadSearchValue("It is not of the form `system|code|value`, which `:of-type` takes.")
    system, code, value = parts
    return HasTerm(tuple(f"{key}:of-type={SEPARATOR.join((value, system, code))}" for key in keys))


_LONGEST_CODE_TEXT: Final = 100


def _plan_code_text(keys: tuple[str, ...], text: str, form: TokenForm) -> Plan:
    """Find codes by how they start, whatever their case: a code is no text, its punctuation and accents count."""
    if not text or len(text) > _LONGEST_CODE_TEXT:
        raise BadSearchValue(f"It is not the beginning of a code; expected 1 to {_LONGEST_CODE_TEXT} characters.")
    coded = [f"{key}:code=" for key in keys if form.types & CODED]
    plain = [f"{key}=" for key in keys if not form.types <= CODED]
    return any_of(*(HasText(prefix, TextTest.STARTS_IN_ANY_CASE, text) for prefix in (*coded, *plain)))


_MIME_PART: Final = re.compile(r"[A-Za-z0-9!#$&^_.+\-]+(?:/[A-Za-z0-9!#$&^_.+\-]+)?", re.ASCII)


def codes_of(keys: tuple[str, ...], form: TokenForm) -> Codes:
    """Return where a token parameter has its codes."""
    return Codes(keys, form.implied, "code" in form.types and not form.implied)


def plan_codings(codes: Codes, codings: Iterable[tuple[str, str]]) -> Plan:
    """Find any of some (system, code)."""
    terms: dict[str, None] = {}
    for system, code in codings:
        for key in codes.keys:
            terms[f"{key}={code}{SEPARATOR}{'' if system in codes.implied else system}"] = None
            if codes.bare:
                terms[f"{key}={code}{SEPARATOR}"] = None
    return any_of(HasTerm(tuple(terms))) if terms else any_of()


def _plan_subsumption(keys: tuple[str, ...], text: str, modifier: str, form: TokenForm) -> Plan:
    """Read ``system|code``; of a MIME type ``:below`` takes its parts: ``text``, ``text/xml``."""
    parts = [unescape(part) for part in split_unescaped(text, "|")]
    if len(parts) == 1 and form.mime and _MIME_PART.fullmatch(parts[0]):
        return _plan_mime(keys, parts[0], modifier)
    system, code = (parts[0], "|".join(parts[1:])) if len(parts) > 1 else ("", parts[0])
    if not system and len(form.implied) == 1:
        (system,) = form.implied
    if not system or not code:
        raise BadSearchValue(f"It is not of the form `system|code`, which `:{modifier}` takes.")
    return Subsumes(codes_of(keys, form), system, code, modifier == "above")


def _plan_mime(keys: tuple[str, ...], value: str, modifier: str) -> Plan:
    """Find types by their parts and parameters: http://hl7.org/fhir/R4/search.html#mimetype"""
    if modifier == "above":
        wider = (value, value.partition("/")[0])
        return HasTerm(tuple(f"{key}={one}{SEPARATOR}" for key in keys for one in dict.fromkeys(wider)))
    ends = (SEPARATOR, ";", " ") if "/" in value else ("/", SEPARATOR)
    return any_of(*(HasTermPrefix(f"{key}={value}{end}") for key in keys for end in ends))


_MODIFIED: Final[Mapping[str, Callable[[tuple[str, ...], str, str, TokenForm], Plan]]] = MappingProxyType(
    {
        "text": lambda keys, text, modifier, form: _plan_text(keys, normalise(unescape(text))),
        "text-advanced": lambda keys, text, modifier, form: plan_words(
            tuple(f"{k}:text=" for k in keys), unescape(text)
        ),
        "code-text": lambda keys, text, modifier, form: _plan_code_text(keys, unescape(text), form),
        "of-type": lambda keys, text, modifier, form: _plan_of_type(keys, text),
        "above": _plan_subsumption,
        "below": _plan_subsumption,
    }
)
