"""The pure rules of login: passwords, delays, levels, steps, ends of sessions, PINs, names."""

import hashlib
from pathlib import Path

import pytest

from fhirserver.smart.people.account import Account, BadAccount, Passkey, checked_link, normalized_username
from fhirserver.smart.people.assurance import higher, least, level_of, methods, satisfies
from fhirserver.smart.people.breached import BreachedPasswords
from fhirserver.smart.people.lockout import OF_ACCOUNT, OF_SECOND_FACTOR, Patience, source_of
from fhirserver.smart.people.password_rules import PasswordProblem, PasswordRules, problem_of
from fhirserver.smart.people.recovery import digest_of, new_codes, without
from fhirserver.smart.people.rules import LoginRules, Step, next_step
from fhirserver.smart.people.session import Proof, SessionRules, browser_of, is_fresh, is_over, is_past_shift
from fhirserver.smart.people.stations import is_pin

KEY = Passkey(id=b"1", public_key=b"k", sign_count=0, name="key", synced=False)


def account(**fields: object) -> Account:
    known = {"id": "1", "username": "anna.peeters", "name": "Dr Anna Peeters", "site": "main"}
    return Account(**{**known, **fields})  # type: ignore[arg-type]


PASSWORDS = [
    pytest.param("correct horse battery", None, id="a sentence is a good password"),
    pytest.param("elevenchars", PasswordProblem.TOO_SHORT, id="eleven characters are too few"),
    pytest.param("twelve chars", None, id="twelve are enough, of whatever kinds"),
    pytest.param("x" * 257, PasswordProblem.TOO_LONG, id="more than 256 are too many"),
    pytest.param("aaaaaaaabbbbbbbb", PasswordProblem.TOO_SIMPLE, id="two characters over and over are too simple"),
    pytest.param("AnnaPeeters12", PasswordProblem.ABOUT_OWNER, id="the name of its owner and a number is refused"),
    pytest.param("Peeters and a long sentence", None, id="a sentence that holds the name is good"),
    pytest.param("ﬁfteen letters", None, id="compatibility characters are hashed as their plain form"),
    pytest.param("stolen password", PasswordProblem.BREACHED, id="what is in the list of breached ones is refused"),
]


@pytest.mark.parametrize(("password", "problem"), PASSWORDS)
def test_password_rules(password: str, problem: PasswordProblem | None) -> None:
    rules = PasswordRules(is_breached=lambda text: text == "stolen password")
    assert problem_of(password, ("anna.peeters", "Dr Anna Peeters"), rules) is problem


@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("count", ["", ":17"], ids=["digests alone", "digests with counts"])
def test_a_list_of_breached_passwords_is_searched_where_it_lies(tmp_path: Path, ending: str, count: str) -> None:
    known = [f"password {number}" for number in range(501)]
    digests = sorted(hashlib.sha1(text.encode()).hexdigest().upper() for text in known)  # noqa: S324
    (tmp_path / "list").write_bytes("".join(f"{digest}{count}{ending}" for digest in digests).encode())
    is_breached = BreachedPasswords(tmp_path / "list")
    assert all(is_breached(text) for text in known)
    assert not any(is_breached(f"other {number}") for number in range(500))


def test_what_is_no_list_of_digests_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("123456\npassword\nqwertyuiop\nletmein\ndragon\nmonkey\nbaseball\n")
    with pytest.raises(ValueError, match="not a list of SHA-1 digests"):
        BreachedPasswords(tmp_path / "list")


DELAYS = [
    pytest.param(OF_ACCOUNT, 1, 0.0, id="the first attempts are free"),
    pytest.param(OF_ACCOUNT, 4, 0.0, id="so is the fourth"),
    pytest.param(OF_ACCOUNT, 5, 5.0, id="the fifth must be waited after"),
    pytest.param(OF_ACCOUNT, 6, 10.0, id="each next one twice as long"),
    pytest.param(OF_ACCOUNT, 12, 640.0, id="and so on"),
    pytest.param(OF_ACCOUNT, 13, 900.0, id="up to a bound"),
    pytest.param(OF_ACCOUNT, 100_000, 900.0, id="which holds for ever"),
]


@pytest.mark.parametrize(("patience", "attempts", "delay_s"), DELAYS)
def test_delays(patience: Patience, attempts: int, delay_s: float) -> None:
    assert patience.delay_s(attempts) == delay_s


def test_about_forty_guesses_at_a_code_are_let_through_in_a_day() -> None:
    guesses, passed_s = 0, 0.0
    while passed_s < 24 * 3600:
        guesses += 1
        passed_s += OF_SECOND_FACTOR.delay_s(guesses)
    assert guesses <= 40


SOURCES = [
    pytest.param("192.0.2.7", "192.0.2.7", id="an IPv4 address stands for itself"),
    pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", id="of an IPv6 address the /64 counts"),
    pytest.param("::ffff:192.0.2.7", "192.0.2.7", id="a mapped address is the IPv4 one"),
    pytest.param(None, "unknown", id="no address"),
    pytest.param("testclient", "unknown", id="no address but a name"),
]


