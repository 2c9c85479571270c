"""HL7's terminology ecosystem tests: their cases, and the comparison that their patterns ask for.

A response is compared as the suite's readme says: arrays in any order, ``$optional$`` entries may be missing, a value
such as ``$uuid$`` is a pattern, ``$external:N$`` a message in a file of its own. ``location`` is left out: the suite
has it in some files and not in others, for the same server.
"""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

Json = Any
_PATTERNS: Final = {
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "uuid": r"(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    "date": r"\d{4}(-\d\d(-\d\d(T.*)?)?)?",
    "token": r"\S+",
    "string": r"\S(.*\S)?",
    "semver": r"\d+\.\d+.*",
    "version": r"4\.0\.1|.*",
    "url": r"\S+",
}
_LEFT_OUT: Final = frozenset({"location"})
_VERSION: Final = "version:4"


def cases(folder: Path) -> list[dict[str, Json]]:
    """Read the cases."""
    with gzip.open(folder / "cases.ndjson.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def resources(folder: Path) -> dict[str, dict[str, Json]]:
    """Read the resources that cases need, by file."""
    with gzip.open(folder / "setup-resources.ndjson.gz", "rt") as lines:
        return {one["file"]: one["resource"] for one in map(json.loads, lines)}


def messages(folder: Path) -> dict[str, dict[str, str]]:
    """Read the messages that responses refer to, by file."""
    return dict(json.loads((folder / "messages-tx.fhir.org.json").read_text()))


def differences(expected: Json, actual: Json, external: dict[str, str], path: str = "") -> Iterator[str]:
    """Yield what an answer has that is not expected."""
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            yield f"{path}: {actual!r} instead of an object"
            return
        yield from _of_object(expected, actual, external, path)
    elif isinstance(expected, list):
        if not isinstance(actual, list):
            yield f"{path}: {actual!r} instead of a list"
            return
        yield from _of_list(expected, actual, external, path)
    elif not _is_alike(expected, actual, external):
        yield f"{path}: {actual!r} instead of {_shown(expected, external)!r}"


def has_all_of(expected: Json, actual: Json) -> bool:
    """Tell whether an answer has at least what is expected."""
    if isinstance(expected, dict):
        named = {name: value for name, value in expected.items() if not name.startswith("$")}
        return isinstance(actual, dict) and all(
            name in actual and has_all_of(v, actual[name]) for name, v in named.items()
        )
    if isinstance(expected, list):
        return isinstance(actual, list) and all(any(has_all_of(one, each) for each in actual) for one in expected)
    return _is_alike(expected, actual, {})


def _of_object(expected: Json, actual: Json, external: dict[str, str], path: str) -> Iterator[str]:
    optional = {*expected.get("$optional-properties$", ()), *expected.get("$optional", ()), *_LEFT_OUT}
    counted = expected.get("$count-arrays$", ())
    for name, value in expected.items():
        if name.startswith("$"):
            continue
        if name not in actual:
            if name not in optional and not _may_be_absent(value):
                yield f"{path}.{name}: is missing"
        elif name in counted:
            if len(value) != len(actual[name]):
                yield f"{path}.{name}: has {len(actual[name])} entries instead of {len(value)}"
        elif name not in _LEFT_OUT:
            yield from differences(value, actual[name], external, f"{path}.{name}")
    for name in actual:
        if name not in expected and name not in optional:
            yield f"{path}.{name}: is there, {str(actual[name])[:200]}"


def _may_be_absent(value: Json) -> bool:
    """Tell whether all that is expected is optional."""
    entries = value if isinstance(value, list) else [value]
    return bool(entries) and all(isinstance(one, dict) and _is_optional(one) for one in entries)


def _is_optional(entry: Json) -> bool:
    optional = isinstance(entry, dict) and entry.get("$optional$", False)
    if isinstance(optional, str):
        return optional.startswith(("!", "warning:")) or optional == _VERSION
    return bool(optional)


def _of_list(expected: Json, actual: Json, external: dict[str, str], path: str) -> Iterator[str]:
    left = list(actual)
    for number, one in enumerate(expected):
        fitting = next((each for each in left if not list(differences(one, each, external))), None)
        if fitting is not None:
            left.remove(fitting)
        elif not _is_optional(one):
            nearest = min(left, key=lambda each: len(list(differences(one, each, external))), default=None)
            if nearest is None:
                yield f"{path}[{number}]: is missing, {str(one)[:300]}"
            else:
                yield from differences(one, nearest, external, f"{path}[{number}]")
                left.remove(nearest)
    for each in left:
        if not (isinstance(each, dict) and each.get("url", "").endswith("operationoutcome-message-id")):
            yield f"{path}: has one too many, {str(each)[:300]}"


def _is_alike(expected: Json, actual: Json, external: dict[str, str]) -> bool:
    if not isinstance(expected, str):
        return bool(expected == actual) and isinstance(expected, bool) == isinstance(actual, bool)
    if not isinstance(actual, str):
        return str(actual).lower() == expected
    if "$" not in expected:
        return expected == actual
    return _is_pattern_of(expected, actual, external)


def _is_pattern_of(expected: str, actual: str, external: dict[str, str]) -> bool:
    if expected == "$$":
        return True
    if "$version$" in expected:
        return expected.replace("$version$", "4.0.1") == actual
    kind, _, rest = expected.strip("$").partition(":")
    if kind == "external":
        number, _, fragments = rest.partition(":")
        return actual == external[number] if number in external else _has_all(actual, fragments)
    if kind == "choice":
        return actual in rest.split("|")
    if kind == "fragments":
        return _has_all(actual, rest)
    if kind in _PATTERNS and expected == f"${kind}$":
        return re.fullmatch(_PATTERNS[kind], actual) is not None
    return expected == actual


def _has_all(actual: str, fragments: str) -> bool:
    return all(one.lower() in actual.lower() for one in fragments.split("|"))


def _shown(expected: Json, external: dict[str, str]) -> Json:
    found = re.match(r"\$external:(\d+)", expected) if isinstance(expected, str) else None
    return external.get(found[1], expected) if found else expected
