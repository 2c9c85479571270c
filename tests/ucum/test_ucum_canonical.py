"""Values in canonical units. Spec: https://ucum.org/ucum#para-16"""

from decimal import Decimal

import pytest

from fhirserver.ucum import Canonical, Ucum

CASES = [
    # value, code, canonical value, canonical unit
    pytest.param("1", "10*3/uL", "1e12", "m-3", id="example table: thousands per microlitre"),
    pytest.param("5", "mg/dL", "50", "g.m-3", id="base unit of mass is the gram"),
    pytest.param("120", "mm[Hg]", "15998640", "g.m-1.s-2", id="a prefix on an atom with a suffix"),
    pytest.param("5.5", "mmol/L", "3312177418000000000000000", "m-3", id="a mole is a number"),
    pytest.param("72", "/min", "1.2", "s-1", id="one sixtieth is kept exactly"),
    pytest.param("3", "[Ch]", "0.001", "m", id="so is one third"),
    pytest.param("24.9", "kg/m2", "24900", "g.m-2", id="body mass index"),
    pytest.param("66", "[in_i]", "1.6764", "m", id="inches"),
    pytest.param("7", "{score}", "7", "1", id="6.4: an annotation alone is the unity"),
    pytest.param("7", "%{vol}", "0.07", "1", id="12.2: %{vol} is equivalent to %"),
    pytest.param("7", "g/g", "7", "1", id="19.3: the quotient of commensurable units is of the unity"),
    pytest.param("1", "/m.s", "1", "m-1.s", id="7.3: a leading solidus inverts what directly follows"),
    pytest.param("1", "m/s.kg", "1000", "g.m.s-1", id="7.4: from left to right with one precedence"),
    pytest.param("1", "m/(s.kg)", "0.001", "g-1.m.s-1", id="10.1: overridden with parentheses"),
    pytest.param("1", "m/(s/kg)", "1000", "g.m.s-1", id="10.1: division in a divisor"),
    pytest.param("1", "2.5", "10", "1", id="8: 2.5 is two times five"),
    pytest.param("1", "cm3", "0.000001", "m3", id="9.2: prefix and atom are both raised to the power"),
    pytest.param("1", "m0", "1", "1", id="18.4: u to the zero is 1"),
    pytest.param("1", "[S]", "1e-13", "s", id="a unit defined by a term"),
    pytest.param("1", "[pi].rad/180", "0.01745329251994329576923690768488613", "rad", id="π to 34 digits"),
    pytest.param("1", "[pi]/[pi]", "1", "1", id="π cancels"),
    pytest.param("1", "[iU]/mL", "1e6", "[iU].m-3", id="24: an arbitrary unit stays itself"),
    pytest.param("1", "m[IU]/L", "1", "[iU].m-3", id="the two symbols of the international unit are one"),
    pytest.param("37.0", "Cel", "310.15", "K", id="21: Celsius"),
    pytest.param("1", "mCel", "273.151", "K", id="22.4: a prefix scales the measured value"),
    pytest.param("5", "10.Cel", "323.15", "K", id="22.5: so does a number"),
    pytest.param("50", "Cel/10", "278.15", "K", id="22.5: and a dimensionless divisor"),
    pytest.param("98.6", "[degF]", "310.15", "K", id="43.4: 5/9 (x + 459.67)"),
    pytest.param("80", "[degRe]", "373.15", "K", id="43.5: 5/4 (x + 218.52)"),
    pytest.param("100", "[p'diop]", "0.7853981633974483096156608458198757", "rad", id="44.4: arctan(x / 100)"),
    pytest.param("100", "%[slope]", "0.7853981633974483096156608458198757", "rad", id="44.4: in radians as well"),
    pytest.param("3", "[hp'_X]", "0.001", "1", id="44.3: ten to the minus x"),
    pytest.param("3", "[hp'_C]", "0.000001", "1", id="44.3: a hundred to the minus x"),
    pytest.param("2", "[hp'_M]", "0.000001", "1", id="44.3: a thousand to the minus x"),
    pytest.param("1", "[hp'_Q]", "0.00002", "1", id="44.3: 50 000 to the minus x"),
    pytest.param("3", "[hp_C]", "3", "[hp_C]", id="the retired homeopathic units are arbitrary"),
    pytest.param("7", "[pH]", "60221407600000000000", "m-3", id="45: pH is linked to mol/l"),
    pytest.param("30", "dB", "1000", "1", id="46: the bel is the decadic logarithm"),
    pytest.param("2", "B[SPL]", "0.2", "g.m-1.s-2", id="46: twice the logarithm over 20 µPa"),
    pytest.param("2", "B[10.nV]", "0.0001", "C-1.g.m2.s-2", id="46: a reference of 10 nV"),
    pytest.param("3", "bit_s", "8", "1", id="48: the dual logarithm"),
    pytest.param("3", "[m/s2/Hz^(1/2)]", "9", "m2.s-3", id="47: the square of a root"),
]


@pytest.mark.parametrize(("value", "code", "expected", "unit"), CASES)
def test_canonical(ucum: Ucum, value: str, code: str, expected: str, unit: str) -> None:
    assert ucum.canonical(Decimal(value), code) == Canonical(Decimal(expected), unit)


