"""Uri parameters — http://hl7.org/fhir/R4/search.html#uri"""

import pytest

from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.resource import Json, Resource
from tests.door import Door, Selects

ACME = "http://acme.org/fhir/ValueSet/123"


def value_set(name: str, url: str | None = None, **more: Json) -> Resource:
    return {"resourceType": "ValueSet", "id": name, "status": "active", **({"url": url} if url else {}), **more}


URLS = {
    "acme": ACME,
    "acme-4": f"{ACME}4",
    "deeper": f"{ACME}/x",
    "upper": "http://acme.org/FHIR/ValueSet/123",
    "root": "http://acme.org/fhir",
    "slash": "http://acme.org/fhir/",
    "fragment": "http://acme.org/fhir#a,b",
    "encoded": "http://acme.org/a%20b",
    "oid": "urn:oid:1.2.3.4.5",
    "oid-6": "urn:oid:1.2.3.4.5.6",
    "urn-path": "urn://localhost/test",
}
PROFILE = "http://acme.org/profile"
RESOURCES = [
    *(value_set(name, url) for name, url in URLS.items()),
    value_set("v1", "http://v.org/s", version="1.0"),
    value_set("v2", "http://v.org/s", version="2.0"),
    value_set("none"),
    value_set("profiled", meta={"profile": [PROFILE]}),
    value_set("versioned", meta={"profile": [f"{PROFILE}|1.0"], "source": "http://source.org/1"}),
]
BELOW = "acme acme-4 deeper"

CASES = [
    pytest.param(f"url={ACME}", "acme", id="matches are precise: the entire URI must match"),
    pytest.param("url=http://acme.org/FHIR/ValueSet/123", "upper", id="matches are precise: case"),
    pytest.param("url=http://acme.org/fhir", "root", id="matches are precise: not with a slash"),
    pytest.param("url=http://acme.org/a%2520b", "encoded", id="matches are precise: escapes"),
    pytest.param("url=urn:oid:1.2.3.4.5", "oid", id="searching by an OID"),
    pytest.param("url=http://acme.org/fhir#a\\,b", "fragment", id="an escaped comma"),
    pytest.param(f"url={ACME},urn:oid:1.2.3.4.5", "acme oid", id="or"),
    pytest.param("url:below=http://acme.org/fhir/", f"{BELOW} slash", id=":below: a URL that starts with it"),
    pytest.param(f"url:below={ACME}", BELOW, id=":below left-matches the value"),
    pytest.param("url:below=http://acme.org/fhir", f"{BELOW} fragment root slash", id=":below: with what follows"),
    pytest.param("url:below=urn:oid:1.2.3.4.5", "oid", id=":below does not apply to URNs such as OIDs"),
    pytest.param(f"url:above={ACME}/_history/5", "acme root slash", id=":above: the value left-matches it"),
    pytest.param(f"url:above={ACME}", "acme root slash", id=":above: it and what it is under"),
    pytest.param("url:above=http://acme.org/fhirs", "root", id=":above: no more than a beginning"),
    pytest.param("url:above=urn:oid:1.2.3.4.5.6", "oid-6", id=":above does not apply to URNs such as OIDs"),
    pytest.param("url:above=test", "", id=":above: what is no URL"),
    pytest.param("url=http://v.org/s", "v1 v2", id="a canonical reference without version"),
    pytest.param("url=http://v.org/s|2.0", "v2", id="a |[version] portion is a search on the version"),
    pytest.param("url=http://v.org/s|3.0", "", id="a |[version] portion: no such version"),
    pytest.param("url=http://v.org/s\\|2.0", "", id="an escaped bar is part of the url"),
    pytest.param(f"_profile={PROFILE}", "profiled versioned", id="_profile: whatever its version"),
    pytest.param(f"_profile={PROFILE}|1.0", "versioned", id="_profile: with its version"),
    pytest.param("_profile=http://acme.org/prof", "", id="_profile: the entire URI must match"),
    pytest.param("_profile:below=http://acme.org/prof", "profiled versioned", id="_profile:below"),
    pytest.param("_source=http://source.org/1", "versioned", id="_source"),
    pytest.param("url:missing=true", "none profiled versioned", id=":missing=true"),
    pytest.param("_profile:missing=false", "profiled versioned", id=":missing=false"),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_uri(selects: Selects, query: str, expected: str) -> None:
    assert await selects(f"ValueSet?{query}") == expected


async def test_above_a_very_long_url(selects: Selects) -> None:
    assert await selects(f"ValueSet?url:above={ACME}/{'z' * 3000}") == "acme root slash"


@pytest.mark.parametrize("modifier", ["exact", "contains", "text", "not"])
async def test_a_modifier_that_is_not_supported_is_rejected(door: Door, modifier: str) -> None:
    with pytest.raises(BadRequest):
        await door.search(f"ValueSet?url:{modifier}=http://x", lenient=True)
