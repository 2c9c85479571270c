"""Privacy consents read from Consent resources: who is permitted or denied what, by nested provisions.

One that is not active, or about something other than privacy, is none. A child provision without a type says that the
answer to its question was not collected: neither a permit nor a denial.
Spec: http://hl7.org/fhir/R4/consent.html, https://profiles.ihe.net/ITI/PCF
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from fhirserver.access.policy import Coded
from fhirserver.identifiers.kinds import key_of
from fhirserver.kernel.resource import Resource
from fhirserver.search.index import DATE_MAX, DATE_MIN
from fhirserver.search.values.date import parse_interval
from fhirserver.search.values.reference import resolved

PRIVACY: Final = "patient-privacy"
_BASE_RULES: Final = {"OPTIN": True, "OPTINR": True, "OPTOUT": False, "OPTOUTE": False}
"""What holds where no provision says otherwise, by codes of v3-ActCode in ``policyRule``."""

Interval = tuple[int, int]
ALWAYS: Final[Interval] = (DATE_MIN, DATE_MAX)


@dataclass(frozen=True, slots=True)
class Actor:
    """Whom a provision is about: an instance, a business identifier, or else a role."""

    reference: str | None = None
    identifier: tuple[str, str] | None = None
    roles: frozenset[Coded] = frozenset()


@dataclass(frozen=True, slots=True)
class Data:
    """Which resources a provision is about; nothing given: all."""

    classes: tuple[Coded, ...] = ()
    codes: tuple[Coded, ...] = ()
    labels: tuple[Coded, ...] = ()
    period: Interval | None = None
    instances: tuple[tuple[str, str], ...] = ()
    """(meaning, ``Type/id``)."""


EVERYTHING: Final = Data()


@dataclass(frozen=True, slots=True)
class Provision:
    """A rule and its exceptions."""

    permit: bool | None
    """None: no type is given."""
    actors: tuple[Actor, ...] = ()
    actions: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    period: Interval = ALWAYS
    data: Data = EVERYTHING
    provisions: tuple["Provision", ...] = ()


@dataclass(frozen=True, slots=True)
class PrivacyConsent:
    """What a patient has consented to, or not."""

    key: str
    """``Consent/1``."""
    patient: str
    """Logical id."""
    base: bool | None
    """What holds where the provision says nothing."""
    policies: frozenset[str]
    """Uris and codes of the policies it was given under."""
    provision: Provision


@dataclass(frozen=True, slots=True)
class ConsentReader:
    """Reads Consents; references into this server are recognised by its own bases, dates without a zone are of one."""

    own_bases: tuple[str, ...]
    zone: tzinfo | None = None

    def read(self, resource: Resource) -> PrivacyConsent | None:
        """Return a privacy consent; None for what is none, or none any more, or of no patient here."""
        patient = self._reference(resource.get("patient"))
        if resource.get("status") != "active" or PRIVACY not in _codes_in(resource.get("scope")):
            return None
        if patient is None or not patient.startswith("Patient/"):
            return None
        rule = _codes_in(resource.get("policyRule"))
        policies = {one["uri"] for one in _list(resource.get("policy")) if isinstance(one.get("uri"), str)}
        return PrivacyConsent(
            key=f"Consent/{resource.get('id')}",
            patient=patient.removeprefix("Patient/"),
            base=next((_BASE_RULES[code] for code in sorted(rule) if code in _BASE_RULES), None),
            policies=frozenset(policies | rule),
            provision=self._provision(resource.get("provision") or {}),
        )

    def _provision(self, value: dict[str, Any]) -> Provision:
        kind = value.get("type")
        return Provision(
            permit=None if kind not in ("permit", "deny") else kind == "permit",
            actors=tuple(self._actor(each) for each in _list(value.get("actor"))),
            actions=frozenset(code for each in _list(value.get("action")) for code in _codes_in(each)),
            purposes=frozenset(each["code"] for each in _list(value.get("purpose")) if "code" in each),
            period=self._period(value.get("period")) or ALWAYS,
            data=self._data(value),
            provisions=tuple(self._provision(each) for each in _list(value.get("provision"))),
        )

    def _data(self, value: dict[str, Any]) -> Data:
        named = ((each.get("meaning"), self._reference(each.get("reference"))) for each in _list(value.get("data")))
        return Data(
            classes=tuple(_codings(_list(value.get("class")))),
            codes=tuple(coded for each in _list(value.get("code")) for coded in _codings(_list(each.get("coding")))),
            labels=tuple(_codings(_list(value.get("securityLabel")))),
            period=self._period(value.get("dataPeriod")),
            instances=tuple((str(meaning), key) for meaning, key in named if key is not None),
        )

    def _actor(self, value: dict[str, Any]) -> Actor:
        reference = value.get("reference") or {}
        identifier = reference.get("identifier") or {}
        named = key_of(identifier) if "value" in identifier else None
        roles = frozenset(_codings(_list((value.get("role") or {}).get("coding"))))
        return Actor(self._reference(reference), named, roles)

    def _reference(self, value: object) -> str | None:
        text = value.get("reference") if isinstance(value, dict) else None
        return resolved(text, self.own_bases) if isinstance(text, str) else None

    def _period(self, value: object) -> Interval | None:
        if not isinstance(value, dict):
            return None
        return self._bound(value.get("start"), 0, DATE_MIN), self._bound(value.get("end"), 1, DATE_MAX)

    def _bound(self, value: object, end: int, otherwise: int) -> int:
        interval = parse_interval(value, self.zone) if isinstance(value, str) else None
        return interval[end] if interval is not None else otherwise


def _list(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _codings(values: Iterable[dict[str, Any]]) -> Iterable[Coded]:
    return (Coded(str(each.get("system", "")), each["code"]) for each in values if isinstance(each.get("code"), str))


def _codes_in(concept: object) -> set[str]:
    """Return the codes of a CodeableConcept, whatever their systems."""
    codings = _list(concept.get("coding")) if isinstance(concept, dict) else []
    return {each["code"] for each in codings if isinstance(each.get("code"), str)}