@pytest.mark.parametrize(("address", "source"), SOURCES)
def test_sources(address: str | None, source: str) -> None:
    assert source_of(address) == source


LEVELS = [
    pytest.param(("pwd",), "1fa", id="a password is one factor"),
    pytest.param(("pwd", "otp"), "2fa", id="a password and a code are two"),
    pytest.param(("pwd", "rcv"), "2fa", id="a recovery code stands for a code"),
    pytest.param(("otp",), "1fa", id="a code alone is one"),
    pytest.param(("pwd", "pin"), "1fa", id="a PIN adds nothing"),
    pytest.param(("hwk",), "phr", id="a passkey is phishing-resistant, and two factors in one"),
    pytest.param(("swk",), "phr", id="a synced passkey too"),
    pytest.param(("fed", "otp"), "2fa", id="another provider's login and a code are two"),
    pytest.param((), "1fa", id="nothing is the lowest"),
]


@pytest.mark.parametrize(("amr", "level"), LEVELS)
def test_levels(amr: tuple[str, ...], level: str) -> None:
    assert level_of(amr) == level


def test_levels_are_ordered() -> None:
    assert satisfies("phr", "2fa")
    assert satisfies("2fa", "2fa")
    assert not satisfies("1fa", "2fa")
    assert not satisfies("phr", "urn:unknown")
    assert higher("1fa", "phr") == higher("phr", "1fa") == "phr"
    assert least(["urn:unknown", "phr", "2fa"]) == "2fa"
    assert least(["urn:unknown"]) is None
    assert methods("pwd", "otp") == ("pwd", "otp", "mfa")
    assert methods("pwd") == ("pwd",)


TOTP = {"totp_secret": b"sealed"}
STEPS = [
    pytest.param({}, ("pwd",), "1fa", Step.DONE, id="a password does where one factor is wanted"),
    pytest.param({}, ("pwd",), "2fa", Step.ENROL, id="who has no second factor must set one up"),
    pytest.param(TOTP, ("pwd",), "2fa", Step.SECOND_FACTOR, id="who has one is asked for it"),
    pytest.param(TOTP, ("pwd", "otp"), "2fa", Step.DONE, id="and is then done"),
    pytest.param({"passkeys": (KEY,)}, ("pwd",), "2fa", Step.SECOND_FACTOR, id="a passkey is a second factor"),
    pytest.param({"passkeys": (KEY,)}, ("hwk",), "2fa", Step.DONE, id="a passkey alone is enough"),
    pytest.param({"passkeys": (KEY,)}, ("pwd",), "phr", Step.PASSKEY, id="where only a passkey does, it is asked for"),
    pytest.param(TOTP, ("pwd",), "phr", Step.SECOND_FACTOR, id="a new passkey is made after all other factors"),
    pytest.param(TOTP, ("pwd", "otp"), "phr", Step.ENROL_PASSKEY, id="which then must be made"),
    pytest.param({}, ("pwd",), "phr", Step.ENROL_PASSKEY, id="without another factor at once"),
    pytest.param({"must_change_password": True}, ("pwd",), "1fa", Step.CHANGE_PASSWORD, id="a given one is changed"),
    pytest.param({"must_change_password": True}, ("hwk",), "1fa", Step.DONE, id="but not where none was used"),
    pytest.param({"must_change_password": True, **TOTP}, ("pwd",), "2fa", Step.SECOND_FACTOR, id="and not before"),
]


@pytest.mark.parametrize(("fields", "amr", "wanted", "step"), STEPS)
def test_what_comes_next_in_a_login(fields: dict[str, object], amr: tuple[str, ...], wanted: str, step: Step) -> None:
    assert next_step(account(**fields), Proof(amr), wanted) is step


def test_another_provider_can_vouch_for_a_level() -> None:
    assert Proof(("fed",), "2fa").acr == "2fa"
    assert Proof(("fed",), "1fa").and_by("otp").acr == "2fa"


ROLES = [
    pytest.param(("staff",), {"fhir_user": "Practitioner/1"}, "2fa", id="staff are who works here"),
    pytest.param(("staff",), {"fhir_user": "Patient/1"}, "1fa", id="patients are not staff"),
    pytest.param(("staff",), {"fhir_user": "RelatedPerson/1"}, "1fa", id="relatives are not"),
    pytest.param(("staff",), {"fhir_user": "Patient/1", "is_admin": True}, "2fa", id="administrators are"),
    pytest.param(("everybody",), {"fhir_user": "Patient/1"}, "2fa", id="everybody is everybody"),
    pytest.param(("nurse",), {"roles": ("nurse",)}, "2fa", id="a role by its name"),
    pytest.param(("nurse",), {"roles": ("physician",)}, "1fa", id="another role is not concerned"),
    pytest.param((), {"fhir_user": "Practitioner/1"}, "1fa", id="nobody"),
    pytest.param(("everybody",), {"exempt": True}, "1fa", id="accounts of the demo record"),
]


