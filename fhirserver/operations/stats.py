"""``$stats``: statistics on the measurements of a subject.

Spec: http://hl7.org/fhir/R4/observation-operation-stats.html
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from fhirserver.codec.fhir_json import decode_checked, encode
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import BadRequest, BadSearchValue
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.operations.arguments import Arguments, arguments_of, text_of
from fhirserver.operations.framework import Operation
from fhirserver.operations.measurements import UCUM, Collector, Measurements, Uniform, in_one_unit, members_of
from fhirserver.operations.statistics import ALIASES, STATISTICS, SYSTEM, regression
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Parameters

_WHAT: Final = ("subject", "patient", "code", "system", "coding", "duration", "period")
_KNOWN: Final = (*_WHAT, "statistic", "include", "limit")
_BOUND: Final = 50_000
_US_PER_HOUR: Final = 3_600_000_000
_MAX_HOURS: Final = Decimal(24 * 366 * 200)
_REGRESSION: Final = "regression"
_NOT_COMPUTED: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-applicable"}]
}


@dataclass(frozen=True, slots=True)
class _Period:
    start: str | None = None
    end: str | None = None


async def stats(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer one Observation for each code, with a component for each statistic, and the sources if asked for."""
    given = arguments_of(request, _KNOWN)
    statistics, codings, period = _statistics(given), _codings(given), _period(given)
    subject = _subject(given)
    sources = await repository.every_match("Observation", _criteria(subject, codings, period), _BOUND)
    collector = Collector(codings)
    members = await _members(sources, repository)
    for version in sources:
        observation = _decoded(version)
        own = [members[key] for key in _keys(observation) if key in members]
        collector.add(observation, own)
    about = {"subject": {"reference": subject}, **_effective(period)}
    results = [
        encode(_observation(each, in_one_unit(each, repository.ucum), statistics, about)) for each in collector.groups()
    ]
    return FhirResponse(status=200, content=_render(results, _included(given, sources)))


def _render(results: Iterable[bytes], sources: Iterable[Version]) -> bytes:
    parameters = [b'{"name":"statistics","resource":%b}' % result for result in results]
    parameters += [b'{"name":"source","resource":%b}' % (version.content or b"{}") for version in sources]
    return b'{"resourceType":"Parameters","parameter":[%b]}' % b",".join(parameters)


def _observation(group: Measurements, uniform: Uniform, statistics: Sequence[str], about: Resource) -> Resource:
    components = [part for code in statistics for part in _components(code, uniform)]
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [group.coding]},
        **about,
        "component": components,
    }


def _components(code: str, uniform: Uniform) -> Iterator[Resource]:
    if code == _REGRESSION:
        yield from _line(uniform)
        return
    statistic = STATISTICS[code]
    value = statistic.compute(uniform.values)
    if code == "total-count" and value is not None:
        value += uniform.invalid
    yield _component(code, statistic.display, value, _unit(statistic.unit, uniform.unit))


def _unit(form: str, unit: str | None) -> str | None:
    if "{}" not in form:
        return form.format()
    return None if unit is None else form.format(unit)


def _line(uniform: Uniform) -> Iterator[Resource]:
    """Yield gradient and intercept of the values over time, in days since 1970."""
    points = [(when, value) for when, value in uniform.points if when is not None]
    line = regression(points)
    gradient, intercept = line if line is not None else (None, None)
    per_day = None if uniform.unit is None else f"({uniform.unit})/d"
    yield _component(_REGRESSION, "Regression", gradient, per_day, text="gradient")
    yield _component(_REGRESSION, "Regression", intercept, uniform.unit, text="intercept at 1970-01-01")


def _component(
    code: str, display: str, value: Decimal | None, unit: str | None, *, text: str | None = None
) -> Resource:
    coding = {"coding": [{"system": SYSTEM, "code": code, "display": display}]}
    name: Resource = coding if text is None else {**coding, "text": text}
    if value is None or unit is None:
        return {"code": name, "dataAbsentReason": _NOT_COMPUTED}
    return {"code": name, "valueQuantity": {"value": value, "system": UCUM, "code": unit}}


async def _members(sources: Iterable[Version], repository: Repository) -> dict[str, Resource]:
    """Read the members of panels."""
    keys = sorted({key for version in sources for key in _keys(_decoded(version))})
    found: dict[str, Resource] = {}
    for start in range(0, len(keys), 500):
        found.update((each.key, _decoded(each)) for each in await repository.read_many(keys[start : start + 500]))
    return found


