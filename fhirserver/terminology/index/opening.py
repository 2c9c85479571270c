"""Opens the index of a version by its kind."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fhirserver.terminology.index.edition import EDITION, EditionCodeSystem
from fhirserver.terminology.index.sections import BadIndex, Sections
from fhirserver.terminology.index.system import IndexedCodeSystem
from fhirserver.terminology.index.writer import GENERAL

_KINDS: Final[Mapping[str, Callable[[Sections], IndexedCodeSystem]]] = MappingProxyType(
    {EDITION: EditionCodeSystem, GENERAL: IndexedCodeSystem}
)


def open_index(path: Path) -> IndexedCodeSystem:
    """Return the code system in a file; raises BadIndex, OSError."""
    sections = Sections(path)
    kind = str(sections.head.get("kind"))
    if kind not in _KINDS:
        raise BadIndex(f"`{path.name}` is an index of another release of this server.")
    return _KINDS[kind](sections)
