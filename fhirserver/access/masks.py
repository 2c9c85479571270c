"""Masks: elements of a type that a caller never sees, nor finds, sorts or follows resources by.

A mask names elements by their path below the type: ``telecom``, ``contact.telecom``; choice elements by their stem,
``value`` for ``value[x]``. The narrative, which may say the same in words, goes with them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mask:
    """What a caller does not see of the resources of one type."""

    resource_type: str
    elements: frozenset[str]
