"""Where terminology definitions come from, and what to say when they do not decide.

Spec: http://hl7.org/fhir/R4/terminologies.html
"""

from collections.abc import Sequence
from typing import Protocol

from fhirserver.kernel.resource import Resource


class DefinitionSource(Protocol):
    """Finds CodeSystems and ValueSets by canonical; the installed packages are one such source."""

    def resource(self, canonical: str) -> Resource | None:
        """Return the conformance resource with this canonical, or None."""
        ...

    def canonicals(self) -> Sequence[str]:
        """Return the urls of all conformance resources."""
        ...


class Undecidable(LookupError):
    """A definition that the answer depends on is not at hand, or not in a form that lists its codes."""
