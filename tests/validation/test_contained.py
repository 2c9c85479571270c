"""Contained resources — http://hl7.org/fhir/R4/references.html#contained, domainresource.html (dom-2 to dom-5)"""

from collections.abc import Callable

import pytest

Problems = list[tuple[str, str]]
ORG = '{"resourceType":"Organization","id":"o","name":"A"}'
TO_ORG = '"managingOrganization":{"reference":"#o"}'

CASES = [
    pytest.param(f'"contained":[{ORG}],{TO_ORG}', [], id="dom-3: referred to from elsewhere in the resource"),
    pytest.param(f'{TO_ORG},"contained":[{ORG}]', [], id="dom-3: whatever the order"),
    pytest.param(f'"contained":[{ORG}]', [("invariant", ".contained[0]")], id="dom-3: not referred to"),
    pytest.param(
        '"contained":[{"resourceType":"Organization","id":"o","name":"A","partOf":{"reference":"#"}}]',
        [],
        id="dom-3: refers to the containing resource",
    ),
    pytest.param(
        f'"contained":[{ORG}],"generalPractitioner":[{{"reference":"#"}}]',
        [("invariant", ".contained[0]")],
        id="dom-3: a # outside of it is not its own",
    ),
    pytest.param(
        '"contained":[{"resourceType":"Organization","id":"o","name":"A","partOf":{"reference":"#p"}},'
        '{"resourceType":"Organization","id":"p","name":"A","partOf":{"reference":"#o"}}]',
        [],
        id="dom-3: referred to from another contained resource",
    ),
    pytest.param(
        f'"contained":[{ORG}],"extension":[{{"url":"http://a.b/c","valueUri":"#o"}}]', [], id="dom-3: by a uri"
    ),
    pytest.param(
        f'"contained":[{ORG}],"extension":[{{"url":"http://a.b/c","valueUrl":"#o"}}]', [], id="dom-3: by a url"
    ),
    pytest.param(
        f'"contained":[{ORG}],"extension":[{{"url":"http://a.b/c","valueCanonical":"#o"}}]',
        [],
        id="dom-3: by a canonical",
    ),
    pytest.param(
        f'"contained":[{ORG}],"extension":[{{"url":"http://a.b/c","valueString":"#o"}}]',
        [("invariant", ".contained[0]")],
        id="dom-3: a string is no reference",
    ),
    pytest.param(
        '"contained":[{"resourceType":"Organization","id":"o","name":"A","extension":[{"url":"http://a.b/c","valueUri":"#"}]}]',
        [("invariant", ".contained[0]")],
        id="dom-3: # counts in references and canonicals only",
    ),
    pytest.param(
        '"contained":[{"resourceType":"Organization","id":"o","name":"A","extension":[{"url":"http://a.b","valueCanonical":"#"}]}]',
        [],
        id="dom-3: # as a canonical",
    ),
    pytest.param(
        '"contained":[{"resourceType":"Organization","id":"o","name":"A","contained":[{"resourceType":"Patient","id":"x"}]}],'
        + TO_ORG,
        [("invariant", ".contained[0].contained")],
        id="dom-2: shall not contain nested resources",
    ),
    pytest.param(
        '"contained":[{"resourceType":"Organization","id":"o","name":"A","meta":{"versionId":"1"}}],' + TO_ORG,
        [("invariant", ".contained[0]")],
        id="dom-4: no meta.versionId",
    ),
    pytest.param(
        '"contained":[{"resourceType":"Organization","id":"o","name":"A","meta":{"lastUpdated":"2020-01-01T00:00:00Z"}}],'
        + TO_ORG,
        [("invariant", ".contained[0]")],
        id="dom-4: no meta.lastUpdated",
    ),
    pytest.param(
        '"contained":[{"resourceType":"Organization","id":"o","name":"A","meta":{"security":[{"code":"R"}],"tag":[{"code":"a"}]}}],'
        + TO_ORG,
        [("invariant", ".contained[0]")],
        id="dom-5: no security label",
    ),
    pytest.param(
        '"contained":[{"resourceType":"Organization","name":"A"}]',
        [("required", ".contained[0]")],
        id="contained resources have ids",
    ),
    pytest.param(
        f'"contained":[{ORG},{ORG}],{TO_ORG}', [("value", ".contained[1].id")], id="ids are unique within the container"
    ),
    pytest.param(
        '"contained":[{"resourceType":"Organization","id":"o","name":5}],' + TO_ORG,
        [("structure", ".contained[0].name")],
        id="contained resources are checked",
    ),
    pytest.param(
        '"contained":[{"resourceType":"Observation","id":"o","status":"x","code":{"text":"a"}}],' + TO_ORG,
        [("code-invalid", ".contained[0].status")],
        id="their required codes too",
    ),
    pytest.param('"contained":[{"id":"o"}],' + TO_ORG, [("structure", ".contained[0]")], id="resourceType is missing"),
    pytest.param('"contained":[5]', [("structure", ".contained[0]")], id="not an object"),
    pytest.param('"contained":{}', [("structure", ".contained")], id="not an array"),
    pytest.param(TO_ORG, [("invariant", ".managingOrganization.reference")], id="ref-1: a local reference resolves"),
    pytest.param(
        f'"contained":[{ORG}],"managingOrganization":{{"reference":"#O"}}',
        [("invariant", ".contained[0]"), ("invariant", ".managingOrganization.reference")],
        id="ref-1: ids are case sensitive",
    ),
]


