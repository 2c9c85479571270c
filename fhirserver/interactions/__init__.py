"""The interactions of R4's RESTful API, one file each, as handlers ``(FhirRequest, Repository) -> FhirResponse``.

Shared by them, in order of use: ``query`` (parameters), ``address`` (URL -> Target), ``conditions`` (ETags, dates,
criteria), ``entries`` (of an incoming Bundle), ``entry_request`` (an entry as a request), ``written`` (what a write
answers), ``subset`` (``_summary``, ``_elements``), ``bundle`` (searchsets and histories as byte joins).
Spec: http://hl7.org/fhir/R4/http.html
"""
