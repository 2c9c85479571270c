"""All makers of hostile requests: the same requests for the same seed."""

import random
from collections.abc import Iterator

from tests.http.hostile import bodies, documents, graphs, invocations, patches, queries
from tests.http.hostile.case import Case, Maker

_SHARES: tuple[tuple[tuple[Maker, ...], int], ...] = (
    (queries.MAKERS, 36),
    (bodies.MAKERS, 20),
    (patches.MAKERS, 16),
    (documents.MAKERS, 10),
    (graphs.MAKERS, 10),
    (invocations.MAKERS, 8),
)
"""Makers of each family, and how many of a hundred requests are theirs."""
KINDS = (
    *("parameters", "chains", "filters", "results", "words", "columns", "paths", "conditions", "headers"),
    *("resources", "narratives", "definitions", "bundles", "json-patch", "merge-patch", "fhirpath-patch", "xml-patch"),
    *("xml", "graphql", "operations"),
)
"""What ``Case.kind`` can be."""


def cases(seed: int, count: int) -> Iterator[Case]:
    """Yield ``count`` requests."""
    chance = random.Random(seed)
    families, shares = zip(*_SHARES, strict=True)
    for _ in range(count):
        (family,) = chance.choices(families, shares)
        yield chance.choice(family)(chance)
