"""Expressions in `$validate-code` and `$lookup` — http://hl7.org/fhir/R4/snomedct.html

An expression is below its focus concepts; where these do not decide, the answer says so.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.checking import all_of, checker_of
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.expansion import expand
from fhirserver.terminology.implicit import Implicit
from fhirserver.terminology.issues import TermError
from fhirserver.terminology.library import Library
from fhirserver.terminology.lookup import lookup
from fhirserver.terminology.options import Options
from fhirserver.terminology.validate_code import Form, Question, validate_code
from fhirserver.terminology.value_sets import ValueSet
from tests.terminology import small_edition as small
from tests.terminology.index.test_edition import load, opened
from tests.terminology.small_edition import code

SNOMED = "http://snomed.info/sct"
UNDECIDED = "is not decided"
UNCHECKED = "has not been checked against the SNOMED CT concept model (MRCM)"


class One:
    """One code system."""

    def __init__(self, system: CodeSystem) -> None:
        self._system = system

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        return [self._system] if url == SNOMED else []

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        return ()

    def supplements(self, url: str) -> Sequence[Resource]:
        return ()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("edition")
    load(folder / "index", small.write_edition(folder / "release"))
    return Library((One(opened(folder / "index")), Implicit()))


def written(text: str) -> str:
    """Return an expression with codes in place of the names in ``<>``."""
    for key in sorted(small.IDS, key=len, reverse=True):
        text = text.replace(f"<{key}>", code(key))
    return text


def checked(library: Library, value_set: ValueSet, text: str, display: str | None = None) -> dict[str, Any]:
    question = Question(Form.CODING, (Coding(written(text), SNOMED, None, display),))
    answer = validate_code(checker_of(library, value_set, Options()), library, question)
    found = {one["name"]: next(value for key, value in one.items() if key != "name") for one in answer["parameter"]}
    found["issues"] = [one["details"]["text"] for one in found.get("issues", {}).get("issue", ())]
    return found


def whole(library: Library) -> ValueSet:
    system = library.code_system(SNOMED)
    assert system is not None
    return all_of(library, system.head)


@pytest.mark.parametrize(
    ("text", "display"),
    [("<fracture>:<site>=<heart>", "<fracture>|Fracture|:<site>|Finding site|=<heart>|Heart structure|"),
     ("<heart-attack> | whatever |", "<heart-attack>|Heart attack|"),
     ("===<fracture>+<foot-oedema>", "===<fracture>|Fracture|+<foot-oedema>|Edema of foot|")],
)  # fmt: skip
def test_a_valid_expression_is_said_with_its_terms(library: Library, text: str, display: str) -> None:
    found = checked(library, whole(library), text)
    assert found["result"] is True
    assert found["display"] == written(display)
    assert found["code"] == written(text)
    (told,) = found["issues"]
    assert told.endswith(UNCHECKED)


@pytest.mark.parametrize(
    ("text", "problem", "character"),
    [("freetext", "Concept not found", 1), ("<fracture>:", "Concept not found", len(written("<fracture>:")) + 1),
     ("123456789:<site>=<heart>", "The concept 123456789 is not known", 1),
     ("<fracture>:<site>=999999999", "The concept 999999999 is not known", len(written("<fracture>:<site>=")) + 1)],
)  # fmt: skip
def test_what_is_none_says_why(library: Library, text: str, problem: str, character: int) -> None:
    found = checked(library, whole(library), text)
    assert found["result"] is False
    unknown, why = found["issues"]
    assert unknown.startswith(f"Unknown code '{written(text)}' in the CodeSystem '{SNOMED}' version '{small.VERSION}'")
    assert why.startswith(f"Not a valid expression: {problem} (")
    assert why.endswith(f"at character {character}")


def test_an_unknown_code_of_digits_is_no_expression(library: Library) -> None:
    assert len(checked(library, whole(library), "999999999")["issues"]) == 1


def test_an_expression_may_be_called_as_one_likes(library: Library) -> None:
    assert checked(library, whole(library), "<fracture>:<site>=<heart>", "Broken heart")["result"] is True


def ecl(constraint: str) -> dict[str, str]:
    return {"property": "constraint", "op": "=", "value": constraint}


REFINED = "<arm-fracture>:<site>=<heart>"


@pytest.mark.parametrize(
    ("filters", "text", "verdict"),
    [([], REFINED, True),
     ([{"property": "concept", "op": "is-a", "value": "<fracture>"}], REFINED, True),
     ([{"property": "concept", "op": "is-a", "value": "<arm-fracture>"}], REFINED, True),
     ([{"property": "concept", "op": "descendent-of", "value": "<fracture>"}], REFINED, True),
     ([ecl("<< <fracture>")], REFINED, True),
     ([ecl("*")], REFINED, True),
     ([ecl("<< <heart-disease> OR < <fracture>")], REFINED, True),
     ([ecl("<< <finding> AND << <fracture>")], REFINED, True),
     ([ecl("<< <fracture>")], "<heart>+<arm-fracture>", True),
     ([ecl("<< <heart-disease>")], REFINED, None),
     ([ecl("< <arm-fracture>")], REFINED, None),
     ([ecl("<arm-fracture>")], REFINED, None),
     ([ecl("<< <fracture> MINUS << <heart-disease>")], REFINED, None),
     ([ecl("<< <fracture> : <site> = *")], REFINED, None),
     ([ecl("^ <limbs-refset>")], REFINED, None),
     ([ecl("<arm-fracture>")], "<arm-fracture>|Broken arm|", True),
     ([ecl("^ <limbs-refset>")], "===<arm-fracture>", True),
     ([ecl("< <arm-fracture>")], "===<arm-fracture>", False),
     ([{"property": "expressions", "op": "=", "value": "true"}], REFINED, True),
     ([{"property": "expressions", "op": "=", "value": "false"}], REFINED, False)],
)  # fmt: skip
def test_value_sets_are_decided_by_focus_concepts_or_not_at_all(
    library: Library, filters: list[dict[str, str]], text: str, verdict: bool | None
) -> None:
    said = [{**one, "value": written(one["value"])} for one in filters]
    found = checked(library, value_set({"system": SNOMED, "filter": said}), text)
    assert found["result"] is (verdict is True)
    assert any(UNDECIDED in one for one in found["issues"]) is (verdict is None)


def value_set(*include: dict[str, Any], exclude: Sequence[dict[str, Any]] = ()) -> ValueSet:
    compose = {"include": list(include), **({"exclude": list(exclude)} if exclude else {})}
    return ValueSet({"resourceType": "ValueSet", "url": "http://a.b/vs", "status": "active", "compose": compose})


@pytest.mark.parametrize(
    ("constraint", "verdict"), [("<< <fracture>", False), ("<< <heart-disease>", None)], ids=["excluded", "undecided"]
)
def test_what_is_excluded_or_may_be_is_not_in(library: Library, constraint: str, verdict: bool | None) -> None:
    without = {"system": SNOMED, "filter": [ecl(written(constraint))]}
    found = checked(library, value_set({"system": SNOMED}, exclude=[without]), REFINED)
    assert found["result"] is False
    assert any(UNDECIDED in one for one in found["issues"]) is (verdict is None)


def test_a_value_set_may_list_expressions(library: Library) -> None:
    listed = value_set({"system": SNOMED, "concept": [{"code": written(REFINED)}]})
    assert checked(library, listed, REFINED)["result"] is True
    assert checked(library, listed, "<fracture>:<site>=<heart>")["result"] is False
    expansion = expand(library, listed, Options())["expansion"]
    assert [one["code"] for one in expansion["contains"]] == [written(REFINED)]


def test_lookup_says_an_expression(library: Library) -> None:
    system = library.code_system(SNOMED)
    assert system is not None
    answer = lookup(system, written("<foot-oedema>:<site>=<heart>"), Options())
    found = {one["name"]: one for one in answer["parameter"] if one["name"] != "designation"}
    display = "<foot-oedema>|Edema of foot|:<site>|Finding site|=<heart>|Heart structure|"
    assert found["display"]["valueString"] == written(display)
    french = [one["part"] for one in answer["parameter"] if one["name"] == "designation"]
    assert all(len(one) > 1 for one in french)
    with pytest.raises(TermError, match="Unknown code 'freetext'"):
        lookup(system, "freetext", Options())
