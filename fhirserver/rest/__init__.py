"""HTTP for FHIR as a pure ASGI application, bytes in and bytes out.

In order of control flow: ``lane`` (one request from scope to response), ``headers`` (scanned once), ``negotiate``
(media types), ``formats`` (XML, Turtle), ``body`` (limits, gzip), ``respond`` (FhirResponse -> ASGI), ``cors``,
``errors`` (the only place that turns an exception into a response), ``limits``.
Spec: http://hl7.org/fhir/R4/http.html
"""
