"""Validation of resources against the installed definitions, and the links inside them.

In order of control flow: ``structure`` is what the repository asks; ``compiler`` turns types into checks on first
use; ``objects``, ``shadows``, ``primitives``, ``bindings``, ``narrative`` and ``rules`` are the checks themselves;
``findings`` and ``walk`` are what they give and share. ``links`` finds and replaces the links of a transaction,
compiled by type in the same way, with ``narrative_links`` for XHTML and ``raw_strings`` for the bytes of JSON.
Spec: http://hl7.org/fhir/R4/validation.html
"""
