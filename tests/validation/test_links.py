"""Links that a transaction replaces — http://hl7.org/fhir/R4/http.html#trules

"a server SHALL replace all matching links in the bundle, whether they are found in the resource ids, resource
references, elements of type uri, url, oid, uuid, and <a href="" & <img src="" in the narrative. Elements of type
canonical are not replaced."
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.validation.links import LinkFinder
from fhirserver.validation.raw_strings import Change, replace_strings
from fhirserver.validation.references import Renaming

OLD = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
NEW = "Patient/1"
DIV = '<div xmlns=\\"http://www.w3.org/1999/xhtml\\">{}</div>'


def _in_div(content: str) -> str:
    return f'"text":{{"status":"generated","div":"{DIV.format(content)}"}}'


REPLACED = [
    pytest.param(f'"subject":{{"reference":"{OLD}"}}', ["reference .subject.reference"], id="resource references"),
    pytest.param(
        f'"performer":[{{"display":"a"}},{{"reference":"{OLD}"}}]', ["reference .performer[1].reference"], id="*"
    ),
    pytest.param(f'"subject":{{"type":"{OLD}"}}', ["uri .subject.type"], id="a uri in a reference"),
    pytest.param(f'"implicitRules":"{OLD}"', ["uri .implicitRules"], id="elements of type uri"),
    pytest.param(
        f'"extension":[{{"url":"http://a","valueUrl":"{OLD}"}}]', ["uri .extension[0].value"], id="of type url"
    ),
    pytest.param(
        f'"extension":[{{"url":"http://a","valueOid":"{OLD}"}}]', ["uri .extension[0].value"], id="of type oid"
    ),
    pytest.param(
        f'"extension":[{{"url":"http://a","valueUuid":"{OLD}"}}]', ["uri .extension[0].value"], id="of type uuid"
    ),
    pytest.param(
        f'"_status":{{"extension":[{{"url":"http://a","valueUri":"{OLD}"}}]}}',
        ["uri .status.extension[0].value"],
        id="in an extension of a primitive",
    ),
    pytest.param(
        f'"contained":[{{"resourceType":"Patient","id":"a","link":[{{"other":{{"reference":"{OLD}"}}}}]}}]',
        ["reference .contained[0].link[0].other.reference"],
        id="in a contained resource",
    ),
    pytest.param(
        f'"valueString":"{OLD}","subject":{{"display":"{OLD}","reference":"{OLD}"}}',
        ["reference .subject.reference"],
        id="beside equal strings that are no links",
    ),
    pytest.param(_in_div(f'<a href=\\"{OLD}\\">x</a>'), ["narrative .text.div"], id="a href in the narrative"),
    pytest.param(
        _in_div(f'<img alt=\\"x\\" src=\\"{OLD}\\"/>'), ["narrative .text.div"], id="img src in the narrative"
    ),
    pytest.param(_in_div(f"<a\\n href = '{OLD}'>x</a>"), ["narrative .text.div"], id="with apostrophes and line feeds"),
    pytest.param(
        _in_div(f'<a href=\\"{OLD}\\">{OLD}</a><a href=\\"{OLD}\\"/>'), ["narrative .text.div"] * 2, id="twice in one"
    ),
]
KEPT = [
    pytest.param(f'"identifier":[{{"value":"{OLD}"}}]', id="Identifier.value"),
    pytest.param(f'"identifier":[{{"system":"http://a","value":"{OLD}"}}]', id="Identifier.value beside a uri"),
    pytest.param(f'"meta":{{"profile":["{OLD}"]}}', id="elements of type canonical"),
    pytest.param(f'"extension":[{{"url":"http://a","valueCanonical":"{OLD}"}}]', id="a canonical in an extension"),
    pytest.param(f'"valueString":"{OLD}"', id="a string"),
    pytest.param(f'"code":{{"text":"{OLD}"}}', id="a text"),
    pytest.param(f'"subject":{{"reference":"{OLD}#x"}}', id="a link that only begins like it"),
    pytest.param(_in_div(f"{OLD}"), id="text in the narrative"),
    pytest.param(_in_div(f'<p title=\\"{OLD}\\" id=\\"href\\">x</p>'), id="another attribute"),
    pytest.param(_in_div(f'<a name=\\"{OLD}\\">href</a>'), id="a name"),
    pytest.param(_in_div(f'<abbr href=\\"{OLD}\\">x</abbr>'), id="another element"),
    pytest.param(_in_div(f'<!-- <a href=\\"{OLD}\\">x</a> -->y'), id="a comment"),
    pytest.param(_in_div(f'<![CDATA[<a href=\\"{OLD}\\">x</a>]]>'), id="a CDATA section"),
    pytest.param(f'"subject":"{OLD}","performer":{{"reference":"{OLD}"}}', id="values of a wrong type"),
    pytest.param('"contained":[{"resourceType":"X"},5],"name":null', id="resources that are none"),
]


def _observation(members: str) -> bytes:
    return f'{{"resourceType":"Observation","valueQuantity":{{"value":1.00}},{members}}}'.encode()


@pytest.mark.parametrize(("members", "expected"), REPLACED)
def test_replaced(finder: LinkFinder, members: str, expected: list[str]) -> None:
    raw = _observation(members)
    resource = parse_json(raw)
    links = finder.find(resource, "Observation", {OLD}.__contains__)
    assert [f"{link.kind} {link.expression.removeprefix('Observation')}" for link in links] == expected
    assert {link.value for link in links} == {OLD}
    assert all(OLD in link.container[link.key] for link in links)
    replaced = finder.rename(raw, resource, Renaming.of({OLD: NEW}))
    assert b'"value":1.00}' in replaced
    assert finder.find(parse_json(replaced), "Observation", {OLD}.__contains__) == []
    now = finder.find(parse_json(replaced), "Observation", {NEW}.__contains__)
    assert [link.expression for link in now] == [link.expression for link in links]
    narrative = sum(link.kind == "narrative" for link in links)
    assert narrative or replaced.count(OLD.encode()) == raw.count(OLD.encode()) - len(links)


@pytest.mark.parametrize("members", KEPT)
def test_kept(finder: LinkFinder, members: str) -> None:
    raw = _observation(members)
    resource = parse_json(raw)
    assert finder.find(resource, "Observation", {OLD}.__contains__) == []
    assert finder.rename(raw, resource, Renaming.of({OLD: NEW})) is raw


def test_links_come_in_document_order(finder: LinkFinder) -> None:
    raw = _observation(f'"performer":[{{"reference":"b"}}],"subject":{{"reference":"a"}},{_in_div("<a href=@c@/>")}')
    resource = parse_json(raw.replace(b"@", b'\\"'))
    assert [link.value for link in finder.find(resource, "Observation", lambda _: True)] == ["b", "a", "c"]


def test_every_other_byte_survives(finder: LinkFinder) -> None:
    raw = (
        b'{ "resourceType" : "Observation" ,\n "valueQuantity":{"value":1.0E+2,"system":"X"},"status":"f\\u0069nal",'
        b'"identifier":[{"value":"X","system":"X"}],"subject":{"reference":"X"},"note":[{"text":"say \\"X\\" \\\\"}]}'
    )
    resource = parse_json(raw)
    expected = raw.replace(b'"system":"X"', b'"system":"Y/\xc3\xa9"').replace(
        b'"reference":"X"', b'"reference":"Y/\xc3\xa9"'
    )
    assert finder.rename(raw, resource, Renaming.of({"X": "Y/é"})) == expected


@pytest.mark.parametrize("written", ["Patient\\/1", "\\u0050atient/1", "Patient/1"])
def test_escapes_do_not_hide_a_link(finder: LinkFinder, written: str) -> None:
    raw = _observation(f'"subject":{{"reference":"{written}"}}')
    replaced = finder.rename(raw, parse_json(raw), Renaming.of({"Patient/1": "Patient/2"}))
    assert parse_json(replaced)["subject"] == {"reference": "Patient/2"}


def test_entities_of_a_narrative_do_not_hide_a_link(finder: LinkFinder) -> None:
    raw = _observation(_in_div('<a href=\\"http://a?b&amp;c=&#x31;\\">x</a>'))
    mapping = {"http://a?b&c=1": 'http://x?"&<>'}
    resource = parse_json(finder.rename(raw, parse_json(raw), Renaming.of(mapping)))
    assert "<a href='http://x?\"&amp;&lt;&gt;'>x</a>" in resource["text"]["div"]
    assert [link.value for link in finder.find(resource, "Observation", lambda _: True)] == ['http://x?"&<>']


RENAMED = {OLD: NEW, "Patient/1": "Patient/2", "http://a/fhir/Patient/1": "Patient/3"}
TRAPS = [
    *(case.values[0] for case in (*REPLACED, *KEPT)),
    f'"subject":{{"reference":"{OLD}","display":"{OLD}"}}',
    f'"subject":{{"reference":"{OLD}"}},"note":[{{"text":"of {OLD}"}}]',
    '"subject":{"reference":"Patient/1"},"performer":[{"reference":"Patient/1"},{"reference":"Patient/11"}]',
    '"subject":{"reference":"http://a/fhir/Patient/1"},"focus":[{"reference":"Patient/1"}]',
    '"subject":{"reference":"Patient/1"},"encounter":{"reference":"Patient\\/1"}',
    '"subject":{"reference":"Patient/1"},"encounter":{"reference":"\\u0050atient/1"}',
    f'"subject":{{"reference":"{OLD}"}},"extension":[{{"url":"x","valueReference":{{"reference":"{OLD}"}}}}]',
    f'"subject":{{"reference":"{OLD}"}},"extension":[{{"url":"x","valueUri":"{OLD}"}}]',
    f'"identifier":[{{"system":"x","assigner":{{"reference":"{OLD}"}}}}]',
    f'"contained":[{{"resourceType":"Group","member":[{{"entity":{{"reference":"{OLD}"}}}}]}}]',
]


@pytest.mark.parametrize("members", TRAPS)
def test_references_renamed_by_their_bytes_are_those_found_by_a_walk(finder: LinkFinder, members: str) -> None:
    raw = _observation(members)
    resource = parse_json(raw)
    walked = finder._rename_everywhere(raw, resource, RENAMED)
    assert finder.rename(raw, resource, Renaming.of(RENAMED)) == walked


def test_names_that_follow_one_another_change_once(finder: LinkFinder) -> None:
    raw = _observation('"subject":{"reference":"Patient/1"},"focus":[{"reference":"Patient/2"}]')
    names = {"Patient/1": "Patient/2", "Patient/2": "Patient/3"}
    resource = parse_json(finder.rename(raw, parse_json(raw), Renaming.of(names)))
    assert (resource["subject"], resource["focus"]) == ({"reference": "Patient/2"}, [{"reference": "Patient/3"}])


@pytest.mark.parametrize("name", ['urn:uuid:a"b', "urn:uuid:a\\b", "urn:uuid:a\tb", "urn:uuid:é"])
def test_names_may_hold_any_character(finder: LinkFinder, name: str) -> None:
    raw = _observation(f'"subject":{{"reference":{json.dumps(name)}}}')
    resource = parse_json(finder.rename(raw, parse_json(raw), Renaming.of({name: NEW})))
    assert resource["subject"] == {"reference": NEW}


def test_many_links_at_once(finder: LinkFinder) -> None:
    references = ",".join(f'{{"reference":"urn:uuid:{n}"}}' for n in range(50))
    raw = _observation(f'"performer":[{references}],"valueString":"urn:uuid:7"')
    mapping = {f"urn:uuid:{n}": f"Practitioner/{n}" for n in range(50)}
    resource = parse_json(finder.rename(raw, parse_json(raw), Renaming.of(mapping)))
    assert [found["reference"] for found in resource["performer"]] == [f"Practitioner/{n}" for n in range(50)]
    assert resource["valueString"] == "urn:uuid:7"


def test_a_bundle_is_searched_through(finder: LinkFinder) -> None:
    raw = f'{{"resourceType":"Bundle","entry":[{{"resource":{_observation(f"{REPLACED[0].values[0]}").decode()}}}]}}'
    links = finder.find(parse_json(raw.encode()), "Bundle", {OLD}.__contains__)
    assert [link.expression for link in links] == ["Bundle.entry[0].resource.subject.reference"]


STRINGS = st.sampled_from(["a", "b", ":", ",", '"', "\\", "a b", "é", "", '":"', "/", "a\\"]) | st.text(max_size=4)
VALUES = st.recursive(
    STRINGS | st.integers(), lambda i: st.lists(i, max_size=3) | st.dictionaries(STRINGS, i, max_size=4), max_leaves=12
)


@settings(max_examples=150, deadline=None)
@given(value=st.dictionaries(STRINGS, VALUES, max_size=5), data=st.data())
def test_any_string_is_replaced_where_it_stands(value: dict[str, Any], data: st.DataObject) -> None:
    """Replacing bytes and decoding is the same as decoding and replacing values, for any JSON and any escapes."""
    places = list(_places(value))
    chosen = data.draw(st.lists(st.sampled_from(places), unique=True)) if places else []
    raw = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.none() | st.just(1))).encode()
    changed = {
        (id(c), k): Change(c[k], f"{c[k]}!") for n, (c, k) in enumerate(_containers(value)) if places[n] in chosen
    }
    replaced = replace_strings(raw, value, changed)
    for container, key in list(_containers(value)):
        if (id(container), key) in changed:
            container[key] += "!"
    assert parse_json(replaced) == value


def _places(value: Any) -> list[int]:  # noqa: ANN401
    return list(range(len(list(_containers(value)))))


def _containers(value: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401
    found = []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, str):
            found.append((value, key))
        elif isinstance(item, dict | list):
            found += _containers(item)
    return found


def test_types_are_compiled_once_for_all(definitions: Definitions) -> None:
    finder = LinkFinder(definitions)
    raw = _observation(f'"subject":{{"reference":"{OLD}"}}')
    first = finder.find(parse_json(raw), "Observation", {OLD}.__contains__)
    again = finder.find(parse_json(raw), "Observation", {OLD}.__contains__)
    assert [link.expression for link in first] == [link.expression for link in again]
