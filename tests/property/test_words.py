"""Words in the database are those of ``search.match``, scores those of ``relevance`` — http://hl7.org/fhir/R4/search.html#content"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Resource
from fhirserver.search.full_text import plan_presence, plan_text, relevance, wanted_of
from fhirserver.search.match import Candidate, match
from fhirserver.store.sorting import SortKey, Window
from tests.door import Door

WORDS = st.sampled_from(
    [
        "pain",
        "pains",
        "chest",
        "the",
        "métastase",
        "métastases",
        "botten",
        "bot",
        "l'os",
        "C79.5",
        "2",
        "left-sided",
        ".",
    ]
)
TEXTS = st.lists(WORDS, max_size=6).map(" ".join)
LANGUAGES = st.sampled_from([None, "en", "fr", "nl-BE", "de"])


def basic(number: int, narrative: str, others: list[str], language: str | None) -> Resource:
    resource: Resource = {"resourceType": "Basic", "id": f"b{number}", "code": {"text": "x"}}
    if narrative:
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{narrative}</div>'
        resource["text"] = {"status": "additional", "div": div}
    if others:
        resource["identifier"] = [{"value": text} for text in others if text]
    return resource | ({"language": language} if language else {})


RESOURCES = st.lists(st.tuples(TEXTS, st.lists(TEXTS.filter(bool), max_size=2), LANGUAGES), min_size=1, max_size=5)
BEGINNINGS = st.builds(lambda word, length: f"{word[:length]}*", WORDS, st.integers(1, 9))
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
LEAVES = st.one_of(
    WORDS,
    BEGINNINGS,
    PHRASES.map(lambda words: f'"{words}"'),
    st.builds(lambda words, last: f'"{words} {last}"', PHRASES, BEGINNINGS),
)
QUERIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " or ", " ", " NOT "]), inner).map("".join),
        inner.map(lambda query: f"({query})"),
        inner.map(lambda query: f"NOT {query}"),
    ),
    max_leaves=5,
)


@settings(max_examples=60)
@given(values=RESOURCES, queries=st.lists(QUERIES, min_size=1, max_size=4), code=st.sampled_from(["_text", "_content"]))
async def test_the_database_finds_and_ranks_as_the_reference(
    door: Door, values: list[tuple[str, list[str], str | None]], queries: list[str], code: str
) -> None:
    await door.clear()
    resources = [basic(number, *value) for number, value in enumerate(values)]
    await door.put(*resources)
    candidates = {r["id"]: Candidate("", 0, door.services.extractor.extract(r)) for r in resources}
    for query in (*queries, None):
        try:
            plan = plan_presence(code) if query is None else plan_text("Basic", code, query)
        except BadSearchValue:
            continue
        wanted = wanted_of(plan)
        sort = (SortKey("score", descending=True),) if wanted else ()
        hits = await door.services.searcher.find(plan, Window(10, sort, wanted=wanted))
        assert {hit.version.logical_id for hit in hits} == {i for i, one in candidates.items() if match(plan, one)}
        for hit in hits if wanted else ():
            expected = relevance(candidates[hit.version.logical_id].values.words, wanted)
            assert hit.score == pytest.approx(expected)
            assert 0 <= expected < 1


@settings(max_examples=300)
@given(query=st.text(alphabet='ab()"-NOTandor \\,*.é\x1f', max_size=40), code=st.sampled_from(["_text", "_content"]))
def test_every_text_is_a_plan_or_refused(query: str, code: str) -> None:
    try:
        plan_text("Basic", code, query)
    except BadSearchValue:
        return
