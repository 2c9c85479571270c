"""Snapshots generated from differentials: the profiling rules, pure functions over decoded StructureDefinitions.

In order of control flow: ``generator`` is what others ask, and remembers what it generated; ``segments`` reads the
place of an element from its id or its path, ``read`` the parts of a definition that may be malformed; ``tree`` holds
the elements of a snapshot, ``changes`` those of a differential; ``apply`` carries a differential into a tree,
``unfold`` gives an element the elements of its type, ``slices`` adds slices, ``types`` narrows the types and ``merge``
everything else that is said of an element; ``problems`` names what a differential may not do.
Spec: http://hl7.org/fhir/R4/profiling.html, elementdefinition.html
"""
