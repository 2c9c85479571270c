"""``$lastn``: the latest Observations of each code.

Spec: http://hl7.org/fhir/R4/observation-operation-lastn.html
"""

import re
from collections.abc import Iterable
from typing import Final

from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest, BadSearchValue, UnknownParameter
from fhirserver.operations.arguments import Arguments, every_argument_of, text_of
from fhirserver.operations.framework import Operation
from fhirserver.operations.searchset import searchset
from fhirserver.repository.latest import LatestRequest
from fhirserver.repository.repository import Repository
from fhirserver.search.query import is_shaping

_SUBJECTS: Final = frozenset({"patient", "subject"})
_KINDS: Final = re.compile(r"category|(?:combo-|component-)?code(?:-value-\w+)?")
"""Parameters one of which must say what kind of Observation is wanted."""
_MOST: Final = 10_000


async def lastn(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the latest Observations of each group, the most recent first."""
    given = every_argument_of(request)
    criteria = tuple((each["name"], text_of(each)) for each in given.parameters if each["name"] != "max")
    _check(name for name, value in criteria)
    versions = await repository.latest_observations(LatestRequest(criteria, _max(given)))
    return searchset(request, given, versions, total=len(versions))


def _check(criteria: Iterable[str]) -> None:
    """Refuse a request that lacks what R4 demands, or that wants the answer in another shape."""
    names = [re.split("[:.]", name, maxsplit=1)[0] for name in criteria]
    shaping = next((name for name in names if is_shaping(name)), None)
    if shaping is not None:
        raise UnknownParameter(
            f"`{shaping}` does not apply to `$lastn`, whose order and number are its own.",
            expression=[f"http.{shaping}"],
        )
    if _SUBJECTS.isdisjoint(names):
        raise BadRequest("`$lastn` needs a subject: `patient` or `subject`.", expression=["http.patient"])
    if not any(_KINDS.fullmatch(name) for name in names):
        raise BadRequest("`$lastn` needs a `category`, or a `code` of some form.", expression=["http.category"])


def _max(given: Arguments) -> int:
    text = given.text("max")
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= _MOST):
        raise BadSearchValue(f"`max` is not a whole number of 1 to {_MOST}.", expression=["http.max"])
    return int(text)


LASTN: Final = Operation(
    name="lastn",
    definition="http://hl7.org/fhir/OperationDefinition/Observation-lastn",
    levels=frozenset({Level.TYPE}),
    handler=lastn,
    resource_types=frozenset({"Observation"}),
)
