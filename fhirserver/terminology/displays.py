"""Whether the display that came with a code is one of its own, in a language that the reader wants.

Spec: http://hl7.org/fhir/R4/valueset-operation-validate-code.html (display, displayLanguage)
"""

from collections.abc import Sequence
from typing import Final

from fhirserver.kernel.outcome import Severity
from fhirserver.terminology.asked import Asked
from fhirserver.terminology.concepts import Designation
from fhirserver.terminology.expressions.concepts import Expressed
from fhirserver.terminology.issues import issue
from fhirserver.terminology.languages import Languages, best, says_the_concept
from fhirserver.terminology.options import Options

_NO_LANGUAGES: Final = "--"


def check_display(asked: Asked, options: Options) -> None:
    """Say so when the display of a coding is not one of its concept."""
    display, found = asked.coding.display, asked.finding.designations
    if not display or not found or isinstance(asked.finding.concept, Expressed):
        return  # an expression may be called as one likes
    wanted = [one for one in found if _is_wanted(one, options.languages, None)]
    if _has(wanted, display):
        _check_use(wanted, display, options, asked)
        return
    named = [one for one in wanted if says_the_concept(one)]
    if named or wanted or options.languages is None:
        _say_wrong(wanted, named or wanted or found, options, asked)
    else:
        _say_none_in_language(display, options, asked)


def _say_wrong(wanted: Sequence[Designation], valid: Sequence[Designation], options: Options, asked: Asked) -> None:
    spaced = _has(wanted, asked.coding.display or "", normalized=True)
    kind = "Display_Name_WS" if spaced else "Display_Name"
    facts = {"valid": _named(valid), "languages": _languages(options)} | _facts(asked)
    message_id = f"{kind}_for__should_be_one_of__instead_of"
    asked.report.add(issue(message_id, _severity(options), asked.at("display"), **facts), is_told=True)


def _say_none_in_language(display: str, options: Options, asked: Asked) -> None:
    found, default = asked.finding.designations, asked.finding.language
    in_default = [one for one in found if _is_wanted(one, options.languages, default)]
    shown = best(found, None)
    facts = {"languages": _languages(options), "default": "" if shown is None else shown.value} | _facts(asked)
    is_right = _has(in_default, display)
    message_id = f"NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_{'OK' if is_right else 'ERR'}"
    severity = Severity.INFORMATION if is_right else _severity(options)
    asked.report.add(issue(message_id, severity, asked.at("display"), **facts), is_told=True)


def _check_use(wanted: Sequence[Designation], display: str, options: Options, asked: Asked) -> None:
    """Say so when all that says a display of a concept is withdrawn."""
    in_use = [one for one in wanted if not one.is_withdrawn]
    if not _has(in_use, display):
        valid = ", ".join(f"'{one.value}'" for one in in_use if says_the_concept(one))
        facts = {"display": display, "code": asked.coding.code, "valid": valid}
        asked.report.add(issue("INACTIVE_DISPLAY_FOUND", _severity(options), asked.at("display"), **facts))


def _severity(options: Options) -> Severity:
    return Severity.WARNING if options.is_lenient_on_display else Severity.ERROR


def _is_wanted(designation: Designation, languages: Languages | None, default: str | None) -> bool:
    if default is not None and designation.language is not None and designation.language.startswith(default):
        return True
    return languages is None or languages.accept(designation.language)


def _has(designations: Sequence[Designation], display: str, *, normalized: bool = False) -> bool:
    given = _plain(display, normalized)
    return any(_plain(one.value, normalized) == given for one in designations)


def _plain(text: str, normalized: bool) -> str:
    return " ".join(text.split()).lower() if normalized else text.lower()


def _named(valid: Sequence[Designation]) -> str:
    texts = [f"'{one.value}' ({one.language})" if one.language else f"'{one.value}'" for one in valid]
    if len(texts) == 1:
        return texts[0]
    *first, last = texts
    return f"one of {len(texts)} choices: {', '.join(first)} or {last}"


def _languages(options: Options) -> str:
    return _NO_LANGUAGES if options.languages is None else options.languages.asked


def _facts(asked: Asked) -> dict[str, object]:
    coding = asked.coding
    return {"display": coding.display, "system": coding.system or asked.finding.implied_system, "code": coding.code}
