"""Profiles: what StructureDefinitions ask beyond the base types, compiled to checks.

In order of control flow: ``sources`` is where structures come from; ``nodes`` reads a snapshot into a tree;
``compiling`` turns nodes into checks, with ``values``, ``sites``, ``slicing``, ``discriminators``, ``bound`` and
``targets`` for what they hold, ``contracts`` between them and ``told`` for what they say; ``plans`` keeps the checks by
canonical; ``extensions`` and ``deep_compiler`` put them into the walk of the base type, which ``deep_walk`` carries.
Spec: http://hl7.org/fhir/R4/profiling.html
"""
