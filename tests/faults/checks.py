"""Whether the server holds what it promised: nothing acknowledged lost, nothing halved, doubled or out of step."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tests.faults.ledger import SYSTEM, Instance, Ledger, resource_of
from tests.faults.writers import TRANSACTION_SIZE
from tests.wire import Wire, in_parallel

Entry = dict[str, Any]
_PAGE = 500
_ALONE = 120
"""Instances that are asked for one by one in every round: the ones of the last writes."""
_IDENTITY = ("id", "meta")


class Unanswered(Exception):
    """The server does not tell what it holds."""


def check_all(port: int, ledger: Ledger) -> list[str]:
    """Hold a server against the ledger; return what is wrong, one sentence each."""
    problems = list(ledger.problems)
    try:
        with Wire(port) as wire:
            histories = _histories(wire, "Patient")
            alive = _searched(wire, "Patient")
    except Unanswered as unanswered:
        return [*problems, str(unanswered)]
    conditional, transactions = ledger.unsettled()
    problems += _flat(in_parallel(port, _Conditional(ledger).check, conditional))
    problems += _flat(in_parallel(port, _Whole(ledger).check, transactions))
    problems += _doubled(histories)
    for key, instance in list(ledger.instances.items()):
        problems += _check_history(key, instance, histories.get(key, []))
    problems += _check_index(alive, histories)
    problems += _check_unasked(ledger, histories)
    problems += _flat(in_parallel(port, _read_alone, [(key, found) for key, found in histories.items()][-_ALONE:]))
    return problems


def _flat(nested: list[list[str]]) -> list[str]:
    return [problem for problems in nested for problem in problems]


def _pages(wire: Wire, path: str) -> Iterator[Any]:
    url: str | None = path
    while url is not None:
        answer = wire.get(url)
        if answer.status != 200:
            raise Unanswered(f"{url} answers {answer.status} {answer.body[:300]!r}")
        yield answer.json
        following = next((link["url"] for link in answer.json["link"] if link["relation"] == "next"), None)
        url = None if following is None else following.partition("/fhir/")[2]


def _histories(wire: Wire, resource_type: str) -> dict[str, list[Entry]]:
    """Return the versions of every instance, the newest first, as the history of the type tells them."""
    histories: dict[str, list[Entry]] = {}
    for page in _pages(wire, f"{resource_type}/_history?_count={_PAGE}"):
        for entry in page.get("entry", []):
            key = "/".join(entry["fullUrl"].rsplit("/", 2)[1:])
            histories.setdefault(key, []).append(entry)
    return histories


def _searched(wire: Wire, resource_type: str) -> dict[str, Entry]:
    """Return the current version of every instance, as a search finds them."""
    found: dict[str, Entry] = {}
    for page in _pages(wire, f"{resource_type}?_count={_PAGE}"):
        for entry in page.get("entry", []):
            key = f"{resource_type}/{entry['resource']['id']}"
            assert key not in found, f"{key} is on two pages"
            found[key] = entry["resource"]
    return found


def _version(entry: Entry) -> int:
    return int(entry["response"]["etag"][3:-1])


def _marker(entry: Entry) -> str | None:
    """Return the marker of a version, None for a deletion."""
    return None if "resource" not in entry else str(entry["resource"]["identifier"][0]["value"])


def _content(resource: Entry) -> Entry:
    return {name: value for name, value in resource.items() if name not in _IDENTITY}


def _check_history(key: str, instance: Instance, entries: list[Entry]) -> list[str]:
    versions = [_version(entry) for entry in entries]
    problems = []
    if versions != list(range(len(entries), 0, -1)):
        problems.append(f"{key}: its history has the versions {versions}")
    instants = [entry["response"]["lastModified"] for entry in entries]
    if sorted(set(instants), reverse=True) != instants:
        problems.append(f"{key}: its versions are not in the order of their instants")
    found = {_version(entry): entry for entry in entries}
    for version, marker in instance.acknowledged.items():
        if version not in found:
            problems.append(f"{key}: version {version} was acknowledged and is lost")
        elif _marker(found[version]) != marker:
            problems.append(f"{key}: version {version} holds {_marker(found[version])}, not {marker}")
        elif marker is not None and _content(found[version]["resource"]) != resource_of("Patient", marker):
            problems.append(f"{key}: version {version} is not as it was written")
    unknown = {_marker(found[version]) for version in found.keys() - instance.acknowledged.keys()}
    if not unknown <= instance.doubted:
        problems.append(f"{key}: has versions nobody wrote: {unknown - instance.doubted}")
    return problems


def _doubled(histories: dict[str, list[Entry]]) -> list[str]:
    """Find contents that stand in two versions: a write that was repeated behind its caller's back."""
    seen: dict[str, str] = {}
    problems = []
    for key, entries in histories.items():
        for entry in entries:
            marker = _marker(entry)
            if marker is None:
                continue
            place = f"{key}/{_version(entry)}"
            if marker in seen:
                problems.append(f"{marker} was written twice: {seen[marker]} and {place}")
            seen[marker] = place
    return problems


