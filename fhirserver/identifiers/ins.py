"""The French national health identity (INS): its states, and what a change of a Patient does to it.

A local identity is provisional, retrieved (the teleservice INSi gave it), validated (a document proved it), or
qualified (both). Only a qualified one may label health data with the INS. It stays so as long as the five strict traits
do: birth name, first given name, birth date, sex, place of birth. Who changes one of them without asking INSi or seeing
a document again demotes it: the INS is an old identifier from then on and the identity provisional.

Mapped to ``fr-core-identity-reliability`` and the identifiers of FR Core 2.2.0.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

from fhirserver.identifiers.changes import Change, Happened, retired
from fhirserver.identifiers.kinds import INS, canonical_system, key_of
from fhirserver.kernel.outcome import Issue, IssueType
from fhirserver.kernel.resource import Resource

_CORE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
RELIABILITY: Final = f"{_CORE}fr-core-identity-reliability"
_GIVEN_NAMES: Final = f"{_CORE}fr-core-patient-birth-list-given-name"
_INSEE: Final = f"{_CORE}fr-core-address-insee-code"
_BIRTH_PLACE: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
_WITH_INS, _WITHOUT_INS = f"{_CORE}fr-core-patient-ins", f"{_CORE}fr-core-patient"
_VALIDATED, _PROVISIONAL = "VALI", "PROV"
_TELESERVICE: Final = "INSI"
_OF_PROOF: Final = frozenset({"validationDate", "validationMode"})


class State(StrEnum):
    """How far an identity is known."""

    PROVISIONAL = "provisional"
    RETRIEVED = "retrieved"
    VALIDATED = "validated"
    QUALIFIED = "qualified"


def state_of(patient: Resource) -> State | None:
    """Return the state of a Patient's identity; None: it says nothing of its reliability and has no INS."""
    reliability = list(_reliability(patient))
    has_ins = any(_is_official(one) for one in _numbers(patient))
    if not reliability and not any(_numbers(patient)):
        return None
    if _VALIDATED in _codes(reliability, "identityStatus"):
        return State.QUALIFIED if has_ins else State.VALIDATED
    return State.RETRIEVED if _TELESERVICE in _codes(reliability, "methodCollection") else State.PROVISIONAL


def ins_problems(patient: Resource) -> Iterator[Issue]:
    """Yield why a Patient may not have the INS that it has: only a qualified identity has an official one."""
    status = _codes(_reliability(patient), "identityStatus")
    if not status or _VALIDATED in status:
        return
    for index, one in enumerate(patient.get("identifier", ())):
        if _is_ins(one) and _is_official(one):
            place = f"Patient.identifier[{index}].use"
            text = (
                f"`{place}` must not be `official`: the identity is not validated, and only a qualified one has an INS "
                "in use; `old` and `temp` are accepted."
            )
            yield Issue(IssueType.BUSINESS_RULE, text, expression=(place,))


def ins_succession(before: Resource, after: Resource, today: str) -> Change:
    """Demote an identity whose traits changed unproved; keep an INS that another one replaces as old."""
    if state_of(before) not in _PROVED:
        return Change(after)
    reason = _why_demoted(before, after)
    if reason is not None:
        return Change(_demoted(after, today), (Happened("ins-demoted", reason),))
    return _replaced(before, after, today)


_PROVED: Final = frozenset({State.VALIDATED, State.QUALIFIED})


def _why_demoted(before: Resource, after: Resource) -> str | None:
    official = _official(after)
    if state_of(after) not in _PROVED:
        return "The identity is no longer validated; its INS is kept as old." if official else None
    if _proof(after) > _proof(before) or official - _official(before):
        return None
    old, new = _traits(before), _traits(after)
    names = ", ".join(f"`{name}`" for name, value in new.items() if value != old[name])
    if not names:
        return None
    what = "its INS is kept as old" if official else "it is provisional"
    return f"A strict trait of the identity changed without new proof ({names}); {what}."


def _demoted(patient: Resource, today: str) -> Resource:
    """Return a Patient with a provisional identity and no INS in use."""
    listed = [
        retired(one, today) if _is_ins(one) and _is_official(one) else one for one in patient.get("identifier", ())
    ]
    extensions = [_unproved(one) if one.get("url") == RELIABILITY else one for one in patient.get("extension", ())]
    demoted = {**patient, "extension": extensions, **({"identifier": listed} if listed else {})}
    profiles = patient.get("meta", {}).get("profile", ())
    if any(one.partition("|")[0] == _WITH_INS for one in profiles):
        demoted["meta"] = {**patient["meta"], "profile": list(dict.fromkeys(map(_without_ins, profiles)))}
    return demoted