def _keys(observation: Resource) -> Iterator[str]:
    for reference in members_of(observation):
        found = parse_rest_reference(reference)
        if found is not None and not found.base and found.resource_type == "Observation":
            yield found.key


def _decoded(version: Version) -> Resource:
    resource: Resource = decode_checked(version.content or b"{}").value
    return resource


def _included(given: Arguments, sources: Sequence[Version]) -> Sequence[Version]:
    include, limit = given.text("include"), given.text("limit")
    if include not in (None, "true", "false"):
        raise BadSearchValue("`include` is `true` or `false`.", expression=["http.include"])
    if include != "true":
        return ()
    if limit is None:
        return sources
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10 and int(limit)):
        raise BadSearchValue("`limit` is not a positive whole number.", expression=["http.limit"])
    return sources[: int(limit)]


def _subject(given: Arguments) -> str:
    subject, patient = given.text("subject"), given.text("patient")
    if (subject is None) is (patient is None):
        raise BadRequest("`$stats` needs one `subject`.", expression=["http.subject"])
    if patient is not None:
        return patient if "/" in patient else f"Patient/{patient}"
    return subject or ""


def _criteria(subject: str, codings: Iterable[Resource], period: _Period) -> Parameters:
    codes = ",".join(f"{_escaped(str(each['system']))}|{_escaped(str(each['code']))}" for each in codings)
    dates = [("date", f"ge{period.start}")] if period.start else []
    dates += [("date", f"le{period.end}")] if period.end else []
    return (
        ("subject", _escaped(subject)),
        ("combo-code", codes),
        ("status:not", "entered-in-error"),
        *dates,
    )


def _escaped(text: str) -> str:
    for character in "\\,$|":
        text = text.replace(character, f"\\{character}")
    return text


def _codings(given: Arguments) -> list[Resource]:
    system = given.text("system")
    codes = [code for each in given.all("code") for code in text_of(each).split(",") if code]
    if codes and system is None:
        raise BadRequest("`code` needs its `system`; or give a `coding`.", expression=["http.system"])
    found = [{"system": system, "code": code} for code in codes]
    found += [_coding(each) for each in given.all("coding")]
    if not found:
        raise BadRequest("`$stats` needs a `code` with its `system`, or a `coding`.", expression=["http.code"])
    return found


def _coding(parameter: Resource) -> Resource:
    coding = parameter.get("valueCoding")
    if coding is None:
        system, _, code = text_of(parameter).rpartition("|")
        coding = {"system": system, "code": code}
    if not (isinstance(coding, dict) and coding.get("system") and coding.get("code")):
        raise BadSearchValue("`coding` has a `system` and a `code`.", expression=["http.coding"])
    return coding


def _statistics(given: Arguments) -> list[str]:
    names = [name for each in given.all("statistic") for name in text_of(each).split(",") if name]
    codes = list(dict.fromkeys(ALIASES.get(name, name) for name in names))
    if not codes or not set(codes) <= STATISTICS.keys() | {_REGRESSION}:
        known = " ".join([*STATISTICS, _REGRESSION])
        raise BadSearchValue(f"`statistic` is one of `{known}`, at least once.", expression=["http.statistic"])
    return codes


def _period(given: Arguments) -> _Period:
    duration = given.text("duration")
    if duration is None:
        period = given.value("period", "Period") or {}
        if not isinstance(period, dict):
            raise BadSearchValue("`period` is a Period.", expression=["http.period"])
        return _Period(_time(period, "start"), _time(period, "end"))
    try:
        hours = Decimal(duration)
    except InvalidOperation:
        hours = Decimal(0)
    if not (hours.is_finite() and 0 < hours <= _MAX_HOURS):
        raise BadSearchValue("`duration` is a positive number of hours.", expression=["http.duration"])
    now = time.time_ns() // 1000
    return _Period(render_instant(now - int(hours * _US_PER_HOUR)), render_instant(now))


def _time(period: Resource, name: str) -> str | None:
    value = period.get(name)
    if value is not None and not isinstance(value, str):
        raise BadSearchValue("`period` is a Period.", expression=["http.period"])
    return value


def _effective(period: _Period) -> Resource:
    fields = {name: value for name, value in (("start", period.start), ("end", period.end)) if value is not None}
    return {"effectivePeriod": fields} if fields else {}


STATS: Final = Operation(
    name="stats",
    definition="http://hl7.org/fhir/OperationDefinition/Observation-stats",
    levels=frozenset({Level.TYPE}),
    handler=stats,
    resource_types=frozenset({"Observation"}),
)