@pytest.mark.parametrize(("members", "expected"), CASES)
def test_contained(problems_of: Callable[[str], Problems], members: str, expected: Problems) -> None:
    assert problems_of(f'{{"resourceType":"Patient",{members}}}') == [(c, "Patient" + path) for c, path in expected]


def test_entries_of_a_bundle_are_containers_of_their_own(problems_of: Callable[[str], Problems]) -> None:
    inside = f'{{"resource":{{"resourceType":"Patient","contained":[{ORG}],{TO_ORG}}}}}'
    outside = f'{{"resource":{{"resourceType":"Patient",{TO_ORG}}}}}'
    text = f'{{"resourceType":"Bundle","type":"collection","entry":[{inside},{outside},{inside}]}}'
    assert problems_of(text) == [("invariant", "Bundle.entry[1].resource.managingOrganization.reference")]


def test_a_contained_bundle_may_refer_to_its_container_and_to_others(problems_of: Callable[[str], Problems]) -> None:
    """dom-3 looks at all descendants, those in the entries of a contained Bundle included."""
    entry = '{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"#"},"implicitRules":"#o"}}'
    bundle = f'{{"resourceType":"Bundle","id":"b","type":"collection","entry":[{entry}]}}'
    assert problems_of(f'{{"resourceType":"Patient","contained":[{ORG},{bundle}]}}') == []


REFERENCES = [
    pytest.param("Patient/1", True, id="relative"),
    pytest.param("Patient/1/_history/2", True, id="relative, version specific"),
    pytest.param("http://a.b/fhir/Patient/1", True, id="absolute"),
    pytest.param("https://a.b/x?y=z#f", True, id="any absolute URL"),
    pytest.param("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", True, id="a urn"),
    pytest.param("Patient?identifier=http://a|b c", True, id="a conditional reference"),
    pytest.param("#", True, id="the container"),
    pytest.param("Patient", False, id="a type alone"),
    pytest.param("1", False, id="an id alone"),
    pytest.param("Patient/", False, id="no id"),
    pytest.param("patient/1", False, id="types are case sensitive"),
    pytest.param("Pacient/1", False, id="a type that R4 does not define"),
    pytest.param("Patient/1_2", False, id="an id that is none"),
    pytest.param("Patient/1/2", False, id="one part too many"),
    pytest.param("Patient/1/_history/", False, id="an empty version"),
    pytest.param(" Patient/1", False, id="white space before"),
    pytest.param("http://a b/Patient/1", False, id="white space inside"),
    pytest.param("/Patient/1", False, id="a leading slash"),
    pytest.param("Pacient?name=a", False, id="a conditional reference to no type"),
]


@pytest.mark.parametrize(("literal", "is_valid"), REFERENCES)
def test_literal_reference(problems_of: Callable[[str], Problems], literal: str, is_valid: bool) -> None:
    text = f'{{"resourceType":"Patient","managingOrganization":{{"reference":"{literal}"}}}}'
    assert problems_of(text) == ([] if is_valid else [("value", "Patient.managingOrganization.reference")])
