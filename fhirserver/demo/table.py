"""Tables kept as text: a row a line, cells between bars."""

from collections.abc import Iterator


def rows(text: str) -> Iterator[list[str]]:
    """Return the cells of each line that holds any."""
    for line in text.splitlines():
        if line:
            yield [cell.strip() for cell in line.split("|")]
