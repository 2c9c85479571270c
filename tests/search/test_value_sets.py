"""``:in :not-in :above :below`` on codes — http://hl7.org/fhir/R4/search.html#modifiers"""

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.resource import Json, Resource
from fhirserver.repository.requests import Delete
from tests.door import Door, beside, opened

TREE, FLAT, LOOP = "http://acme.org/tree", "http://acme.org/flat", "http://acme.org/loop"
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
ROLE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"


def condition(name: str, *codings: tuple[str, str], **more: Json) -> Resource:
    code = {"code": {"coding": [{"system": system, "code": code} for system, code in codings]}} if codings else {}
    return {"resourceType": "Condition", "id": name, "subject": {"reference": "Patient/1"}, **code, **more}


def code_system(name: str, url: str, *concepts: Json, content: str = "complete") -> Resource:
    more = {"concept": list(concepts)} if concepts else {}
    return {"resourceType": "CodeSystem", "id": name, "url": url, "status": "active", "content": content, **more}


def value_set(name: str, *include: Json, exclude: Json = None, **more: Json) -> Resource:
    compose = {"include": list(include), **({"exclude": exclude} if exclude else {})}
    content = {"compose": compose} if include else {}
    return {"resourceType": "ValueSet", "id": name, "url": f"http://acme.org/vs/{name}", "status": "active", **content,
            **more}  # fmt: skip


def parent(code: str, of: str) -> Json:
    return {"code": code, "property": [{"code": "parent", "valueCode": of}]}


RESOURCES = [
    code_system("tree", TREE,
                {"code": "root", "concept": [{"code": "branch", "concept": [{"code": "leaf"}]}, {"code": "twig"}]}),
    code_system("flat", FLAT, {"code": "top"}, parent("middle", "top"), parent("bottom", "middle"),
                {"code": "other", "property": [{"code": "child", "valueCode": "bottom"},
                                               {"code": "colour", "valueString": "green"}]}),
    code_system("loop", LOOP, parent("a", "b"), parent("b", "a")),
    code_system("elsewhere", "http://acme.org/elsewhere", content="not-present"),
    value_set("listed", {"system": TREE, "concept": [{"code": "leaf"}, {"code": "nowhere"}]}),
    value_set("whole", {"system": TREE}),
    value_set("is-a", {"system": TREE, "filter": [{"property": "concept", "op": "is-a", "value": "branch"}]}),
    value_set("equal", {"system": FLAT, "filter": [{"property": "colour", "op": "=", "value": "green"}]}),
    value_set("regex", {"system": FLAT, "filter": [{"property": "code", "op": "regex", "value": "(top|bot)[a-z]*"}]}),
    value_set("hostile", {"system": FLAT, "filter": [{"property": "code", "op": "regex", "value": "(o+)+$"}]}),
    value_set("back", {"system": FLAT, "filter": [{"property": "code", "op": "regex", "value": "(t)op\\1"}]}),
    value_set("imports", {"valueSet": ["http://acme.org/vs/is-a"]}, {"valueSet": ["http://acme.org/vs/equal"]}),
    value_set("common", {"valueSet": ["http://acme.org/vs/is-a", "http://acme.org/vs/listed"]}),
    value_set("excludes", {"system": TREE}, exclude=[{"valueSet": ["http://acme.org/vs/is-a"]}]),
    value_set("circular", {"valueSet": ["http://acme.org/vs/circular"]}),
    value_set("unknown-import", {"valueSet": ["http://acme.org/vs/nowhere"]}),
    value_set("unknown-system", {"system": "http://acme.org/nowhere"}),
    value_set("not-held", {"system": "http://acme.org/elsewhere"}),
    value_set("expanded", expansion={"timestamp": "2020-01-01", "contains": [
        {"system": TREE, "code": "twig", "contains": [{"system": TREE, "code": "leaf"}]}]}),
    value_set("empty"),
    condition("root", (TREE, "root")),
    condition("branch", (TREE, "branch"), (FLAT, "top")),
    condition("leaf", (TREE, "leaf")),
    condition("twig", (TREE, "twig")),
    condition("bottom", (FLAT, "bottom")),
    condition("other", (FLAT, "other")),
    condition("same-code", ("http://elsewhere", "leaf")),
    condition("loop", (LOOP, "a")),
    condition("none", category=[{"coding": [{"system": CATEGORY, "code": "problem-list-item"}]}]),
    {"resourceType": "Patient", "id": "male", "gender": "male"},
    {"resourceType": "Patient", "id": "unsaid"},
    {"resourceType": "RelatedPerson", "id": "mother", "patient": {"reference": "Patient/male"},
     "relationship": [{"coding": [{"system": ROLE, "code": "NMTH"}]}]},
    {"resourceType": "DocumentReference", "id": "xml", "status": "current",
     "content": [{"attachment": {"contentType": "text/xml; charset=UTF-8", "title": "x"}}]},
    {"resourceType": "DocumentReference", "id": "text", "status": "current",
     "content": [{"attachment": {"contentType": "text/plain", "title": "x"}}]},
    {"resourceType": "DocumentReference", "id": "pdf", "status": "current",
     "content": [{"attachment": {"contentType": "application/pdf", "title": "x"}}]},
]  # fmt: skip
ALL = {r["id"] for r in RESOURCES if r["resourceType"] == "Condition"}


