"""References that make a hierarchy: a resource is part of another of its own type.

R4 marks ``CarePlan.partOf``, ``Encounter.partOf``, ``Location.partOf`` and ``Organization.partOf`` so
(``structuredefinition-hierarchy``); the other parameters of these names say the same of their types.
Spec: http://hl7.org/fhir/R4/search.html#recursive
"""

from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.search.parameters import Bound, SearchParameters

_PART_OF: Final = frozenset({"partof", "part-of", "parent"})


def parent_keys(parameters: SearchParameters, definitions: Definitions, resource_type: str) -> tuple[str, ...]:
    """Return the keys by which resources of a type refer to what they are part of; none: it has no hierarchy."""
    codes = _PART_OF & definitions.search_parameters(resource_type).keys()
    if not codes:
        return ()
    bound = parameters.of(resource_type).bound
    found = (bound[code] for code in sorted(codes & bound.keys()))
    return tuple(key for parameter in found if _is_own(parameter, resource_type) for key in parameter.keys)


def _is_own(bound: Bound, resource_type: str) -> bool:
    return bound.definition.type is SearchType.REFERENCE and resource_type in bound.targets
