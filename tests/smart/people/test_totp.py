"""One-time codes — RFC 6238 appendix B (the SHA-1 rows), RFC 4226 appendix D."""

import pytest

from fhirserver.smart.people.totp import base32, code_at, enrolment_uri, matching_step, new_secret

SECRET = b"12345678901234567890"

RFC_6238 = [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
            (2000000000, "69279037"), (20000000000, "65353130")]  # fmt: skip
RFC_4226 = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]


@pytest.mark.parametrize(("at_s", "code"), RFC_6238)
def test_codes_are_those_of_rfc_6238(at_s: int, code: str) -> None:
    assert code_at(SECRET, at_s // 30, digits=8) == code


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC_4226)))
def test_codes_are_those_of_rfc_4226(counter: int, code: str) -> None:
    assert code_at(SECRET, counter) == code


MATCHING = [
    pytest.param("287082", 30.0, -1, 1, id="the code of this step counts"),
    pytest.param("287082", 60.0, -1, 1, id="the code of the step before counts: people type slowly"),
    pytest.param("287082", 29.0, -1, 1, id="the code of the next step counts: clocks differ"),
    pytest.param("287082", 90.0, -1, None, id="the code of two steps before does not count"),
    pytest.param("287 082", 30.0, -1, 1, id="apps show codes in two groups"),
    pytest.param("287082", 30.0, 1, None, id="a code counts once"),
    pytest.param("755224", 30.0, 1, None, id="a code of before the last one used does not count"),
    pytest.param("359152", 30.0, 1, 2, id="a code after the last one used counts"),
    pytest.param("28708", 30.0, -1, None, id="five digits are no code"),
    pytest.param("\uff12\uff18\uff17\uff10\uff18\uff12", 30.0, -1, None, id="digits of another script are no code"),
    pytest.param("", 30.0, -1, None, id="nothing is no code"),
]


@pytest.mark.parametrize(("code", "now_s", "after_step", "step"), MATCHING)
def test_which_codes_count(code: str, now_s: float, after_step: int, step: int | None) -> None:
    assert matching_step(SECRET, code, now_s, after_step) == step


def test_a_secret_is_as_long_as_the_hash() -> None:
    assert len(new_secret()) == 20
    assert new_secret() != new_secret()


def test_the_uri_is_what_authenticator_apps_read() -> None:
    uri = enrolment_uri(SECRET, "Hôpital A", "anna@example.org")
    assert uri == (
        "otpauth://totp/H%C3%B4pital%20A%3Aanna%40example.org"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=H%C3%B4pital%20A"
    )
    assert base32(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
