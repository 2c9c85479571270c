"""Which searches fill their first page, told from their shape: the total of those is counted while the page is read.

The count is a second call to the database that a page with room left does not need.
"""

from typing import Final, TypeAlias

Shape: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], int]
"""Types searched, names of the parameters, length of the page: nothing that was searched for."""

_REMEMBERED: Final = 1024


class Forecast:
    """Expects of a search what the last one of its shape had."""

    def __init__(self) -> None:
        """Expect little."""
        self._full: dict[Shape, bool] = {}

    def expects_more(self, shape: Shape) -> bool:
        """Tell whether there will be more matches than one page holds."""
        return self._full.get(shape, False)

    def learn(self, shape: Shape, *, more: bool) -> None:
        """Remember how it was."""
        if len(self._full) >= _REMEMBERED and shape not in self._full:
            self._full.clear()
        self._full[shape] = more
