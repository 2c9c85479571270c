"""Answers: of the type that is asked for, among the options, within the limits.

Spec: http://hl7.org/fhir/R4/questionnaire.html#item.type, extensions minValue, maxValue, maxDecimalPlaces,
questionnaire-unitOption and questionnaire-optionExclusive
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json, Resource
from fhirserver.terminology.required import CodeSet
from fhirserver.validation.findings import Finding
from fhirserver.validation.kinds.codings import is_shown_rightly
from fhirserver.validation.profiles.nodes import objects
from fhirserver.validation.profiles.sources import BASE, Codes
from fhirserver.validation.profiles.values import at_least, at_most, matching
from fhirserver.validation.said import Text, say

_TYPES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "boolean": frozenset({"valueBoolean"}),
        "decimal": frozenset({"valueDecimal"}),
        "integer": frozenset({"valueInteger"}),
        "date": frozenset({"valueDate"}),
        "dateTime": frozenset({"valueDateTime"}),
        "time": frozenset({"valueTime"}),
        "string": frozenset({"valueString"}),
        "text": frozenset({"valueString"}),
        "url": frozenset({"valueUri"}),
        "attachment": frozenset({"valueAttachment"}),
        "reference": frozenset({"valueReference"}),
        "quantity": frozenset({"valueQuantity"}),
        "choice": frozenset({"valueCoding", "valueString", "valueInteger", "valueDate", "valueTime", "valueReference"}),
        "open-choice": frozenset({"valueCoding", "valueString", "valueInteger", "valueDate", "valueTime"}),
    }
)
_WRONG_TYPE: Final = Text(
    "answer-type",
    en="{path} must be of the type that the questionnaire asks for, `{0}`.",
    fr="{path} doit être du type que demande le questionnaire, `{0}`.",
    nl="{path} moet van het type zijn dat de vragenlijst vraagt, `{0}`.",
)
_NO_OPTION: Final = Text(
    "answer-option",
    en="{path} must be one of the options that the questionnaire gives.",
    fr="{path} doit être l'une des options que donne le questionnaire.",
    nl="{path} moet een van de opties van de vragenlijst zijn.",
)
_EXCLUSIVE: Final = Text(
    "answer-exclusive",
    en="{path} must be the only answer, as its option excludes the others.",
    fr="{path} doit être la seule réponse, car son option exclut les autres.",
    nl="{path} moet het enige antwoord zijn, want de optie sluit andere uit.",
)
_LOW: Final = Text(
    "answer-min",
    en="{path} must not be less than the questionnaire allows.",
    fr="{path} ne doit pas être inférieur à ce que permet le questionnaire.",
    nl="{path} mag niet kleiner zijn dan de vragenlijst toelaat.",
)
_HIGH: Final = Text(
    "answer-max",
    en="{path} must not be more than the questionnaire allows.",
    fr="{path} ne doit pas être supérieur à ce que permet le questionnaire.",
    nl="{path} mag niet groter zijn dan de vragenlijst toelaat.",
)
_LONG: Final = Text(
    "answer-length",
    en="{path} must have no more characters than the questionnaire allows, {0}.",
    fr="{path} ne doit pas avoir plus de caractères que ne permet le questionnaire, {0}.",
    nl="{path} mag niet meer tekens hebben dan de vragenlijst toelaat, {0}.",
)
_SHORT: Final = Text(
    "answer-min-length",
    en="{path} must have as many characters as the questionnaire asks for, {0}.",
    fr="{path} doit avoir autant de caractères que le questionnaire en demande, {0}.",
    nl="{path} moet zoveel tekens hebben als de vragenlijst vraagt, {0}.",
)
_PLACES: Final = Text(
    "answer-decimals",
    en="{path} must have no more decimal places than the questionnaire allows, {0}.",
    fr="{path} ne doit pas avoir plus de décimales que ne permet le questionnaire, {0}.",
    nl="{path} mag niet meer decimalen hebben dan de vragenlijst toelaat, {0}.",
)
_UNIT: Final = Text(
    "answer-unit",
    en="{path} must have one of the units that the questionnaire gives.",
    fr="{path} doit avoir l'une des unités que donne le questionnaire.",
    nl="{path} moet een van de eenheden van de vragenlijst hebben.",
)


def answer_problems(question: Resource, answers: Sequence[Resource], codes: Codes) -> Iterator[Finding]:
    """Yield what is wrong with the answers to a question; paths are relative to its item."""
    options = objects(question.get("answerOption"))
    options_or_set = options, _value_set(question, codes)
    for number, answer in enumerate(answers):
        for problem in _answer(question, answer, options_or_set, codes):
            yield problem._replace(path=f".answer[{number}]{problem.path}")
        if len(answers) > 1 and _excludes(answer, options):
            yield say(IssueType.BUSINESS_RULE, _EXCLUSIVE, path=f".answer[{number}]", rule=None)


def _answer(
    question: Resource, answer: Resource, allowed_ones: tuple[Sequence[Resource], CodeSet | None], codes: Codes
) -> Iterator[Finding]:
    name = next((key for key in answer if key.startswith("value")), None)
    if name is None:
        return
    kind, value = str(question.get("type")), answer[name]
    allowed = _TYPES.get(kind)
    if allowed is not None and name not in allowed:
        yield say(IssueType.STRUCTURE, _WRONG_TYPE, kind, path=".value", rule=None)
        return
    if kind in ("choice", "open-choice"):
        is_wrong = isinstance(value, dict) and not is_shown_rightly(value, codes)
        if is_wrong or not _is_option(kind, name, value, *allowed_ones):
            yield say(IssueType.CODE_INVALID, _NO_OPTION, path=".value", rule=None)
    yield from _limits(question, value)


def _is_option(kind: str, name: str, value: Json, options: Sequence[Resource], code_set: CodeSet | None) -> bool:
    if kind == "open-choice" and name == "valueString":
        return True
    if options:
        return any(name in one and _is_like(one[name], value) for one in options)
    if code_set is None or not isinstance(value, dict):
        return True
    return (value.get("system"), value.get("code")) in code_set.codings


def _is_like(option: Json, value: Json) -> bool:
    if not isinstance(option, dict):
        return matching(option)(value)
    return matching({key: option[key] for key in ("system", "code", "reference") if key in option})(value)


def _excludes(answer: Resource, options: Sequence[Resource]) -> bool:
    for option in options:
        if _extension(option, "questionnaire-optionExclusive") is True:
            name = next((key for key in option if key.startswith("value")), "")
            if name in answer and _is_like(option[name], answer[name]):
                return True
    return False


def _value_set(question: Resource, codes: Codes) -> CodeSet | None:
    url = question.get("answerValueSet")
    if not isinstance(url, str) or url.startswith("#"):
        return None
    return codes.codes(url)


def _limits(question: Resource, value: Json) -> Iterator[Finding]:
    low, high = _extension(question, "minValue"), _extension(question, "maxValue")
    if low is not None and not at_least(low)(value):
        yield say(IssueType.VALUE, _LOW, path=".value", rule=None)
    if high is not None and not at_most(high)(value):
        yield say(IssueType.VALUE, _HIGH, path=".value", rule=None)
    if isinstance(value, str):
        yield from _lengths(question, value)
    most = _extension(question, "maxDecimalPlaces")
    if isinstance(value, Decimal) and isinstance(most, int):
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > most:
            yield say(IssueType.VALUE, _PLACES, str(most), path=".value", rule=None)
    units = [one["valueCoding"] for one in objects(question.get("extension")) if _is_unit(one)]
    if units and isinstance(value, dict) and not any(_is_like(unit, value) for unit in units):
        yield say(IssueType.CODE_INVALID, _UNIT, path=".value", rule=None)


def _lengths(question: Resource, value: str) -> Iterator[Finding]:
    longest, shortest = question.get("maxLength"), _extension(question, "minLength")
    if isinstance(longest, int) and len(value) > longest:
        yield say(IssueType.TOO_LONG, _LONG, str(longest), path=".value", rule=None)
    if isinstance(shortest, int) and len(value) < shortest:
        yield say(IssueType.VALUE, _SHORT, str(shortest), path=".value", rule=None)


def _is_unit(extension: Resource) -> bool:
    is_option = extension.get("url") == BASE + "questionnaire-unitOption"
    return is_option and isinstance(extension.get("valueCoding"), dict)


def _extension(element: Resource, name: str) -> Json:
    """Return the value of an extension of R4; None: there is none."""
    for one in objects(element.get("extension")):
        if one.get("url") == BASE + name:
            return next((value for key, value in one.items() if key.startswith("value")), None)
    return None
