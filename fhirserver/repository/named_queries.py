"""``_query``: a search declared by a stored OperationDefinition of kind ``query``, as the criteria that it stands for.

Its ``code`` is the name. What it searches for stands in the standard extension ``cqf-expression`` as a FHIR query
(``application/x-fhir-query``): ``Observation?status=final&patient={{%who}}``, where ``{{%who}}`` is the value of its
parameter ``who``; a criterion without its value is left out. Without the extension its ``in`` parameters are those of
the search, by their names.
Spec: http://hl7.org/fhir/R4/search.html#query, http://hl7.org/fhir/R4/operationdefinition.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json, Resource
from fhirserver.repository.planning import within_access
from fhirserver.repository.requests import Parameters, SearchRequest
from fhirserver.repository.services import Services
from fhirserver.search.plan import NONE
from fhirserver.search.query import Simple
from fhirserver.store.sorting import Window

QUERY: Final = "_query"

_EXPRESSION: Final = "http://hl7.org/fhir/StructureDefinition/cqf-expression"
_LANGUAGE: Final = "application/x-fhir-query"
_CODE: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_PLACE: Final = re.compile(r"\{\{%([A-Za-z0-9_\-]{1,64})\}\}", re.ASCII)
_ANY_TYPE: Final = frozenset({"Resource", "DomainResource"})
_REFUSED: Final = frozenset({QUERY, "_cursor"})
_DECLARED: Final = 20


async def with_named_query(services: Services, access: Access, request: SearchRequest) -> SearchRequest:
    """Return the request with the criteria that its ``_query`` stands for. Raises BadSearchValue."""
    names = [value for name, value in request.parameters if name == QUERY]
    if not names:
        return request
    definition = await _declared(services, access, request.resource_types, names)
    if definition is None:
        raise _refused(
            "It names no query that an active OperationDefinition, of kind `query`, declares for what is searched."
        )
    inputs = {p["name"]: p for p in definition.get("parameter", ()) if p.get("use") == "in" and "name" in p}
    others = tuple(pair for pair in request.parameters if pair[0] != QUERY and pair[0] not in inputs)
    given = {name: [v for n, v in request.parameters if n == name and v] for name in inputs}
    _check_given(inputs, given)
    expression = _expression(definition)
    asked = _own(inputs, given) if expression is None else _filled(expression, inputs, given, request)
    return replace(request, parameters=(*asked, *others))


async def _declared(services: Services, access: Access, types: tuple[str, ...], names: list[str]) -> Resource | None:
    if len(names) > 1 or not _CODE.fullmatch(names[0]):
        raise _refused("It is not the code of one query.")
    criteria = (("code", names[0]), ("kind", "query"), ("status", "active"))
    bound = (services.binder.criterion("OperationDefinition", Simple(n, None, (v,))) for n, v in criteria)
    plan = within_access(access, "OperationDefinition", bound, Right.SEARCH)
    hits = [] if plan == NONE else await services.searcher.find(plan, Window(_DECLARED))
    definitions = (parse_json(content) for hit in reversed(hits) if (content := hit.version.content) is not None)
    return next((found for found in definitions if _applies(found, types)), None)


def _applies(definition: Resource, types: tuple[str, ...]) -> bool:
    if not types:
        return definition.get("system") is True
    named = set(definition.get("resource", ()))
    return definition.get("type") is True and (bool(named & _ANY_TYPE) or set(types) <= named)


def _check_given(inputs: Mapping[str, Resource], given: Mapping[str, list[str]]) -> None:
    for name, declared in inputs.items():
        if len(given[name]) < declared.get("min", 0):
            raise BadSearchValue("The query lacks a parameter that it requires.", expression=[f"http.{name}"])
        most = str(declared.get("max", "*"))
        if most.isdigit() and len(given[name]) > int(most):
            raise BadSearchValue("The query takes this parameter less often.", expression=[f"http.{name}"])


def _expression(definition: Resource) -> str | None:
    for extension in definition.get("extension", ()):
        value = extension.get("valueExpression", {})
        if extension.get("url") == _EXPRESSION and value.get("language") == _LANGUAGE:
            return str(value.get("expression", ""))
    return None


def _own(inputs: Mapping[str, Resource], given: Mapping[str, list[str]]) -> Parameters:
    return tuple((name, value) for name in inputs for value in given[name])


def _filled(
    expression: str, inputs: Mapping[str, Json], given: Mapping[str, list[str]], request: SearchRequest
) -> Parameters:
    """Read the declared search and put values in their places."""
    path, _, query = expression.rpartition("?")
    if path not in ("", *request.resource_types):
        raise _refused("The query is declared for another type.")
    return tuple(_pairs(query, inputs, given))


def _pairs(query: str, inputs: Mapping[str, Json], given: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for name, template in parse_qsl(query.replace("+", "%2B"), keep_blank_values=True):
        if name in _REFUSED:
            raise _refused(f"The query uses `{name}`, which a query cannot.")
        places = _PLACE.findall(template)
        if any(place not in inputs for place in places):
            raise _refused("The query refers to a parameter that it does not declare.")
        if all(given[place] for place in places):
            yield name, _PLACE.sub(lambda found: _value(inputs[found[1]], given[found[1]]), template)


def _value(declared: Resource, values: list[str]) -> str:
    """Return what is given as it stands in a search: text of no search type means itself, character by character."""
    if "searchType" in declared:
        return ",".join(values)
    return ",".join(re.sub(r"([\\,$|])", r"\\\1", value) for value in values)


def _refused(problem: str) -> BadSearchValue:
    return BadSearchValue(f"`{QUERY}` cannot be answered. {problem}", expression=[f"http.{QUERY}"])