def but(*names: str) -> str:
    return " ".join(sorted(ALL - set(names)))


def vs(name: str) -> str:
    return f"http://acme.org/vs/{name}"


CASES = [
    pytest.param(f"code:in={vs('listed')}", "leaf", id=":in: the coding is in the value set, with its system"),
    pytest.param("code:in=ValueSet/listed", "leaf", id=":in: a literal reference"),
    pytest.param("code:in=http://localhost:8080/fhir/ValueSet/listed", "leaf", id=":in: an absolute literal reference"),
    pytest.param(f"code:in={vs('whole')}", "branch leaf root twig", id=":in: a whole code system"),
    pytest.param(f"code:in={vs('is-a')}", "branch leaf", id=":in: is-a"),
    pytest.param(f"code:in={vs('equal')}", "other", id=":in: a property"),
    pytest.param(f"code:in={vs('regex')}", "bottom branch", id=":in: a regular expression"),
    pytest.param(f"code:in={vs('hostile')}", "", id=":in: in linear time"),
    pytest.param(f"code:in={vs('imports')}", "branch leaf other", id=":in: imported value sets"),
    pytest.param(f"code:in={vs('common')}", "leaf", id=":in: what all imported value sets have"),
    pytest.param(f"code:in={vs('excludes')}", "root twig", id=":in: what is not excluded"),
    pytest.param(f"code:in={vs('expanded')}", "leaf twig", id=":in: the codes of an expansion"),
    pytest.param(f"code:in={vs('listed')},{vs('equal')}", "leaf other", id=":in: any of two"),
    pytest.param(f"code:not-in={vs('whole')}", but("branch", "leaf", "root", "twig"), id=":not-in"),
    pytest.param(f"code:not-in={vs('listed')},{vs('equal')}", but("leaf", "other"), id=":not-in: none of two"),
    pytest.param("category:in=http://hl7.org/fhir/ValueSet/condition-category", "none", id=":in: of the core package"),
    pytest.param(f"code:below={TREE}|branch", "branch leaf", id=":below: what it subsumes, and itself"),
    pytest.param(f"code:below={TREE}|root", "branch leaf root twig", id=":below: to any depth"),
    pytest.param(f"code:above={TREE}|leaf", "branch leaf root", id=":above: what subsumes it, and itself"),
    pytest.param(f"code:above={TREE}|root", "root", id=":above: the root"),
    pytest.param(f"code:below={FLAT}|top", "bottom branch", id=":below: by the property parent"),
    pytest.param(f"code:below={FLAT}|other", "bottom other", id=":below: by the property child"),
    pytest.param(f"code:above={FLAT}|bottom", "bottom branch other", id=":above: by the properties parent and child"),
    pytest.param(f"code:below={LOOP}|a", "loop", id=":below: a circle ends"),
    pytest.param(f"code:below={TREE}|nowhere", "", id=":below: a code that nobody has"),
    pytest.param(f"code:below={TREE}|branch,{FLAT}|other", "bottom branch leaf other", id=":below: any of two"),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_code(door: Door, query: str, expected: str) -> None:
    assert " ".join(sorted(await door.ids(f"Condition?{query}"))) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", "male"),
        ("Patient?gender:not-in=http://hl7.org/fhir/ValueSet/administrative-gender", "unsaid"),
        ("Patient?gender:below=male", "male"),
        (f"RelatedPerson?relationship:below={ROLE}|PRN", "mother"),
        (f"RelatedPerson?relationship:below={ROLE}|CHILD", ""),
        ("Patient?_has:Condition:patient:code:in=ValueSet/whole", ""),
        ("RelatedPerson?patient.gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", "mother"),
        ("DocumentReference?contenttype:below=text", "text xml"),
        ("DocumentReference?contenttype:below=text/xml", "xml"),
        ("DocumentReference?contenttype:below=text/x", ""),
        ("DocumentReference?contenttype:above=application/pdf", "pdf"),
    ],
)
async def test_other_elements(door: Door, query: str, expected: str) -> None:
    assert " ".join(sorted(await door.ids(query))) == expected


