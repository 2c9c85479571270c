"""Value sets that nobody has written down: their urls say what is in them.

All codes of a code system (``[system]/vs``), of SNOMED CT ``?fhir_vs`` and what may follow it, of LOINC the answers of
a list, what is in a group and what has a part. An expression constraint may be percent-encoded in its url once more.
Spec: http://hl7.org/fhir/R4/snomedct.html, http://hl7.org/fhir/R4/loinc.html,
http://hl7.org/fhir/R4/codesystem-definitions.html#CodeSystem.valueSet
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concepts import CodeSystem, Head
from fhirserver.terminology.value_sets import ValueSet

_SNOMED: Final = re.compile(
    r"(?P<system>http://snomed\.info/x?sct)(?P<version>/[0-9]{6,18}(?:/version/[0-9]{8})?)?"
    r"\?fhir_vs(?:=(?P<what>.*))?",
    re.DOTALL,
)
_OF_CONCEPT: Final = re.compile(r"(?P<way>isa|refset)/(?P<code>[1-9][0-9]{5,17})")
_CONSTRAINT: Final = "ecl/"
_REFSETS: Final = "refset"
_ANY_REFSET: Final = "^R * OR (< 900000000000506000 |Language type reference set|)"
"""Those that have members; the members of those of languages are descriptions."""
_LOINC: Final = "http://loinc.org"
_OF_LOINC: Final = re.compile(r"http://loinc\.org/vs(?:/(?P<code>L[LPG][0-9]+-[0-9]))?")
_LISTS: Final[Mapping[str, str]] = MappingProxyType({"LL": "LIST", "LG": "GROUP"})
"""The properties that say in which lists and groups a code is, by how the code of these begins."""
_NO_TERMS: Final = {"property": "code", "op": "regex", "value": "L[A-Z][0-9]+-[0-9]"}
"""Parts, answers, lists and groups of LOINC, which are no terms."""
_WHOLE: Final = "/vs"
_MAX_KNOWN: Final = 2000
"""Characters of urls whose value sets are remembered."""


class Implicit:
    """Makes value sets from their urls."""

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        """Return nothing: value sets only are said by their urls."""
        return ()

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        """Return the value set that a url says."""
        found = _known(url) if len(url) <= _MAX_KNOWN else _value_set(url)
        return () if found is None else (found,)

    def supplements(self, url: str) -> Sequence[Resource]:
        """Return nothing: value sets only are said by their urls."""
        return ()


def whole_system(url: str) -> str | None:
    """Return the code system of which a value set with this url has all codes, if there is such a code system."""
    return url.removesuffix(_WHOLE) if url.endswith(_WHOLE) and url != _WHOLE else None


@lru_cache(maxsize=512)
def whole(url: str, system: str, system_version: str | None = None, version: str | None = None) -> ValueSet:
    """Return the value set of all codes of a code system."""
    pinned = {} if system_version is None else {"version": system_version}
    return _made(url, [{"system": system, **pinned}], version)


def whole_of(head: Head) -> ValueSet:
    """Return the value set that a code system names as the one of all its codes."""
    named = parse_canonical(head.value_set or "")
    return whole(named.url, head.url, head.version if named.version is not None else None, named.version)


def _value_set(url: str) -> ValueSet | None:
    of_snomed = _SNOMED.fullmatch(url)
    if of_snomed is not None:
        return _of_snomed(url, of_snomed)
    of_loinc = _OF_LOINC.fullmatch(url)
    return None if of_loinc is None else _of_loinc(url, of_loinc["code"])


_known = lru_cache(maxsize=512)(_value_set)


def _of_snomed(url: str, named: re.Match[str]) -> ValueSet | None:
    include: Resource = {"system": named["system"]}
    if named["version"]:
        include["version"] = named["system"] + named["version"]
    what = named["what"]
    if what is not None:
        filters = _filters(what)
        if filters is None:
            return None
        include["filter"] = filters
    return _made(url, [include])


def _filters(what: str) -> list[Resource] | None:
    """Return the filters that the end of a url says; None: it says nothing."""
    of_concept = _OF_CONCEPT.fullmatch(what)
    if of_concept is not None and of_concept["way"] == "isa":
        return [{"property": "concept", "op": "is-a", "value": of_concept["code"]}]
    if of_concept is not None:
        return [_constraint(f"^ {of_concept['code']}")]
    if what == _REFSETS:
        return [_constraint(_ANY_REFSET)]
    return [_constraint(unquote(what.removeprefix(_CONSTRAINT)))] if what.startswith(_CONSTRAINT) else None


def _constraint(text: str) -> Resource:
    return {"property": "constraint", "op": "=", "value": text}


def _of_loinc(url: str, code: str | None) -> ValueSet:
    if code is None:
        return _made(url, [{"system": _LOINC}], exclude=[{"system": _LOINC, "filter": [_NO_TERMS]}])
    member_of = _LISTS.get(code[:2])
    if member_of is not None:
        return _made(url, [{"system": _LOINC, "filter": [{"property": member_of, "op": "=", "value": code}]}])
    below = {"property": "concept", "op": "descendent-of", "value": code}
    return _made(url, [{"system": _LOINC, "filter": [below]}], exclude=[{"system": _LOINC, "filter": [_NO_TERMS]}])


def _made(
    url: str, include: list[Resource], version: str | None = None, *, exclude: Sequence[Resource] = ()
) -> ValueSet:
    compose: Resource = {"include": include, **({"exclude": list(exclude)} if exclude else {})}
    stated = {} if version is None else {"version": version}
    return ValueSet({"resourceType": "ValueSet", "url": url, **stated, "status": "active", "compose": compose})
