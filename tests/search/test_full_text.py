"""_text and _content — http://hl7.org/fhir/R4/search.html#content, and their scores — #relevance"""

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.outcome import BadRequest, BadSearchValue, TooCostly, UnknownParameter
from fhirserver.search.full_text import relevance, wanted_of
from tests.door import Door, Json, Selects, opened


def condition(name: str, text: str = "", *, lang: str = "", **more: Json) -> Json:
    said = f' lang="{lang}"' if lang else ""
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"{said}>{text}</div>'
    narrative = {"text": {"status": "additional", "div": div}} if text else {}
    return {"resourceType": "Condition", "id": name, "subject": {"reference": "Patient/p"}, **narrative, **more}


RESOURCES: list[Json] = [
    {"resourceType": "Patient", "id": "p", "name": [{"family": "Peeters", "text": "Jan Peeters"}]},
    condition("bone", "<p>Bone <b>metastases</b> of a known tumour</p>", lang="en"),
    condition("liver", "<p>Liver metastasis; one metastasis only</p>", lang="en"),
    condition("lung", "<p>Metastases to the lung</p>", lang="en"),
    condition("os", "Métastases osseuses, l'hôpital a été prévenu", lang="fr"),
    condition("botten", "Uitzaaiingen in de botten van het been", lang="nl"),
    condition("pain", "Chest pain. Then pain of the chest, and pain &amp; fever", language="en"),
    condition("fever", "No fever &lt;38&gt;", language="en"),
    condition("coded", code={"text": "Fractures of femur", "coding": [{"code": "S72.0", "system": "http://hl7.org/fhir/sid/icd-10"}]}),
    condition("noted", "Fracture", note=[{"text": "seen by the oncologist"}, {"text": "bone scan done"}]),
    condition("silent"),
]  # fmt: skip

CASES = [
    pytest.param(
        "_text=(bone OR liver) and metastases", "bone", id="the example of R4: a stem is a stem of its language"
    ),
    pytest.param("_text=(bone OR liver) and metasta", "", id="whole words"),
    pytest.param("_text=metastasis", "bone liver lung os", id="a word"),
    pytest.param("_text=bone,liver", "bone liver", id="a comma is or"),
    pytest.param("_text=METASTASE", "bone lung os", id="case and number do not matter"),
    pytest.param("_text=métastase osseux", "os", id="French: accents, number, gender; neighbours are both wanted"),
    pytest.param("_text=hopital", "os", id="French: elision"),
    pytest.param("_text=uitzaaiing AND benen", "botten", id="Dutch"),
    pytest.param("_text=bot", "botten", id="Dutch: doubled consonants"),
    pytest.param("_text=chest pain", "pain", id="both words"),
    pytest.param('_text="chest pain"', "pain", id="a phrase"),
    pytest.param('_text="pain chest"', "", id="a phrase has an order"),
    pytest.param('_text="pain of the chest"', "pain", id="a phrase with common words"),
    pytest.param("_text=pain-of-the-chest", "pain", id="what is written together are neighbours"),
    pytest.param("_text=fever NOT pain", "fever", id="not"),
    pytest.param(
        "_text=NOT (pain OR metastases OR metastasis OR fracture OR botten)", "coded fever silent", id="not alone"
    ),
    pytest.param("_text=fever OR bone AND liver", "fever pain", id="and binds closer than or"),
    pytest.param("_text=(fever OR bone) AND metastases", "bone", id="parentheses"),
    pytest.param("_text=the fever", "fever pain", id="a common word says nothing"),
    pytest.param("_text=38", "fever", id="entities, numbers"),
    pytest.param("_text=oncologist", "", id="_text is the narrative alone"),
    pytest.param("_text=fracture", "noted", id="_text is not the code"),
    pytest.param("_text=bone&_text=metastases", "bone", id="repeated: both"),
    pytest.param("_content=oncologist", "noted", id="_content is all text"),
    pytest.param("_content=fracture", "coded noted", id="_content has narratives too"),
    pytest.param("_content=S72.0", "coded", id="_content has codes"),
    pytest.param('_content="bone scan"', "noted", id="_content: a phrase"),
    pytest.param('_content="oncologist bone"', "", id="_content: a phrase does not cross texts"),
    pytest.param("_content=bone NOT scan", "bone", id="_content: not"),
    pytest.param("_content=femur OR chest", "coded pain", id="_content: or"),
    pytest.param("_content=generated", "", id="_content: not the status of a narrative"),
    pytest.param("_content=patient", "", id="_content: no references"),
    pytest.param("_text=bone&_content=tumour&subject=Patient/p", "bone", id="together with others"),
    pytest.param("_text=metasta*", "bone liver lung os", id="the beginning of a word"),
    pytest.param("_text=METASTASE*", "bone lung os", id="a beginning that is longer than the stem"),
    pytest.param("_text=on* metasta*", "liver", id="the beginnings of two words"),
    pytest.param("_text=chest NOT fe*", "", id="not a beginning"),
    pytest.param('_text="chest pa*"', "pain", id="a phrase whose last word goes on"),
    pytest.param('_text="che* pain"', "", id="only the last word of a phrase goes on"),
    pytest.param('_text="of th*"', "pain", id="the beginning of a common word, in a phrase"),
    pytest.param("_text=de*", "", id="the beginning of a common word, alone"),
    pytest.param("_text=infirm*", "", id="a beginning that nothing has"),
    pytest.param("_content=onco*", "noted", id="_content: the beginning of a word"),
    pytest.param('_content="bone sc*"', "noted", id="_content: a phrase whose last word goes on"),
    pytest.param("_content=fract*", "coded noted", id="_content: a beginning in narratives too"),
    pytest.param("_text:missing=true", "coded silent", id="_text:missing=true"),
    pytest.param("_text:missing=false&_text=bone", "bone", id="_text:missing=false"),
    pytest.param("_content:missing=true", "silent", id="_content:missing=true"),
    pytest.param("_content:missing=false&_text:missing=true", "coded", id="_content:missing=false"),
    pytest.param("_text=xyzzy", "", id="nothing"),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_what_is_selected(selects: Selects, query: str, expected: str) -> None:
    assert await selects(f"Condition?{query}") == expected


async def test_in_chains(door: Door) -> None:
    assert await door.ids("Condition?subject:Patient._content=Peeters&_text=bone") == {"bone"}
    assert await door.ids("Patient?_has:Condition:subject:_text=botten") == {"p"}
    assert await door.ids("Patient?_has:Condition:subject:_text=nichts") == set()


async def test_across_types(door: Door) -> None:
    assert await door.ids("?_type=Patient,Condition&_content=peeters OR femur") == {"p", "coded"}


@pytest.mark.parametrize(
    "value",
    ["the", "(bone", "bone)", "bone OR", "OR bone", "AND", "not", "()", '""', "bone AND AND liver", "( " * 40 + "x",
     "x " * 101, "(" * 17 + "x" + ")" * 17],
)  # fmt: skip
@pytest.mark.parametrize("code", ["_text", "_content"])
async def test_what_cannot_be_read_is_refused(door: Door, code: str, value: str) -> None:
    with pytest.raises(BadSearchValue) as refused:
        await door.search(f"Condition?{code}={value}")
    assert refused.value.issues[0].expression == (f"http.{code}",)
    assert "x x" not in refused.value.diagnostics


async def test_there_are_no_modifiers(door: Door) -> None:
    with pytest.raises(BadRequest):
        await door.search("Condition?_text:exact=bone")


async def test_the_most_relevant_come_first_with_their_score(door: Door) -> None:
    page = await door.search("Condition?_text=pain OR fever")
    assert [version.logical_id for version in page.matches] == ["pain", "fever"]
    assert 1 > page.scores[0] > page.scores[1] > 0
    assert page.total == 2


async def test_no_score_without_words(door: Door) -> None:
    assert (await door.search("Condition?subject=Patient/p")).scores == ()
    assert set((await door.search("Condition?_text=NOT bone")).scores) == set()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("_score", "pain fever"),
        ("-_score", "fever pain"),
        ("_id", "fever pain"),
        ("_score,_id", "pain fever"),
        ("-_id,_score", "pain fever"),
    ],
)
@pytest.mark.parametrize("count", [1, 10])
async def test_the_order_asked_for(door: Door, sort: str, expected: str, count: int) -> None:
    query = f"Condition?_text=pain OR fever&_sort={sort}&_count={count}"
    page = await door.search(query)
    found, scores = [v.logical_id for v in page.matches], list(page.scores)
    while page.next_cursor:
        page = await door.search(query, f"_cursor={page.next_cursor}")
        found += [v.logical_id for v in page.matches]
        scores += page.scores
    assert " ".join(found) == expected
    assert all(scores)


