"""What collections are made of while an expression runs.

An item is a type name and a value: a JSON value as it was decoded, a str in ISO 8601 for a System date or time, a
``Measurement`` for a System quantity. A primitive with an id or extensions (``_birthDate``) has ``Extended`` for its
value, and one with extensions only has ``Extended`` without a value.
Spec: http://hl7.org/fhirpath/N1/#collections, http://hl7.org/fhir/R4/json.html#primitive
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.types import BOOLEAN
from fhirserver.kernel.resource import Json, Resource

Item: TypeAlias = tuple[str, Json]
Items: TypeAlias = list[Item]

TRUE: Item = (BOOLEAN, True)
FALSE: Item = (BOOLEAN, False)

MAX_TEXT: Final = 1_000_000
"""Characters a string may grow to: doubling one is a short expression."""


class Extended:
    """The value of a primitive that has an id or extensions; ``value`` is None when it has nothing else."""

    __slots__ = ("element", "value")

    def __init__(self, value: Json, element: Resource) -> None:
        """Join the two JSON properties ``x`` and ``_x``."""
        self.value = value
        self.element = element


def plain(value: Json) -> Json:
    """Return a primitive's own value, without its id and extensions."""
    return value.value if type(value) is Extended else value


def truth(items: Items) -> bool | None:
    """Read a collection as a boolean: an only item that is not one counts as true.

    Spec: http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections
    """
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathExecutionError(f"A boolean is expected, not {len(items)} items.")
    value = plain(items[0][1])
    return value if type(value) is bool else True


def boolean(value: bool | None) -> Items:
    """Return a truth value as a collection; unknown is empty."""
    return [] if value is None else [TRUE if value else FALSE]


def only(items: Items) -> Item | None:
    """Return the only item, None when there is none; raises FhirPathExecutionError when there are more."""
    if len(items) > 1:
        raise FhirPathExecutionError(f"One item is expected, not {len(items)}.")
    return items[0] if items else None


def check_length(length: int) -> None:
    """Raise FhirPathExecutionError when a string would grow beyond the bound."""
    if length > MAX_TEXT:
        raise FhirPathExecutionError("A string grows too long on this input.")


def check_growth(text: str, sources: Iterable[Json]) -> None:
    """Raise FhirPathExecutionError when a text is beyond the bound and longer than what it is made of."""
    if len(text) > MAX_TEXT and len(text) > sum(len(source) for source in sources if type(source) is str):
        raise FhirPathExecutionError("A string grows too long on this input.")


def with_values(items: Iterable[Item]) -> Items:
    """Return items as plain JSON, without primitives that have no value."""
    return [(name, value) for name, raw in items if (value := plain(raw)) is not None]
