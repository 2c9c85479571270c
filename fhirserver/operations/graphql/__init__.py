"""``$graphql``: one resource or the whole server asked in GraphQL, through the same door as everything else.

In order of control flow: ``operation`` reads the request and writes the response; ``document`` parses the query and
bounds it; ``values`` and ``selections`` read its parts; ``execute`` walks it over resources, by the types of ``fields``
and with the help of ``filters``, ``searches``, ``mutations`` and ``introspection`` (``schema``); ``output`` is what
grows meanwhile.
Spec: http://hl7.org/fhir/R4/graphql.html, https://spec.graphql.org/
"""
