"""What is noticed while an expression is compiled: what can only yield nothing, and how much work it is."""

from typing import Final

from fhirserver.fhirpath.errors import FhirPathTypeError, FhirPathWarning, Position

MAX_NODES: Final = 50_000
_MAX_WARNINGS: Final = 20


class Notes:
    """The notes of one compilation."""

    __slots__ = ("_nodes", "_source", "_warnings")

    def __init__(self, source: str) -> None:
        """Start without any."""
        self._source = source
        self._nodes = 0
        self._warnings: list[FhirPathWarning] = []

    @property
    def warnings(self) -> tuple[FhirPathWarning, ...]:
        """The warnings, each once."""
        return tuple(dict.fromkeys(self._warnings))

    def count_node(self) -> None:
        """Account for a node; raises FhirPathTypeError when there are too many (``repeat()`` compiles some again)."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise FhirPathTypeError("The expression takes too many steps to compile.")

    def warn(self, message: str, offset: int = -1) -> None:
        """Note what can only yield nothing."""
        if len(self._warnings) < _MAX_WARNINGS:
            self._warnings.append(FhirPathWarning(message, self.position(offset)))

    def position(self, offset: int) -> Position | None:
        """Return a place in the source; None where it is not known."""
        return None if offset < 0 else Position.of(self._source, offset)

    def mark(self) -> int:
        """Return a point to go back to."""
        return len(self._warnings)

    def forget_since(self, mark: int) -> None:
        """Go back to a point, because what was compiled since is compiled again."""
        del self._warnings[mark:]
