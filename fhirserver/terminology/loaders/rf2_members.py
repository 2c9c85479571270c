"""Writes the reference sets of an edition: those with the same columns together, one after the other.

Rows that say something of descriptions or relationships are left out: what is asked of reference sets is concepts.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.index.sections import SectionWriter
from fhirserver.terminology.loaders.rf2_refsets import RefsetRows
from fhirserver.terminology.loaders.rf2_tables import Ids, Numbers, ints, longs, truths


def write_members(writer: SectionWriter, tables: Iterable[RefsetRows], numbers: Numbers) -> list[dict[str, Any]]:
    """Write all of them; return where each is."""
    return [_write_table(writer, f"members.{place}", rows, numbers) for place, rows in enumerate(tables)]


def _write_table(writer: SectionWriter, name: str, rows: RefsetRows, numbers: Numbers) -> dict[str, Any]:
    places = rows.last()
    refsets, components = numbers.of(longs(rows.refsets)[places]), numbers.of(longs(rows.components)[places])
    kept = (refsets >= 0) & (components >= 0)
    order = np.flatnonzero(kept)[np.lexsort((components[kept], refsets[kept]))]
    places, refsets, components = places[order], refsets[order], components[order]
    writer.add(f"{name}.active", truths(rows.active)[places].astype(np.uint8))
    writer.add(f"{name}.module", numbers.of(longs(rows.modules)[places]))
    writer.add(f"{name}.time", ints(rows.times)[places])
    writer.add(f"{name}.component", components)
    for column in range(len(rows.kinds)):
        cells = longs(rows.cells[column])[places]
        _write_column(writer, f"{name}.{column}", cells, list(rows.values[column]), numbers)
    found, first = np.unique(refsets, return_index=True)
    bounds = [*first.tolist(), len(refsets)]
    spans = zip(found.tolist(), bounds, bounds[1:], strict=False)
    return {"names": rows.names, "kinds": rows.kinds, "refsets": {str(one): [start, end] for one, start, end in spans}}


def _write_column(writer: SectionWriter, name: str, cells: Ids, known: list[bytes], numbers: Numbers) -> None:
    """Write the cells of a column, with only those of its values that are left."""
    found = numbers.of(cells)
    is_concept = found >= 0
    others, inverse = np.unique(cells[~is_concept], return_inverse=True)
    texts = [known[-1 - one] if one < 0 else b"%d" % one for one in others.tolist()]
    found[~is_concept] = _below_zero(inverse)
    writer.add(f"{name}.cells", found)
    writer.add_texts(f"{name}.values", texts)


def _below_zero(places: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
    return (-1 - places).astype(np.int32)
