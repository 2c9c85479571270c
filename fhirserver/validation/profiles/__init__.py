"""Profiles: what StructureDefinitions ask beyond the base types, compiled to checks.

In order of control flow: ``sources`` is where structures come from; ``tree`` reads a snapshot into nodes; ``compiling``
turns nodes into checks, with ``values``, ``slicing``, ``bound``, ``targets`` and ``extensions`` for what they hold;
``plans`` keeps the checks by canonical. Spec: http://hl7.org/fhir/R4/profiling.html
"""
