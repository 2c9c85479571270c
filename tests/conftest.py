"""What tests share: the definitions, the corpora, a real mongod and the server on top of it.

Every test that touches a database runs against a real mongod on loopback: the one of FHIRSERVER_MONGODB_URI, or
one started for the session in a temporary folder.
"""

import os
from pathlib import Path

import pytest

from fhirserver import assets
from fhirserver.definitions import compiled
from fhirserver.definitions.registry import Definitions

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    """R4 as published."""
    archive = assets.definition_file("hl7.fhir.r4.core-4.0.1.tgz")
    return Definitions([compiled.load(archive, CHECKOUT / ".cache" / "compiled")])


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of public test corpora, or a skip that says what to set."""
    folder = os.environ.get("FHIRSERVER_CORPORA")
    if folder is None:
        pytest.skip("FHIRSERVER_CORPORA names no folder of test corpora")
    if not Path(folder).is_dir():
        pytest.skip("FHIRSERVER_CORPORA does not name a folder")
    return Path(folder)
