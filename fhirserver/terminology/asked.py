"""A code to check: as it was given, what is found of it, what is told of it.

Spec: http://hl7.org/fhir/R4/valueset-operation-validate-code.html
"""

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concepts import CodeSystem, Concept, Designation, Head
from fhirserver.terminology.report import Report
from fhirserver.terminology.resource_systems import designations_of

Verdict: TypeAlias = bool | None
"""Whether a code is in a value set; None: nobody knows its code system."""


@dataclass(frozen=True, slots=True)
class Coding:
    """A code to check, as it was given."""

    code: str
    system: str | None = None
    version: str | None = None
    display: str | None = None


@dataclass(slots=True)
class Finding:
    """What is known of a code once it was looked for: its concept, the ways to say it, its code system."""

    system: CodeSystem | None = None
    concept: Concept | None = None
    designations: list[Designation] = field(default_factory=list)
    language: str | None = None
    implied_system: str | None = None

    def see(self, system: CodeSystem, concept: Concept, declared: Resource | None = None) -> None:
        """Keep the concept, and what a value set adds to it."""
        self.system, self.concept = system, concept
        self.language = system.head.language
        self.designations = ways_to_say(system.head, concept)
        if declared is not None:
            if declared.get("display"):
                self.designations.append(Designation(declared["display"].strip()))
            self.designations.extend(designations_of(declared))


def ways_to_say(head: Head, concept: Concept) -> list[Designation]:
    """Return the display of a concept as a designation, and its designations."""
    display = [] if concept.display is None else [Designation(concept.display, head.language)]
    return display + list(concept.designations)


@dataclass(frozen=True, slots=True)
class Asked:
    """One code to check: where it was given, what is told of it, what is found of it."""

    coding: Coding
    path: str
    report: Report
    finding: Finding

    def at(self, name: str) -> str:
        """Return the path of an element of the coding."""
        return place(self.path, name)

    def of_system(self, system: str) -> "Asked":
        """Return the same question about the code in a code system."""
        return replace(self, coding=replace(self.coding, system=system))

    @classmethod
    def quietly(cls, coding: Coding) -> "Asked":
        """Return a question whose answer is all that matters."""
        return cls(coding, "", Report(), Finding())


def place(path: str, name: str) -> str:
    """Return the path of an element."""
    return f"{path}.{name}" if path else name
