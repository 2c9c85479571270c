"""Three validators of other makers judge the structure of resources as ours does.

``fhirkit`` reads R4, ``fhir.resources`` R4B, ``jsonschema_rs`` a schema made from the definitions. The resources are
the examples of our packages, each valid, and each with one thing in it made wrong, at every place where that can be.
Where one of them says otherwise, the reason is here.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import fhirkit
import jsonschema_rs
import pytest
from pydantic import ValidationError

from benchmarks.structure_schema import structure_schema
from fhirserver import assets
from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.validation.structure import StructureValidator

Json: TypeAlias = Any
Path: TypeAlias = tuple[str | int, ...]
Verdict: TypeAlias = Callable[[Json], bool]
Mutation: TypeAlias = Callable[[Json], Iterator[tuple[Path, Json]]]
PACES = {"fhirkit": 1, "fhir.resources": 4, "jsonschema_rs": 2}
"""The others, and how many of the wrong resources they are shown: one of so many, as some take long."""
ORACLES = tuple(PACES)


def _examples() -> dict[str, Json]:
    files = sorted(assets.folder("profiles").glob("*/package/example/*.json"))
    return {f"{file.parts[-4]}: {file.stem}": json.loads(file.read_bytes()) for file in files}


EXAMPLES = _examples()


@pytest.fixture(scope="module")
def ours(validator: StructureValidator) -> Verdict:
    """Return what ours says of the structure: none of the others knows the invariants."""

    def verdict(resource: Json) -> bool:
        parsed = parse_json(json.dumps(resource).encode())
        issues = validator.validate(parsed, parsed["resourceType"])
        return not any(issue.severity == "error" and issue.code != "invariant" for issue in issues)

    return verdict


@pytest.fixture(scope="module")
def verdicts(definitions: Definitions) -> dict[str, Verdict]:
    """Return what each of the others says."""

    @cache
    def schema(resource_type: str) -> Any:  # noqa: ANN401
        return jsonschema_rs.validator_for(structure_schema(definitions, resource_type))

    def modelled(resource: Json) -> bool:
        name = resource["resourceType"]
        try:
            getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name).model_validate(resource)
        except (ValidationError, TypeError, AttributeError):  # what is of another kind than it expects may break it
            return False
        return True

    return {
        "fhirkit": lambda resource: not any(issue.severity == "error" for issue in fhirkit.validate(resource)),
        "fhir.resources": modelled,
        "jsonschema_rs": lambda resource: schema(resource["resourceType"]).is_valid(resource),
    }


def _is_explained(oracle: str, mutation: Mutation, path: Path) -> bool:
    """Tell whether one of the others is known to judge a place in another way."""
    names = [step for step in path if isinstance(step, str)]
    if mutation is removals and names[-1] in ("id", "_value"):  # a contained resource needs one; a pseudonym is no NISS
        return True
    if oracle == "jsonschema_rs" and mutation is removals and re.search(r"[a-z][A-Z]", names[-1]):  # nor of choices
        return True
    if oracle == "jsonschema_rs":  # the schema says nothing of the extensions of primitives, nor of what is in a Bundle
        return any(name.startswith("_") or name in ("resource", "contained") for name in names)
    if oracle == "fhir.resources" and mutation is numbers_for_texts:  # a number is an instant, in seconds
        return bool(_TIMES.search(names[-1]))
    return False


_TIMES = re.compile(
    r"date|time|start|end|issued|recorded|authoredOn|receivedTime|whenHandedOver|recordedOn|creation", re.IGNORECASE
)


def _places(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from _places(one, (*path, name))


def _with(resource: Json, path: Path, value: Json) -> Json:
    changed = copy.deepcopy(resource)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def unknown_elements(resource: Json) -> Iterator[tuple[Path, Json]]:
    for path, value in _places(resource):
        if isinstance(value, dict):
            yield path, _with({"": resource}, ("", *path), {**value, "unheardOf": "x"})[""]


def swapped_arity(resource: Json) -> Iterator[tuple[Path, Json]]:
    for path, value in _places(resource):
        if path and isinstance(path[-1], str) and path[-1] != "resourceType":
            yield path, _with(resource, path, value[0] if isinstance(value, list) else [value])


def wrong_kinds(resource: Json) -> Iterator[tuple[Path, Json]]:
    for path, value in _places(resource):
        if path and path[-1] != "resourceType" and not isinstance(value, dict | list):
            yield path, _with(resource, path, {"a": "b"})


def numbers_for_texts(resource: Json) -> Iterator[tuple[Path, Json]]:
    for path, value in _places(resource):
        if path and path[-1] != "resourceType" and isinstance(value, str):
            yield path, _with(resource, path, 1)


def removals(resource: Json) -> Iterator[tuple[Path, Json]]:
    """Take an element away; whether that is wrong depends on it."""
    for path, value in _places(resource):
        if isinstance(value, dict):
            for name in value:
                if name != "resourceType" and len(value) > 1:
                    rest = {other: one for other, one in value.items() if other != name}
                    yield (*path, name), _with({"": resource}, ("", *path), rest)[""]


MUTATIONS = [unknown_elements, swapped_arity, wrong_kinds, numbers_for_texts, removals]


@pytest.mark.parametrize("oracle", ORACLES)
def test_all_accept_the_examples(ours: Verdict, verdicts: dict[str, Verdict], oracle: str) -> None:
    refused = [name for name, one in EXAMPLES.items() if not verdicts[oracle](one)]
    assert [name for name, one in EXAMPLES.items() if not ours(one)] == []
    assert refused == []


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_all_say_the_same_of_what_is_wrong(
    ours: Verdict, verdicts: dict[str, Verdict], oracle: str, mutation: Mutation
) -> None:
    different, count = [], 0
    for name, example in EXAMPLES.items():
        for path, wrong in list(mutation(example))[:: PACES[oracle]]:
            count += 1
            if ours(wrong) is not verdicts[oracle](wrong) and not _is_explained(oracle, mutation, path):
                different.append((name, path, ours(wrong)))
    assert count > 200
    assert different == []
