"""What a loader is: it recognises files, and makes an index of them that appears when it is whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fhirserver.terminology.loaders.tree import Tree


class BadRelease(Exception):
    """Files cannot be loaded; the text is one sentence that names the file, and the line where there is one."""


class Progress(Protocol):
    """Hears how a load goes on."""

    def begin(self, work: str, total: int) -> None:
        """Hear that another work begins, and how much it is."""
        ...

    def advance(self, done: int) -> None:
        """Hear how much of it was done since."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user says of what is loaded; None: as the files say."""

    url: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The version of a code system that an index has."""

    url: str
    version: str
    concepts: int


class Loader(Protocol):
    """Loads files of one format."""

    @property
    def name(self) -> str:
        """The format, for people."""
        ...

    def recognises(self, tree: Tree) -> bool:
        """Tell whether files are in the format."""
        ...

    def load(self, tree: Tree, wanted: Wanted, path: Path, progress: Progress) -> Made:
        """Write the index at ``path``; raises BadRelease, and leaves nothing then."""
        ...
