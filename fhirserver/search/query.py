"""Text to query: the grammar of search parameters, no definitions needed.

    code=8302-2                     Simple("code", None, ("8302-2",))
    name:exact=Noël,Jean            Simple("name", "exact", ("Noël", "Jean"))
    subject:Patient.name=noel       Chained("subject", "Patient", Simple("name", None, ("noel",)))
    _has:Observation:patient:code=1 Reverse("Observation", "patient", Simple("code", None, ("1",)))

Spec: http://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from fhirserver.kernel.outcome import BadSearchValue, UnknownParameter
from fhirserver.search.values.text import is_escaped_well, split_unescaped

MAX_CHAIN: Final = 8
MAX_VALUES: Final = 2000
MAX_SORT: Final = 8

ANY: Final = "*"

IGNORED: Final = frozenset({"_format", "_pretty", "_totalMethod", "_timeout", "_"})
"""Parameters of the HTTP layer and of well-known clients that change nothing in a search."""

FILTER: Final = "_filter"
"""Its value is an expression, in which commas and backslashes have no meaning of their own."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Simple:
    """``code[:modifier]=value,value``; the values still carry their escapes."""

    code: str
    modifier: str | None
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chained:
    """``code[:Type].inner``."""

    code: str
    target_type: str | None
    inner: "Criterion"


@dataclass(frozen=True, slots=True)
class Reverse:
    """``_has:Type:code:inner``."""

    source_type: str
    code: str
    inner: "Criterion"


Criterion: TypeAlias = Simple | Chained | Reverse


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of ``_sort``."""

    code: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """``_include`` or, ``reverse``, ``_revinclude``: ``source:code[:target]``.

    Code ``*`` is every reference, source ``*`` every type.
    """

    source_type: str
    code: str
    target_type: str | None
    reverse: bool
    iterate: bool


@dataclass(frozen=True, slots=True)
class ResultParameters:
    """What the answer should look like."""

    sort: tuple[Sort, ...] = ()
    count: int | None = None
    includes: tuple[Include, ...] = ()
    summary: str = "false"
    elements: tuple[str, ...] = ()
    total: str | None = None
    max_results: int | None = None
    """``_maxresults``: how many matches all pages together have at most."""
    explain: bool = False
    """``_explain``: say how the search is done."""
    cursor: str | None = None
    contained: str = "false"
    contained_type: str = "container"


@dataclass(frozen=True, slots=True)
class Given:
    """One criterion and the request parameter it came from, by which errors name it."""

    name: str
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search as asked, unbound."""

    criteria: tuple[Given, ...] = ()
    result: ResultParameters = field(default_factory=ResultParameters)
    types: tuple[str, ...] = ()
    """``_type`` of a system-level search."""


def parse_query(parameters: Iterable[tuple[str, str]]) -> SearchQuery:
    """Read decoded parameters in their order. Raises BadSearchValue, UnknownParameter."""
    criteria: list[Given] = []
    result = ResultParameters()
    types: tuple[str, ...] = ()
    for name, value in parameters:
        if name in IGNORED or is_empty(value):
            continue
        if is_shaping(name):
            result = shaped(result, name, value)
        elif name == "_type":
            types = (*types, *_list(name, value))
        else:
            criteria.append(Given(name, parse_criterion(name, value)))
    return SearchQuery(tuple(criteria), result, types)


def is_shaping(name: str) -> bool:
    """Tell whether a parameter says what the answer should look like, rather than what to find."""
    return name[:1] == "_" and name.partition(":")[0] in _RESULT


def shaped(result: ResultParameters, name: str, value: str) -> ResultParameters:
    """Add a shaping parameter to those read before. Raises BadSearchValue."""
    return _RESULT[name.partition(":")[0]](result, name, value)


def is_empty(value: str) -> bool:
    """Tell whether a parameter has no value: "not an error - they are just ignored by the server"."""
    return not value.strip(",")


def parse_criterion(name: str, value: str) -> Criterion:
    """Read one parameter. Raises BadSearchValue, UnknownParameter."""
    return _parse(name, name, value, MAX_CHAIN)


def shown(name: str) -> str:
    """Return a parameter name as an error may show it: only what a name can look like."""
    return name if re.fullmatch(r"[\w:.\-]{1,100}", name, re.ASCII) else "(unreadable name)"


