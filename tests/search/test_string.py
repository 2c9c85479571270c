"""String parameters: normal form, beginnings, modifiers — http://hl7.org/fhir/R4/search.html#string"""

import pytest

from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.resource import Json, Resource
from tests.door import Door, Selects


def patient(logical_id: str, **more: Json) -> Resource:
    return {"resourceType": "Patient", "id": logical_id, **more}


def named(logical_id: str, family: str | None = None, *given: str, **more: Json) -> Resource:
    parts = {"family": family, "given": list(given), **more}
    return patient(logical_id, name=[{k: v for k, v in parts.items() if v}])


LONG = "Ærø " + "x" * 1100
RESOURCES = [
    named("eve", None, "Eve"),
    named("evelyn", "Muller", "Evelyn"),
    named("severine", "Müller", "Séverine"),
    named("lower", "MULLER", "eve"),
    named("decomposed", "Mu\u0308ller"),
    named("sharp", "Strauß"),
    named("carreno", "Carreno Quiñones"),
    named("berghe", "Van den Berghe"),
    named("hondt", "D'Hondt"),
    named("hyphen", "Dupont-Durand", "Jean-Pierre"),
    named("spaces", "Du  Bois\tFils"),
    named("comma", "Richard,Muller"),
    named("dollar", "a$b|c\\d"),
    named("dots", "..."),
    named("long", LONG),
    named("longer", LONG + "y"),
    named("han", "\u674e", "\u5c0f\u9f99"),
    named("cyrillic", "\u0418\u0432\u0430\u043d\u043e\u0432"),
    named("text", text="Peter James Chalmers", prefix=["Dr."], suffix=["Jr."]),
    named("old", "Former", use="old", period={"start": "2001"}),
    patient("address", address=[{
        "line": ["Rue de l'Église 12", "bte 3"], "city": "Liège", "district": "Sud", "state": "Wallonie",
        "postalCode": "4000", "country": "BE", "text": "Domicile", "use": "home",
    }]),
    patient("none"),
    patient("only-extension", name=[{"_family": {"extension": [{"url": "http://x", "valueString": "X"}]}}]),
    {"resourceType": "ValueSet", "id": "set", "status": "draft", "title": "Étude 1", "description": "All *bold* codes"},
]  # fmt: skip

