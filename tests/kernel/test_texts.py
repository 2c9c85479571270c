"""Every sentence under an id of its own, in English, French and Dutch; and which language a caller is told."""

import re
import runpy
from pathlib import Path

import pytest

from fhirserver.kernel.outcome import Issue, IssueType, Position, Rule, outcome_of
from fhirserver.kernel.texts import LANGUAGES, Text, language_of

_EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/operationoutcome-"
_SCRIPT = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts" / "messages.py"))
_TEXT = Text("texts-test", en="{path} has `{0}`.", fr="{path} a `{0}`.", nl="{path} heeft `{0}`.")


@pytest.fixture(scope="module")
def texts() -> list[Text]:
    """All texts of the server, those of tests left out."""
    return [found for found in _SCRIPT["texts"]() if not found.id.endswith("-test")]


def test_every_message_is_documented(texts: list[Text]) -> None:
    """Run ``scripts/messages.py`` when this fails: it writes the page."""
    written = _SCRIPT["PAGE"].read_text(encoding="utf-8").splitlines()
    rows = [line for line in written if line.startswith("| `")]
    told = [
        row for row in _SCRIPT["page"]().splitlines() if row.startswith("| `") and not re.match(r"\| `\S+-test`", row)
    ]
    assert rows == told


def test_no_id_is_used_twice(texts: list[Text]) -> None:
    ids = [text.id for text in texts]
    assert sorted(ids) == sorted(set(ids))
    assert [name for name in ids if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []


def test_every_text_is_translated(texts: list[Text]) -> None:
    assert [text.id for text in texts if len({text.en, text.fr, text.nl}) < len(LANGUAGES)] == []


def test_every_language_says_the_same_values(texts: list[Text]) -> None:
    places = {text.id: [sorted(re.findall(r"\{\w+\}", said)) for said in (text.en, text.fr, text.nl)] for text in texts}
    assert {name: found for name, found in places.items() if found[0] != found[1] or found[0] != found[2]} == {}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        pytest.param(None, "en", id="nothing is wished: English"),
        pytest.param("fr", "fr", id="one language"),
        pytest.param("nl-BE", "nl", id="a region is passed over"),
        pytest.param("FR-be", "fr", id="upper case is as good"),
        pytest.param("de, nl;q=0.5, fr;q=0.9", "fr", id="the most liked of those we speak"),
        pytest.param("fr, nl", "fr", id="the first of equals"),
        pytest.param("fr;q=0, nl;q=0.1", "nl", id="quality 0 is not acceptable"),
        pytest.param("de", "en", id="none that we speak: English"),
        pytest.param("*", "en", id="any"),
        pytest.param("fr;q=x", "en", id="what cannot be read is no wish"),
        pytest.param("fr;q=nan, nl;q=0.2", "nl", id="not a number is no wish"),
    ],
)
def test_language(accepted: str | None, language: str) -> None:
    assert language_of(accepted) == language


def test_an_issue_says_all_it_knows() -> None:
    rule = Rule("http://a.b/StructureDefinition/c", "Patient.name", "pat-1")
    told = _TEXT.told("x", path="Patient.name")
    issue = Issue(IssueType.VALUE, "", expression=("Patient.name",), told=told, rule=rule, position=Position(3, 14))
    assert outcome_of([issue], "nl")["issue"] == [
        {
            "extension": [
                {"url": _EXTENSIONS + "message-id", "valueString": "texts-test"},
                {
                    "url": _EXTENSIONS + "issue-source",
                    "valueString": "http://a.b/StructureDefinition/c#Patient.name pat-1",
                },
                {"url": _EXTENSIONS + "issue-line", "valueInteger": 3},
                {"url": _EXTENSIONS + "issue-col", "valueInteger": 14},
            ],
            "severity": "error",
            "code": "value",
            "diagnostics": "`Patient.name` heeft `x`.",
            "expression": ["Patient.name"],
        }
    ]


def test_all_ok_is_said_in_the_language_too() -> None:
    assert outcome_of([], "fr")["issue"][0]["diagnostics"] == "Tout est en ordre."
