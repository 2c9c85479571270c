"""The URL grammar: a method and a path below the base -> what they address, in one table.

Spec: http://hl7.org/fhir/R4/http.html#summary
"""

from collections.abc import Mapping, Sequence
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.exchange import Interaction, Target
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.outcome import BadRequest, NotAllowed, NotFound

_TABLE: Final[Mapping[str, Mapping[str, Interaction]]] = {
    # T resource type, i logical id, v version id, C resource type within a compartment, other letters as below
    "": {
        "GET": Interaction.SEARCH_SYSTEM,
        "POST": Interaction.TRANSACTION,
        "OPTIONS": Interaction.CAPABILITIES,
    },
    "m": {"GET": Interaction.CAPABILITIES},
    "s": {"POST": Interaction.SEARCH_SYSTEM},
    "h": {"GET": Interaction.HISTORY_SYSTEM},
    "$": {"GET": Interaction.OPERATION, "POST": Interaction.OPERATION},
    "T": {
        "GET": Interaction.SEARCH_TYPE,
        "POST": Interaction.CREATE,
        "PUT": Interaction.UPDATE,
        "PATCH": Interaction.PATCH,
        "DELETE": Interaction.DELETE,
    },
    "Ts": {"POST": Interaction.SEARCH_TYPE},
    "Th": {"GET": Interaction.HISTORY_TYPE},
    "T$": {"GET": Interaction.OPERATION, "POST": Interaction.OPERATION},
    "Ti": {
        "GET": Interaction.READ,
        "PUT": Interaction.UPDATE,
        "PATCH": Interaction.PATCH,
        "DELETE": Interaction.DELETE,
    },
    "Tih": {"GET": Interaction.HISTORY_INSTANCE},
    "Tihv": {"GET": Interaction.VREAD},
    "Ti$": {"GET": Interaction.OPERATION, "POST": Interaction.OPERATION},
    "TiC": {"GET": Interaction.SEARCH_TYPE},
    "TiCs": {"POST": Interaction.SEARCH_TYPE},
    "Ti*": {"GET": Interaction.SEARCH_SYSTEM},
    "Tis": {"POST": Interaction.SEARCH_SYSTEM},
}
_RESERVED: Final = {"_history": "h", "_search": "s", "*": "*"}
_COMPARTMENT_SHAPES: Final = frozenset({"TiC", "TiCs", "Ti*", "Tis"})


def locate(method: str, path: Sequence[str], definitions: Definitions) -> Target:
    """Return what a request addresses; ``HEAD`` is ``GET``.

    Raises NotFound: no such URL or type; NotAllowed with ``Allow``: no such method there; BadRequest: not an id.
    """
    shape = _shape(path, definitions)
    interaction = _TABLE[shape].get("GET" if method == "HEAD" else method)
    if interaction is None:
        allowed = ", ".join(allowed_methods(path, definitions))
        raise NotAllowed(f"`{method[:16]}` is not allowed here; allowed: {allowed}.", headers={"Allow": allowed})
    if shape in _COMPARTMENT_SHAPES:
        return _compartment_target(interaction, shape, path, definitions)
    return Target(
        interaction,
        path[0] if shape.startswith("T") else None,
        path[1] if shape.startswith("Ti") else None,
        path[3] if shape == "Tihv" else None,
        operation=path[-1][1:] if shape.endswith("$") else None,
    )


def allowed_methods(path: Sequence[str], definitions: Definitions) -> tuple[str, ...]:
    """List the methods that a URL knows, ``HEAD`` and ``OPTIONS`` among them."""
    methods = _TABLE[_shape(path, definitions)]
    return tuple(sorted({*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))


def _shape(path: Sequence[str], definitions: Definitions) -> str:
    shape = ""
    for segment in path:
        if not shape and definitions.is_resource_type(segment):
            shape = "T"
        else:
            shape += _kind(shape, segment, definitions)
    if shape not in _TABLE:
        raise _unknown(path)
    return shape


def _kind(before: str, segment: str, definitions: Definitions) -> str:
    """Tell what a segment is after those ``before`` it; ``?`` for what fits nowhere."""
    if segment in _RESERVED:
        return _RESERVED[segment]
    if segment.startswith("$"):
        return "$"
    if before in ("", "Ti"):
        return _kind_of_name(before, segment, definitions)
    if before in ("T", "Tih"):
        if not is_id(segment):
            raise BadRequest("The id in the URL is not 1 to 64 of `A-Z a-z 0-9 - .`.", expression=["http.id"])
        return "i" if before == "T" else "v"
    return "?"


def _kind_of_name(before: str, segment: str, definitions: Definitions) -> str:
    if not before and segment == "metadata":
        return "m"
    if before and definitions.is_resource_type(segment):
        return "C"
    if segment[:1].isupper() and segment.isalnum() and segment.isascii():
        raise NotFound(f"`{segment[:64]}` is not a resource type of this server.")
    return "?"


def _unknown(path: Sequence[str]) -> NotFound:
    return NotFound(f"There is no such URL: {len(path)} segments that address nothing in the FHIR RESTful API.")


def _compartment_target(interaction: Interaction, shape: str, path: Sequence[str], definitions: Definitions) -> Target:
    if definitions.compartment(path[0]) is None:
        known = ", ".join(f"`{code}`" for code in definitions.compartments)
        raise NotFound(f"`{path[0]}` is not a compartment; compartments are {known}.")
    return Target(interaction, path[2] if "C" in shape else None, compartment=(path[0], path[1]))
