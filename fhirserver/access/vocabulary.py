"""How the rules of a site speak of resources: which index terms and spans say whose record, which label, which date.

Everything here is a plan of plain nodes, so that it is asked of the database and of one resource alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from fhirserver.access.policy import Coded
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.search.attachments import BINARY, CONTEXT
from fhirserver.search.bind import Binder
from fhirserver.search.care import CARE, NO_CARE
from fhirserver.search.extract import COMPARTMENT
from fhirserver.search.index import DATE_MAX, DATE_MIN, SEPARATOR
from fhirserver.search.parameters import Bound
from fhirserver.search.plan import (
    IN_RECORD,
    NONE,
    Comparison,
    HasAnySpan,
    HasOneSpan,
    HasSpan,
    HasTerm,
    HasTermPrefix,
    IsOneOf,
    OnlyPatients,
    Plan,
    any_of,
)
from fhirserver.search.values.token import CODED

ANY_SYSTEM: Final = "*"
_TICKS_PER_US: Final = 10
_TICKS_PER_DAY: Final = 864_000_000_000
_CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_LABEL_CODES: Final = ("_security", "security-label", "confidentiality")
"""Search parameters of security labels: those of ``meta``, of a DocumentReference, of a Composition."""
_NO_DATA_LABELS: Final = frozenset({"Consent"})
"""Types whose ``security-label`` is about other resources."""
_META: Final = frozenset({"_security", "_tag", "_profile", "_source"})
_AUTHORS: Final = frozenset(
    {"author", "performer", "asserter", "recorder", "requester", "participant", "source", "sender"}
)


def ticks(moment_us: int) -> int:
    """Return an instant as spans have it."""
    return moment_us * _TICKS_PER_US


def days(count: float) -> int:
    """Return days in the ticks of spans."""
    return round(count * _TICKS_PER_DAY)


def overlapping(key: str, first: int = DATE_MIN, last: int = DATE_MAX) -> Plan:
    """Return the plan of what has a span that begins at ``last`` at the latest and does not end before ``first``."""
    begun = HasSpan(key, Comparison.LE, last, last)
    not_over = HasSpan(key, Comparison.GE, first, first)
    return HasOneSpan((begun, not_over))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The index terms of resource types, by the search parameters as they are at one moment."""

    binder: Binder
    _prefixes: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    def bound(self, resource_type: str, code: str) -> Bound | None:
        """Return a search parameter of a type; None when it has none of this code."""
        return self.binder.parameters.of(resource_type).bound.get(code)

    def keys(self, resource_type: str, *codes: str) -> tuple[str, ...]:
        """Return the keys of those of some search parameters that a type has."""
        found = (bound for code in codes if (bound := self.bound(resource_type, code)) is not None)
        return tuple(dict.fromkeys(key for bound in found for key in bound.keys))

    def patients(self, resource_type: str) -> tuple[str, ...]:
        """Return the prefixes of the terms that name the patients a resource is about; none: it names none."""
        found = self._prefixes.get(resource_type)
        if found is None:
            found = self._prefixes[resource_type] = self._find_prefixes(resource_type)
        return found

    def of_no_others(self, resource_type: str, logical_ids: frozenset[str]) -> Plan:
        """Return the plan of what is about no patients but these; a Patient is about itself, not those linked to it."""
        if resource_type == COMPARTMENT:
            return self.of_patients(resource_type, logical_ids)
        return OnlyPatients(logical_ids, self.patients(resource_type))

    def of_patients(self, resource_type: str, logical_ids: Iterable[str]) -> Plan:
        """Return the plan of what is about any of some patients."""
        if resource_type == COMPARTMENT:
            keys = tuple(f"{COMPARTMENT}/{one}" for one in sorted(logical_ids))
            return IsOneOf(keys) if keys else NONE
        prefixes = self.patients(resource_type)
        terms = tuple(prefix + one for one in sorted(logical_ids) for prefix in prefixes)
        return HasTerm(terms) if terms else NONE

    def refers(self, resource_type: str, codes: Iterable[str], targets: Iterable[str]) -> Plan:
        """Return the plan of what refers by some parameters to one of some instances (``Type/id``)."""
        terms = tuple(f"{key}={target}" for key in self.keys(resource_type, *codes) for target in sorted(targets))
        return HasTerm(terms) if terms else NONE

    def identified(self, resource_type: str, codes: Iterable[str], identifiers: Iterable[tuple[str, str]]) -> Plan:
        """Return the plan of what refers by some parameters to one of some identifiers (system, value)."""
        wanted = sorted(identifiers)
        terms = tuple(
            f"{key}:identifier={value}{SEPARATOR}{system}"
            for key in self.keys(resource_type, *codes)
            for system, value in wanted
        )
        return HasTerm(terms) if terms else NONE

    def plain(self, resource_type: str, code: str, *values: str) -> Plan:
        """Return the plan of what has one of some codes in an element that implies their system."""
        terms = tuple(f"{key}={value}{SEPARATOR}" for key in self.keys(resource_type, code) for value in values)
        return HasTerm(terms) if terms else NONE

    def coded(self, resource_type: str, codings: Iterable[Coded], *codes: str) -> Plan:
        """Return the plan of what has one of some codings under some parameters, by default under any of them."""
        keys = self.keys(resource_type, *codes) if codes else self._coded_keys(resource_type)
        terms = tuple(_term(key, coding) for coding in codings for key in keys)
        return HasTerm(terms) if terms else NONE

    def labelled(self, resource_type: str, codings: Iterable[Coded]) -> Plan:
        """Return the plan of what has one of some security labels, on itself or on what it describes."""
        codes = _LABEL_CODES[:1] if resource_type in _NO_DATA_LABELS else _LABEL_CODES
        keys, wanted = self.keys(resource_type, *codes), tuple(codings)
        terms = [_term(key, coding) for coding in wanted for key in keys]
        bare = self.keys(resource_type, "confidentiality")
        terms += [
            f"{key}={coding.code}{SEPARATOR}"
            for coding in wanted
            for key in bare
            if coding.system in (ANY_SYSTEM, _CONFIDENTIALITY)
        ]
        return HasTerm(tuple(dict.fromkeys(terms))) if terms else NONE

    def profiled(self, resource_type: str, url: str) -> Plan:
        """Return the plan of what says that it conforms to a profile."""
        keys = self.keys(resource_type, "_profile")
        return any_of(*(HasTermPrefix(f"{key}={url}|") for key in keys), *(HasTerm((f"{key}={url}",)) for key in keys))

    def related(self, resource_type: str, target: str) -> Plan:
        """Return the plan of what refers to an instance (``Type/id``) by any parameter."""
        target_type = target.partition("/")[0]
        bound = self.binder.parameters.of(resource_type).bound.values()
        keys = {
            key
            for one in bound
            if one.definition.type is SearchType.REFERENCE and target_type in one.targets
            for key in one.keys
        }
        return HasTerm(tuple(f"{key}={target}" for key in sorted(keys))) if keys else NONE

    def authored(self, resource_type: str, target: str) -> Plan:
        """Return the plan of what an instance (``Type/id``) has made."""
        return self.refers(resource_type, _AUTHORS, (target,))

    def care_keys(self, resource_type: str) -> tuple[str, ...]:
        """Return the keys of the spans that say when care took place."""
        return () if resource_type in NO_CARE else self.keys(resource_type, *CARE)

    def during(self, resource_type: str, first: int, last: int) -> Plan:
        """Return the plan of care that took place within a period, in ticks."""
        return any_of(*(overlapping(key, first, last) for key in self.care_keys(resource_type)))

    def dated(self, resource_type: str) -> Plan:
        """Return the plan of what says when care took place."""
        return any_of(*(HasAnySpan(key) for key in self.care_keys(resource_type)))

    def _coded_keys(self, resource_type: str) -> tuple[str, ...]:
        found = (
            one
            for one in self.binder.parameters.of(resource_type).bound.values()
            if one.definition.type is SearchType.TOKEN and one.form.types & CODED and one.definition.code not in _META
        )
        return tuple(dict.fromkeys(key for one in found for key in one.keys))

    def _find_prefixes(self, resource_type: str) -> tuple[str, ...]:
        definition = self.binder.definitions.compartment(COMPARTMENT)
        members = definition.parameters if definition is not None else {}
        if resource_type == COMPARTMENT or resource_type in members:
            return (IN_RECORD,)
        if resource_type == BINARY:
            return (f"{CONTEXT}{COMPARTMENT}/",)
        found = self.binder.parameters.of(resource_type).bound.values()
        keys = (
            k for b in found if b.definition.type is SearchType.REFERENCE and COMPARTMENT in b.targets for k in b.keys
        )
        return tuple(f"{key}={COMPARTMENT}/" for key in dict.fromkeys(keys))


def _term(key: str, coding: Coded) -> str:
    """Return the term of a code of a system, or of any."""
    return (
        f"{key}:code={coding.code}" if coding.system == ANY_SYSTEM else f"{key}={coding.code}{SEPARATOR}{coding.system}"
    )
