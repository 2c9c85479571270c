"""Asks that would write: what is hidden, what is beside it, what points to it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.access.records import Json
from tests.access.worlds import Ask

_PATCHES: Final = (
    ("application/json-patch+json", b'[{"op":"add","path":"/language","value":"fr"}]'),
    ("application/json-patch+json", b'[{"op":"test","path":"/id","value":"x"}]'),
    ("application/merge-patch+json", b'{"language":"fr"}'),
)
LABELS: Final = json.dumps(
    {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "tried"}]}}]}
).encode()


def writes_of(resource: Json) -> Iterator[Ask]:
    key, body = key_of(resource), json.dumps(resource).encode()
    unknown = f"{resource['resourceType']}/nobody"
    for place, sent in ((key, body), (unknown, json.dumps({**resource, "id": "nobody"}).encode())):
        yield Ask("update", "PUT", place, sent)
        yield Ask("update if current", "PUT", place, sent, {"if-match": 'W/"1"'})
        yield Ask("update if stale", "PUT", place, sent, {"if-match": 'W/"77"'})
        yield Ask("update if absent", "PUT", place, sent, {"if-none-match": "*"})
        for content_type, patch in _PATCHES:
            yield Ask("patch", "PATCH", place, patch, {"content-type": content_type})
            yield Ask("patch if current", "PATCH", place, patch, {"content-type": content_type, "if-match": 'W/"2"'})
        yield Ask("meta-add", "POST", f"{place}/$meta-add", LABELS)
        yield Ask("meta-delete", "POST", f"{place}/$meta-delete", LABELS)
        yield Ask("delete if current", "DELETE", place, headers={"if-match": 'W/"2"'})
        yield Ask("delete", "DELETE", place)
        yield Ask("delete and say", "DELETE", place, headers={"prefer": "return=OperationOutcome"})


def conditional(resource: Json) -> Iterator[Ask]:
    resource_type = resource["resourceType"]
    body = {name: value for name, value in resource.items() if name != "id"}
    named = json.dumps(resource).encode()
    for criteria in (f"_id={resource['id']}", f"_id={resource['id']}&_lastUpdated=ge2000", "_lastUpdated=lt1990"):
        sent = json.dumps(body).encode()
        yield Ask("conditional create", "POST", resource_type, sent, {"if-none-exist": criteria})
        yield Ask("conditional update", "PUT", f"{resource_type}?{criteria}", sent)
        yield Ask("conditional update with an id", "PUT", f"{resource_type}?{criteria}", named)
        for content_type, patch in _PATCHES[:1]:
            yield Ask(
                "conditional patch", "PATCH", f"{resource_type}?{criteria}", patch, {"content-type": content_type}
            )
        yield Ask("conditional delete", "DELETE", f"{resource_type}?{criteria}")


def pointing(resource: Json, visible: Sequence[Json]) -> Iterator[Ask]:
    """Write something that points to what is hidden, or to nothing."""
    for owner in (one for one in visible if one["resourceType"] == "Observation"):
        body = {name: value for name, value in owner.items() if name not in ("id", "text")}
        for where in (resource["id"], "nobody"):
            conditional = f"{resource['resourceType']}?_id={where}"
            for reference in (f"{resource['resourceType']}/{where}", conditional):
                pointing = {**body, "focus": [{"reference": reference}]}
                yield transaction("POST", "Observation", pointing, f"create that refers to {where}")
    if resource["resourceType"] == "Binary":
        for key in (key_of(resource), "Binary/nobody"):
            yield from _showing(key, visible)


def _showing(key: str, visible: Sequence[Json]) -> Iterator[Ask]:
    for one in visible:
        if one["resourceType"] == "DocumentReference":
            shown = {**one, "content": [{"attachment": {"url": key}}]}
            yield Ask("update that shows a Binary", "PUT", key_of(one), json.dumps(shown).encode())
            created = {name: value for name, value in shown.items() if name != "id"}
            yield Ask("create that shows a Binary", "POST", "DocumentReference", json.dumps(created).encode())


def key_of(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def bundle(kind: str, asks: Sequence[Ask]) -> Ask:
    """Put asks into a Bundle."""
    entries = []
    for ask in asks:
        entry: dict[str, Any] = {"request": {"method": ask.method, "url": ask.path or "?"}}
        if ask.body is not None:
            entry["resource"] = json.loads(ask.body)
        entries.append(entry)
    body = {"resourceType": "Bundle", "type": kind, "entry": entries}
    return Ask(f"{kind} of {asks[0].what}", "POST", "", json.dumps(body).encode())


def transaction(method: str, path: str, body: Json, what: str) -> Ask:
    return bundle("transaction", [Ask(what, method, path, json.dumps(body).encode())])
