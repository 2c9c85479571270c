"""The identity rules that a site follows: of the countries it works in, and stricter where its patients are real."""

from collections.abc import Collection, Iterator
from typing import Final

from fhirserver.identifiers.changes import Identities
from fhirserver.identifiers.ins import ins_problems, ins_succession
from fhirserver.identifiers.kinds import MADE_UP, canonical_system
from fhirserver.identifiers.niss import niss_succession
from fhirserver.kernel.outcome import Issue, IssueType
from fhirserver.kernel.resource import Resource

BELGIUM: Final = "be"
FRANCE: Final = "fr"


def identities_of(countries: Collection[str], *, is_production: bool) -> Identities:
    """Return the rules of some countries."""
    rules = [rule for country, rule in ((FRANCE, ins_succession), (BELGIUM, niss_succession)) if country in countries]
    refusals = [ins_problems] if FRANCE in countries else []
    return Identities(rules, (*refusals, made_up) if is_production else refusals)


def made_up(patient: Resource) -> Iterator[Issue]:
    """Yield why a Patient is none: an INS made for tests or demonstrations, where patients are real."""
    for index, one in enumerate(patient.get("identifier", ())):
        if canonical_system(one.get("system", "")) in MADE_UP:
            place = f"Patient.identifier[{index}].system"
            text = f"`{place}` is that of made-up persons, for tests and demonstrations; this site has real patients."
            yield Issue(IssueType.BUSINESS_RULE, text, expression=(place,))
