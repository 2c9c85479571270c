"""The language, section by section: http://hl7.org/fhirpath/N1/. The official suite says more (``test_official``)."""

from typing import Any

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import (
    Environment,
    FhirPathExecutionError,
    FhirPathTypeError,
    Rules,
    compile_fhirpath,
)
from fhirserver.fhirpath.items import Items
from fhirserver.ucum import Ucum

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "name": [
        {"use": "official", "family": "Chalmers", "given": ["Peter", "James"]},
        {"use": "usual", "given": ["Jim", None], "_given": [None, {"id": "g"}]},
    ],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "time", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "maritalStatus": {"coding": [{"system": "s", "code": "M"}]},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Org"}],
    "managingOrganization": {"reference": "#o"},
}
TRUE_EXPRESSIONS = [
    # 5.1 Existence
    "name.exists(use = 'usual') and name.exists(use = 'old').not()",
    "name.all(given.exists()) and {}.all(false)",
    "(true | false).anyTrue() and (true | false).anyFalse() and (true | false).allFalse().not()",
    "name.use.subsetOf('usual' | 'official' | 'old') and ('usual' | 'x').supersetOf('usual')",
    "(1 | 1.0 | 2).count() = 2 and ('a' | 'A').count() = 2 and (1 | true | '1').count() = 3",
    "(1).combine(1).isDistinct().not() and (1).combine(1).distinct() = 1",
    # 5.2 Filtering and projection
    "name.select(given).count() = 4 and name.where($index = 1).use = 'usual'",
    "contained.ofType(Organization).name = 'Org' and contained.ofType(Patient).empty()",
    "descendants().ofType(code).exists() and repeat(children()).exists()",
    # 5.3 Subsetting
    "name.first().use = 'official' and name.last().use = 'usual' and name.tail().use = 'usual' and name[5].empty()",
    "(1 | 2 | 3).skip(1) = (2 | 3) and (1 | 2 | 3).take(2) = (1 | 2) and (1 | 2).take(-1).empty()",
    "(1 | 2 | 3).intersect(3 | 1) = (1 | 3) and (1 | 2 | 3).exclude(2) = (1 | 3)",
    # 5.5 Conversion
    "iif(active, 'yes', 1 / 0) = 'yes' and iif(false, 1).empty()",
    "'1'.toInteger() = 1 and '1.0'.toInteger().empty() and 'yes'.toBoolean() and 2.toBoolean().empty()",
    "'2015-02'.toDate() = @2015-02 and 'T10:30'.toTime() = @T10:30 and '2015-13'.convertsToDate().not()",
    "'4 days'.toQuantity() = 4 days and '1 \\'wk\\''.toQuantity('d') = 7 'd' and '4 dogs'.toQuantity().empty()",
    "1.50.toString() = '1.50' and (4 days).toString() = '4 days' and birthDate.toString() = '1974-12-25'",
    # 5.6 Strings
    "'abc'.substring(1, 1) = 'b' and 'abc'.substring(3).empty() and 'abc'.indexOf('c') = 2",
    "'a.b'.matches('^a\\\\.b$') and 'x1y22'.replaceMatches('([0-9]+)', '<$1>') = 'x<1>y<22>'",
    "'a-b'.split('-').join('+') = 'a+b' and 'ab'.toChars() = ('a' | 'b') and ' a '.trim().upper() = 'A'",
    "'a?b'.encode('urlbase64').decode('urlbase64') = 'a?b' and 'zz'.decode('hex').empty()",
    # 5.7 Math
    "2.power(3) = 8 and (-1).power(0.5).empty() and 2.power(1000).empty() and (-1.5).truncate() = -1",
    "1.5.round() = 2 and (-1.25).abs() = 1.25 and 81.sqrt() = 9 and 8.log(2) = 3 and 0.exp() = 1 and 0.ln().empty()",
    "(4.0 'mg').value = 4 and (4 days | 5 'mg').unit = ('day' | 'mg')",
    # 6.1 Equality
    "({} = 1).empty() and ({} = {}).empty() and ({} != 1).empty()",
    "birthDate = @1974-12-25 and (birthDate = @1974-12).empty() and birthDate != @1974-12-26",
    "@2012-04-15T15:00:00+02:00 = @2012-04-15T16:00:00+03:00 and @T10:00 != @T10:01",
    "4.0 'g' = 4000 'mg' and 1 'g' != 1 'm' and 7 days = 1 week and 12 months = 1 year and (1 year = 1 'a').empty()",
    "2 = 2 '1' and 'a  b' !~ 'a b' and 'A' ~ 'a' and 1.10 ~ 1.12 and ({} ~ {}) and (1 | 2) ~ (2 | 1)",
    "maritalStatus.coding = maritalStatus.coding and name[0] != name[1] and name[1].given[1] != name[1].given[0]",
    # 6.2 Comparison
    "1 < 1.1 and 'a' < 'b' and @2018-03 > @2018-02 and (@2018-03 > @2018-03-01).empty()",
    "@2018-03-01T10:00:00 < @2018-03-03T10:00:00Z and (@2018-03-01T10:00:00 < @2018-03-01T12:00:00Z).empty()",
    "2 'kg' > 1999 'g' and (1 'kg' > 1 'm').empty() and 1 month > 3 weeks",
    # 6.3 Types
    "active is boolean and active is FHIR.boolean and active.is(System.Boolean).not() and 1 is Integer",
    "name.first() is HumanName and name.first() is Element and birthDate.as(date) = birthDate",
    "name.use.first().type().name = 'code' and 1.type().namespace = 'System'",
    # 6.4 Collections, 6.5 Boolean logic
    "'usual' in name.use and name.use contains 'official' and ({} in name.use).empty()",
    "(true and {}).empty() and (false and {}) = false and (true or {}) and (false implies {}) and (true xor false)",
    # 6.6 Math
    "1 + 2 * 3 - 4 / 2 = 5 and 7 div 2 = 3 and 7 mod 2 = 1 and (1 / 0).empty() and 'a' + 'b' & {} = 'ab'",
    "@2024-02-29 + 1 year = @2025-02-28 and @2024-01-31 + 1 month = @2024-02-29 and @2016 + 364 days = @2016",
    "@2024-01-01T23:59:59.5Z + 1 second = @2024-01-02T00:00:00.5Z and @T23:30 + 1 hour = @T00:30",
    "@2024-01-01 - 1 day = @2023-12-31 and @2024-03 - 1 'month' = @2024-02",
    "2.0 'cm' * 2.0 'm' = 0.040 'm2' and 4 'g' / 2 'm' = 2 'g/m'",
    "2 * 1 year = 24 months and -(1 'm') = 0 'm' - 1 'm'",
    # 7 Aggregates, 5.9 Utility
    "(1 | 2 | 3).aggregate($this + $total, 0) = 6 and (3 | 1 | 2).sort(-$this) = (3 | 2 | 1)",
    "name.trace('n').count() = 2",
    "today() = @2027-01-15 and now() > today() - 1 day and timeOfDay() = @T08:00:00.000",
    "1.587.lowBoundary(2) = 1.58 and 1.587.highBoundary(2) = 1.59 and @2024-02.highBoundary() = @2024-02-29",
    "@2014.precision() = 4 and 1.580.precision() = 3 and 1 'cm'.comparable(1 '[in_i]')",
    # FHIR's own
    "birthDate.hasValue() and name.given.hasValue().not() and name[1].given[1].hasValue().not()",
    "birthDate.extension('time').value is dateTime and birthDate.extension('none').empty() and hasExtension('x').not()",
    "managingOrganization.resolve().name = 'Org' and (managingOrganization.resolve() is Organization)",
    "%resource.birthDate = %context.birthDate and %sct = 'http://snomed.info/sct' and %`vs-x`.endsWith('ValueSet/x')",
    "conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource') and active.getValue() is System.Boolean",
]


