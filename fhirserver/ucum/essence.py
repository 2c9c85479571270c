"""Compile ``ucum-essence.xml``, the published tables of terminal symbols, at build time.

Spec: https://ucum.org/ucum#para-27
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final
from xml.etree import ElementTree as ET

from fhirserver.ucum.scales import SCALES
from fhirserver.ucum.tables import Atom, UcumTables
from fhirserver.ucum.terms import Factor, Lexicon, Symbol, parse_term
from fhirserver.ucum.units import Unit, Vocabulary, evaluate, scaled

_UCUM: Final = "{http://unitsofmeasure.org/ucum-essence}"
# §23.1: a special unit is defined as `function(number term)`, as in `degf(5 K/9)`.
_SPECIAL: Final = re.compile(r"(?P<function>[^(]+)\((?P<number>\S+) (?P<term>.+)\)")


@dataclass(frozen=True, slots=True)
class _Definition:
    """``number`` times ``term``, read through ``function`` where the unit is special."""

    number: Fraction
    term: tuple[Factor, ...]
    function: str = ""

    def is_ready(self, known: Mapping[str, Unit]) -> bool:
        return all(not isinstance(f.base, Symbol) or f.base.atom in known for f in self.term)

    def unit(self, vocabulary: Vocabulary) -> Unit:
        proper = scaled(evaluate(self.term, vocabulary), self.number)
        return Unit(proper.magnitude, proper.dimension, self.function)


def compile_essence(xml: bytes) -> UcumTables:
    """Resolve every unit to base units. ``xml`` is trusted: check its hash first. Raises ValueError."""
    root = ET.fromstring(xml)  # noqa: S314 - hash-checked by the caller
    prefixes = {p.attrib["Code"]: Fraction(_value(p).attrib["value"]) for p in root.iter(f"{_UCUM}prefix")}
    base_elements = {base.attrib["Code"]: base for base in root.iter(f"{_UCUM}base-unit")}
    bases = list(base_elements)
    elements = {unit.attrib["Code"]: unit for unit in root.iter(f"{_UCUM}unit")}
    metric = {*bases, *(code for code, unit in elements.items() if unit.get("isMetric") == "yes")}
    lexicon = Lexicon(prefixes.keys(), {*bases, *elements}, metric)
    known = {code: _base_unit(code) for code in bases}
    _resolve({code: _definition(unit, lexicon) for code, unit in elements.items()}, known, prefixes)
    return UcumTables(
        version=root.attrib["version"],
        prefixes={code: str(value) for code, value in prefixes.items()},
        atoms={code: _atom(unit, (base_elements | elements)[code], code in metric) for code, unit in known.items()},
        prefix_names={p.attrib["Code"]: _text(p, "name") for p in root.iter(f"{_UCUM}prefix")},
    )


def _atom(unit: Unit, element: ET.Element, is_metric: bool) -> Atom:
    name, measured = _text(element, "name"), _text(element, "property")
    return Atom(str(unit.magnitude), unit.dimension, is_metric, unit.function, name, measured)


def _text(element: ET.Element, name: str) -> str:
    """Return the first text of this name; some of them are in italics in part."""
    found = element.find(f"{_UCUM}{name}")
    return "" if found is None else "".join(found.itertext()).strip()


def _resolve(
    definitions: dict[str, _Definition | Unit], known: dict[str, Unit], prefixes: Mapping[str, Fraction]
) -> None:
    """Add every defined unit to ``known``; some are used before they are defined, so go round until all are done."""
    waiting = dict(definitions)
    vocabulary = Vocabulary(prefixes, known)
    while waiting:
        ready = {c: d for c, d in waiting.items() if isinstance(d, Unit) or d.is_ready(known)}
        if not ready:
            raise ValueError(f"These units are defined by one another: {sorted(waiting)}.")
        for code, definition in ready.items():
            known[code] = definition if isinstance(definition, Unit) else definition.unit(vocabulary)
            del waiting[code]


def _definition(unit: ET.Element, lexicon: Lexicon) -> _Definition | Unit:
    value = _value(unit)
    term = value.attrib["Unit"]
    if unit.get("isSpecial") == "yes":
        return _special_definition(term, lexicon)
    if unit.get("isArbitrary") == "yes" and term == "1":
        return _base_unit(unit.attrib["Code"])
    return _Definition(Fraction(value.attrib["value"]), parse_term(term, lexicon))


def _special_definition(expression: str, lexicon: Lexicon) -> _Definition:
    # The `function` element says `deg` where this expression, the normative one, says `rad`: `%[slope]`.
    found = _SPECIAL.fullmatch(expression)
    if found is None or found["function"] not in SCALES:
        raise ValueError(f"`{expression}` is no known definition of a special unit.")
    return _Definition(Fraction(found["number"]), parse_term(found["term"], lexicon), found["function"])


def _base_unit(code: str) -> Unit:
    return Unit(Fraction(1), ((code, 1),))


def _value(element: ET.Element) -> ET.Element:
    value = element.find(f"{_UCUM}value")
    if value is None:
        raise ValueError(f"`{element.get('Code')}` has no value.")
    return value
