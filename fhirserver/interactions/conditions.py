"""What a request makes its effect depend on: ETags, dates, and search criteria that select the instance.

Spec: http://hl7.org/fhir/R4/http.html#cread, #concurrency, #cond-update
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from fhirserver.interactions.subset import SUBSET_PARAMETERS
from fhirserver.kernel.exchange import FhirRequest, Query
from fhirserver.kernel.instant import to_us
from fhirserver.kernel.outcome import BadRequest, PreconditionFailed
from fhirserver.kernel.version import Version
from fhirserver.search.query import IGNORED, shown

_ETAG: Final = re.compile(r'\s*(?:W/)?"([^"]*)"\s*')
_NOT_CRITERIA: Final = frozenset(
    {"_sort", "_count", "_include", "_revinclude", "_total", "_contained", "_containedType", "_cursor", "_type"}
    | SUBSET_PARAMETERS
)


def version_to_match(if_match: str | None) -> str | None:
    """Return the version id that ``If-Match`` names; raises BadRequest unless it is one ETag."""
    if if_match is None:
        return None
    found = _ETAG.fullmatch(if_match)
    if found is None or not found[1]:
        raise BadRequest('`If-Match` takes one ETag: `W/"[version id]"`.', expression=["http.If-Match"])
    return found[1]


def only_if_absent(if_none_match: str | None) -> bool:
    """Read the ``If-None-Match`` of an update, which knows only ``*``."""
    if if_none_match is None:
        return False
    if if_none_match.strip() != "*":
        raise BadRequest("On an update `If-None-Match` takes `*` only.", expression=["http.If-None-Match"])
    return True


def is_not_modified(request: FhirRequest, version: Version) -> bool:
    """Tell whether a conditional read is answered 304; ``If-None-Match`` takes precedence (RFC 9110 §13.2.2)."""
    if request.if_none_match is not None:
        return _names_version(request.if_none_match, str(version.version_id))
    if request.if_modified_since is not None:
        since = _parse_date(request.if_modified_since)
        return since is not None and version.last_updated_us // 1_000_000 <= to_us(since) // 1_000_000
    return False


def _names_version(if_none_match: str, version_id: str) -> bool:
    if if_none_match.strip() == "*":
        return True
    tags = (_ETAG.fullmatch(part) for part in if_none_match.split(","))
    return any(tag is not None and tag[1] == version_id for tag in tags)


def _parse_date(text: str) -> datetime | None:
    """Read an HTTP date, or the instant of a Bundle's ``ifModifiedSince``; None when it is neither."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text.strip())
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def criteria_of(query: Query) -> Query:
    """Check the criteria of a conditional interaction: none, or one that says nothing, would widen it to all.

    Raises PreconditionFailed without criteria, BadRequest for an empty value or a parameter that selects nothing.
    """
    criteria = tuple(pair for pair in query if pair[0] not in IGNORED)
    if not criteria:
        raise PreconditionFailed("A conditional interaction needs search criteria; there are none.")
    for name, value in criteria:
        if name.partition(":")[0] in _NOT_CRITERIA:
            raise BadRequest(f"`{shown(name)}` selects nothing: it cannot be a criterion.", expression=[_place(name)])
        if not value.strip(" ,"):
            raise BadRequest(f"The criterion `{shown(name)}` has no value.", expression=[_place(name)])
    return criteria


def criteria_beside_subset(request: FhirRequest) -> Query | None:
    """Return what selects the instance of an update or patch whose URL has no id.

    ``_summary`` and ``_elements`` may stand beside it: they shorten the resource that is answered.
    """
    if request.target.logical_id is not None:
        return None
    return criteria_of(tuple(pair for pair in request.parameters if pair[0] not in SUBSET_PARAMETERS))


def _place(name: str) -> str:
    return f"http.{shown(name)}"
