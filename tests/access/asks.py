"""The requests of the leak matrix, made from the table of interactions, the search parameters and the hidden resources.

Every one of them would tell of a hidden resource if some filter were missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final
from urllib.parse import quote

from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.repository.services import Services
from fhirserver.search.index import SEPARATOR, VARIANT_END
from fhirserver.search.parameters import Bound
from tests.access.asks_to_write import bundle, conditional, key_of, pointing, writes_of
from tests.access.records import Json
from tests.access.worlds import Ask

_FAR: Final = "2100-01-01T00:00:00Z"
_ANY_ETAG: Final = ('W/"1"', 'W/"2"', 'W/"3"', 'W/"7"')
_SHAPES: Final = (
    "_summary=count", "_total=accurate", "_total=estimate", "_total=none", "_count=0", "_summary=true", "_elements=id",
    "_sort=-_lastUpdated", "_sort=_id", "_sort=-_id", "_lastUpdated=ge2000", f"_lastUpdated=lt{_FAR}", "_maxresults=3",
    "_include=*", "_include:iterate=*", "_revinclude=*:*", "_revinclude:iterate=*:*", "_include=*&_revinclude=*:*",
    "_contained=true", "_contained=both", "_contained=both&_containedType=contained", "_explain=true",
    "_format=application/fhir%2Bndjson", "_format=csv&_columns=id", "_format=xml", "_security=R", "_security:not=R",
    "_tag:missing=true", "_profile:missing=true", "_id:not=nobody", f"_at={_FAR}",
)  # fmt: skip
_HISTORIES: Final = (
    "", "?_count=1", "?_count=0", "?_summary=count", "?_since=2000", f"?_before={_FAR}", f"?_at={_FAR}",
    "?_sort=_lastUpdated", "?_total=none", "?_elements=id",
)  # fmt: skip


@dataclass(frozen=True)
class Matrix:
    """What to ask about."""

    services: Services
    visible: Sequence[Json]
    hidden: Sequence[Json]
    moment: str
    """An instant after both databases were filled."""
    operations: Mapping[str, Sequence[str]]
    """What the server's table has of each type, and under "" of the system."""

    @property
    def types(self) -> list[str]:
        """The types of what is hidden."""
        return sorted({one["resourceType"] for one in self.hidden})

    def reads(self) -> Iterator[Ask]:
        """Yield all that changes nothing."""
        for resource in self.hidden:
            yield from self._of_instance(resource)
            yield from self._by_values(resource)
        for resource_type in self.types:
            yield from self._shapes(resource_type)
        yield from self._links()
        for resource in self.visible:
            yield from self._beside(resource)
        yield from self._of_system()
        yield from self._operations()
        yield from self._every_operation()
        yield from self._graphql()

    def writes(self) -> Iterator[Ask]:
        """Yield what would change something, or find something that is hidden by trying."""
        for resource in self.hidden:
            yield from writes_of(resource)
            yield from conditional(resource)
            yield from pointing(resource, self.visible)
        for ask in self._every_operation():
            yield replace(ask, method="POST", body=b'{"resourceType":"Parameters"}')

    def bundles(self, asks: Iterable[Ask]) -> Iterator[Ask]:
        """Yield asks as entries of Bundles, a few together."""
        plain = [ask for ask in asks if not ask.headers and ask.method != "HEAD" and "Connection" not in ask.path]
        for start in range(0, len(plain), 12):
            some = plain[start : start + 12 : 2]
            yield bundle("batch", some)
        for ask in plain[::15]:
            yield bundle("transaction", [ask])

    def _of_instance(self, resource: Json) -> Iterator[Ask]:
        key = key_of(resource)
        for path in (key, f"{key}?_summary=true", f"{key}?_elements=id"):
            yield Ask("read", "GET", path)
        for moment in (self.moment, _FAR):
            yield Ask("read as of then", "GET", f"{key}?_at={moment}")
        yield Ask("read as XML", "GET", key, headers={"accept": "application/fhir+xml"})
        yield Ask("read in its own format", "GET", key, headers={"accept": "*/*"})
        yield Ask("head", "HEAD", key)
        for etag in _ANY_ETAG[:2]:
            yield Ask("conditional read", "GET", key, headers={"if-none-match": etag})
        yield Ask("conditional read", "GET", key, headers={"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"})
        for version in ("1", "2", "3", "9", "x"):
            yield Ask("vread", "GET", f"{key}/_history/{version}")
        yield Ask("vread, conditional", "GET", f"{key}/_history/1", headers={"if-none-match": 'W/"1"'})
        for history in _HISTORIES[:4]:
            yield Ask("history", "GET", f"{key}/_history{history}", follows=True)
        yield Ask("meta", "GET", f"{key}/$meta")
        yield Ask("diff", "GET", f"{key}/$diff")
        yield Ask("diff of versions", "GET", f"{key}/$diff?from=1&to=2")
        yield Ask("graphql", "GET", f"{key}/$graphql?query={quote('{ id resourceType }')}")
        yield Ask("validate", "GET", f"{key}/$validate")
        for mode in ("create", "update", "delete"):
            call = {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": mode}]}
            yield Ask(f"validate, to {mode}", "POST", f"{key}/$validate", encode(call))

    def _by_values(self, resource: Json) -> Iterator[Ask]:
        """Search by everything the hidden resource is found by."""
        resource_type = resource["resourceType"]
        terms = self._terms(resource)
        bound = self.services.binder.parameters.of(resource_type).bound
        codes = {key.partition(".")[2]: code for code, one in bound.items() for key in one.keys}
        for term in terms:
            key, _, value = term.partition("=")
            code = codes.get(key.partition(".")[2])
            if code is not None and not value.endswith(VARIANT_END):
                text = escaped(value.split(SEPARATOR)[0])
                yield Ask(f"by {code}", "GET", f"{resource_type}?{code}={text}")
        yield from self._by_words(resource)
        query = f"{resource_type}?_id={resource['id']}"
        for more in ("", "&_summary=count", "&_include=*&_revinclude=*:*", f"&_at={self.moment}", "&_count=0"):
            yield Ask("by id", "GET", query + more)
        yield Ask("by id, in a form", "POST", f"{resource_type}/_search", f"_id={resource['id']}".encode(), FORM)
        yield Ask("by filter", "GET", f"{resource_type}?_filter=_id eq {resource['id']}")
        if resource_type == "Patient":
            yield Ask("by filter, items", "GET", "Patient?_filter=telecom[system eq email].value pr true")
        if resource_type == "Observation":
            yield Ask("by filter, items", "GET", "Observation?_filter=note[text pr true].text pr true")

    @staticmethod
    def _by_words(resource: Json) -> Iterator[Ask]:
        """Search by the words of a resource, and by what is inside it."""
        resource_type = resource["resourceType"]
        for word in ("narrated", "noted", "portrait", "words"):
            for code in ("_text", "_content"):
                yield Ask(f"by {code}", "GET", f"{resource_type}?{code}={word}{resource['id'][:1]}")
        for inner in resource.get("contained", ()):
            asked = f"{inner['resourceType']}?code={inner['code']['coding'][0]['code']}"
            for more in ("&_contained=true", "&_contained=both", "&_contained=true&_containedType=contained"):
                yield Ask("contained", "GET", asked + more)
            word = quote(inner["code"]["coding"][0]["code"])
            for words in (word, f"not%20{word}", f"(not%20zzz)%20or%20{word}"):
                for more in ("", "&_sort=_score", "&_sort=-_id", "&_count=1"):
                    yield Ask("by words of what is inside", "GET", f"{resource_type}?_content={words}{more}")
            yield Ask("by filter, words", "GET", f"{resource_type}?_filter=_content co {word}")

    def _shapes(self, resource_type: str) -> Iterator[Ask]:
        yield Ask("all", "GET", resource_type)
        yield Ask("all, one a page", "GET", f"{resource_type}?_count=1", follows=True)
        yield Ask("all, one a page, with a total", "GET", f"{resource_type}?_count=1&_total=accurate", follows=True)
        yield Ask("all, sorted, one a page", "GET", f"{resource_type}?_count=1&_sort=-_lastUpdated", follows=True)
        for shape in _SHAPES:
            yield Ask(f"shaped by {shape}", "GET", f"{resource_type}?{shape}")
        for history in _HISTORIES:
            yield Ask("history of a type", "GET", f"{resource_type}/_history{history}", follows=True)
        yield Ask("labels of a type", "GET", f"{resource_type}/$meta")
        yield Ask("as of then", "GET", f"{resource_type}?_at={self.moment}&_total=accurate")
        yield Ask("as of then, sorted", "GET", f"{resource_type}?_at={self.moment}&_sort=-_id&_count=1", follows=True)
        for code, one in self.services.binder.parameters.of(resource_type).bound.items():
            yield from self._of_parameter(resource_type, code, one)

    def _of_parameter(self, resource_type: str, code: str, bound: Bound) -> Iterator[Ask]:
        """Ask by a parameter that some hidden resource of the type has a value for."""
        kind = bound.definition.type
        if self._hidden_keys.isdisjoint(bound.keys):
            return
        if kind not in (SearchType.COMPOSITE, SearchType.SPECIAL):
            yield Ask(f"{code} missing", "GET", f"{resource_type}?{code}:missing=true&_summary=count")
            yield Ask(f"{code} there", "GET", f"{resource_type}?{code}:missing=false")
            yield Ask(f"by {code}, sorted", "GET", f"{resource_type}?_sort=-{code}&_count=2", follows=True)
            there = f"{code} pr true"
            for asked in (f"{there} and _lastUpdated gt 2000", f"{there} or _id eq x", f"not ({there})"):
                yield Ask(f"{code} by filter", "GET", f"{resource_type}?_filter={asked}")
        if kind is SearchType.DATE:
            yield Ask(f"{code} by filter", "GET", f"{resource_type}?_filter={code} po 1910 or {code} co 1910-01-01")
            yield Ask(f"{code} after", "GET", f"{resource_type}?{code}=ge1900")
        if kind is SearchType.TOKEN:
            yield Ask(f"{code} not", "GET", f"{resource_type}?{code}:not=nothing")
        if kind is SearchType.REFERENCE:
            yield Ask(f"including {code}", "GET", f"{resource_type}?_include={resource_type}:{code}")

    def _links(self) -> Iterator[Ask]:
        """Go through a hidden resource to what is visible, and from there to what is hidden."""
        for source, code, target in self._references(self.visible, self.hidden):
            ids = ",".join(one["id"] for one in self.hidden if one["resourceType"] == target)
            yield Ask("chain", "GET", f"{source}?{code}:{target}._id={ids}")
            yield Ask("chain, excluded", "GET", f"{source}?{code}:{target}._id:not=x&_summary=count")
            yield Ask(
                "sorted by a chain", "GET", f"{source}?_sort=-{code}:{target}._lastUpdated&_count=1", follows=True
            )
            yield Ask("included", "GET", f"{source}?_include:iterate={source}:{code}:{target}")
            if target == "Patient":
                yield Ask("chain to a value", "GET", f"{source}?{code}:Patient.birthdate=ge1900")
                item = "telecom[system eq fax].value pr true"
                for asked in (f"{code}.{item}".replace("fax", "email"), f"{code}[not ({item})].active pr true"):
                    yield Ask("by filter, items of a chain", "GET", f"{source}?_filter={asked}")
            yield Ask("reverse chain", "GET", f"{target}?_has:{source}:{code}:_lastUpdated=ge2000")
        for source, code, target in self._references(self.hidden, self.visible):
            ids = ",".join(one["id"] for one in self.hidden if one["resourceType"] == source)
            yield Ask("pointed to", "GET", f"{target}?_has:{source}:{code}:_id={ids}")
            yield Ask("pointed to, excluded", "GET", f"{target}?_has:{source}:{code}:_id:not=x&_summary=count")
            yield Ask("reverse included", "GET", f"{target}?_revinclude={source}:{code}")
            if source == "Observation":
                yield Ask("pointed to by a value", "GET", f"{target}?_has:Observation:{code}:value-quantity=gt0")
            yield Ask("chain from what is hidden", "GET", f"{source}?{code}:{target}._id:not=x&_summary=count")

    def _references(self, sources: Sequence[Json], targets: Sequence[Json]) -> list[tuple[str, str, str]]:
        """Return (type, parameter, type of target) of the references from some resources to others."""
        reached = {key_of(one): one["resourceType"] for one in targets}
        found: dict[tuple[str, str, str], None] = {}
        for source in sources:
            bound = self.services.binder.parameters.of(source["resourceType"]).bound
            for term in self._terms(source):
                key, _, value = term.partition("=")
                for code, one in bound.items() if value in reached else ():
                    if key in one.keys and reached[value] in one.targets:
                        found[source["resourceType"], code, reached[value]] = None
        return list(found)

    def _terms(self, resource: Json) -> list[str]:
        return self.services.extractor.extract(parse_json(encode(resource))).terms

    @cached_property
    def _hidden_keys(self) -> set[str]:
        """The keys under which what is hidden is found."""
        found = set()
        for one in self.hidden:
            values = self.services.extractor.extract(parse_json(encode(one)))
            found |= {term.partition("=")[0] for term in values.terms} | {span.key for span in values.spans}
        return found

    def _beside(self, resource: Json) -> Iterator[Ask]:
        """Ask of what is visible what is around it."""
        key = key_of(resource)
        resource_type = resource["resourceType"]
        yield Ask("beside", "GET", f"{resource_type}?_id={resource['id']}&_include=*&_revinclude=*:*")
        yield Ask(
            "beside, on and on",
            "GET",
            f"{resource_type}?_id={resource['id']}&_include:iterate=*&_revinclude:iterate=*:*",
        )
        yield Ask("history", "GET", f"{key}/_history", follows=True)
        yield Ask("read", "GET", key)

    def _of_system(self) -> Iterator[Ask]:
        for shape in (
            "",
            "?_count=2",
            *(f"?{shape}" for shape in _SHAPES if "contained" not in shape and "format" not in shape),
        ):
            yield Ask("search of everything", "GET", shape, follows=shape == "?_count=2")
        for one in self.hidden:
            yield Ask("by id among everything", "GET", f"?_id={one['id']}")
            yield Ask("list", "GET", f"{one['resourceType']}?_list={one['id']}")
        for history in _HISTORIES:
            yield Ask("history of everything", "GET", f"_history{history}", follows=True)
        for patient in (one for one in self.hidden if one["resourceType"] == "Patient"):
            for member in ("*", *self.types):
                yield Ask("compartment", "GET", f"Patient/{patient['id']}/{member}")
                yield Ask("compartment, counted", "GET", f"Patient/{patient['id']}/{member}?_summary=count")
        for encounter in (one for one in self.hidden if one["resourceType"] == "Encounter"):
            yield Ask("compartment", "GET", f"Encounter/{encounter['id']}/*")
        yield from self._of_definitions()

    def _of_definitions(self) -> Iterator[Ask]:
        """Ask by Lists, value sets and named queries."""
        yield Ask("compartment of a practitioner", "GET", "Practitioner/doc/*")
        yield Ask("labels of everything", "GET", "$meta")
        yield Ask("named query", "GET", "Observation?_query=coded&code=code-b")
        for listed in (one for one in (*self.visible, *self.hidden) if one["resourceType"] == "List"):
            for resource_type in self.types:
                yield Ask("on a list", "GET", f"{resource_type}?_list={listed['id']}")
        own = [one["url"] for one in self.hidden if one["resourceType"] == "ValueSet"]
        for url in own:
            yield Ask("expand", "GET", f"ValueSet/$expand?url={url}")
            yield Ask("validate", "GET", f"ValueSet/$validate-code?url={url}&system=http://loinc.org&code=code-a")
        for value_set in ("http://example.org/vs", "ValueSet/vs", "ValueSet/nothing", *own):
            for resource_type in ("Observation", "Medication"):
                yield Ask("in a value set", "GET", f"{resource_type}?code:in={value_set}")
            yield Ask("not in a value set", "GET", f"Observation?code:not-in={value_set}&_summary=count")

    def _operations(self) -> Iterator[Ask]:
        for one in (*self.hidden, *self.visible):
            if one["resourceType"] in ("Patient", "Encounter", "Group"):
                key = key_of(one)
                for more in (
                    "",
                    "?_count=1",
                    "?_type=Observation",
                    "?start=2000-01-01",
                    "?_since=2000-01-01T00:00:00Z",
                ):
                    if "start" not in more or one["resourceType"] != "Encounter":
                        yield Ask("everything", "GET", f"{key}/$everything{more}", follows=True)
        yield Ask("everything of everybody", "GET", "Patient/$everything", follows=True)
        yield Ask("everything of everybody", "GET", "Patient/$everything?_count=2", follows=True)
        for one in self.hidden:
            key = key_of(one)
            yield Ask("diff to another", "GET", f"$diff?from={key}&to={key_of(self.visible[0])}")
            yield Ask("diff of versions", "GET", f"$diff?from={key}/_history/1&to={key}/_history/2")
        yield from self._of_observations()
        yield Ask("reindex", "POST", "$reindex", b'{"resourceType":"Parameters"}')
        yield Ask("reindex of a type", "POST", "Observation/$reindex", b'{"resourceType":"Parameters"}')
        yield Ask("reindex status", "GET", "$reindex-status")
        for verb in ("pause", "resume", "cancel"):
            yield Ask("reindex control", "POST", f"$reindex-{verb}?job=1", b'{"resourceType":"Parameters"}')
        yield Ask("versions", "GET", "$versions")

    def _of_observations(self) -> Iterator[Ask]:
        for who in sorted({one["id"] for one in (*self.hidden, *self.visible) if one["resourceType"] == "Patient"}):
            yield Ask("lastn", "GET", f"Observation/$lastn?patient=Patient/{who}&category=laboratory&max=2")
            yield Ask("lastn", "GET", f"Observation/$lastn?patient=Patient/{who}&category=vital-signs")
            for code in ("code-v", f"code-{who}"):
                query = f"subject=Patient/{who}&system=http://loinc.org&code={code}&statistic=count&include=true"
                yield Ask("stats", "GET", f"Observation/$stats?{query}&statistic=average")
        yield Ask("lastn of everybody", "GET", "Observation/$lastn?patient=a,b&category=laboratory")
        done = "Observation/$lastn?patient=a&category=laboratory&performer=Practitioner/doc"
        yield Ask("lastn of what a practitioner did", "GET", done)
        yield Ask("sorted by a chain", "GET", "Observation?_sort=-subject:Patient.birthdate&_count=1", follows=True)
        further = "_sort=-result:Observation.has-member:Observation.subject:Patient.birthdate,_id"
        hidden_after = "_sort=derived-from:Observation.has-member:Observation._lastUpdated,_id"
        yield Ask("sorted by a chain of two", "GET", f"Observation?{hidden_after}&_count=1", follows=True)
        yield Ask("sorted by a chain of three", "GET", f"DiagnosticReport?{further}&_count=1", follows=True)
        for one in (*self.hidden, *self.visible):
            for way in ("below", "above") if one["resourceType"] == "Encounter" else ():
                yield Ask(f"{way} in a hierarchy", "GET", f"Encounter?part-of:{way}={key_of(one)}")
                for source in ("Condition", "Observation"):
                    yield Ask(f"{way} in a hierarchy", "GET", f"{source}?encounter:{way}={key_of(one)}")

    def _every_operation(self) -> Iterator[Ask]:
        """Invoke what the table has, wherever it may be: on what is hidden, on its types, on the system."""
        for one in self.hidden:
            for name in self.operations[one["resourceType"]]:
                yield Ask(f"${name} of an instance", "GET", f"{key_of(one)}/${name}")
        for resource_type in self.types:
            for name in self.operations[resource_type]:
                yield Ask(f"${name} of a type", "GET", f"{resource_type}/${name}")
        for name in self.operations[""]:
            yield Ask(f"${name} of the system", "GET", f"${name}")

    def _graphql(self) -> Iterator[Ask]:
        for one in self.hidden:
            name, logical_id = one["resourceType"], one["id"]
            for query in (
                f'{{ {name}(id: "{logical_id}") {{ id }} }}',
                f'{{ {name}List(_id: "{logical_id}") {{ id }} }}',
                f'{{ {name}Connection(_id: "{logical_id}") {{ count edges {{ resource {{ id }} }} }} }}',
                f"{{ {name}Connection(_count: 1) {{ count next edges {{ resource {{ id }} }} }} }}",
            ):
                yield Ask("graphql", "GET", f"$graphql?query={quote(query)}")
        for one in self.visible:
            own = f"{one['resourceType']}/{one['id']}"
            for query in (
                "{ subject { reference resource(optional: true) { resourceType } } }",
                "{ hasMember { resource { resourceType } } }",
                "{ entry { item { resource(optional: true) { resourceType } } } }",
                "{ ObservationList(_reference: subject) { id } }",
                "{ partOf { resource { resourceType } } }",
            ):
                yield Ask("graphql along references", "GET", f"{own}/$graphql?query={quote(query)}")


FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


def escaped(value: str) -> str:
    """Write a value of an index term as a search value in a URL."""
    plain = value.replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$").replace("|", "\\|")
    return quote(plain, safe=":/")


def operations_in(capabilities: Json) -> dict[str, list[str]]:
    """Read what the table of interactions has of each type off a CapabilityStatement, which is made from it."""
    rest = capabilities["rest"][0]
    levels = {"": rest, **{one["type"]: one for one in rest["resource"]}}
    return {name: [one["name"] for one in level.get("operation", ())] for name, level in levels.items()}
