"""Validation of resources against the installed definitions, and the links inside them.

In order of control flow: ``structure`` is what the repository asks; ``compiler`` turns types into checks on first
use; ``objects``, ``shadows``, ``primitives``, ``bindings``, ``narrative`` and ``rules`` are the checks themselves;
``findings`` and ``walk`` are what they give and share. ``links`` finds and rewrites links with the same compilation
by type. Spec: http://hl7.org/fhir/R4/validation.html
"""
