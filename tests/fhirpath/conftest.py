"""What FHIRPath tests share beside the definitions: units."""

from importlib.metadata import distribution
from pathlib import Path

import pytest

from fhirserver.ucum import Ucum, compile_essence


@pytest.fixture(scope="session")
def ucum() -> Ucum:
    """The published UCUM tables, as a development dependency carries them."""
    essence = Path(str(distribution("ucumvert").locate_file("ucumvert/vendor/ucum-essence.xml")))
    return Ucum(compile_essence(essence.read_bytes()))
