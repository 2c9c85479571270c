"""The composition root: the only floor that constructs clients, clocks and registries.

In order of control flow: ``serving`` (processes and the socket), ``database`` (a MongoDB to work with), ``knowledge``
(definitions and what is compiled from them), ``sites`` (one repository and FHIR lane per establishment),
``composition`` (the ASGI application), ``gateway`` (which path goes where), ``pages`` (start page, health, metrics),
``demo`` (the demo record on the first start), ``logs`` and ``metrics``.
"""
