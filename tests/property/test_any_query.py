"""Whatever is asked, there is an answer or a refusal that says why — http://hl7.org/fhir/R4/search.html#errors"""

from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.kernel.outcome import ClientError
from tests.door import Door
from tests.property.values import PARAMETERS

PIECES = st.sampled_from((
    "|", "$", ",", "\\", "\\,", ":", ".", "#", "%", "*", "(", "[", "^", "\x00", "\x1f", "\ud7ff", "\U0010ffff", "é",
    " ", "+", "ge", "eb", "ap", "http://", "urn:oid:1", "Patient/1", "_history", "2020-01-01", "T10:00", "Z", "1e999",
    "-", "0", "9" * 40, "_has:Observation:patient:code", "exact", "missing", "true", "name", "x" * 1200,
))  # fmt: skip
TEXTS = st.one_of(st.text(max_size=8), st.lists(PIECES, max_size=5).map("".join))
KNOWN = [(resource_type, name) for resource_type, names in PARAMETERS.items() for name in names]
OTHERS = (
    "_id", "_lastUpdated", "_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total", "_cursor",
    "_filter", "code:in", "code:not-in", "code:below", "code:above", "code:code-text", "code:text-advanced", "_list",
    "_query", "_contained", "subject:below", "_has:Observation:patient:_filter",
    "_type", "_tag", "_profile:below", "patient.name", "_has:Observation:patient:code", "subject:Patient",
)  # fmt: skip


@settings(max_examples=200)
@given(data=st.data(), value=TEXTS)
async def test_no_value_of_a_parameter_is_a_fault(door: Door, data: st.DataObject, value: str) -> None:
    resource_type, name = data.draw(st.sampled_from(KNOWN))
    name = data.draw(st.one_of(st.just(name), st.sampled_from(OTHERS), TEXTS))
    path = data.draw(st.sampled_from((resource_type, "", f"Patient/1/{resource_type}")))
    query = f"{path}?{quote(name, errors='surrogatepass')}={quote(value, errors='surrogatepass')}"
    error = await refusal(door, query, lenient=data.draw(st.booleans()))
    if error is not None:
        assert error.status in (400, 422)
        assert error.diagnostics
        assert all(len(place) < 200 for issue in error.issues for place in issue.expression)


async def refusal(door: Door, query: str, *, lenient: bool) -> ClientError | None:
    try:
        await door.search(query, lenient=lenient)
    except ClientError as error:
        return error
    return None