@pytest.mark.parametrize(
    "query",
    [
        f"code:in={vs('nowhere')}", "code:in=ValueSet/nowhere", f"code:in={vs('circular')}",
        f"code:in={vs('unknown-import')}", f"code:in={vs('unknown-system')}", f"code:in={vs('not-held')}",
        f"code:in={vs('empty')}", f"code:in={vs('back')}", "code:in=http://snomed.info/sct?fhir_vs=isa/1",
        "code:below=leaf", "code:below=|leaf", f"code:above={TREE}|", "code:below=http://acme.org/nowhere|x",
        "code:below=http://acme.org/elsewhere|x", "subject:in=ValueSet/listed", "identifier:in=ValueSet/listed",
        "onset-date:in=ValueSet/listed",
    ],
)  # fmt: skip
async def test_what_cannot_be_decided_is_refused(door: Door, query: str) -> None:
    for lenient in (False, True):
        with pytest.raises(BadRequest) as refused:
            await door.search(f"Condition?{query}", lenient=lenient)
        assert refused.value.issues[0].code in ("not-supported", "value")


async def test_the_error_names_what_is_missing(door: Door) -> None:
    with pytest.raises(BadRequest, match=r"http://acme\.org/vs/nowhere"):
        await door.search(f"Condition?code:in={vs('unknown-import')}")
    with pytest.raises(BadRequest) as refused:
        await door.search("Condition?code:in=<script>")
    assert "<" not in refused.value.diagnostics


async def test_a_change_is_seen_by_the_next_search_of_every_worker(mongodb_uri: str, knowledge: Knowledge) -> None:
    def listed(*codes: str) -> Resource:
        return value_set("changing", {"system": TREE, "concept": [{"code": code} for code in codes]})

    async with opened(mongodb_uri, knowledge) as one:
        name = one.services.store.resources.database.name
        async with beside(mongodb_uri, knowledge, name) as other:
            await one.put(condition("root", (TREE, "root")), condition("leaf", (TREE, "leaf")), listed("root"))
            await one.put(value_set("importing", {"valueSet": [vs("changing")]}))
            before = render_instant(one.services.clock())
            for worker in (one, other, one, other):
                assert await worker.ids("Condition?code:in=ValueSet/importing") == {"root"}
            await one.put(listed("leaf"))
            assert await other.ids("Condition?code:in=ValueSet/importing") == {"leaf"}
            await other.put(listed("leaf", "root"))
            assert await one.ids("Condition?code:in=ValueSet/importing") == {"leaf", "root"}
            assert await one.ids(f"Condition?code:in=ValueSet/importing&_at={before}") == {"root"}
            await other.repository.write(Delete(resource_type="ValueSet", logical_id="changing"))
            with pytest.raises(BadRequest):
                await one.ids("Condition?code:in=ValueSet/importing")
            assert await one.ids(f"Condition?code:in=ValueSet/importing&_at={before}") == {"root"}
