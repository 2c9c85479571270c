"""The compiled tables. Spec: https://ucum.org/ucum#para-27"""

import time
from decimal import Decimal

import msgspec
import pytest

from fhirserver.ucum import Ucum, UcumTables, compile_essence


def test_tables_survive_messagepack_and_are_small(tables: UcumTables) -> None:
    packed = msgspec.msgpack.encode(tables)
    assert len(packed) < 20_000
    assert msgspec.msgpack.decode(packed, type=UcumTables) == tables


def test_every_atom_has_a_canonical_form(tables: UcumTables, ucum: Ucum) -> None:
    assert tables.version == ucum.version == "2.2"
    assert len(tables.atoms) > 300
    assert [code for code in tables.atoms if ucum.canonical(Decimal(1), code) is None] == []


def test_no_symbol_can_be_read_in_two_ways(tables: UcumTables) -> None:
    metric = [code for code, atom in tables.atoms.items() if atom.metric]
    prefixed = [prefix + code for prefix in tables.prefixes for code in metric]
    assert len(set(prefixed)) == len(prefixed)
    assert tables.atoms.keys().isdisjoint(prefixed)


@pytest.mark.parametrize(
    "unit",
    [
        '<unit Code="x" isMetric="no"><value Unit="y" value="1"/></unit>'
        '<unit Code="y" isMetric="no"><value Unit="x" value="1"/></unit>',
        '<unit Code="x" isMetric="no" isSpecial="yes"><value Unit="sin(1 1)"/></unit>',
        '<unit Code="x" isMetric="no"/>',
    ],
    ids=["defined by one another", "unknown function", "no value"],
)
def test_tables_that_define_no_unit_are_refused(unit: str) -> None:
    xml = f'<root xmlns="http://unitsofmeasure.org/ucum-essence" version="0">{unit}</root>'
    with pytest.raises(ValueError, match=r"x|sin"):
        compile_essence(xml.encode())


def test_the_memory_of_codes_is_bounded(tables: UcumTables) -> None:
    ucum = Ucum(tables)
    bound = ucum.cache_counts()[2]
    assert bound is not None
    for number in range(1, bound + 10):
        ucum.factor(f"{number}.m")
    hits, misses, _, size = ucum.cache_counts()
    assert (hits, misses, size) == (0, bound + 9, bound)


def test_a_hostile_code_is_answered_at_once(ucum: Ucum) -> None:
    started = time.perf_counter()
    for code in ("[pi]9" + ".[pi]9" * 20, ".".join(["[rd_br]31"] * 12), "(" * 128, "[" * 128, "{" * 128, "9" * 128):
        ucum.factor(code)
    assert time.perf_counter() - started < 5
