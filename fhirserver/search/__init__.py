"""Search as values: text becomes a query, a query becomes a plan, a plan runs anywhere.

In order of control flow: ``parameters`` (what can be searched) -> ``extract`` (resource to index values) ->
``query`` (text to SearchQuery) -> ``bind`` (SearchQuery to Plan) -> ``rewrite`` (the same plan, cheaper) ->
``match`` (plan and index values to bool: the reference the database is tested against). ``values/`` has one
file per search parameter type with both sides of it: what is indexed and how a query value is read.
Spec: http://hl7.org/fhir/R4/search.html
"""
