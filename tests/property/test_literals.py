"""A number is served as it was written, digit by digit — http://hl7.org/fhir/R4/datatypes.html#decimal

"The precision of the decimal value has significance": whatever is done to a resource.
"""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fhirserver.codec.fhir_json import parse_resource
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Unprocessable
from fhirserver.kernel.resource import Resource
from fhirserver.repository.requests import Create, HistoryRequest, Patch, Update
from tests.door import Door

LITERALS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


def written(literal: str, logical_id: str | None = None) -> bytes:
    identity = f'"id":"{logical_id}",' if logical_id else ""
    return (
        f'{{"resourceType": "Observation", {identity} "status": "final", "code": {{"text": "x"}},'
        f'"valueQuantity": {{"value": {literal}, "unit": "u"}}, "component": [{{"code": {{"text": "y"}},'
        f'"valueSampledData": {{"origin": {{"value": {literal}}}, "period": {literal}, "dimensions": 1}}}}]}}'
    ).encode()


def holds(content: bytes | None, literal: str) -> bool:
    assert content is not None
    number = literal.encode()
    whole, sampled = b'"value":%b,"unit":"u"' % number, b'{"value":%b},"period":%b,"dim' % (number, number)
    return whole in content and sampled in content


def amended(resource: Resource, _: Definitions) -> Resource:
    return {**resource, "status": "amended"}


@settings(max_examples=40)
@given(literal=LITERALS, other=LITERALS)
@example("1.00", "1.0")
@example("1.0E2", "1.0e2")
@example("-0.0", "0")
@example("-0", "0.10")
@example("0.1000000000000000000001", "12345678901234567890.123")
@example("1e-7", "0.0000001")
@example("123456789012345678901234567890", "1E+2")
@example("99999999999999999999999999999999999.9", "1e-99")
async def test_a_number_keeps_its_digits(door: Door, literal: str, other: str) -> None:
    repository = door.repository
    created = await repository.write(Create(resource_type="Observation", body=parse_resource(written(literal))))
    assert created.version is not None
    name = created.version.logical_id
    assert holds(created.version.content, literal)
    assert holds((await repository.read("Observation", name)).content, literal)
    patched = await repository.write(Patch(resource_type="Observation", logical_id=name, change=amended))
    assert patched.version is not None
    assert holds(patched.version.content, literal)
    body = parse_resource(written(other, name))
    await repository.write(Update(resource_type="Observation", logical_id=name, body=body))
    assert holds((await repository.read("Observation", name)).content, other)
    assert [holds(v.content, other) for v in (await door.search(f"Observation?_id={name}")).matches] == [True]
    assert holds((await repository.vread("Observation", name, "1")).content, literal)
    history = await repository.history(HistoryRequest(resource_type="Observation", logical_id=name, parameters=()))
    assert [holds(v.content, text) for v, text in zip(history.versions, (other, literal, literal), strict=True)] == [
        True
    ] * 3


@pytest.mark.parametrize("literal", ["1e300", "-1e-300", "0." + "1" * 400, "9" * 300])
async def test_a_number_of_many_digits_or_none_before_the_point(door: Door, literal: str) -> None:
    body = parse_resource(written(literal))
    created = await door.repository.write(Create(resource_type="Observation", body=body))
    assert created.version is not None
    assert holds((await door.repository.read("Observation", created.version.logical_id)).content, literal)
    for value in ("gt1e-400", "lt0", "1e300||u"):
        await door.search(f"Observation?value-quantity={value}")


@pytest.mark.parametrize("literal", ["1e7000", "-1e7000", "1e-7000", "1e999999999"])
async def test_a_number_that_no_receiver_can_hold_is_refused(door: Door, literal: str) -> None:
    with pytest.raises(Unprocessable):
        await door.repository.write(Create(resource_type="Observation", body=parse_resource(written(literal))))
