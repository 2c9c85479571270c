"""Index values: what extraction yields for a resource and plans are asked of.

Terms are short strings, ``{key}={value}``; the key is ``{type}.{code}`` of a SearchParameter (inside a group,
the number of the part). Variants of a value have variant keys:

    Observation                             the type itself
    Observation.code=8302-2␟http://loinc.org   token: code, separator, system
    Observation.code:code=8302-2            a coded value without its system
    Observation.code|=http://loinc.org      the system of a token
    Observation.code:text=body height       normalised text of a token
    Patient.identifier:of-type=…␟…␟…        value, type system, type code
    Patient.family=noel␟Noël                string: normalised, separator, as written when that differs
    Patient.family=berghe␟␟                 string: another spelling to find it by
    Observation.subject=Patient/1           reference: type/id, or an absolute url
    Observation.subject:identifier=1␟urn:x  logical reference
    MeasureReport.measure=http://m|1.0      canonical: url, bar, version
    @Patient/1                              member of the Patient's compartment
    @actor=Practitioner/1                   of a Consent: whom it names (consent_actors)
    @attachment=Binary/1                    shows this Binary (search/attachments.py)
    Condition._text=metastas                a word of the narrative
    #Medication.code=…  >Composition.title=…   of what is inside the resource (contained)

Spans are ordered values: dates as half-open [low, high) in ticks of 100 ns since 1970-01-01T00:00Z, numbers and
quantities as closed [low, high] Decimals.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fhirserver.search.plan import Bound

SEPARATOR: Final = "\x1f"
"""Stands between the parts of a term; no FHIR string may contain it."""

VARIANT_END: Final = SEPARATOR + SEPARATOR
"""Ends the term of a spelling that the resource does not have as its own."""

MAX_TERM: Final = 1000
"""Longer terms are kept outside the index, with their first characters in it."""

ANY_END: Final = "*"
"""Ends a spelling, of those a plan looks for, that stands for all words which begin so."""

DATE_MIN: Final = -(2**62)
DATE_MAX: Final = 2**62
"""The open ends of a Period, in ticks."""


class Span(NamedTuple):
    """One ordered value; ``key`` ends with ``~unit`` for the UCUM-canonical form of a quantity."""

    key: str
    low: Bound
    high: Bound
    system: str | None = None
    code: str | None = None
    unit: str | None = None


@dataclass(slots=True)
class IndexValues:
    """Everything indexed of one resource, or of one group inside it."""

    terms: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    groups: list["Group"] = field(default_factory=list)
    positions: list[tuple[float, float]] = field(default_factory=list)
    """(latitude, longitude) in degrees."""
    words: str = ""
    """The stems of all its text, as ``content`` writes them."""


class Group(NamedTuple):
    """Index values that must match together."""

    key: str
    values: IndexValues
