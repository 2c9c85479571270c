"""Whether searches by the parameter find exactly what they must: what was loaded, changed by what was acknowledged."""

import re
from collections.abc import Iterable
from http.client import HTTPConnection
from typing import Final

from tests.jobs.reindex_long.clients import Ledger
from tests.jobs.reindex_long.record import CODE, NONE, NORMAL
from tests.wire import Wire, in_parallel

_ID: Final = re.compile(rb'"id":"([^"]+)"')
_PAGE: Final = 1000
_SHOWN: Final = 5
_PATIENCE_S: Final = 300.0


def check_all(port: int, ledger: Ledger) -> list[str]:
    """Hold the server against the ledger; return what is wrong, one sentence each."""
    problems, settled = _check_touched(port, ledger)
    expected = ledger.expected()
    for logical_id, code in settled.items():
        if code is not None:
            expected[code].add(logical_id)
    with Wire(port, patience_s=_PATIENCE_S) as wire:
        for code, ids in expected.items():
            criterion = _criterion(code)
            problems += _differences(f"{criterion}, as NDJSON", _streamed(port, criterion), ids, ledger)
            problems += _check_total(wire, criterion, len(ids))
            problems += _check_total(wire, f"{criterion}&_at={ledger.loaded_at}", ledger.loaded_with(code))
            if code != NORMAL:
                problems += _differences(f"{criterion}, by pages", _paged(wire, criterion), ids, ledger)
    return problems


def _criterion(code: str) -> str:
    return f"{CODE}:missing=true" if code == NONE else f"{CODE}={code}"


def _check_touched(port: int, ledger: Ledger) -> tuple[list[str], dict[str, str | None]]:
    """Read everything that was written; return also what those in doubt have become."""
    possible = {logical_id: {code} for logical_id, code in ledger.written.items()} | ledger.doubted
    problems, settled = [], {}
    for logical_id, status, code in in_parallel(port, _read, possible):
        if status not in (200, 404, 410) or code not in possible[logical_id]:
            problems.append(f"Observation/{logical_id} holds {code!r} ({status}), of {possible[logical_id]}")
        if logical_id in ledger.doubted:
            settled[logical_id] = code
    return problems, settled


def _read(wire: Wire, logical_id: str) -> tuple[str, int, str | None]:
    answer = wire.get(f"Observation/{logical_id}")
    if answer.status != 200:
        return logical_id, answer.status, None
    judged = answer.json.get("interpretation")
    return logical_id, 200, judged[0]["coding"][0]["code"] if judged else NONE


def _check_total(wire: Wire, criterion: str, expected: int) -> list[str]:
    answer = wire.get(f"Observation?{criterion}&_total=accurate&_count=1")
    total = answer.json.get("total")
    return [] if total == expected else [f"{criterion}: the total is {total}, not {expected}"]


def _streamed(port: int, criterion: str) -> Iterable[str]:
    """Return the ids of all matches, a line each."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", f"/fhir/Observation?{criterion}&_format=ndjson")
        response = connection.getresponse()
        assert response.status == 200, response.read(300)
        return [_id_of(line) for line in response]
    finally:
        connection.close()


def _id_of(line: bytes) -> str:
    found = _ID.search(line)
    return found[1].decode() if found else f"a line without id: {line[:100]!r}"


def _paged(wire: Wire, criterion: str) -> Iterable[str]:
    """Return the ids of all matches, page after page."""
    found: list[str] = []
    url: str | None = f"Observation?{criterion}&_count={_PAGE}"
    while url is not None:
        page = wire.get(url).json
        found += [entry["resource"]["id"] for entry in page.get("entry", ())]
        following = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        url = None if following is None else following.partition("/fhir/")[2]
    return found


def _differences(what: str, found: Iterable[str], expected: set[str], ledger: Ledger) -> list[str]:
    ids = list(found)
    once = set(ids)
    problems = [f"{what}: {len(ids) - len(once)} come twice"] if len(ids) != len(once) else []
    for kind, some in (("are missing", expected - once), ("do not belong there", once - expected)):
        if some:
            shown = ", ".join(f"{logical_id} ({ledger.fate(logical_id)})" for logical_id in sorted(some)[:_SHOWN])
            problems.append(f"{what}: {len(some)} of {len(expected)} {kind}: {shown}")
    return problems
