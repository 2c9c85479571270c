"""The second step of a login: a code or a passkey, or setting one up, or a password of one's own."""

from typing import Final

from starlette.responses import Response

from fhirserver.smart.pages import render
from fhirserver.smart.pages.enrolment import (
    bad_new_password,
    code_of_new_app,
    enrol_passkey,
    fresh_app,
    picture,
    taken_app,
)
from fhirserver.smart.pages.finish import ENROLS, Login, advance, login_of, remember, step_of
from fhirserver.smart.pages.login import new_challenge, proved_by_passkey
from fhirserver.smart.pages.view import PageProblem, Visit, with_query
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.assurance import HARDWARE_KEY, ONE_TIME_CODE, SOFTWARE_KEY
from fhirserver.smart.people.attempts import TooManyAttempts
from fhirserver.smart.people.management import BadPassword
from fhirserver.smart.people.rules import Step
from fhirserver.smart.people.totp import base32

_POLICY: Final = (render.SCRIPT,)


async def show_second(visit: Visit) -> Response:
    """``GET /auth/login/second?flow=…``: ask for the second factor."""
    return await _second_page(visit, await login_of(visit))


async def by_code(visit: Visit) -> Response:
    """``POST /auth/login/second``: prove it by a code of the app, or a recovery code."""
    login, form = await login_of(visit), await visit.form()
    try:
        method = await visit.services.people.sign_in.by_code(login.account, form("code"))
    except TooManyAttempts as problem:
        text = visit.texts("error.wait", seconds=problem.wait_s)
        response = await _second_page(visit, login, status=429, errors={"code": text})
        response.headers["Retry-After"] = str(problem.wait_s)
        return response
    if method is None:
        return await _second_page(visit, login, status=403, errors={"code": visit.texts("error.wrong_code")})
    return await advance(visit, await _proved(visit, login, method))


async def by_passkey(visit: Visit) -> Response:
    """``POST /auth/login/second/passkey``: prove it by a passkey of the account that was named."""
    login, form = await login_of(visit), await visit.form()
    proved = await proved_by_passkey(visit, form("challenge"), form("credential"))
    if proved is None or proved[0].id != login.account.id:
        return await _second_page(visit, login, status=403, errors={"": visit.texts("error.wrong_passkey")})
    return await advance(visit, await _proved(visit, login, proved[1]))


async def show_enrol(visit: Visit) -> Response:
    """``GET /auth/login/enrol?flow=…``: set up a second factor, for who must have one."""
    return await _enrol_page(visit, await _enrolling(visit))


async def enrol_app(visit: Visit) -> Response:
    """``POST /auth/login/enrol/app``: begin to use an authenticator app, and show the recovery codes."""
    login, form = await _enrolling(visit), await visit.form()
    if step_of(visit, login) is not Step.ENROL:
        raise PageProblem("expired")
    secret = await taken_app(visit, form("app"), login.account)
    step = code_of_new_app(visit, secret, form("code"))
    if step is None:
        return await _enrol_page(
            visit, login, secret=secret, status=400, errors={"code": visit.texts("error.wrong_code")}
        )
    account, codes = await visit.services.management.set_totp(login.account, secret, step)
    proved = Login(account, login.proof.and_by(ONE_TIME_CODE), login.goal, login.flow)
    flow = await remember(visit, proved)
    go_on = with_query("/auth/login/continue", flow=flow)
    return visit.page("recovery.html", policy=(), codes=codes, go_on=go_on)


async def enrol_with_passkey(visit: Visit) -> Response:
    """``POST /auth/login/enrol/passkey``: begin to use a passkey."""
    login = await _enrolling(visit)
    form = await visit.form()
    account = await enrol_passkey(visit, form, login.account)
    if account is None:
        return await _enrol_page(visit, login, status=400, errors={"": visit.texts("error.wrong_passkey")})
    method = SOFTWARE_KEY if account.passkeys[-1].synced else HARDWARE_KEY
    return await advance(visit, Login(account, login.proof.and_by(method), login.goal, login.flow))


async def go_on(visit: Visit) -> Response:
    """``POST /auth/login/continue``: the recovery codes are kept."""
    login = await login_of(visit)
    await visit.form()
    return await advance(visit, login)


async def show_password(visit: Visit) -> Response:
    """``GET /auth/login/password?flow=…``: ask for a password in the place of the one that was given."""
    return _password_page(visit, await _changing(visit))


async def change_password(visit: Visit) -> Response:
    """``POST /auth/login/password``: take it."""
    login, form = await _changing(visit), await visit.form()
    people = visit.services.people
    errors = await bad_new_password(visit, login.account, form("new"), form("again"))
    if errors:
        return _password_page(visit, login, status=400, errors=errors)
    try:
        account = await visit.services.management.set_password(login.account, form("new"))
    except BadPassword as problem:
        rules = people.options.passwords
        text = visit.texts(f"error.{problem.problem}", min=rules.min_characters, max=rules.max_characters)
        return _password_page(visit, login, status=400, errors={"new": text})
    visit.session = None  # it has ended with all others
    return await advance(visit, Login(account, login.proof, login.goal, login.flow))


async def _proved(visit: Visit, login: Login, method: str) -> Login:
    """Return a login with one more method; the account is as it is now that the method is used."""
    account: Account | None = await visit.services.people.account(login.account.id)
    if account is None:
        raise PageProblem("expired")
    return Login(account, login.proof.and_by(method), login.goal, login.flow)


async def _enrolling(visit: Visit) -> Login:
    login = await login_of(visit)
    if step_of(visit, login) not in ENROLS:
        raise PageProblem("expired")
    return login


async def _changing(visit: Visit) -> Login:
    login = await login_of(visit)
    if step_of(visit, login) is not Step.CHANGE_PASSWORD:
        raise PageProblem("expired")
    return login


async def _second_page(
    visit: Visit, login: Login, *, status: int = 200, errors: dict[str, str] | None = None
) -> Response:
    flow, challenge = new_challenge(visit)
    passkeys = visit.passkeys.request(challenge, login.account) if login.account.passkeys else None
    takes_codes = login.account.totp_secret is not None or bool(login.account.recovery)
    return visit.page(
        "second.html",
        status=status,
        policy=_POLICY,
        errors=errors or {},
        flow=login.flow,
        takes_codes=takes_codes and step_of(visit, login) is not Step.PASSKEY,
        challenge=flow,
        passkey_options=passkeys,
    )


async def _enrol_page(
    visit: Visit,
    login: Login,
    *,
    secret: bytes | None = None,
    status: int = 200,
    errors: dict[str, str] | None = None,
) -> Response:
    app, secret = await fresh_app(visit, login.account, secret)
    flow, challenge = new_challenge(visit)
    return visit.page(
        "enrol.html",
        status=status,
        policy=_POLICY,
        errors=errors or {},
        flow=login.flow,
        with_app=step_of(visit, login) is Step.ENROL,
        app=app,
        key=base32(secret),
        picture=picture(visit, secret, login.account),
        challenge=flow,
        passkey_options=visit.passkeys.creation(login.account, challenge),
    )


def _password_page(visit: Visit, login: Login, *, status: int = 200, errors: dict[str, str] | None = None) -> Response:
    return visit.page(
        "new_password.html",
        status=status,
        policy=(),
        errors=errors or {},
        flow=visit.query("flow"),
        minimum=visit.services.people.options.passwords.min_characters,
        username=login.account.username,
    )