async def test_pages_by_relevance_forward_and_backward(door: Door) -> None:
    query = "Condition?_content=metastases OR bone OR fracture OR fever"
    whole = await door.search(query)
    names = [v.logical_id for v in whole.matches]
    assert len(names) > 4
    assert list(whole.scores) == sorted(whole.scores, reverse=True)
    page, forward = await door.search(f"{query}&_count=2"), list[str]()
    while True:
        forward += [v.logical_id for v in page.matches]
        if page.next_cursor is None:
            break
        page = await door.search(f"{query}&_count=2", f"_cursor={page.next_cursor}")
    backward: list[str] = []
    while True:
        backward = [v.logical_id for v in page.matches] + backward
        if page.previous_cursor is None:
            break
        page = await door.search(f"{query}&_count=2", f"_cursor={page.previous_cursor}")
    assert (forward, backward) == (names, names)


@pytest.mark.parametrize(
    "query", ["_text=pain OR fever", "_content=metastases OR bone", '_text="chest pain"', "_text=os"]
)
async def test_the_database_scores_as_relevance_does(door: Door, query: str) -> None:
    page = await door.search(f"Condition?{query}")
    wanted = wanted_of(await door.plan(f"Condition?{query}"))
    assert wanted is not None
    for version, score in zip(page.matches, page.scores, strict=True):
        resource = next(r for r in RESOURCES if r["id"] == version.logical_id)
        words = door.services.extractor.extract(resource).words
        assert score == pytest.approx(relevance(words, wanted))


async def test_sort_by_score_needs_words(door: Door) -> None:
    with pytest.raises(UnknownParameter):
        await door.search("Condition?_sort=_score")
    assert len((await door.search("Condition?_sort=_score&_text=NOT fever")).matches) == 8


async def test_too_many_to_rank_come_in_the_order_of_creation(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge, sort_bound=1) as door:
        await door.put(condition("once", "pain and something else"))
        await door.put(condition("often", "pain pain pain"))
        query = "Condition?_text=pain&_count=1"
        page = await door.search(query)
        assert [v.logical_id for v in page.matches] == ["once"]
        following = await door.search(query, f"_cursor={page.next_cursor}")
        assert [v.logical_id for v in following.matches] == ["often"]
        assert 0 < page.scores[0] < following.scores[0]
        with pytest.raises(TooCostly):
            await door.search(f"{query}&_sort=_score")