@pytest.mark.parametrize(("roles", "fields", "level"), ROLES)
def test_who_needs_a_second_factor(roles: tuple[str, ...], fields: dict[str, object], level: str) -> None:
    assert LoginRules(second_factor_roles=roles).level_for(account(**fields)) == level


SCOPES = [
    pytest.param(["user/Patient.rs"], "1fa", id="no pattern matches"),
    pytest.param(["user/Patient.rs", "user/Observation.cud"], "2fa", id="one scope of several matches"),
    pytest.param(["user/Observation.cud", "user/Consent.r"], "phr", id="the highest of all"),
    pytest.param(["user/Observation.cud?category=x"], "2fa", id="criteria do not hide a scope"),
    pytest.param(["user/Observation.cruds"], "2fa", id="nor do rights beside those that are named"),
    pytest.param(["user/Observation.d"], "2fa", id="one of the rights is enough"),
    pytest.param(["user/Observation.write"], "2fa", id="v1 says the same in other words"),
    pytest.param(["user/Observation.*"], "2fa", id="as all rights do"),
    pytest.param(["user/*.rs"], "phr", id="all types hold the one that is named"),
    pytest.param(["patient/Observation.cud"], "1fa", id="another context"),
    pytest.param(["openid", "launch/patient", "offline_access"], "1fa", id="no scopes of resources"),
]


@pytest.mark.parametrize(("scopes", "level"), SCOPES)
def test_scopes_that_need_more(scopes: list[str], level: str) -> None:
    rules = LoginRules(step_up={"user/*.cud": "2fa", "user/Consent.*": "phr"})
    assert rules.level_of_scopes(scopes) == level


RULES = SessionRules(idle_s=1800, longest_s=43_200)
ENDS = [
    pytest.param(0, 0, 1799, False, id="within the idle time"),
    pytest.param(0, 0, 1800, True, id="idle for too long"),
    pytest.param(0, 43_000, 43_199, False, id="used until now"),
    pytest.param(0, 43_199, 43_200, True, id="lasted too long, whatever is done"),
]


@pytest.mark.parametrize(("created_s", "seen_s", "now_s", "over"), ENDS)
def test_ends_of_sessions(created_s: float, seen_s: float, now_s: float, over: bool) -> None:
    assert is_over(created_s, seen_s, now_s, RULES) is over
    assert is_past_shift(created_s, now_s, RULES) is (now_s >= 43_200)


def test_max_age_counts_from_the_last_full_login() -> None:
    assert is_fresh(100.0, 160.0, 60.0)
    assert not is_fresh(100.0, 161.0, 60.0)


MOZILLA = "Mozilla/5.0"
AGENTS = [
    pytest.param(
        f"{MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux", id="Firefox"
    ),
    pytest.param(f"{MOZILLA} (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows", id="Edge"),
    pytest.param(f"{MOZILLA} (iPhone; CPU iPhone OS 18) Version/18 Safari/604.1", "Safari, iPhone", id="Safari"),
    pytest.param("curl/8", "", id="neither"),
]


@pytest.mark.parametrize(("user_agent", "said"), AGENTS)
def test_browsers_in_two_words(user_agent: str, said: str) -> None:
    assert browser_of(user_agent) == said


PINS = [
    pytest.param("274913", True, id="six digits"),
    pytest.param("27491", False, id="five are too few"),
    pytest.param("2749138264731", False, id="thirteen are too many"),
    pytest.param("777777", False, id="one digit over and over"),
    pytest.param("123456", False, id="counted up"),
    pytest.param("210987", False, id="counted down, through nought"),
    pytest.param("27491a", False, id="a letter"),
]


@pytest.mark.parametrize(("text", "good"), PINS)
def test_pins(text: str, good: bool) -> None:
    assert is_pin(text) is good


def test_a_recovery_code_is_good_once_however_it_is_typed() -> None:
    codes = new_codes()
    digests = tuple(digest_of(code) for code in codes)
    assert len(set(codes)) == 10
    left = without(f" {codes[3].upper().replace('-', ' ')}", digests)
    assert left is not None
    assert len(left) == 9
    assert without(codes[3], left) is None
    assert without("", digests) is None


NAMES = [
    pytest.param("Anna.Peeters", "anna.peeters", id="case does not matter"),
    pytest.param(" anna@example.org ", "anna@example.org", id="nor does space around it"),
    pytest.param("\uff41\uff4e\uff4e\uff41", "anna", id="nor the width of letters"),
    pytest.param("zoé", "zoé", id="letters of any language"),
]


@pytest.mark.parametrize(("typed", "name"), NAMES)
def test_user_names(typed: str, name: str) -> None:
    assert normalized_username(typed) == name


@pytest.mark.parametrize("typed", ["", "a b", "a/b", "x" * 129, "$where"])
def test_what_is_no_user_name(typed: str) -> None:
    with pytest.raises(BadAccount):
        normalized_username(typed)


def test_links_are_to_people() -> None:
    assert checked_link("Practitioner/1") == "Practitioner/1"
    assert checked_link("") is None
    for reference in ("Observation/1", "Patient", "Patient/..", "https://example.org/Patient/1"):
        with pytest.raises(BadAccount):
            checked_link(reference)
