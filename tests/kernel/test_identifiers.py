"""Check digits of Belgian and French identifiers, on made-up numbers, and against python-stdnum."""

import random
from collections.abc import Callable

import pytest
from stdnum.be import bis, nn, vat
from stdnum.fr import nir, siren, siret

from fhirserver.kernel import identifiers

VALID = [
    pytest.param(identifiers.is_niss, "85073090133", id="NISS: a man of 1985"),
    pytest.param(identifiers.is_niss, "04022999805", id="NISS: a woman of 2004, prefix 2"),
    pytest.param(identifiers.is_niss, "12051540048", id="NISS: a girl of 2012, prefix 2"),
    pytest.param(identifiers.is_niss, "85073006197", id="NISS: remainder 0 gives 97"),
    pytest.param(identifiers.is_niss, "85473090122", id="BIS: month + 40, sex known"),
    pytest.param(identifiers.is_niss, "04522999864", id="BIS: month + 50, born 2004"),
    pytest.param(identifiers.is_niss, "87210050217", id="BIS: month + 20, day unknown"),
    pytest.param(identifiers.is_bis, "85473090122", id="BIS: told from a NISS by its month"),
    pytest.param(identifiers.is_nihdi, "15432106003", id="NIHDI: a physician, modulus 97"),
    pytest.param(identifiers.is_nihdi, "71234523000", id="NIHDI: a hospital, modulus 97"),
    pytest.param(identifiers.is_nihdi, "17654333580", id="NIHDI: a physician since 2019, modulus 89"),
    pytest.param(identifiers.is_nihdi, "15432106", id="NIHDI: the short form"),
    pytest.param(identifiers.is_cbe, "0456789034", id="CBE: first digit 0"),
    pytest.param(identifiers.is_cbe, "0712345630", id="CBE: remainder 67"),
    pytest.param(identifiers.is_cbe, "1020304002", id="CBE: first digit 1"),
    pytest.param(identifiers.is_nir, "185076276543238", id="NIR: a man of 1985"),
    pytest.param(identifiers.is_nir, "299125935001214", id="NIR: a woman of 1999"),
    pytest.param(identifiers.is_nir, "286102A00408872", id="NIR: 2A counts as 19"),
    pytest.param(identifiers.is_nir, "194032B03307747", id="NIR: 2B counts as 18"),
    pytest.param(identifiers.is_nir, "785079912345630", id="NIA: first digit 7"),
    pytest.param(identifiers.is_nir, "899029935011124", id="NIA: first digit 8"),
    pytest.param(identifiers.is_nir, "703049910022274", id="NIA: born 2003"),
    pytest.param(identifiers.is_rpps, "10102030409", id="RPPS: Luhn"),
    pytest.param(identifiers.is_rpps, "10099887761", id="RPPS: another"),
    pytest.param(identifiers.is_rpps, "10000000017", id="RPPS: mostly zeros"),
    pytest.param(identifiers.is_finess, "620109991", id="FINESS: Pas-de-Calais"),
    pytest.param(identifiers.is_finess, "590781233", id="FINESS: Nord"),
    pytest.param(identifiers.is_finess, "600007777", id="FINESS: Oise"),
    pytest.param(identifiers.is_finess, "2A0000014", id="FINESS: Corsica, syntax only"),
    pytest.param(identifiers.is_siren, "266200120", id="SIREN: Luhn"),
    pytest.param(identifiers.is_siren, "265900779", id="SIREN: another"),
    pytest.param(identifiers.is_siret, "26620012000019", id="SIRET: Luhn on 14"),
    pytest.param(identifiers.is_siret, "35600000049837", id="SIRET: La Poste adds up to a multiple of 5"),
]

