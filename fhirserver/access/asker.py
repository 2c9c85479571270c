"""Who asks, as the stored record knows them: what Consents and relations may name the caller by."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from fhirserver.access.fact_source import FactSource, lasts, reference_in, some
from fhirserver.access.policy import Coded
from fhirserver.access.vocabulary import Vocabulary, ticks
from fhirserver.identifiers.kinds import key_of
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.resource import Resource
from fhirserver.search.plan import NONE, IsOneOf, Plan, all_of, any_of, none_of

BREAK_GLASS: Final = "BTG"
_WIDER: Final[Mapping[str, str]] = MappingProxyType(
    {"BTG": "ETREAT", "ETREAT": "TREAT", "CLINTRL": "TREAT", "COC": "TREAT", "CAREMGT": "HOPERAT", "FAMRQT": "PATRQT"}
)
"""Purposes of v3-ActReason, by the wider one each is part of."""
EMERGENCY_PURPOSES: Final = frozenset({"BTG", "ETREAT"})
_MAX_POSTS: Final = 100
_LEVELS: Final = 5
"""How far up and down organizations are followed."""

_PROFESSIONAL: Final = ("Practitioner/", "PractitionerRole/")
_RELATIVE: Final = "RelatedPerson/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """The caller: all the names there are for it."""

    persons: frozenset[str] = frozenset()
    """``Practitioner/1``, its ``PractitionerRole/…``, ``RelatedPerson/1``, ``Patient/1``."""
    organizations: frozenset[str] = frozenset()
    """Those it works for."""
    units: frozenset[str] = frozenset()
    """These and those within them."""
    establishments: frozenset[str] = frozenset()
    """These and those around them."""
    teams: frozenset[str] = frozenset()
    """``CareTeam/…`` of which it is part."""
    identifiers: frozenset[tuple[str, str]] = frozenset()
    """Its business identifiers: (system, value)."""
    codes: frozenset[Coded] = frozenset()
    """What it is, by its PractitionerRoles."""
    purposes: frozenset[str] = frozenset()
    """What it asks for, and the wider purposes of it."""

    def in_emergency(self) -> "Asker":
        """Return the same, asking to break the glass."""
        return replace(self, purposes=purposes_of(BREAK_GLASS))


def is_professional(caller: Caller) -> bool:
    """Tell whether a caller may have posts, which begin and end."""
    return caller.fhir_user is not None and caller.fhir_user.startswith(_PROFESSIONAL)


def purposes_of(code: str) -> frozenset[str]:
    """Return a purpose of use and the wider ones."""
    found = {code}
    while (wider := _WIDER.get(code)) is not None:
        found.add(wider)
        code = wider
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class AskerLoader:
    """Finds out who asks, from the directory of a site."""

    source: FactSource
    vocabulary: Vocabulary

    async def load(self, caller: Caller) -> Asker:
        """Return who a caller is: its posts, whom it works for, how it is identified."""
        posts = await self._posts(caller.fhir_user)
        employers = frozenset(caller.organizations) or self._references(posts, "organization")
        persons = await self._persons(caller.fhir_user, posts)
        units, around, identifiers = await asyncio.gather(
            self._within(employers), self._around(employers), self._identifiers(persons)
        )
        return Asker(
            persons=persons,
            organizations=employers,
            units=units,
            establishments=around,
            identifiers=identifiers,
            codes=frozenset(coded for post in posts for coded in _codes_of(post)),
            purposes=purposes_of(caller.purpose),
        )

    async def _posts(self, user: str | None) -> list[Resource]:
        """Return the PractitionerRoles that a professional has now."""
        if user is None or not user.startswith(_PROFESSIONAL):
            return []
        named = self.vocabulary.refers("PractitionerRole", ("practitioner",), (user,))
        inactive = self.vocabulary.plain("PractitionerRole", "active", "false")
        plan = all_of(any_of(named, IsOneOf((user,))), none_of(inactive))
        found = await some(self.source, "PractitionerRole", plan, _MAX_POSTS)
        now, zone = ticks(self.source.now_us), self.source.binder.rules.zone
        return [post for post in found if lasts(post.get("period"), now, zone)]

    async def _persons(self, user: str | None, posts: list[Resource]) -> frozenset[str]:
        if user is None:
            return frozenset()
        own = {user, *self._references(posts, "practitioner"), *(f"PractitionerRole/{post['id']}" for post in posts)}
        if user.startswith(_RELATIVE):
            plan = self.vocabulary.refers("Person", ("link",), (user,))
            for person in await some(self.source, "Person", plan):
                linked = self._references(person.get("link", []), "target")
                own.update(key for key in linked if key.startswith(_RELATIVE))
        return frozenset(own)

    async def _within(self, organizations: frozenset[str]) -> frozenset[str]:
        """Return organizations and those that are part of them."""
        found, edge = organizations, organizations
        for _ in range(_LEVELS):
            parts = await some(self.source, "Organization", self.vocabulary.refers("Organization", ("partof",), edge))
            edge = frozenset(f"Organization/{one['id']}" for one in parts) - found
            if not edge:
                break
            found |= edge
        return found

    async def _around(self, organizations: frozenset[str]) -> frozenset[str]:
        """Return organizations and those that they are part of."""
        found, edge = organizations, organizations
        for _ in range(_LEVELS):
            whole = await some(self.source, "Organization", _instances(edge, "Organization/"))
            edge = self._references(whole, "partOf") - found
            if not edge:
                break
            found |= edge
        return found

    async def _identifiers(self, persons: frozenset[str]) -> frozenset[tuple[str, str]]:
        found = await some(self.source, "Practitioner", _instances(persons, "Practitioner/"))
        identifiers = (each for one in found for each in one.get("identifier", ()))
        return frozenset(key_of(each) for each in identifiers if "value" in each)

    def _references(self, values: list[Resource] | list[dict[str, Any]], name: str) -> frozenset[str]:
        found = (reference_in(self.source.binder, value.get(name)) for value in values)
        return frozenset(key for key in found if key is not None)


def _instances(keys: frozenset[str], prefix: str) -> Plan:
    own = tuple(sorted(key for key in keys if key.startswith(prefix)))
    return IsOneOf(own) if own else NONE


def _codes_of(post: Resource) -> list[Coded]:
    concepts = [*post.get("code", ()), *post.get("specialty", ())]
    codings = [coding for concept in concepts for coding in concept.get("coding", ()) if "code" in coding]
    return [Coded(str(coding.get("system", "")), coding["code"]) for coding in codings]
