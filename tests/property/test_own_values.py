"""A resource is found by each of its own values, whatever they are — http://hl7.org/fhir/R4/search.html#string"""

from urllib.parse import quote

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fhirserver.kernel.outcome import Unprocessable
from fhirserver.search.values.string import normalise
from tests.door import Door
from tests.property.values import escaped

TEXTS = st.one_of(
    st.text(min_size=1, max_size=30),
    st.text(alphabet="aé\u0301ß\u0130\u0131\ufb01-'\u2019 .,|$\\\u200d\u0645\u0902", min_size=1, max_size=12),
    st.text(min_size=1, max_size=3).map(lambda text: text * 600),
)


@settings(max_examples=120)
@given(text=TEXTS, cut=st.integers(1, 40))
async def test_a_resource_is_found_by_its_own_values(door: Door, text: str, cut: int) -> None:
    await door.clear()
    try:
        await door.put(
            {"resourceType": "Patient", "id": "p", "name": [{"family": text, "given": [text]}],
             "identifier": [{"system": "http://s", "value": text}], "address": [{"city": text}],
             "meta": {"tag": [{"system": "http://t", "code": "t", "display": text}]}},
            {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": text}, "valueString": text},
        )  # fmt: skip
    except Unprocessable:
        assume(False)
    own, beginning = quote(escaped(text)), quote(escaped(text[:cut]))
    criteria = [f"family:exact={own}", f"family={own}", f"given={own}", f"address-city={own}", f"identifier={own}",
                f"identifier=http://s|{own}", f"_tag:text={own}", "_sort=family"]  # fmt: skip
    if normalise(text[:cut]):
        criteria += [f"family={beginning}", f"name:contains={beginning}"]
    for criterion in criteria:
        assert await door.ids(f"Patient?{criterion}") == {"p"}, criterion
    for criterion in (f"value-string:exact={own}", f"value-string={own}", f"code:text={own}"):
        assert await door.ids(f"Observation?{criterion}") == {"o"}, criterion
