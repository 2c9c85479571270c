"""Questions about code systems that nobody here has, put to the terminology server that is named for them.

Spec: http://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.operations.terminology.question import TX_RESOURCE, Question
from fhirserver.repository.repository import Repository
from fhirserver.terminology.library import Library
from fhirserver.terminology.value_sets import ValueSet

_TYPES: Final = MappingProxyType(
    {
        **dict.fromkeys(("system", "url"), "valueUri"),
        **dict.fromkeys(("code", "displayLanguage"), "valueCode"),
        **dict.fromkeys(("count", "offset"), "valueInteger"),
        **dict.fromkeys(
            ("activeOnly", "includeDesignations", "excludeNested", "abstract", "inferSystem"), "valueBoolean"
        ),
    }
)
"""What parameters of a URL are in a body."""
_TOLD: Final = ("resourceType", "url", "version", "name", "status", "compose", "expansion")
_MAX_IMPORTED: Final = 50
_OF_VALUE_SETS: Final = frozenset({"url", "valueSet", "valueSetVersion", TX_RESOURCE})


def is_elsewhere(repository: Repository, library: Library, url: str | None) -> bool:
    """Tell whether nobody here has a code system, and there is a server for it."""
    return url is not None and repository.elsewhere.serves(url) and not library.code_systems(url)


async def ask_elsewhere(
    question: Question, repository: Repository, url: str, operation: str, parameters: Sequence[Resource] | None = None
) -> Resource:
    """Return the answer of the server of a code system; raises Unavailable, TermError."""
    given = question.arguments.parameters if parameters is None else parameters
    typed = [_typed(one) for one in given]
    return await repository.elsewhere.ask(url, operation, typed, question.target.accept_language)


def systems_elsewhere(repository: Repository, library: Library, value_set: ValueSet) -> list[str]:
    """Return the code systems of a value set, and of those that it imports, that only other servers have."""
    parts = (part for one in _with_imported(library, value_set) for part in (*one.includes, *one.excludes))
    urls = dict.fromkeys(part.system for part in parts if part.system is not None)
    return [url for url in urls if is_elsewhere(repository, library, url)]


def about(question: Question, library: Library, value_set: ValueSet) -> list[Resource]:
    """Return the parameters of a question with the value set that it is about, and those that this one imports."""
    first, *imported = (_told(one.resource) for one in _with_imported(library, value_set))
    own = [one for one in question.arguments.parameters if one["name"] not in _OF_VALUE_SETS]
    brought = [{"name": TX_RESOURCE, "resource": one} for one in imported]
    return [{"name": "valueSet", "resource": first}, *own, *brought]


def _with_imported(library: Library, value_set: ValueSet) -> Iterator[ValueSet]:
    seen, pending = {value_set.canonical}, [value_set]
    while pending and len(seen) <= _MAX_IMPORTED:
        one = pending.pop()
        yield one
        for reference in _references(one):
            found = library.value_set(*_canonical(reference))
            if found is not None and found.canonical not in seen:
                seen.add(found.canonical)
                pending.append(found)


def _references(value_set: ValueSet) -> Iterable[str]:
    return (one for part in (*value_set.includes, *value_set.excludes) for one in part.value_sets)


def _canonical(reference: str) -> tuple[str, str | None]:
    url, _, version = reference.partition("|")
    return url, version or None


def _told(resource: Resource) -> Resource:
    return {name: resource[name] for name in _TOLD if name in resource}


def _typed(parameter: Resource) -> Resource:
    """Return a parameter of a URL as a body has it."""
    name, text = parameter["name"], parameter.get("valueString")
    key = _TYPES.get(name)
    if key is None or not isinstance(text, str):
        return parameter
    if key == "valueBoolean":
        return {"name": name, key: text == "true"}
    return {"name": name, key: int(text) if key == "valueInteger" else text}
