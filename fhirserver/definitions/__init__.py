"""What FHIR packages define, compiled once and read lazily.

In order of control flow: ``packages`` reads a ``.tgz``; ``elements``, ``search_parameters`` and
``compartments`` turn its definitions into compact values; ``compiled`` writes and maps the cache file;
``registry`` is what the running server asks.
Spec: http://hl7.org/fhir/R4/packages.html
"""
