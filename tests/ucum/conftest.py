"""The published UCUM tables, as a development dependency carries them."""

from importlib.metadata import distribution
from pathlib import Path

import pytest

from fhirserver.ucum import Ucum, UcumTables, compile_essence


def _vendored(name: str) -> Path:
    # By the distribution's record: importing the package would import two parsers.
    return Path(str(distribution("ucumvert").locate_file(f"ucumvert/vendor/{name}")))


@pytest.fixture(scope="session")
def essence() -> bytes:
    """``ucum-essence.xml``."""
    return _vendored("ucum-essence.xml").read_bytes()


@pytest.fixture(scope="session")
def tables(essence: bytes) -> UcumTables:
    """The tables compiled from it."""
    return compile_essence(essence)


@pytest.fixture(scope="session")
def ucum(tables: UcumTables) -> Ucum:
    """The run-time object."""
    return Ucum(tables)


@pytest.fixture(scope="session")
def example_codes() -> list[str]:
    """The codes of the official "Table of Example UCUM Codes for Electronic Messaging"."""
    rows = _vendored("ucum_examples.tsv").read_text("utf-8").splitlines()[1:]
    return [row.split("\t")[1] for row in rows if row]
