"""Code systems that are a grammar or a public registry: units, languages, countries, currencies and their like.

``source`` is what the rest of the server holds; each other module is one family of code systems, read when it is first
asked for: nothing of it is loaded when the server starts.
Spec: http://hl7.org/fhir/R4/terminologies-systems.html
"""

from fhirserver.terminology.builtin.source import Builtin

__all__ = ["Builtin"]
