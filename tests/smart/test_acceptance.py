"""Every numbered item of the acceptance list of SMART App Launch has its tests, which carry its number."""

import re
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
DOCS: Final = TESTS.parents[1] / "docs" / "smart.md"
LAST: Final = 59
ELSEWHERE: Final = {9: "tests/app/test_tls.py", 52: "tests/access"}
"""Items that are not this server's endpoints: TLS, and what is seen through every way out."""


def numbered() -> set[int]:
    """Return the numbers in the names of tests: ``test_1_3_21_22_24_…`` is of 21, 22 and 24 of section 1.3."""
    names = [
        name for file in TESTS.glob("test_*.py") for name in re.findall(r"def test_(1_\d(?:_\d+)+)_", file.read_text())
    ]
    return {int(number) for name in names for number in name.split("_")[2:]}


def test_every_item_has_a_test() -> None:
    assert set(range(1, LAST + 1)) - numbered() - set(ELSEWHERE) == set()
    for place in ELSEWHERE.values():
        assert (TESTS.parents[1] / place).exists()


def test_the_document_names_the_file_of_every_item() -> None:
    rows = re.findall(r"^\| 1\.\d \| (\d+)(?: to (\d+))? \| `([a-z_./]+)`", DOCS.read_text(), re.MULTILINE)
    covered = {item for first, last, _ in rows for item in range(int(first), int(last or first) + 1)}
    assert covered == set(range(1, LAST + 1))
    for _, _, file in rows:
        assert (TESTS.parents[1] / file).exists(), file
