"""Every numbered item of the acceptance lists of SMART, BALP, IUA and security has its tests, or a reason."""

import re
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
DOCS: Final = TESTS.parents[1] / "docs" / "smart.md"
LAST: Final = 59
ELSEWHERE: Final = {9: "tests/app/test_tls.py", 52: "tests/access"}
"""Items that are not this server's endpoints: TLS, and what is seen through every way out."""
SECTIONS: Final = {"6.4": range(10, 14), "6.5": range(14, 16), "8": range(1, 27)}
NO_TEST: Final = "does not apply: "


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


def table() -> list[tuple[str, int, str]]:
    """Return section, item and tests of each row of the table of the other sections."""
    rows = re.findall(r"^\| (6\.4|6\.5|8)\.(\d+)[a-z]? \| [^|]+ \| ([^|]+) \|$", DOCS.read_text(), re.MULTILINE)
    return [(section, int(item), tests) for section, item, tests in rows]


def named(tests: str) -> list[tuple[str, str]]:
    """Return file and function of the tests that a row names."""
    found = []
    for part in tests.split("; "):
        file, *names = re.findall(r"`([^`]+)`", part)
        found += [(file, name) for name in names]
    return found


@pytest.mark.parametrize(("section", "items"), SECTIONS.items())
def test_every_item_of_the_other_sections_is_in_the_table(section: str, items: range) -> None:
    assert {item for known, item, _ in table() if known == section} == set(items)


def test_what_the_table_names_is_there() -> None:
    for section, item, tests in table():
        if tests.startswith(NO_TEST):
            assert len(tests) > len(NO_TEST)
            continue
        assert named(tests), f"{section}.{item}"
        for file, name in named(tests):
            assert f"def {name}(" in (TESTS.parent / file).read_text(), f"{section}.{item}: {file} {name}"
