"""``ConceptMap/$translate``: what stands for a concept in another code system.

Parameters of later versions (``sourceCode``, ``targetCode`` …) are taken too, and answered as these have it.
Spec: http://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from collections.abc import Iterator, Sequence
from typing import Final

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.resource import Json, Resource
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.question import (
    Question,
    answer,
    coding_of,
    instance,
    library_of,
    parts_of,
    question_of,
)
from fhirserver.repository.repository import Repository
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.concept_maps import ConceptMap
from fhirserver.terminology.issues import unknown_map
from fhirserver.terminology.library import Library
from fhirserver.terminology.memory import Named
from fhirserver.terminology.terms import MAPS_FROM, MAPS_OF, MAPS_TO
from fhirserver.terminology.translating import Dependency, Translator, Wanted

_R4: Final = (
    *("url", "conceptMap", "conceptMapVersion", "code", "system", "version", "source", "coding", "codeableConcept"),
    *("target", "targetsystem", "dependency", "reverse"),
)
_LATER: Final = (
    *("sourceCode", "sourceSystem", "sourceVersion", "sourceScope", "sourceCoding", "sourceCodeableConcept"),
    *("targetCode", "targetSystem", "targetVersion", "targetScope", "targetCoding", "targetCodeableConcept"),
)


async def translate_concept(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the translations of a concept."""
    question = question_of(request, (*_R4, *_LATER))
    own = question.resource("conceptMap", "ConceptMap") or await instance(request, repository)
    wanted = _wanted(question, own)
    library = await library_of(repository, _names(question, wanted, own), [*question.brought, *([own] if own else [])])
    maps = _maps(question, library, wanted, own)
    return answer(Translator(library, wanted).translate(maps))


def _wanted(question: Question, own: Resource | None) -> Wanted:
    """Read what is to be translated; raises BadRequest."""
    scoped = own is not None or _scope(question) != (None, None)
    arguments, is_later = question.arguments, any(question.arguments.all(name) for name in _LATER)
    from_target = any(arguments.all(f"target{kind}") for kind in ("Code", "Coding", "CodeableConcept"))
    reverse = arguments.text("reverse")
    if reverse not in (None, "true", "false"):
        raise BadRequest("`reverse` is `true` or `false`.", expression=["http.reverse"])
    if is_later:
        side, other = ("target", "source") if from_target else ("source", "target")
        codings = _codings(question, f"{side}Code", f"{side}Coding", f"{side}CodeableConcept", scoped)
        system = arguments.text(f"{other}System") or arguments.text("targetsystem")
    else:
        codings = _codings(question, "code", "coding", "codeableConcept", scoped)
        system = arguments.text("targetsystem")
    return Wanted(
        codings=codings,
        system=None if system is None else parse_canonical(system).url,
        dependencies=tuple(_dependency(one) for one in arguments.all("dependency")),
        is_reverse=from_target or reverse == "true",
        has_later_form=is_later,
    )


def _codings(question: Question, code: str, coding: str, concept: str, needs_no_system: bool) -> tuple[Coding, ...]:
    """Return the codes that a call gives in one of three forms; raises BadRequest."""
    arguments = question.arguments
    given, single = question.element(concept, "CodeableConcept"), question.element(coding, "Coding")
    if given is not None:
        return tuple(_coding(one, f"{concept}.coding") for one in _listed(given, concept))
    if single is not None:
        return (_coding(single, coding),)
    side = code.removesuffix("Code") if code != "code" else ""
    system, version = (f"{side}System", f"{side}Version") if side else ("system", "version")
    text, url = arguments.text(code), arguments.text(system)
    if text is None or (url is None and not needs_no_system):
        what = f"`{code}` and its `{system}`, a `{coding}` or a `{concept}`"
        raise BadRequest(f"`$translate` needs {what}.", expression=[f"http.{code}"])
    return (Coding(text, url, arguments.text(version)),)


def _listed(concept: Json, name: str) -> Sequence[Json]:
    found = concept.get("coding", ())
    if not isinstance(found, list) or not found:
        raise BadRequest(f"`{name}` has no `coding`.", expression=[f"http.{name}"])
    return found


def _coding(value: Json, place: str) -> Coding:
    found = coding_of(value, place)
    if not found.code or not found.system:
        raise BadRequest(f"`{place}` needs a `code` and a `system`.", expression=[f"http.{place}"])
    return found


def _dependency(parameter: Resource) -> Dependency:
    """Read another element that the request tells of; raises BadRequest."""
    parts = {str(one.get("name")): one for one in parts_of(parameter, "dependency")}
    element, concept = parts.get("element", {}), parts.get("concept", {}).get("valueCodeableConcept")
    uri = next((value for key, value in element.items() if key.startswith("value")), None)
    if not isinstance(uri, str) or not isinstance(concept, dict):
        raise BadRequest(
            "`dependency` has the parts `element`, a uri, and `concept`, a CodeableConcept.",
            expression=["http.dependency"],
        )
    codings = concept.get("coding", [])
    text = concept.get("text")
    if not isinstance(codings, list) or not (text is None or isinstance(text, str)):
        raise BadRequest("`dependency.concept` is a CodeableConcept.", expression=["http.dependency"])
    return Dependency(uri, text, tuple(coding_of(one, "dependency.concept.coding") for one in codings))


def _names(question: Question, wanted: Wanted, own: Resource | None) -> Iterator[Named]:
    """Yield the names of the definitions that an answer may need."""
    url = question.arguments.text("url")
    if url is not None:
        yield "ConceptMap", parse_canonical(url).url
    elif own is None:
        yield from (("ConceptMap", f"{MAPS_OF}{one.system}") for one in wanted.codings if one.system is not None)
        for prefix, value_set in zip((MAPS_FROM, MAPS_TO), _scope(question), strict=True):
            if value_set is not None:
                yield "ConceptMap", f"{prefix}{value_set}"


def _maps(question: Question, library: Library, wanted: Wanted, own: Resource | None) -> list[ConceptMap]:
    """Return the maps to translate by; raises TermError for one that nobody has."""
    url = question.arguments.text("url")
    if own is not None:
        return [ConceptMap(own)]
    if url is not None:
        version = question.arguments.text("conceptMapVersion")
        found = library.concept_map(url, version)
        if found is None:
            raise unknown_map(f"{url}|{version}" if version else url)
        return [found]
    systems = dict.fromkeys(one.system for one in wanted.codings if one.system is not None)
    source, target = _scope(question)
    if source is not None or target is not None:
        return library.maps_between(source, target)
    return list({id(one): one for system in systems for one in library.maps_of(system)}.values())


def _scope(question: Question) -> tuple[str | None, str | None]:
    """Return the value sets between which the request wants maps to be."""
    text = question.arguments.text
    asked = text("source") or text("sourceScope"), text("target") or text("targetScope")
    source, target = (None if one is None else parse_canonical(one).url for one in asked)
    return source, target


TRANSLATE: Final = Operation(
    name="translate",
    definition="http://hl7.org/fhir/OperationDefinition/ConceptMap-translate",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=translate_concept,
    resource_types=frozenset({"ConceptMap"}),
)
