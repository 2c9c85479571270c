"""Agreement with pint, an independent library of units, read through ucumvert's own UCUM grammar.

Every code of the official examples and every atom is compared: magnitude in base units and dimension. What pint does
not know (annotations alone are unit names to it) is left out by rule; where it means something else stands below.
"""

import math
import re
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from pint import UndefinedUnitError, UnitRegistry
from ucumvert.parser import get_ucum_parser, parse_ucum  # type: ignore[import-untyped] # it ships no types
from ucumvert.ucum_pint import UcumToPintTransformer  # type: ignore[import-untyped] # it ships no types

from fhirserver.ucum import Canonical, Ucum, UcumTables

AVOGADRO = 6.02214076e23
DIMENSIONS = {
    "[length]": "m", "[time]": "s", "[mass]": "g", "[temperature]": "K", "[current]": "A", "[luminosity]": "cd",
}  # fmt: skip

EXCEPTIONS = {
    "pint has another value of the constant (CODATA, mercury at 0 °C, British inch, calorie at 15 °C, …)": """
        u pc a_t mo_s [didot] [cicero] [pnt_pr] [pca_pr] cal_[15] [Btu] [Btu_th] m[Hg] cm[Hg] mm[Hg] [in_i'H2O]
        [in_i'Hg] [PRU] [wood'U] [in_br] [ft_br] [yd_br] [fth_br] [pc_br] [mi_br] [nmi_br] [kn_br] [acr_br]""",
    "pint derives it from the foot, UCUM from 16.5 feet": "[rd_br] [ch_br] [lk_br]",
    "pint's CGS units have a dimension of their own (Gaussian), UCUM's are SI (§33)": "Oe Mx G",
    "pint reads a thousandth: the nutritional calorie is a kilocalorie (§43)": "[Cal]",
    "pint has no magnification of 100 (§45)": "[LPF] /[LPF] {#}/[LPF]",
    "pint reads another unit under this name": "' '' g% [cft_i] [cyd_i]",
    "pint takes the special unit for a proper one": """
        [p'diop] %[slope] [hp'_X] [hp'_C] [hp'_M] [hp'_Q] [m/s2/Hz^(1/2)] bit_s""",
    "pint's neper is of field quantities, twice the logarithm; UCUM's is ln(1 1) (§46)": "Np",
    "pint does not know it": "[pH]",
}
EXCEPTED = {code for codes in EXCEPTIONS.values() for code in codes.split()}
UNREADABLE = {"Torr": "no UCUM code"}


class Oracle:
    """Pint's answers in the words of UCUM: moles are numbers, coulombs ampere-seconds, radians nothing."""

    def __init__(self) -> None:
        registry: UnitRegistry[float] = UnitRegistry()
        registry.load_definitions(Path(str(files("ucumvert"))) / "pint_ucum_defs.txt")
        self._registry = registry
        self._parser = get_ucum_parser()
        self._transformer = UcumToPintTransformer(registry)

    def canonical(self, code: str) -> tuple[float, dict[str, float]]:
        found = self._transformer.transform(parse_ucum(code, self._parser))
        quantity = self._registry.Quantity(found).to_root_units()
        powers = {name: float(str(power)) for name, power in quantity.dimensionality.items()}
        dimension = {DIMENSIONS.get(name, name): power for name, power in powers.items()}
        moles = dimension.pop("[substance]", 0)
        return float(quantity.magnitude) * AVOGADRO**moles, dimension


def _comparable(canonical: Canonical) -> tuple[float, dict[str, float]]:
    """Leave out what pint counts as numbers: arbitrary units and radians."""
    dimension: dict[str, float] = {}
    for symbol, power in re.findall(r"(\[[^\]]+\]|[A-Za-z]+)(-?\d+)?", canonical.unit):
        for name in {"C": ("A", "s"), "rad": ()}.get(symbol, (symbol,)):
            dimension[name] = dimension.get(name, 0) + int(power or 1)
    kept = {name: power for name, power in dimension.items() if power and not name.startswith("[")}
    return float(canonical.value), kept


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture(scope="module")
def codes(example_codes: list[str], tables: UcumTables) -> list[str]:
    every = dict.fromkeys([*example_codes, *tables.atoms])
    return [code for code in every if not re.fullmatch(r"\{[^}]*\}", code) and code not in UNREADABLE]


def _agrees(oracle: Oracle, ucum: Ucum, code: str) -> bool:
    canonical = ucum.canonical(Decimal(1), code)
    assert canonical is not None, code
    magnitude, dimension = _comparable(canonical)
    expected, its_dimension = oracle.canonical(code)
    return dimension == its_dimension and math.isclose(magnitude, expected, rel_tol=1e-9)


def test_pint_agrees_but_for_the_named_exceptions(oracle: Oracle, ucum: Ucum, codes: list[str]) -> None:
    common = [code for code in codes if code not in EXCEPTED]
    assert len(common) > 900
    assert [code for code in common if not _agrees(oracle, ucum, code)] == []


@pytest.mark.parametrize("code", sorted(EXCEPTED - {"[pH]"}))
def test_the_exceptions_are_still_exceptions(oracle: Oracle, ucum: Ucum, code: str) -> None:
    assert not _agrees(oracle, ucum, code)


def test_pint_still_does_not_know_ph(oracle: Oracle) -> None:
    with pytest.raises(Exception, match="pH_value") as caught:
        oracle.canonical("[pH]")
    assert isinstance(caught.value.__context__, UndefinedUnitError)
