"""Code systems that take long to make are made beside the event loop — http://hl7.org/fhir/R4/terminology-service.html"""

import asyncio
import threading
from collections.abc import Sequence

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.builtin.language_tags import LANGUAGES
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.library import Making, Source
from fhirserver.terminology.resource_systems import ResourceCodeSystem
from fhirserver.terminology.terms import Terms
from fhirserver.terminology.value_sets import ValueSet
from tests.terminology.test_letting_go import Empty

SLOW = "http://a.b/slow"


class Slow:
    """Makes a code system for as long as the loop does not go on."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self._made: list[CodeSystem] = []

    def has_made(self, kind: str, url: str) -> bool:
        return (kind, url) != ("CodeSystem", SLOW) or bool(self._made)

    def make(self, kind: str, url: str) -> None:
        assert self.may_end.wait(timeout=10), "the loop stood still"
        concept = [{"code": "a"}]
        system = {"resourceType": "CodeSystem", "url": SLOW, "content": "complete", "concept": concept}
        self._made.append(ResourceCodeSystem(system))

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        if url != SLOW:
            return ()
        if not self._made:
            self.make("CodeSystem", url)
        return self._made

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        include = {"system": SLOW}
        value_set = {"resourceType": "ValueSet", "url": "http://a.b/vs", "compose": {"include": [include]}}
        return [ValueSet(value_set)] if url == "http://a.b/vs" else []

    def supplements(self, url: str) -> Sequence[Resource]:
        return ()


async def _ask(terms: Terms, name: tuple[str, str]) -> CodeSystem | None:
    return (await terms.library([name], Empty())).code_system(SLOW)


async def test_the_loop_goes_on_while_a_code_system_is_made() -> None:
    for name in (("CodeSystem", SLOW), ("CodeSystem", f"{SLOW}|1"), ("ValueSet", "http://a.b/vs")):
        source = Slow()
        asking = asyncio.create_task(_ask(Terms((source,)), name))
        await asyncio.sleep(0.01)
        source.may_end.set()  # another request, answered meanwhile
        assert await asking is not None


async def test_what_is_built_in_is_made_so(builtin: Builtin) -> None:
    checked: Source = builtin
    assert isinstance(checked, Making)
    fresh = Builtin(builtin.ucum)
    for kind, url in (*(("CodeSystem", url) for url in fresh.urls), ("ValueSet", LANGUAGES)):
        assert not fresh.has_made(kind, url)
        await Terms((fresh,)).library([(kind, url)], Empty())
        assert fresh.has_made(kind, url)


async def test_to_say_what_is_built_in_makes_no_large_one(builtin: Builtin) -> None:
    fresh = Builtin(builtin.ucum)
    assert dict(fresh.versions()).keys() == set(fresh.urls)
    assert not fresh.has_made("CodeSystem", "http://terminology.hl7.org/CodeSystem/iso639-3")
    assert not fresh.has_made("CodeSystem", "urn:ietf:bcp:47")
