"""A site with two patients and those who care for the first."""

import pytest

from fhirserver.app.knowledge import Knowledge
from tests.access.site import Site, encounter, observation, patient, site_of


@pytest.fixture(scope="session")
def empty(knowledge: Knowledge) -> Site:
    """A site with the default policy and nothing in it."""
    return site_of(knowledge)


@pytest.fixture(scope="session")
def ward(empty: Site) -> Site:
    """``Patient/1`` is in the care of Practitioner/1, ``Patient/2`` of nobody."""
    return empty.put(
        patient("1", birthDate="1980-05-05"),
        patient("2", birthDate="2012-05-05"),
        encounter("e1", "1", "Practitioner/1"),
        observation("o1", "1"),
        observation("o2", "2"),
        {"resourceType": "Practitioner", "id": "1"},
    )