def _without_ins(profile: str) -> str:
    url, bar, version = profile.partition("|")
    return f"{_WITHOUT_INS}{bar}{version}" if url == _WITH_INS else profile


def _unproved(reliability: Resource) -> Resource:
    kept = [one for one in reliability["extension"] if one.get("url") not in _OF_PROOF and not _is_retrieved(one)]
    return {**reliability, "extension": [_provisional(one) for one in kept]}


def _is_retrieved(part: Resource) -> bool:
    return part.get("url") == "methodCollection" and part.get("valueCoding", {}).get("code") == _TELESERVICE


def _provisional(part: Resource) -> Resource:
    coding = part.get("valueCoding", {})
    if part.get("url") != "identityStatus" or coding.get("code") != _VALIDATED:
        return part
    kept = {name: value for name, value in coding.items() if name in ("system", "version")}
    return {**part, "valueCoding": {**kept, "code": _PROVISIONAL}}


def _replaced(before: Resource, after: Resource, today: str) -> Change:
    """Keep the INS before as an old one where another has come."""
    earlier = {key_of(one): one for one in _numbers(before) if _is_official(one)}
    if not {key_of(one) for one in _numbers(after) if _is_official(one)} - earlier.keys():
        return Change(after)
    listed = [retired(one, today) if _is_ins(one) and _is_official(one) and key_of(one) in earlier else one
              for one in after["identifier"]]  # fmt: skip
    known = {key_of(one) for one in listed if _is_ins(one)}
    listed += [retired(one, today) for key, one in earlier.items() if key not in known]
    text = "The INS was replaced; the one before it is kept as old."
    return Change({**after, "identifier": listed}, (Happened("ins-replaced", text),))


def _official(patient: Resource) -> set[tuple[str, str]]:
    return {key_of(one) for one in _numbers(patient) if _is_official(one)}


def _numbers(patient: Resource) -> Iterator[Resource]:
    return (one for one in patient.get("identifier", ()) if _is_ins(one))


def _is_ins(identifier: Resource) -> bool:
    return "value" in identifier and canonical_system(identifier.get("system", "")) in INS


def _is_official(identifier: Resource) -> bool:
    return identifier.get("use") == "official"


def _reliability(patient: Resource) -> Iterator[Resource]:
    return (one for one in patient.get("extension", ()) if one.get("url") == RELIABILITY)


def _parts(reliability: Iterator[Resource] | list[Resource], name: str) -> Iterator[Resource]:
    return (part for one in reliability for part in one.get("extension", ()) if part.get("url") == name)


def _codes(reliability: Iterator[Resource] | list[Resource], name: str) -> set[str | None]:
    return {part.get("valueCoding", {}).get("code") for part in _parts(reliability, name)}


def _proof(patient: Resource) -> tuple[str, ...]:
    """Return the days of the last question to INSi and of the last document: later ones are a new proof."""
    found = [_parts(_reliability(patient), name) for name in ("validationDate", "dateCollection")]
    return (max((part.get("valueDate", "") for parts in found for part in parts), default=""),)


def _traits(patient: Resource) -> dict[str, Any]:
    """Return the five strict traits by their elements; names without regard to case."""
    names: list[Resource] = patient.get("name", [])
    name = next((one for one in names if one.get("use") == "official"), {})
    place = _extension(patient, _BIRTH_PLACE).get("valueAddress", {})
    return {
        "name.family": name.get("family", "").casefold(),
        "name.given": _given_names(name),
        "birthDate": patient.get("birthDate"),
        "gender": patient.get("gender"),
        "patient-birthPlace": _extension(place, _INSEE).get("valueCoding", {}).get("code"),
    }


def _given_names(name: Resource) -> tuple[str, str]:
    """Return the first given name at birth, and the list of all."""
    given = name.get("given", ())
    first = given[0] if given and isinstance(given[0], str) else ""
    return first.casefold(), _extension(name, _GIVEN_NAMES).get("valueString", "").casefold()


def _extension(element: Resource, url: str) -> Resource:
    return next((one for one in element.get("extension", ()) if one.get("url") == url), {})
