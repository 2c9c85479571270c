"""The pages say everything in every language, and say scopes in plain words."""

import re
import string
from pathlib import Path

import pytest

from fhirserver.smart.pages.language import LANGUAGES
from fhirserver.smart.pages.questions import CATEGORIES, KINDS, granted_by, questions_of, sentences
from fhirserver.smart.pages.render import TEMPLATES
from fhirserver.smart.pages.texts import texts_in
from fhirserver.smart.pages.view import PageProblem
from fhirserver.smart.people.password_rules import PasswordProblem

EN = texts_in("en")
PAGES = Path(TEMPLATES).parent


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_places(language: str) -> None:
    texts = texts_in(language)
    assert texts.keys == EN.keys
    for key in EN.keys:
        assert places(texts(key)) == places(EN(key)), key
        assert texts(key).strip() == texts(key) != "", key


def test_every_text_that_a_page_asks_for_is_there() -> None:
    asked = set()
    for file in [*TEMPLATES.glob("*.html"), *PAGES.glob("*.py")]:
        text = file.read_text()
        asked |= set(re.findall(r'\bt\("([a-z]+\.[a-z_]+)"[,)]', text))
        asked |= set(re.findall(r'texts\("([a-z]+\.[a-z_]+)"[,)]', text))
    assert len(asked) > 80
    assert asked <= EN.keys


def test_every_problem_has_its_text() -> None:
    raised = set()
    for file in [*PAGES.glob("*.py"), *(PAGES.parent / "people").glob("*.py")]:
        raised |= set(re.findall(r'(?:PageProblem|Refused)\("([a-z_-]+)"', file.read_text()))
    raised |= {problem.value for problem in PasswordProblem}
    assert len(raised) > 15
    assert {f"error.{name}" for name in raised} <= EN.keys
    assert PageProblem("expired").problem == "expired"


def test_every_kind_and_category_has_a_name() -> None:
    for language in LANGUAGES:
        texts = texts_in(language)
        assert all(texts.has(f"types.{kind}") for kind in KINDS)
        assert all(texts.has(f"categories.{code}") for _, codes in CATEGORIES.values() for code in codes)


SENTENCES = [
    pytest.param("patient/Observation.rs", "measurements and results: see", id="SMART 2, read and search"),
    pytest.param("patient/Observation.read", "measurements and results: see", id="SMART 1, read"),
    pytest.param("user/*.cruds", "all data: see, add, change, delete", id="all types, all rights"),
    pytest.param("patient/Condition.c", "diagnoses and problems: add", id="create alone"),
    pytest.param("patient/Basic.r", "Basic: see", id="a type without a word keeps its name"),
    pytest.param(
        "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
        "measurements and results (laboratory results): see",
        id="a category",
    ),
    pytest.param(
        "patient/Observation.rs?code=http://loinc.org|8302-2",
        "measurements and results (only where code = http://loinc.org|8302-2): see",
        id="other criteria as they stand",
    ),
    pytest.param("offline_access", EN("consent.offline"), id="lasting access"),
    pytest.param("openid", EN("consent.openid"), id="identity"),
]


@pytest.mark.parametrize(("scope", "said"), SENTENCES)
def test_scopes_in_words(scope: str, said: str) -> None:
    assert sentences([scope], EN) == [said]


ASKED = ("launch/patient", "openid", "fhirUser", "offline_access", "patient/Patient.rs", "patient/Observation.read")
OBS = "http://terminology.hl7.org/CodeSystem/observation-category"
ALL = list(CATEGORIES["Observation"][1])
ANSWERS = [
    pytest.param(["s4", "s5", "openid", "offline"], {"s5": ALL}, set(ASKED), id="all is granted as it was asked"),
    pytest.param(["s4"], {}, {"launch/patient", "patient/Patient.rs"}, id="what is not ticked is not granted"),
    pytest.param([], {}, {"launch/patient"}, id="nothing but what the launch brings about"),
    pytest.param(
        ["s5", "offline"],
        {"s5": ["laboratory", "vital-signs"]},
        {
            "launch/patient",
            "offline_access",
            f"patient/Observation.rs?category={OBS}|laboratory",
            f"patient/Observation.rs?category={OBS}|vital-signs",
        },
        id="categories narrow a scope to granular ones",
    ),
    pytest.param(["s5"], {"s5": []}, {"launch/patient"}, id="no category is no scope"),
    pytest.param(["s5"], {"s5": ["nonsense"]}, {"launch/patient"}, id="what was not offered grants nothing"),
    pytest.param(["s9", "user/*.cruds"], {}, {"launch/patient"}, id="what was not asked for is not granted"),
    pytest.param(["openid"], {}, {"launch/patient", "openid", "fhirUser"}, id="identity is one question"),
]


@pytest.mark.parametrize(("ticked", "narrowed", "granted"), ANSWERS)
def test_what_an_answer_grants(ticked: list[str], narrowed: dict[str, list[str]], granted: set[str]) -> None:
    assert set(granted_by(ASKED, ticked, narrowed)) == granted


def test_all_data_can_be_narrowed_to_kinds() -> None:
    [question] = questions_of(["patient/*.read"])[0]
    assert question.is_of_all
    assert granted_by(["patient/*.read"], ["s0"], {"s0": list(KINDS)}) == ("patient/*.read",)
    granted = granted_by(["patient/*.read"], ["s0"], {"s0": ["Patient", "Immunization"]})
    assert granted == ("patient/Patient.rs", "patient/Immunization.rs")


def test_a_granular_scope_is_not_narrowed_further() -> None:
    [question] = questions_of([f"patient/Observation.rs?category={OBS}|laboratory"])[0]
    assert question.choices == ()


DATES = [("en", "9 July 1980"), ("fr", "9 juillet 1980"), ("nl", "9 juli 1980"), ("de", "9. Juli 1980")]


@pytest.mark.parametrize(("language", "written"), DATES)
def test_dates(language: str, written: str) -> None:
    assert texts_in(language).written("1980-07-09") == written
    assert texts_in(language).written("1980") == "1980"
