"""Reindex: the index values of every stored resource, computed anew.

Needed after a change of SearchParameters or of a rule that index values follow (time zone, base url).
"""

from collections.abc import Callable
from functools import partial

from fhirserver.codec.fhir_json import parse_json
from fhirserver.search.extract import Extractor
from fhirserver.search.index import IndexValues
from fhirserver.store.reindex import reindex_some
from fhirserver.store.store import Store


async def reindex(store: Store, extractor: Extractor, report: Callable[[int, int], None]) -> tuple[int, int]:
    """Recompute all index values; ``report`` hears (instances done, instances changed). Returns the same at the end."""
    done, changed, after = 0, 0, ""
    while True:
        progress = await reindex_some(store, partial(_extract, extractor), after)
        done, changed = done + progress.done, changed + progress.changed
        report(done, changed)
        if progress.last is None:
            return done, changed
        after = progress.last


def _extract(extractor: Extractor, content: bytes) -> IndexValues:
    return extractor.extract(parse_json(content))
