"""The head of a code system in the head of its index."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from fhirserver.terminology.concepts import Head

_SETS: Final = frozenset({"filters"})
_TUPLES: Final = frozenset({"supplements"})


def head_json(head: Head) -> dict[str, Any]:
    """Return a head as JSON has it."""
    return {name: sorted(value) if name in _SETS else value for name, value in asdict(head).items()}


def head_of(stored: Mapping[str, Any]) -> Head:
    """Return a head from its JSON."""
    return Head(**{name: _value(name, value) for name, value in stored.items()})


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - of any member
    if name in _SETS:
        return frozenset(value)
    return tuple(value) if name in _TUPLES else value