@pytest.fixture
def environment(ucum: Ucum) -> Environment:
    """Units, and the 15th of January 2027."""
    return Environment(ucum=ucum, now_us=1_800_000_000_000_000)


@pytest.mark.parametrize("source", TRUE_EXPRESSIONS)
def test_is_true(source: str, definitions: Definitions, environment: Environment) -> None:
    compiled = compile_fhirpath(source, "Patient", definitions, rules=Rules.LANGUAGE)
    assert compiled.select(PATIENT, environment) == [("boolean", True)]


ERRORS = [
    pytest.param("name.single()", FhirPathExecutionError, id="several items where one is allowed"),
    pytest.param("name.as(HumanName)", FhirPathExecutionError, id="as takes one item"),
    pytest.param("1 < 'a'", FhirPathExecutionError, id="no common order"),
    pytest.param("'a' - 'b'", FhirPathTypeError, id="no such operation"),
    pytest.param("@2024 + 1 'cm'", FhirPathExecutionError, id="no duration"),
    pytest.param("'a'.matches('[')", FhirPathExecutionError, id="no regular expression"),
    pytest.param("%unknown", FhirPathExecutionError, id="no such constant"),
    pytest.param("$index", FhirPathExecutionError, id="$index outside of a projection"),
    pytest.param("name.nothing()", FhirPathTypeError, id="no such function"),
    pytest.param("name.first(1)", FhirPathTypeError, id="too many arguments"),
    pytest.param("name is Human", FhirPathTypeError, id="no such type"),
    pytest.param("name.startsWith('a')", FhirPathTypeError, id="a name is no string"),
    pytest.param("memberOf('x')", FhirPathExecutionError, id="no terminology to ask"),
]


