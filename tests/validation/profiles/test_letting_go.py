"""What was compiled from definitions that are gone is let go of, also by who validates nothing since."""

import gc
import weakref

import pytest

from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.profiles.nodes import Node
from fhirserver.validation.profiles.sources import GivenStructures, PackagedStructures
from fhirserver.validation.validator import Asked, Validator
from tests.validation.profiles.conftest import profile

P = "http://a.b/p"
PATIENT: Resource = parse_json(f'{{"resourceType":"Patient","meta":{{"profile":["{P}"]}}}}'.encode())


class Shelf(GivenStructures):
    """Definitions that come and go."""

    def __init__(self, definitions: Definitions) -> None:
        super().__init__((), PackagedStructures(definitions))
        self.changes = 0

    @property
    def mark(self) -> str:
        return str(self.changes)

    def put(self, *given: Resource) -> None:
        self._given = {str(one["url"]): [one] for one in given}
        self.changes += 1


@pytest.fixture
def shelf(definitions: Definitions) -> Shelf:
    return Shelf(definitions)


@pytest.fixture
def validator(definitions: Definitions, required: RequiredCodes, shelf: Shelf) -> Validator:
    return Validator(definitions, required, shelf)


def _nodes() -> int:
    gc.collect()
    return sum(isinstance(one, Node) for one in gc.get_objects())


@pytest.mark.parametrize("asked", [Asked(), Asked(best_practice=True)], ids=["as a rule", "with best practice"])
def test_profiles_are_let_go_of_without_another_walk(shelf: Shelf, validator: Validator, asked: Asked) -> None:
    shelf.put(profile("Patient", {"path": "Patient.name", "min": 1}))
    found = [one.severity.value for one in validator.issues(PATIENT, "Patient", asked)]
    assert "error" in found
    check = validator.compiled(asked).plan(P)
    assert check is not None
    kept = weakref.ref(check.check)
    del check
    shelf.put()
    validator.refresh()
    gc.collect()
    assert kept() is None


def test_coming_and_going_leaves_nothing(shelf: Shelf, validator: Validator) -> None:
    counts = []
    for _ in range(4):
        shelf.put(profile("Patient", {"path": "Patient.name", "min": 1}))
        validator.issues(PATIENT, "Patient")
        shelf.put()
        validator.refresh()
        counts.append(_nodes())
    assert counts == counts[:1] * 4