UNDEFINED = [
    pytest.param("1", "Torr", id="not a code"),
    pytest.param("1", "Cel2", id="22.1: no exponent on a special unit"),
    pytest.param("1", "/Cel", id="22.1: no division by one"),
    pytest.param("1", "Cel/h", id="22.1: no algebra with another unit"),
    pytest.param("1", "B.Np", id="22.1: nor with another special unit"),
    pytest.param("-1", "[m/s2/Hz^(1/2)]", id="21: outside the domain of the function"),
    pytest.param("1e9", "B", id="beyond the range of decimal128"),
    pytest.param("1e6145", "m", id="a value beyond it"),
    pytest.param("NaN", "m", id="not a number"),
    pytest.param("sNaN", "[p'diop]", id="nor a signalling one"),
    pytest.param("1", "10*999999999", id="a magnitude out of range costs nothing"),
    pytest.param("1", "Ym99.Ym99", id="nor one that grows"),
]


@pytest.mark.parametrize(("value", "code"), UNDEFINED)
def test_no_canonical_form(ucum: Ucum, value: str, code: str) -> None:
    assert ucum.canonical(Decimal(value), code) is None


CONVERSIONS = [
    # value, from, to, expected
    pytest.param("6.3", "mm", "m", "0.0063", id="prefixes"),
    pytest.param("6.3", "s/m.mg", "s.m-1.g", "0.0063", id="left to right"),
    pytest.param("5.5", "mmol/L", "umol/mL", "5.5", id="the same concentration"),
    pytest.param("1", "kat", "U", "60000000", id="catalytic activity"),
    pytest.param("1", "[lb_av]", "kg", "0.45359237", id="pounds, exactly"),
    pytest.param("6", "[ft_i]", "[in_i]", "72", id="one customary unit in another"),
    pytest.param("3", "[Ch]", "mm", "1", id="thirds"),
    pytest.param("1", "[Ch]", "[Ch]", "1", id="thirds in thirds"),
    pytest.param("1", "[ly]", "cm", "946073047258080000", id="light years"),
    pytest.param("1", "a", "d", "365.25", id="31: the year is the Julian one"),
    pytest.param("180", "deg", "[pi].rad", "1", id="degrees"),
    pytest.param("1", "[mu_0]", "4.[pi].10*-7.N/A2", "1", id="the permeability of vacuum"),
    pytest.param("1", "{#}/[HPF]", "{#}/[LPF]", "100", id="45: per high and per low power field"),
    pytest.param("37", "Cel", "[degF]", "98.6", id="Celsius to Fahrenheit"),
    pytest.param("98.6", "[degF]", "Cel", "37", id="and back"),
    pytest.param("98.7", "[degF]", "[degF]", "98.7", id="guard digits: there and back"),
    pytest.param("310.15", "K", "Cel", "37", id="a proper unit to a special one"),
    pytest.param("80", "Cel", "[degRe]", "64", id="two special units"),
    pytest.param("7.4", "[pH]", "umol/L", "0.03981071705534972507702523050877520", id="45: pH 7.4 in µmol/l"),
    pytest.param("45", "deg", "%[slope]", "100", id="the tangent"),
    pytest.param("225", "deg", "%[slope]", "100", id="the tangent has the period π"),
    pytest.param("1000", "W", "B[W]", "3", id="to a level"),
    pytest.param("20", "dB[V]", "V", "10", id="from a level"),
    pytest.param("1", "[IU]", "[iU]", "1", id="two symbols of one arbitrary unit"),
    pytest.param("5", "[IU]/L", "m[IU]/mL", "5", id="an arbitrary unit with itself"),
    pytest.param("1", "kg", "m", None, id="17: not commensurable"),
    pytest.param("1", "[iU]", "1", None, id="24.3: an arbitrary unit with the unity"),
    pytest.param("1", "[iU]", "[USP'U]", None, id="25.1: an arbitrary unit with another"),
    pytest.param("1", "Cel", "m", None, id="a special unit of another dimension"),
    pytest.param("0", "W", "B[W]", None, id="no logarithm of zero"),
    pytest.param("1", "m", "metre", None, id="not a code"),
]


@pytest.mark.parametrize(("value", "source", "target", "expected"), CONVERSIONS)
def test_convert(ucum: Ucum, value: str, source: str, target: str, expected: str | None) -> None:
    assert ucum.convert(Decimal(value), source, target) == (None if expected is None else Decimal(expected))


def test_a_proper_unit_keeps_the_digits_of_the_value(ucum: Ucum) -> None:
    assert str(ucum.convert(Decimal("6.30"), "mm", "m")) == "0.00630"


@pytest.mark.parametrize(
    ("code", "decreasing"), [("mg/dL", False), ("Cel", False), ("dB", False), ("[pH]", True), ("[hp'_X]", True)]
)
def test_decreasing_units_say_so(ucum: Ucum, code: str, decreasing: bool) -> None:
    conversion = ucum.factor(code)
    assert conversion is not None
    low, high = conversion.apply(Decimal("6.95")), conversion.apply(Decimal("7.05"))
    assert low is not None
    assert high is not None
    assert conversion.decreasing is decreasing
    assert (high < low) is decreasing