@pytest.mark.parametrize(("source", "error"), ERRORS)
def test_is_an_error(source: str, error: type[Exception], definitions: Definitions, environment: Environment) -> None:
    with pytest.raises(error):
        compile_fhirpath(source, "Patient", definitions, rules=Rules.LANGUAGE).select(PATIENT, environment)


def test_strict_rules_refuse_unknown_elements(definitions: Definitions) -> None:
    assert compile_fhirpath("name.given1", "Patient", definitions, rules=Rules.LANGUAGE).types == set()
    for source in ("name.given1", "Encounter.status", "deceasedBoolean"):
        with pytest.raises(FhirPathTypeError):
            compile_fhirpath(source, "Patient", definitions, rules=Rules.STRICT)


def test_today_is_not_known_without_a_time(definitions: Definitions) -> None:
    with pytest.raises(FhirPathExecutionError):
        compile_fhirpath("today()", "Patient", definitions).select(PATIENT)


class Shown:
    """A trace sink."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Items]] = []

    def trace(self, name: str, items: Items) -> None:
        """Keep what is shown."""
        self.shown.append((name, items))


def test_trace_shows_a_projection(definitions: Definitions) -> None:
    sink = Shown()
    compiled = compile_fhirpath("name.trace('uses', use).count()", "Patient", definitions)
    assert compiled.select(PATIENT, Environment(trace_sink=sink)) == [("integer", 2)]
    assert sink.shown == [("uses", [("code", "official"), ("code", "usual")])]


class OneValueSet:
    """A terminology that knows one code."""

    def is_member(self, system: str | None, code: str, value_set: str) -> bool | None:
        """Only `M` of `s` is in `known`; of other value sets nothing is known."""
        return (system, code) == ("s", "M") if value_set == "known" else None


def test_member_of_asks_the_terminology(definitions: Definitions) -> None:
    environment = Environment(terminology=OneValueSet())
    for value_set, expected in (("known", [("boolean", True)]), ("other", [])):
        compiled = compile_fhirpath(f"maritalStatus.memberOf('{value_set}')", "Patient", definitions)
        assert compiled.select(PATIENT, environment) == expected


def test_many_items_are_as_distinct_as_few(definitions: Definitions, ucum: Ucum) -> None:
    items = "1 | 1.0 | 1 '1' | 100 'cm' | 1 'm' | 'a' | 'a' | @2024 | @2024T | @T10 | true | {} | 12 months | 1 year"
    many = " | ".join([items, *(f"'{number}'" for number in range(20))])
    few = compile_fhirpath(f"({many}).count()", "Patient", definitions)
    assert few.select(PATIENT, Environment(ucum=ucum)) == [("integer", 8 - 1 + 20)]
