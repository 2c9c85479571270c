"""Terms of the server's own that say whom a Consent names at any depth: R4's ``actor`` knows its outermost provision.

    @actor=Practitioner/1       by reference
    @actor:identifier=1␟urn:x   by business identifier

Who is excluded by name must be known by one question. Databases that are older than this have them once they are
reindexed. Spec: http://hl7.org/fhir/R4/consent.html
"""

from collections.abc import Iterator
from typing import Any, Final

from fhirserver.identifiers.kinds import key_of
from fhirserver.kernel.resource import Resource
from fhirserver.search.index import SEPARATOR
from fhirserver.search.values.reference import resolved

ACTOR: Final = "@actor="
IDENTIFIED: Final = "@actor:identifier="
CONSENT: Final = "Consent"


def actor_terms(consent: Resource, own_bases: tuple[str, ...]) -> Iterator[str]:
    """Yield the terms of a Consent."""
    waiting: list[Any] = [consent.get("provision")]
    while waiting:
        provision = waiting.pop()
        if not isinstance(provision, dict):
            continue
        waiting.extend(provision.get("provision", ()))
        for actor in provision.get("actor", ()):
            reference = actor.get("reference", {})
            if "reference" in reference:
                yield ACTOR + resolved(reference["reference"], own_bases)
            identifier = reference.get("identifier", {})
            if "value" in identifier:
                system, value = key_of(identifier)
                yield f"{IDENTIFIED}{value}{SEPARATOR}{system}"
