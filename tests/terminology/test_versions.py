"""Which version is the last one — http://hl7.org/fhir/R4/snomedct.html, http://hl7.org/fhir/R4/references.html#canonical"""

import pytest

from fhirserver.terminology.versions import latest

SNOMED = "http://snomed.info/sct"
INTERNATIONAL, BELGIAN = 900000000000207008, 11000172109


@pytest.mark.parametrize(
    ("versions", "last"),
    [
        (["1.9.0", "1.10.0"], "1.10.0"),
        (["1.0.0-draft", "1.0.0"], "1.0.0"),
        (["2024", "2.81"], "2024"),
        ([f"{SNOMED}/{BELGIAN}/version/20250315", f"{SNOMED}/{BELGIAN}/version/20240915"],
         f"{SNOMED}/{BELGIAN}/version/20250315"),
        ([f"{SNOMED}/{INTERNATIONAL}/version/20260101", f"{SNOMED}/{BELGIAN}/version/20250315"],
         f"{SNOMED}/{BELGIAN}/version/20250315"),
        ([f"{SNOMED}/11000315107/version/20250621", f"{SNOMED}/{BELGIAN}/version/20250315"],
         f"{SNOMED}/11000315107/version/20250621"),
    ],
    ids=["numbers", "a draft", "other numbers", "one edition", "an extension, which has the other one", "extensions"],
)  # fmt: skip
def test_the_last_version(versions: list[str], last: str) -> None:
    assert latest(versions) == latest(reversed(versions)) == last


@pytest.mark.parametrize(
    "odd", ["1.²", "1" * 5000, f"{SNOMED}/{'1' * 5000}/version/2", f"{SNOMED}/1/version/{'2' * 5000}", "\u0661.\u0662"]
)
def test_any_text_is_a_version(odd: str) -> None:
    assert latest([odd, "1"]) in (odd, "1")
