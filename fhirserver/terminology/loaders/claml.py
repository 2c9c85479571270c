"""Classifications in ClaML, as WHO and others publish ICD-10: classes with their hierarchy and rubrics.

Spec: EN 14463 (ClaML 2.0); https://icd.who.int/browse10
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from lxml import etree

from fhirserver.terminology.concepts import Designation, Head
from fhirserver.terminology.loaders.framework import BadRelease, Made, Progress, Wanted
from fhirserver.terminology.loaders.listing import Entry, code_property, text_property, write_listing
from fhirserver.terminology.loaders.tree import File, Tree

ICD_10: Final = "http://hl7.org/fhir/sid/icd-10"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_LOOKED_AT: Final = 4096
_PREFERRED: Final = ("preferred", "preferredLong")
_DEFINITIONS: Final = ("definition", "text")
_NOTES: Final = ("inclusion", "exclusion", "note", "coding-hint", "introduction", "modifierlink", "footnote")


class ClamlLoader:
    """Loads a classification in ClaML."""

    name = "ClaML"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether one of the files is ClaML."""
        return _file(tree) is not None

    def load(self, tree: Tree, wanted: Wanted, path: Path, progress: Progress) -> Made:
        """Write the index at ``path``; raises BadRelease, and leaves nothing then."""
        file = _file(tree)
        if file is None:
            raise BadRelease(f"There is no ClaML in {tree.shown}.")
        title, version = _title(file)
        version = wanted.version or version
        if not version:
            raise BadRelease(f"`{file.shown}` does not say which version it is; name it by `--version`.")
        progress.begin(title or "ClaML", 0)
        language = _first_language(file)
        head = Head(url=wanted.url or ICD_10, version=version, name=title, title=title, language=language)
        return write_listing(path, head, _entries(file, language), progress)


def _file(tree: Tree) -> File | None:
    for file in tree:
        if file.name.lower().endswith(".xml"):
            with file.open() as raw:
                if b"<ClaML" in raw.read(_LOOKED_AT):
                    return file
    return None


def _elements(file: File, *names: str) -> Iterator[Any]:
    """Yield elements as they end, without those before them in memory; raises BadRelease."""
    with file.open() as raw:
        yield from _parsed(file, raw, names)


def _parsed(file: File, raw: IO[bytes], names: tuple[str, ...]) -> Iterator[Any]:
    reading = etree.iterparse(
        raw, events=("end",), tag=names, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        for _, element in reading:
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as problem:
        line = problem.lineno or 0
        raise BadRelease(f"Line {line} of `{file.shown}` cannot be read: {problem.msg}.") from None


def _title(file: File) -> tuple[str | None, str | None]:
    for element in _elements(file, "Title", "Class"):
        if element.tag == "Title":
            text = (element.text or "").strip() or element.get("name")
            return text, element.get("version") or element.get("date")
        break
    return None, None


def _first_language(file: File) -> str | None:
    found = (label.get(_LANGUAGE) for label in _elements(file, "Label"))
    return next(filter(None, found), None)


def _entries(file: File, language: str | None) -> Iterator[Entry]:
    for element in _elements(file, "Class"):
        code = element.get("code")
        if not code:
            raise BadRelease(f"Line {element.sourceline} of `{file.shown}` has a class without a code.")
        yield _entry(element, code, language)


def _entry(element: Any, code: str, language: str | None) -> Entry:  # noqa: ANN401 - lxml
    said, definition, properties = [], None, [code_property("kind", element.get("kind", "category"))]
    for rubric in element.iterfind("Rubric"):
        kind = rubric.get("kind", "")
        for label in rubric.iterfind("Label"):
            text = " ".join("".join(label.itertext()).split())
            if kind in _PREFERRED:
                said.append(Designation(text, label.get(_LANGUAGE) or language))
            elif kind in _DEFINITIONS and definition is None:
                definition = text
            elif kind in _NOTES:
                properties.append(text_property(kind, text))
    own = next((one for one in said if one.language == language), said[0] if said else None)
    return Entry(
        code=code,
        display=None if own is None else own.value,
        definition=definition,
        parents=tuple(one.get("code") for one in element.iterfind("SuperClass") if one.get("code")),
        designations=tuple(one for one in said if one is not own),
        properties=tuple(properties),
        is_abstract=element.get("kind") in ("chapter", "block"),
    )