def _parse(name: str, whole: str, value: str, depth: int) -> Criterion:
    if depth == 0:
        raise BadSearchValue(
            f"`{shown(whole)}` chains deeper than {MAX_CHAIN} links.", expression=[f"http.{shown(whole)}"]
        )
    if name.startswith("_has:"):
        parts = name.split(":", 3)
        if len(parts) < 4 or not all(parts):
            raise UnknownParameter(
                f"`{shown(whole)}` is not a reverse chain; expected `_has:Type:parameter:parameter`.",
                expression=[f"http.{shown(whole)}"],
            )
        return Reverse(parts[1], parts[2], _parse(parts[3], whole, value, depth - 1))
    head, dot, rest = name.partition(".")
    code, colon, modifier = head.partition(":")
    if not _NAME.fullmatch(code) or (colon and not _NAME.fullmatch(modifier)) or (dot and not rest):
        raise UnknownParameter(f"`{shown(whole)}` is not a parameter name.", expression=[f"http.{shown(whole)}"])
    if dot:
        return Chained(code, modifier or None, _parse(rest, whole, value, depth - 1))
    if code == FILTER:
        return Simple(code, modifier or None, (value,))
    return Simple(code, modifier or None, _list(whole, value))


def _list(name: str, value: str) -> tuple[str, ...]:
    if not is_escaped_well(value):
        raise BadSearchValue(
            f"`{shown(name)}` has a `\\` that is not before `,`, `$`, `|` or another `\\`.",
            expression=[f"http.{shown(name)}"],
        )
    values = tuple(part for part in split_unescaped(value, ",") if part)
    if not values:
        raise BadSearchValue(f"`{shown(name)}` has no value.", expression=[f"http.{shown(name)}"])
    if len(values) > MAX_VALUES:
        raise BadSearchValue(
            f"`{shown(name)}` lists more than {MAX_VALUES} values.", expression=[f"http.{shown(name)}"]
        )
    return values


def _sort(result: ResultParameters, name: str, value: str) -> ResultParameters:
    keys = [Sort(key.removeprefix("-"), key.startswith("-")) for key in _list(name, value)]
    sort = (*result.sort, *keys)
    if len(sort) > MAX_SORT:
        raise BadSearchValue(f"`_sort` has more than {MAX_SORT} keys.", expression=["http._sort"])
    return replace(result, sort=sort)


def _count(result: ResultParameters, name: str, value: str) -> ResultParameters:
    return replace(result, count=_whole_number(name, value))


def _max_results(result: ResultParameters, name: str, value: str) -> ResultParameters:
    return replace(result, max_results=_whole_number(name, value))


def _whole_number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise BadSearchValue(f"`{shown(name)}` is not a whole number.", expression=[f"http.{shown(name)}"])
    return int(value)


def _explain(result: ResultParameters, name: str, value: str) -> ResultParameters:
    if value not in ("true", "false"):
        raise BadSearchValue("`_explain` is `true` or `false`.", expression=["http._explain"])
    return replace(result, explain=value == "true")


def _include(result: ResultParameters, name: str, value: str) -> ResultParameters:
    bare, _, modifier = name.partition(":")
    parts = value.split(":") if value != ANY else [ANY, ANY]
    if modifier not in ("", "iterate", "recurse") or not 2 <= len(parts) <= 3 or not all(parts):
        raise BadSearchValue(
            f"`{shown(name)}` is not an include; expected `{bare}=Type:parameter[:TargetType]`.",
            expression=[f"http.{shown(name)}"],
        )
    target = parts[2] if len(parts) == 3 else None
    include = Include(parts[0], parts[1], target, bare == "_revinclude", bool(modifier))
    return replace(result, includes=(*result.includes, include))


def _choice(allowed: tuple[str, ...]) -> Callable[[ResultParameters, str, str], ResultParameters]:
    def read(result: ResultParameters, name: str, value: str) -> ResultParameters:
        if value not in allowed:
            raise BadSearchValue(
                f"`{shown(name)}` is one of `{' '.join(allowed)}`.", expression=[f"http.{shown(name)}"]
            )
        chosen: dict[str, Any] = {name[1:]: value}
        return replace(result, **chosen)

    return read


def _contained_type(result: ResultParameters, name: str, value: str) -> ResultParameters:
    if value not in ("container", "contained"):
        raise BadSearchValue("`_containedType` is `container` or `contained`.", expression=["http._containedType"])
    return replace(result, contained_type=value)


def _elements(result: ResultParameters, name: str, value: str) -> ResultParameters:
    return replace(result, elements=(*result.elements, *_list(name, value)))


def _cursor(result: ResultParameters, name: str, value: str) -> ResultParameters:
    return replace(result, cursor=value)


_RESULT: Final[dict[str, Callable[[ResultParameters, str, str], ResultParameters]]] = {
    "_sort": _sort,
    "_count": _count,
    "_include": _include,
    "_revinclude": _include,
    "_summary": _choice(("true", "text", "data", "count", "false")),
    "_elements": _elements,
    "_total": _choice(("none", "estimate", "accurate")),
    "_maxresults": _max_results,
    "_explain": _explain,
    "_cursor": _cursor,
    "_contained": _choice(("true", "false", "both")),
    "_containedType": _contained_type,
}
