"""FHIRPath, compiled: an expression becomes closures that know the element model.

In order of control flow: ``lexer`` and ``parser`` turn text into an ``ast``; ``compile`` turns each node into a closure
with the types its result can have (``types``, ``navigation``, ``narrowing``, ``criteria``), with the help of
``functions``, ``operators`` and ``factory``, and takes ``notes``; ``items`` is what flows when it runs,
``environment`` what it may ask of the world and how much it may do; ``equality``, ``temporal``, ``quantity``,
``references`` and ``regex`` hold the semantics of values.
Spec: http://hl7.org/fhirpath/N1/ and http://hl7.org/fhir/R4/fhirpath.html
"""

from fhirserver.fhirpath.compile import CompiledExpression, compile_fhirpath
from fhirserver.fhirpath.environment import (
    Bounds,
    Coded,
    Conformance,
    Environment,
    Markup,
    Resolver,
    Terminology,
    TraceSink,
)
from fhirserver.fhirpath.errors import (
    FhirPathError,
    FhirPathExecutionError,
    FhirPathSyntaxError,
    FhirPathTypeError,
    FhirPathWarning,
    Position,
)
from fhirserver.fhirpath.expression import Rules
from fhirserver.fhirpath.parser import parse

__all__ = [
    "Bounds",
    "Coded",
    "CompiledExpression",
    "Conformance",
    "Environment",
    "FhirPathError",
    "FhirPathExecutionError",
    "FhirPathSyntaxError",
    "FhirPathTypeError",
    "FhirPathWarning",
    "Markup",
    "Position",
    "Resolver",
    "Rules",
    "Terminology",
    "TraceSink",
    "compile_fhirpath",
    "parse",
]