def _check_index(alive: dict[str, Entry], histories: dict[str, list[Entry]]) -> list[str]:
    """Compare what a search finds with what the histories end in."""
    ends = {key: entries[0]["resource"] for key, entries in histories.items() if "resource" in entries[0]}
    problems = [f"{key}: no search finds it" for key in ends.keys() - alive.keys()]
    problems += [f"{key}: a search finds it, its history does not" for key in alive.keys() - ends.keys()]
    return problems + [
        f"{key}: a search finds an old version" for key in alive.keys() & ends.keys() if alive[key] != ends[key]
    ]


def _check_unasked(ledger: Ledger, histories: dict[str, list[Entry]]) -> list[str]:
    """Find instances that nobody created: all that is there was acknowledged, or is of a write in doubt."""
    told = ledger.instances.keys() | {key for keys in ledger.conditional.values() for key in keys}
    told |= {key for keys in ledger.bundles.keys.values() for key in keys}
    expected = ledger.creates_in_doubt | ledger.conditional.keys() | ledger.bundles.doubted
    strangers = {key: _marker(entries[-1]) for key, entries in histories.items() if key not in told}
    return [f"{key}: nobody created it ({marker})" for key, marker in strangers.items() if marker not in expected]


def _found_by(wire: Wire, path: str, marker: str) -> list[Entry]:
    joint = "&" if "?" in path else "?"
    answer = wire.get(f"{path}{joint}identifier={quote(f'{SYSTEM}|{marker}', safe='')}")
    assert answer.status == 200, answer.body[:300]
    return [entry["resource"] for entry in answer.json.get("entry", [])]


def _read_alone(wire: Wire, found: tuple[str, list[Entry]]) -> list[str]:
    """Ask for one instance in every way: read, vread, its own history, searches by its new and its old values."""
    key, entries = found
    newest = entries[0]
    read, own = wire.get(key), wire.get(f"{key}/_history?_count=1000").json
    problems = []
    if "resource" not in newest:
        if read.status != 410:
            problems.append(f"{key}: is deleted and answers {read.status}")
    elif read.status != 200 or read.json != newest["resource"]:
        problems.append(f"{key}: a read and its history differ")
    if own["total"] != len(entries) or [_version(e) for e in own["entry"]] != [_version(e) for e in entries]:
        problems.append(f"{key}: its own history and that of its type differ")
    oldest = wire.get(f"{key}/_history/1")
    if oldest.status != 200 or oldest.json != entries[-1]["resource"]:
        problems.append(f"{key}: version 1 and the history differ")
    for entry in {_version(e): e for e in (entries[0], entries[-1])}.values():
        marker = _marker(entry)
        if marker is not None:
            wanted = [newest["resource"]] if entry is newest else []
            if _found_by(wire, "Patient", marker) != wanted:
                problems.append(f"{key}: the index does not agree with version {_version(entry)}")
    return problems


class _Conditional:
    """Of a conditional create there is one instance at most: the one that its callers were given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def check(self, wire: Wire, value: str) -> list[str]:
        given = self._ledger.conditional[value]
        found = {f"Patient/{resource['id']}" for resource in _found_by(wire, "Patient", value)}
        if len(found) > 1:
            return [f"{value}: created {len(found)} times"]
        if given and found != given:
            return [f"{value}: its callers were given {given}, there is {found}"]
        return []


class _Whole:
    """Of a transaction there is all or nothing, and its links lead to its own entries."""

    def __init__(self, ledger: Ledger) -> None:
        self._bundles = ledger.bundles

    def check(self, wire: Wire, marker: str) -> list[str]:
        found = {
            f"{resource['resourceType']}/{resource['id']}": resource
            for resource in _found_by(wire, "?_type=Patient,Observation,Basic", marker)
        }
        if marker in self._bundles.keys:
            if found.keys() != set(self._bundles.keys[marker]):
                return [f"{marker}: acknowledged {self._bundles.keys[marker]}, there is {sorted(found)}"]
        elif len(found) not in (0, TRANSACTION_SIZE) or (found and marker in self._bundles.refused):
            return [
                f"{marker}: was {'refused' if marker in self._bundles.refused else 'in doubt'}, has {sorted(found)}"
            ]
        subjects = {resource["subject"]["reference"] for resource in found.values() if "subject" in resource}
        patients = {key for key in found if key.startswith("Patient/")}
        return [] if subjects == patients else [f"{marker}: refers to {subjects}, not {patients}"]
