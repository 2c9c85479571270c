"""Our server with one operation more: ``CodeSystem/$limit`` answers a code's display from a dict.

What takes it the same way as ``$lookup`` comes: it is the limit of what a terminology in memory can do here. Run as
``python benchmarks/limited.py CODES [options of fhirserver serve]``; ``CODES`` has ``code<tab>display`` lines.
"""

import sys
from pathlib import Path
from typing import Final

from fhirserver import operations
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.question import answer, question_of
from fhirserver.repository.repository import Repository

DISPLAYS: Final[dict[str, str]] = {}


async def limit(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the display of a code."""
    arguments = question_of(request, ("code", "system")).arguments
    code = arguments.text("code") or ""
    found = [{"name": "code", "valueCode": code}, {"name": "display", "valueString": DISPLAYS[code]}]
    return answer({"resourceType": "Parameters", "parameter": [*found, {"name": "result", "valueBoolean": True}]})


LIMIT: Final = Operation(
    name="limit",
    definition="urn:fhirserver:OperationDefinition:limit",
    levels=frozenset({Level.TYPE}),
    handler=limit,
    resource_types=frozenset({"CodeSystem"}),
)


def main() -> None:
    """Read the displays and serve."""
    codes = Path(sys.argv.pop(1))
    DISPLAYS.update(line.split("\t", 1) for line in codes.read_text().splitlines())
    everything = (*operations.OPERATIONS, LIMIT)
    operations.OPERATIONS = tuple(sorted(everything, key=lambda one: one.name))  # type: ignore[misc]
    from fhirserver.cli import main as command  # noqa: PLC0415 - it takes the operations as they are then

    command()


if __name__ == "__main__":
    main()