INVALID = [
    pytest.param(identifiers.is_niss, "85073090134", id="NISS: wrong check digits"),
    pytest.param(identifiers.is_niss, "85.07.30-901.33", id="NISS: punctuation"),
    pytest.param(identifiers.is_niss, "85133090151", id="NISS: no month 13"),
    pytest.param(identifiers.is_niss, "\u0668\u0665073090133", id="NISS: digits of another script"),
    pytest.param(identifiers.is_bis, "85073090133", id="BIS: a NISS is none"),
    pytest.param(identifiers.is_nihdi, "15432107003", id="NIHDI: wrong check digits"),
    pytest.param(identifiers.is_nihdi, "154321060", id="NIHDI: 9 digits"),
    pytest.param(identifiers.is_cbe, "2456789034", id="CBE: first digit 2"),
    pytest.param(identifiers.is_cbe, "0456789035", id="CBE: wrong check digits"),
    pytest.param(identifiers.is_nir, "185076276543239", id="NIR: wrong key"),
    pytest.param(identifiers.is_nir, "286102C00408872", id="NIR: no department 2C"),
    pytest.param(identifiers.is_rpps, "10003461033", id="RPPS: fails Luhn"),
    pytest.param(identifiers.is_finess, "620109992", id="FINESS: fails Luhn"),
    pytest.param(identifiers.is_siren, "266200121", id="SIREN: fails Luhn"),
    pytest.param(identifiers.is_siret, "26620012000010", id="SIRET: fails Luhn on 14"),
    pytest.param(identifiers.is_siret, "26620012100018", id="SIRET: its SIREN fails"),
    pytest.param(identifiers.is_siret, "", id="SIRET: empty"),
]


@pytest.mark.parametrize(("check", "text"), VALID)
def test_valid(check: Callable[[str], bool], text: str) -> None:
    assert check(text) is True


@pytest.mark.parametrize(("check", "text"), INVALID)
def test_invalid(check: Callable[[str], bool], text: str) -> None:
    assert check(text) is False


def test_the_check_digits_of_a_niss_tell_the_century() -> None:
    first9 = ("850730901", "040229998", "120515400")
    assert all(identifiers.niss_check(n, born_2000=False) != identifiers.niss_check(n, born_2000=True) for n in first9)


def test_made_numbers_pass() -> None:
    draw = random.Random("identifiers")
    for _ in range(200):
        six, eight, ten = (str(draw.randrange(10 ** (n - 1), 10**n)) for n in (6, 8, 10))
        assert identifiers.is_nihdi(six + identifiers.nihdi_check(six) + "000")
        assert identifiers.is_nihdi(six + identifiers.nihdi_check(six, modulus=89))
        assert identifiers.is_siren(eight + identifiers.luhn_check(eight))
        assert identifiers.is_rpps(ten + identifiers.luhn_check(ten))


def test_stdnum_agrees_on_any_digits() -> None:
    """Half of the numbers are near misses: one digit off a valid number."""
    draw = random.Random("stdnum")
    for _ in range(2000):
        eight, five, six = (f"{draw.randrange(10**n):0{n}d}" for n in (8, 5, 6))
        off = draw.choice((0, 1))
        number = eight + str((int(identifiers.luhn_check(eight)) + off) % 10)
        assert identifiers.is_siren(number) is siren.is_valid(number), number
        site = number + five[:4] + identifiers.luhn_check(number + five[:4])
        assert identifiers.is_siret(site) is siret.is_valid(site), site
        enterprise = "0" + eight[1:] + identifiers.cbe_check("0" + eight[1:])
        enterprise = str(int(enterprise) + off).zfill(10)
        assert identifiers.is_cbe(enterprise) is vat.is_valid(enterprise), enterprise
        person = "28510" + f"{draw.randrange(1, 96):02d}" + six
        person += str(int(identifiers.nir_key(person)) + off).zfill(2)
        assert identifiers.is_nir(person) is nir.is_valid(person), person


@pytest.mark.parametrize("month", [*range(1, 13), *range(21, 33), *range(41, 53)])
def test_stdnum_agrees_on_persons_of_belgium(month: int) -> None:
    for serial in range(1, 998, 7):
        first9 = f"03{month:02d}14{serial:03d}"
        number = first9 + identifiers.niss_check(first9, born_2000=True)
        known = nn.is_valid(number) if month < 13 else bis.is_valid(number)
        assert identifiers.is_niss(number) is known is True, number
