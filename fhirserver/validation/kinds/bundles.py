"""Bundles: full urls, the links of documents and messages, the matches of a search.

A relative reference is read against the full url of its entry: beside ``http://a.b/Observation/1`` the reference
``Patient/2`` is ``http://a.b/Patient/2``. What bdl-1 to bdl-12 say is checked as the invariants they are.
Spec: http://hl7.org/fhir/R4/bundle.html#references, documents.html, messaging.html
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.findings import Finding, Findings
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_ABSOLUTE: Final = Text(
    "bundle-full-url",
    en="{path} must be an absolute URL or URN.",
    fr="{path} doit être une URL ou un URN absolu.",
    nl="{path} moet een absolute URL of URN zijn.",
)
_OTHER_ID: Final = Text(
    "bundle-full-url-id",
    en="{path} must end with the type and the id of the resource of its entry.",
    fr="{path} doit se terminer par le type et l'id de la ressource de son entrée.",
    nl="{path} moet eindigen met het type en de id van de resource van de entry.",
)
_NO_FULL_URL: Final = Text(
    "bundle-full-url-missing",
    en="{path} must have a `fullUrl`, as entries of documents and messages do.",
    fr="{path} doit avoir une `fullUrl`, comme les entrées des documents et des messages.",
    nl="{path} moet een `fullUrl` hebben, zoals entries van documenten en berichten.",
)
_NOT_THERE: Final = Text(
    "bundle-reference",
    en="{path} must refer to an entry of the Bundle: one has this type and id, but not under this full url.",
    fr="{path} doit désigner une entrée du Bundle : une a ce type et cet id, mais pas sous cette URL complète.",
    nl="{path} moet naar een entry van de Bundle verwijzen: een ervan heeft dit type en deze id, maar een andere url.",
)
_UNREACHED: Final = Text(
    "bundle-unreached",
    en="{path} should be reached by references from the first entry, forward or backward.",
    fr="{path} devrait être atteint par des références depuis la première entrée, dans un sens ou dans l'autre.",
    nl="{path} hoort via verwijzingen vanaf de eerste entry bereikbaar te zijn, vooruit of achteruit.",
)
_NO_ID: Final = Text(
    "search-result-id",
    en="{path} must have an `id`, as a result of a search does.",
    fr="{path} doit avoir un `id`, comme tout résultat d'une recherche.",
    nl="{path} moet een `id` hebben, zoals elk resultaat van een zoekopdracht.",
)
_WRONG_TYPE: Final = Text(
    "search-result-type",
    en="{path} must be one of the types that the search was for: {0}.",
    fr="{path} doit être de l'un des types recherchés : {0}.",
    nl="{path} moet van een van de gezochte types zijn: {0}.",
)
_NO_OUTCOME: Final = Text(
    "search-result-outcome",
    en="{path} must be an OperationOutcome, as the mode of the entry is `outcome`.",
    fr="{path} doit être un OperationOutcome, car le mode de l'entrée est `outcome`.",
    nl="{path} moet een OperationOutcome zijn, want de modus van de entry is `outcome`.",
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_RESTFUL: Final = re.compile(r"(https?://.+/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})$", re.ASCII)
_RELATIVE: Final = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(?:/_history/.+)?$", re.ASCII)
_WARNED: Final = Severity.WARNING
_LINKED: Final = frozenset({"document", "message"})
_NAMED: Final = frozenset({"document", "message", "collection", "searchset", "history"})


class Entry(NamedTuple):
    """One entry, as far as it can be read."""

    number: int
    full_url: str | None
    resource: Resource
    search_mode: Json


def check_bundle(value: Json, walk: Walk) -> Findings | None:
    """Check the entries of a Bundle with each other."""
    entries = [*_entries(value)]
    kind = value.get("type")
    found = [problem for entry in entries for problem in _full_url(entry, kind)]
    if kind == "searchset":
        found += [problem for entry in entries for problem in _result(entry, _searched(value))]
    if kind in _LINKED and len(entries) > 1:
        found += _links(entries)
    return found or None


def _entries(bundle: Resource) -> Iterator[Entry]:
    given = bundle.get("entry")
    for number, one in enumerate(given if isinstance(given, list) else []):
        if isinstance(one, dict) and isinstance(one.get("resource"), dict):
            full_url, search = one.get("fullUrl"), one.get("search")
            mode = search.get("mode") if isinstance(search, dict) else None
            yield Entry(number, full_url if isinstance(full_url, str) else None, one["resource"], mode)


def _at(entry: Entry, text: Text, *values: str, path: str = "", severity: Severity = Severity.ERROR) -> Finding:
    where = f".entry[{entry.number}]{path}"
    return say(IssueType.BUSINESS_RULE, text, *values, path=where, severity=severity, rule=None)


def _full_url(entry: Entry, kind: Json) -> Iterator[Finding]:
    if entry.full_url is None:
        if kind in _LINKED:
            yield _at(entry, _NO_FULL_URL)
        return
    if _SCHEME.match(entry.full_url) is None:
        yield _at(entry, _ABSOLUTE, path=".fullUrl")
    found = _RESTFUL.match(entry.full_url)
    logical_id = entry.resource.get("id")
    if kind not in _NAMED or found is None or not isinstance(logical_id, str):
        return
    if found[2] == entry.resource.get("resourceType") and found[3] != logical_id:
        yield _at(entry, _OTHER_ID, path=".fullUrl")


def _searched(bundle: Resource) -> tuple[str, ...]:
    """Return the types that a searchset was for, as its own link tells."""
    links = bundle.get("link")
    for link in links if isinstance(links, list) else []:
        url = link.get("url") if isinstance(link, dict) and link.get("relation") == "self" else None
        if isinstance(url, str):
            path, _, query = url.partition("?")
            listed = [part[6:] for part in query.split("&") if part.startswith("_type=")]
            last = path.rstrip("/").rpartition("/")[2]
            if listed:
                return tuple(listed[0].replace("%2C", ",").split(","))
            return (last,) if last[:1].isupper() and "_include" not in query and "_revinclude" not in query else ()
    return ()


def _result(entry: Entry, searched: tuple[str, ...]) -> Iterator[Finding]:
    name = str(entry.resource.get("resourceType"))
    if entry.search_mode == "outcome":
        if name != "OperationOutcome":
            yield _at(entry, _NO_OUTCOME, path=".resource")
        return
    if "id" not in entry.resource and name != "OperationOutcome":
        yield _at(entry, _NO_ID, path=".resource")
    if entry.search_mode == "match" and searched and name not in searched:
        shown = ", ".join(f"`{one}`" for one in searched if one.isalpha())
        yield _at(entry, _WRONG_TYPE, shown, path=".resource")


def _links(entries: list[Entry]) -> Iterator[Finding]:
    """Find references that miss their entry, and entries that nothing leads to."""
    by_url = {entry.full_url: entry.number for entry in entries if entry.full_url is not None}
    by_name = {f"{entry.resource.get('resourceType')}/{entry.resource.get('id')}": entry.number for entry in entries}
    linked: dict[int, set[int]] = {entry.number: set() for entry in entries}
    for entry in entries:
        for path, literal in references(entry.resource):
            target, named = by_url.get(_resolved(literal, entry.full_url)), by_name.get(literal.partition("/_hist")[0])
            if target is None and named is not None and _RELATIVE.match(literal):
                is_urn = (entry.full_url or "").startswith("urn:")  # against which nothing is relative
                target = named if is_urn else None
                yield _at(entry, _NOT_THERE, path=".resource" + path, severity=_WARNED if is_urn else Severity.ERROR)
            if target is not None:
                linked[entry.number].add(target)
                linked[target].add(entry.number)
    reached, waiting = set[int](), [entries[0].number]
    while waiting:
        number = waiting.pop()
        if number not in reached:
            reached.add(number)
            waiting += linked[number]
    for entry in entries:
        if entry.number not in reached:
            yield _at(entry, _UNREACHED, severity=Severity.WARNING)


def _resolved(literal: str, full_url: str | None) -> str:
    bare = literal.partition("/_history/")[0]
    base = _RESTFUL.match(full_url) if full_url is not None and _RELATIVE.match(bare) else None
    return base[1] + bare if base is not None else bare


def references(value: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    """Yield the place and text of every literal reference in a resource, by JSON names."""
    if isinstance(value, dict):
        literal = value.get("reference")
        if isinstance(literal, str) and not literal.startswith("#"):
            yield path, literal
        for name, one in value.items():
            yield from references(one, f"{path}.{name}")
    elif isinstance(value, list):
        for number, one in _numbered(value):
            yield from references(one, f"{path}[{number}]")


def _numbered(values: Iterable[Json]) -> Iterator[tuple[int, Json]]:
    yield from enumerate(values)
