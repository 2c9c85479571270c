"""Whatever a caller writes in a URL or header is read or refused, and never breaks the server."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.definitions.registry import Definitions
from fhirserver.interactions.address import locate
from fhirserver.interactions.conditions import criteria_of, is_not_modified, only_if_absent, version_to_match
from fhirserver.interactions.query import parse_criteria_text, parse_path, parse_query
from fhirserver.interactions.subset import parse_subset
from fhirserver.kernel.exchange import FhirRequest, Interaction, Target
from fhirserver.kernel.outcome import ClientError
from fhirserver.kernel.version import Method, Version
from fhirserver.rest.headers import accepts_gzip, parse_prefer, request_id_of
from fhirserver.rest.negotiate import check_readable, negotiate, parse_media_type

VERSION = Version("Patient", "1", 1, 0, Method.PUT, b"{}")
PIECES = [
    "Patient",
    "1",
    "_history",
    "_search",
    "$x",
    "*",
    "metadata",
    "%",
    "%41",
    "/",
    "?",
    "&",
    "=",
    "\0",
    "é",
    ".",
    " ",
]
PIECES += [
    "json",
    "application/",
    "fhir+json",
    ";q=",
    "0.5",
    ",",
    '"',
    "W/",
    "charset=",
    "_summary",
    "_elements",
    "T",
    ":",
]
PIECES += ["2023-11-14", "Tue, 14 Nov 2023 22:13:20 GMT", "+0000", "99999999999999999999", "return=", "{", "$gt", "-1"]
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)


def conditional(text: str, **conditions: str) -> object:
    target = Target(Interaction.READ, "Patient", "1")
    return is_not_modified(FhirRequest(target=target, base_url="", **conditions), VERSION)


READERS: dict[str, Callable[[str], object]] = {
    "query": lambda text: parse_query(text.encode()),
    "path": lambda text: parse_path(text.encode()),
    "criteria": lambda text: criteria_of(parse_criteria_text(text)),
    "If-Match": version_to_match,
    "If-None-Match of an update": only_if_absent,
    "If-None-Match of a read": lambda text: conditional(text, if_none_match=text),
    "If-Modified-Since": lambda text: conditional(text, if_modified_since=text),
    "Accept": lambda text: negotiate(text.encode(), None),
    "_format": lambda text: negotiate(None, text),
    "Content-Type": lambda text: check_readable(parse_media_type(text)),
    "Prefer": parse_prefer,
    "X-Request-Id": lambda text: request_id_of({b"x-request-id": text.encode()}),
    "Accept-Encoding": lambda text: accepts_gzip(text.encode()),
    "_summary": lambda text: parse_subset((("_summary", text), ("_elements", text))),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
@given(text=TEXT)
def test_any_text_is_read_or_refused(reader: Callable[[str], object], text: str) -> None:
    try:
        text.encode()
        reader(text)
    except (ClientError, UnicodeEncodeError):
        pass


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X"]),
    path=st.lists(TEXT, max_size=5),
)
def test_any_path_is_located_or_refused(definitions: Definitions, method: str, path: list[str]) -> None:
    try:
        locate(method, path, definitions)
    except ClientError as refused:
        assert refused.status in (400, 404, 405)  # noqa: PT017 - either way is fine