CASES = [
    pytest.param("given=eve", "eve evelyn lower", id="a given part with eve at the start of the name"),
    pytest.param("given=EVE", "eve evelyn lower", id="insensitive to casing"),
    pytest.param("given:contains=eve", "eve evelyn lower severine", id=":contains: Eve, Evelyn, and also Severine"),
    pytest.param("given:contains=vér", "severine", id=":contains is insensitive to accents"),
    pytest.param("given:exact=Eve", "eve", id=":exact: not eve or EVE"),
    pytest.param("family=muller", "decomposed evelyn lower severine", id="insensitive to accents in the resource"),
    pytest.param("family=MÜLL", "decomposed evelyn lower severine", id="insensitive to accents in the search"),
    pytest.param("family=Mu%CC%88ller", "decomposed evelyn lower severine", id="combining characters"),
    pytest.param("family:exact=Müller", "severine", id=":exact: the characters as they are"),
    pytest.param("family:exact=Muller", "evelyn", id=":exact: accents count"),
    pytest.param("family:exact=Mull", "", id=":exact: the entire value"),
    pytest.param("family=strauss", "sharp", id="sharp s"),
    pytest.param("family=uller", "", id="not in the middle"),
    pytest.param("family=carreno", "carreno", id="the first part of a family name"),
    pytest.param("family=quinones", "carreno", id="either should match a family name of Carreno Quinones"),
    pytest.param("family=carreno quinones", "carreno", id="both parts"),
    pytest.param("family=carrenoquinones", "carreno", id="written in one word"),
    pytest.param("family:exact=Quiñones", "", id=":exact: a part is not the whole"),
    pytest.param("family:exact=quinones", "", id=":exact: a part is not the whole, in its normal form"),
    pytest.param("family=berghe,den berg", "berghe", id="without particles"),
    pytest.param("family=vandenberghe", "berghe", id="particles in one word"),
    pytest.param("family=dhondt,d'hondt,D%E2%80%99Hondt", "hondt", id="apostrophes"),
    pytest.param("family=dupont durand", "hyphen", id="punctuation should be ignored: a hyphen"),
    pytest.param("family=durand", "hyphen", id="the second part of a family name with a hyphen"),
    pytest.param("family=duranddupont", "", id="parts in their order"),
    pytest.param("given=Jean Pierre", "hyphen", id="punctuation should be ignored: of a given name"),
    pytest.param("family=du bois  fils", "spaces", id="non-significant whitespace should be ignored"),
    pytest.param("family=%20dubois ", "spaces", id="the beginning of the one word"),
    pytest.param("family=duboisfils", "spaces", id="whitespace in one word"),
    pytest.param("family=Richard\\,Muller", "comma", id="an escaped comma"),
    pytest.param("family:exact=Richard\\,Muller", "comma", id=":exact: an escaped comma"),
    pytest.param("family:exact=a\\$b\\|c\\\\d", "dollar", id=":exact: all that is escaped"),
    pytest.param("family:exact=a$b|c\\\\d", "dollar", id="what needs no escape in a string"),
    pytest.param("family=richard,strau", "comma sharp", id="or"),
    pytest.param("family=muller&given=eve", "evelyn lower", id="and"),
    pytest.param("family=...", "dots", id="nothing but punctuation is compared as it is written"),
    pytest.param("family=.", "dots", id="nothing but punctuation: the beginning"),
    pytest.param("family=-,?,*,%25", "", id="no wildcards"),
    pytest.param("family:exact=...", "dots", id=":exact: nothing but punctuation"),
    pytest.param("family:contains=*", "", id=":contains: nothing but punctuation"),
    pytest.param("family=ærø", "long longer", id="a long value by its beginning"),
    pytest.param(f"family={LONG}", "long longer", id="a long value by all of it"),
    pytest.param(f"family={LONG}y", "longer", id="a longer value"),
    pytest.param(f"family:exact={LONG}", "long", id=":exact: a long value"),
    pytest.param("family:contains=xxxy", "longer", id=":contains: at the end of a long value"),
    pytest.param("family:contains=uller", "comma decomposed evelyn lower severine", id=":contains: in the middle"),
    pytest.param("family:contains=xxy,OISFI", "longer spaces", id=":contains: or"),
    pytest.param("family:text=muller", "comma decomposed evelyn lower severine", id=":text: a word anywhere"),
    pytest.param("family:text=mul", "", id=":text: whole words"),
    pytest.param("family:text=mul*", "comma decomposed evelyn lower severine", id=":text: the beginning of a word"),
    pytest.param("name:text=Müller eve*", "evelyn lower", id=":text: two words, of two parts of a name"),
    pytest.param("name:text=muller NOT eve*", "comma decomposed severine", id=":text: not"),
    pytest.param("name:text=(durand OR quinones) AND jean", "hyphen", id=":text: or, and"),
    pytest.param('name:text="james chalmers"', "text", id=":text: neighbours"),
    pytest.param('name:text="peter chalmers"', "", id=":text: no neighbours"),
    pytest.param("address:text=rue 4000", "address", id=":text: an address"),
    pytest.param("family:text=xxx", "", id=":text: nothing in a long value"),
    pytest.param(f"family:text={'x' * 1100}", "long", id=":text: in a long value"),
    pytest.param("name=\u674e", "han", id="Chinese"),
    pytest.param("name:contains=\u9f99", "han", id=":contains: Chinese"),
    pytest.param("name=\u0438\u0432\u0430\u043d", "cyrillic", id="Cyrillic, insensitive to casing"),
    pytest.param("name=eve", "eve evelyn lower", id="HumanName: given"),
    pytest.param("name=muller", "decomposed evelyn lower severine", id="HumanName: family"),
    pytest.param("name=peter james", "text", id="HumanName: text"),
    pytest.param("name=chalm", "text", id="HumanName: the parts of its text"),
    pytest.param("name=dr", "text", id="HumanName: prefix"),
    pytest.param("name=jr", "text", id="HumanName: suffix"),
    pytest.param("name=old,2001", "", id="the search does not cover elements such as use and period"),
    pytest.param("address=rue de l'eglise 12", "address", id="Address: line"),
    pytest.param("address=LIEGE&address=4000&address=be&address=bte", "address", id="Address: each part"),
    pytest.param("address=home", "", id="Address: not its use"),
    pytest.param("address-city=liè", "address", id="a part of the address"),
    pytest.param("address-country=BE&address-postalcode=40&address-state=wal", "address", id="parts of the address"),
    pytest.param("name:missing=true", "address none only-extension", id=":missing=true: extensions are no value"),
    pytest.param("address:missing=false", "address", id=":missing=false"),
    pytest.param("phonetic=eve", "eve evelyn lower", id="phonetic is a string"),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_string(selects: Selects, query: str, expected: str) -> None:
    assert await selects(f"Patient?{query}") == expected


async def test_string_and_markdown_elements(selects: Selects) -> None:
    assert await selects("ValueSet?title=etude&description=all bold") == "set"


@pytest.mark.parametrize("modifier", ["text-advanced", "not", "above", "in"])
async def test_a_modifier_that_is_not_supported_is_rejected(door: Door, modifier: str) -> None:
    with pytest.raises(BadRequest):
        await door.search(f"Patient?family:{modifier}=x", lenient=True)
