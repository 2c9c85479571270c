"""FHIRPath Patch: a Parameters resource whose operations change another resource, and the one that tells two apart.

In order of control flow: ``operations`` reads the Parameters, ``apply`` runs them on a ``document``, whose ``places``
are found by FHIRPath; ``values`` turns parts into elements. ``diff`` goes the other way, with ``parts``.
Spec: http://hl7.org/fhir/R4/fhirpatch.html
"""
