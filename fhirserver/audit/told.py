"""Audit events told in plain words: who, in what role and for whom, did what with which data, when, why, from where.

Events that follow each other and say the same are told as one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from fhirserver.audit import words
from fhirserver.audit.codes import DCM, ENTITY_TYPE, OBJECT_ROLE, PURPOSE, ROLE_CLASS, ROLE_SYSTEM
from fhirserver.audit.words import said
from fhirserver.kernel.resource import Resource

_TOGETHER: Final = timedelta(minutes=30)
_ACTIONS: Final = {"R": "read", "E": "search", "C": "create", "U": "update", "D": "delete"}
_LOG: Final = "access-log"
_EXPORTS: Final = frozenset({"export", "everything", "summary", "docref"})
_DCM: Final = {"110127": "emergency", "110122": "login", "110106": "export"}
_QUERY_ROLE: Final = "24"


@dataclass(slots=True)
class Told:
    """One line of the log."""

    who: str
    role: str
    organization: str
    action: str
    purpose: str
    reason: str
    application: str
    address: str
    site: str
    refused: bool
    latest: str
    """Instants, as the events have them."""
    earliest: str
    categories: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """``AuditEvent/1``."""

    def is_like(self, other: "Told") -> bool:
        """Tell whether an earlier event says the same, but for the data and the moment."""
        same = (self.who, self.role, self.action, self.purpose, self.reason, self.application, self.refused) == (
            other.who, other.role, other.action, other.purpose, other.reason, other.application, other.refused,
        )  # fmt: skip
        return same and _moment(self.earliest) - _moment(other.latest) <= _TOGETHER

    def take(self, other: "Told") -> None:
        """Tell an earlier event that says the same together with this one."""
        self.earliest = other.earliest
        self.events += other.events
        self.categories += [one for one in other.categories if one not in self.categories]


class Teller:
    """Tells events in one language to whom they are about."""

    def __init__(self, language: str, named: Mapping[str, Resource], patient: str) -> None:
        """Tell ``patient`` (``Patient/1``); ``named`` are people and organizations by reference."""
        self._language = language
        self._named = named
        self._patient = patient

    def tell(self, events: Iterable[Resource]) -> list[Told]:
        """Return the lines of events, the latest first."""
        lines: list[Told] = []
        for event in events:
            line = self._line(event)
            if lines and lines[-1].is_like(line):
                lines[-1].take(line)
            else:
                lines.append(line)
        return lines

    def sentence(self, line: Told) -> str:
        """Write a line as a sentence."""
        about = ", ".join(part for part in (line.role, line.organization) if part)
        who = f"{line.who} ({about})" if about else line.who
        verb = self._said(words.REFUSED) if line.refused else self._said(words.ACTIONS[line.action])
        purpose = f"{line.purpose}: {line.reason}" if line.reason else line.purpose
        source = f" {self._said(words.FROM)} {line.application}" if line.application else ""
        return f"{who} {verb} {', '.join(line.categories)}{source}, {purpose}."

    def _line(self, event: Resource) -> Told:
        user = next((agent for agent in event["agent"] if agent.get("requestor")), event["agent"][0])
        client = event["agent"][0]
        purpose, reason = self._purpose(event)
        return Told(
            who=self._who(user),
            role=", ".join(self._roles(user)),
            organization=", ".join(self._organizations(event)),
            action=_action(event),
            purpose=purpose,
            reason=reason,
            application=_client_name(client),
            address=str(client.get("network", {}).get("address", "")),
            site=str(event["source"].get("site", "")),
            refused=event.get("outcome", "0") != "0",
            latest=event["recorded"],
            earliest=event["recorded"],
            categories=[self._said(words.CATEGORIES[one]) for one in categories_of(event)],
            events=[f"AuditEvent/{event['id']}"],
        )

    def _who(self, agent: Resource) -> str:
        who = agent.get("who", {})
        reference = who.get("reference", "")
        if reference == self._patient:
            return self._said(words.YOU)
        name = agent.get("name") or who.get("display") or _name(self._named.get(reference))
        if name and name != "unknown":
            return str(name)
        client = _client_name(agent)
        if client:
            application = f"{self._said(words.APPLICATION)} {client}"
            return application[0].upper() + application[1:]
        return str(reference) or self._said(words.SOMEBODY)

    def _roles(self, agent: Resource) -> Iterable[str]:
        for role in agent.get("role", ()):
            for coding in role.get("coding", ()):
                known = words.ROLES.get(coding.get("code", "")) if coding.get("system") == ROLE_SYSTEM else None
                yield self._said(known) if known else str(coding.get("display") or coding.get("code", ""))

    def _organizations(self, event: Resource) -> Iterable[str]:
        for agent in event["agent"]:
            if _has(agent.get("type"), ROLE_CLASS, "PROV"):
                reference = agent.get("who", {}).get("reference", "")
                yield _name(self._named.get(reference)) or str(reference)

    def _purpose(self, event: Resource) -> tuple[str, str]:
        for purpose in event.get("purposeOfEvent", ()):
            for coding in purpose.get("coding", ()):
                if coding.get("system") == PURPOSE:
                    known = words.PURPOSES.get(coding["code"])
                    return self._said(known) if known else str(coding["code"]), str(purpose.get("text", ""))
        return self._said(words.NO_PURPOSE), ""

    def _said(self, text: words.Words) -> str:
        return said(text, self._language)


def categories_of(event: Resource) -> list[str]:
    """Return the categories of the data that an event is about; the record where it names none."""
    types: list[str] = []
    for entity in event.get("entity", ()):
        if entity.get("role", {}).get("code") == _QUERY_ROLE or _is_patient(entity):
            continue
        types += [detail["type"] for detail in entity.get("detail", ())]
        types.append(str(entity.get("what", {}).get("reference", "")).partition("/")[0])
    found = [words.CATEGORY_OF.get(name, "other") for name in types if name and name != "total"]
    return list(dict.fromkeys(found)) or ["record"]


def _is_patient(entity: Resource) -> bool:
    kind, role = entity.get("type", {}), entity.get("role", {})
    return (kind.get("system"), kind.get("code")) == (ENTITY_TYPE, "1") and role.get("system") == OBJECT_ROLE


def _action(event: Resource) -> str:
    subtypes = event.get("subtype", ())
    codes = {coding.get("code") for coding in subtypes}
    if _LOG in codes:
        return "log"
    if codes & _EXPORTS:
        return "export"
    for coding in (*subtypes, event["type"]):
        if coding.get("system") == DCM and coding.get("code") in _DCM:
            return _DCM[coding["code"]]
    if "AuthZ-Consent" in codes:
        return "consent"
    if codes & {"batch", "transaction", "operation"}:
        return "other"
    return _ACTIONS.get(event.get("action", ""), "other")


def _client_name(agent: Resource) -> str:
    return str(agent.get("who", {}).get("identifier", {}).get("value", ""))


def _has(concept: Resource | None, system: str, code: str) -> bool:
    codings = (concept or {}).get("coding", ())
    return any((coding.get("system"), coding.get("code")) == (system, code) for coding in codings)


def _name(resource: Resource | None) -> str:
    """Return how a person or an organization is called."""
    name = (resource or {}).get("name")
    if isinstance(name, str):
        return name
    if not name:
        return ""
    first = name[0]
    parts = [*first.get("prefix", ()), *first.get("given", ()), first.get("family", "")]
    return str(first.get("text") or " ".join(part for part in parts if part))


def _moment(instant: str) -> datetime:
    return datetime.fromisoformat(instant)
