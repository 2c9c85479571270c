"""What nobody has installed any more is let go: its file was mapped by every worker

http://hl7.org/fhir/R4/terminology-service.html
"""

import gc
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import ref

import pytest

from fhirserver.terminology.checking import all_of, checker_of
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.implicit import Implicit
from fhirserver.terminology.index.installed import Installation, Installed, Shelf
from fhirserver.terminology.library import Library
from fhirserver.terminology.loaders import loader_of
from fhirserver.terminology.loaders.framework import Wanted
from fhirserver.terminology.loaders.tree import Tree
from fhirserver.terminology.lookup import lookup, system_of
from fhirserver.terminology.memory import Found, Marks, Named
from fhirserver.terminology.options import Options
from fhirserver.terminology.selected import codes_of
from fhirserver.terminology.terms import Terms
from tests.terminology import small_edition as small
from tests.terminology.small_edition import code

SNOMED = "http://snomed.info/sct"
INSTALLED = Installation(SNOMED, small.VERSION, "a", 1, 64)


class Silent:
    """Hears of progress."""

    def begin(self, work: str, total: int) -> None:
        """Hear that something begins."""

    def advance(self, done: int) -> None:
        """Hear that something is done."""


class Empty:
    """A record with no definitions."""

    view = "all"

    async def find(self, names: Sequence[Named]) -> Mapping[Named, Found]:
        return {named: Found((), frozenset()) for named in names}

    async def marks(self, needed: Iterable[Named]) -> Marks:
        return frozenset()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("letting-go")
    tree = Tree([small.write_edition(folder / "release")])
    loader_of(tree).load(tree, Wanted(), folder / "index", Silent())
    return folder / "index"


@pytest.fixture
def shelf(index: Path, tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path)
    shelf.path(INSTALLED.sha).hardlink_to(index)
    shelf.install([INSTALLED])
    return shelf


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage is collected meanwhile: references are all that counts."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def ecl(constraint: str) -> str:
    return f"{SNOMED}?fhir_vs=ecl/{constraint}"


async def library(terms: Terms, *given: dict[str, Any]) -> Library:
    return await terms.library([("CodeSystem", SNOMED)], Empty(), given)


async def looked_up(terms: Terms) -> None:
    found = await library(terms)
    lookup(system_of(found, SNOMED, None, Options()), code("heart"), Options())


async def checked(terms: Terms) -> None:
    found = await library(terms)
    system = found.code_system(SNOMED)
    assert system is not None
    for value_set in (all_of(found, system.head), found.value_set(ecl(f"< {code('finding')}"))):
        assert value_set is not None
        assert checker_of(found, value_set, Options()).has(SNOMED, code("fracture"))


async def checked_by_what_a_question_brings(terms: Terms) -> None:
    url = "http://a.b/vs"
    include = {"valueSet": [ecl(f"^ {code('limbs-refset')}")]}
    given = {"resourceType": "ValueSet", "url": url, "compose": {"include": [include]}}
    found = await library(terms, given)
    value_set = found.value_set(url)
    assert value_set is not None
    assert checker_of(found, value_set, Options()).has(SNOMED, code("arm-fracture"))


async def expanded(terms: Terms) -> None:
    constraint = f"< {code('finding')} : {code('site')} = << {code('limb')}, [0..3] {{ {code('site')} = * }}"
    found = await library(terms)
    assert len(codes_of(found, ecl(constraint))) > 1


async def selected(terms: Terms) -> None:
    assert (await terms.selected(f"{SNOMED}?fhir_vs=isa/{code('finding')}", Empty())).has(SNOMED, code("fracture"))


async def below(terms: Terms) -> None:
    assert (await terms.related((SNOMED, code("finding")), Empty(), above=False)).has(SNOMED, code("fracture"))


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "ask", [looked_up, checked, checked_by_what_a_question_brings, expanded, selected, below],
    ids=lambda ask: ask.__name__,
)  # fmt: skip
async def test_a_version_that_was_removed_is_let_go_at_the_next_look(
    shelf: Shelf, ask: Callable[[Terms], Awaitable[None]]
) -> None:
    terms = Terms((Installed(shelf, "main"), Implicit()))
    await ask(terms)
    held = ref(_opened(shelf))
    assert held() is not None
    shelf.install([])
    terms.look()
    assert held() is None


def _opened(shelf: Shelf) -> CodeSystem:
    return shelf.opened(INSTALLED)
