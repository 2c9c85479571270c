"""Read parts of a definition that may be malformed: what has not its shape counts as absent."""

from typing import Final

from fhirserver.definitions.snapshots.segments import CHOICE, is_form_of
from fhirserver.kernel.resource import Json

BASE_URL: Final = "http://hl7.org/fhir/StructureDefinition/"
SYSTEM: Final = "http://hl7.org/fhirpath/System."


def url_of(code: str) -> str:
    """Return the canonical of a type by its code; the type of a logical model is its url."""
    return code if "/" in code else BASE_URL + code


def objects(value: Json) -> list[Json]:
    """Return the objects of a list, nothing for anything else."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def texts(value: Json) -> list[str]:
    """Return the texts of a list, nothing for anything else."""
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def types_of(definition: Json) -> list[Json]:
    """Return the types of an element that have a code."""
    return [t for t in objects(definition.get("type")) if isinstance(t.get("code"), str)]


def codes_of(definition: Json) -> list[str]:
    """Return the codes of the types, each once."""
    return list(dict.fromkeys(t["code"] for t in types_of(definition)))


def slicing_of(definition: Json) -> Json:
    """Return the slicing, an empty object where there is none."""
    slicing = definition.get("slicing")
    return slicing if isinstance(slicing, dict) else {}


def least_of(definition: Json) -> int:
    """Return the minimum cardinality, 0 where there is none."""
    least = definition.get("min")
    return least if isinstance(least, int) else 0


def limit_of(maximum: Json) -> float:
    """Read a maximum cardinality; what is not a number is no limit."""
    return int(maximum) if isinstance(maximum, str) and maximum.isdecimal() else float("inf")


def form_type(name: str, choice: str, definition: Json) -> Json | None:
    """Return the type of a choice (``value[x]``) that ``name`` (``valueQuantity``) stands for."""
    if not is_form_of(name, choice):
        return None
    suffix = name[len(choice) - len(CHOICE) :]
    return next((t for t in types_of(definition) if t["code"][:1].upper() + t["code"][1:] == suffix), None)
