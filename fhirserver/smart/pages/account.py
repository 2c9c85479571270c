"""One's own account: password, authenticator app, recovery codes, passkeys, PIN, other providers.

Whatever changes how one logs in needs a login of the last minutes, and ends the sessions begun before where it must.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from starlette.responses import Response

from fhirserver.smart.pages.enrolment import (
    bad_new_password,
    code_of_new_app,
    enrol_passkey,
    fresh_app,
    picture,
    taken_app,
)
from fhirserver.smart.pages.forms import Form
from fhirserver.smart.pages.login import new_challenge
from fhirserver.smart.pages.view import HOME, PageProblem, Visit, with_query
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.management import BadPassword
from fhirserver.smart.people.stations import is_pin
from fhirserver.smart.people.totp import base32

Change: TypeAlias = Callable[[Visit, Account, Form], Awaitable[Response]]
_NOTICES: Final = frozenset(
    ("app_saved", "app_removed", "passkey_saved", "passkey_removed", "pin_saved", "pin_removed", "upstream_saved")
)


async def show(visit: Visit) -> Response:
    """``GET /auth/account``: what there is."""
    account = await visit.account(visit.signed_in())
    linked = {identity.partition("|")[0] for identity in account.identities}
    issuers = visit.services.federation.issuers.values()
    done = visit.query("done")
    notice = visit.texts(f"account.{done}") if done in _NOTICES else None
    if done == "password":
        notice = visit.texts("password.changed")
    return visit.page(
        "account.html",
        notice=notice,
        account=account,
        upstreams=[(issuer.id, issuer.name, issuer.issuer in linked) for issuer in issuers],
        errors={"": visit.texts("account.last_factor")} if done == "last" else {},
    )


def changing(change: Change) -> Callable[[Visit], Awaitable[Response]]:
    """Return the page of a change, for who logged in a moment ago."""

    async def answer(visit: Visit) -> Response:
        session = visit.freshly_signed_in()
        account = await visit.account(session)
        return await change(visit, account, await visit.form())

    return answer


async def show_password(visit: Visit) -> Response:
    """``GET /auth/account/password``: the form."""
    return _password_page(visit, await visit.account(visit.freshly_signed_in()))


async def change_password(visit: Visit, account: Account, form: Form) -> Response:
    """``POST /auth/account/password``: take a new one; all other sessions end."""
    people, session = visit.services.people, visit.signed_in()
    if account.password_hash and not await people.sign_in.check_password(account, form("current")):
        return _password_page(visit, account, {"current": visit.texts("error.wrong")})
    errors = await bad_new_password(visit, account, form("new"), form("again"))
    if errors:
        return _password_page(visit, account, errors)
    try:
        await visit.services.management.change_own_password(account, form("new"), session.id)
    except BadPassword as problem:
        rules = people.options.passwords
        text = visit.texts(f"error.{problem.problem}", min=rules.min_characters, max=rules.max_characters)
        return _password_page(visit, account, {"new": text})
    return _done(visit, "password")


async def show_app(visit: Visit) -> Response:
    """``GET /auth/account/app``: a new secret for the authenticator app."""
    account = await visit.account(visit.freshly_signed_in())
    return await _app_page(visit, account)


async def set_app(visit: Visit, account: Account, form: Form) -> Response:
    """``POST /auth/account/app``: begin to use it, and show new recovery codes."""
    secret = await taken_app(visit, form("app"), account)
    step = code_of_new_app(visit, secret, form("code"))
    if step is None:
        return await _app_page(visit, account, secret, {"code": visit.texts("error.wrong_code")})
    _, codes = await visit.services.management.set_totp(account, secret, step)
    return visit.page("recovery.html", codes=codes, go_on=with_query(HOME, done="app_saved"))


async def remove_app(visit: Visit, account: Account, form: Form) -> Response:
    """``POST /auth/account/app/remove``: use it no more."""
    if _is_last_factor(visit, account, app=True):
        return _done(visit, "last")
    await visit.services.people.accounts.change(account, totp_secret=None, totp_step=-1)
    return _done(visit, "app_removed")


async def new_recovery_codes(visit: Visit, account: Account, form: Form) -> Response:
    """``POST /auth/account/recovery``: new codes; the earlier ones are void."""
    if not account.has_second_factor:
        raise PageProblem("forbidden", 403)
    _, codes = await visit.services.management.new_recovery_codes(account)
    return visit.page("recovery.html", codes=codes, go_on=HOME)


async def show_passkey(visit: Visit) -> Response:
    """``GET /auth/account/passkey``: the form."""
    account = await visit.account(visit.freshly_signed_in())
    return await _passkey_page(visit, account)


async def add_passkey(visit: Visit, account: Account, form: Form) -> Response:
    """``POST /auth/account/passkey``: take a new one."""
    if await enrol_passkey(visit, form, account) is None:
        return await _passkey_page(visit, account, {"": visit.texts("error.wrong_passkey")})
    return _done(visit, "passkey_saved")


async def remove_passkey(visit: Visit, account: Account, form: Form) -> Response:
    """``POST /auth/account/passkey/remove``: use one no more."""
    left = tuple(passkey for passkey in account.passkeys if passkey.id.hex() != form("passkey"))
    if len(left) == len(account.passkeys):
        raise PageProblem("not_found", 404)
    if not left and _is_last_factor(visit, account, app=False):
        return _done(visit, "last")
    removed = next(passkey for passkey in account.passkeys if passkey not in left)
    await visit.services.people.accounts.change(account, passkeys=left)
    await visit.services.people.accounts.drop_handle(passkey=removed.id)
    return _done(visit, "passkey_removed")


async def show_pin(visit: Visit) -> Response:
    """``GET /auth/account/pin``: the form."""
    await visit.account(visit.freshly_signed_in())
    return visit.page("pin.html")


async def set_pin(visit: Visit, account: Account, form: Form) -> Response:
    """``POST /auth/account/pin``: take a PIN for ward stations."""
    if not is_pin(form("pin")):
        return visit.page("pin.html", status=400, errors={"pin": visit.texts("error.bad_pin")})
    people = visit.services.people
    await people.accounts.change(account, pin_hash=await people.passwords.hash(form("pin")))
    return _done(visit, "pin_saved")


async def remove_pin(visit: Visit, account: Account, form: Form) -> Response:
    """``POST /auth/account/pin/remove``: have none."""
    await visit.services.people.accounts.change(account, pin_hash=None)
    return _done(visit, "pin_removed")


def _is_last_factor(visit: Visit, account: Account, *, app: bool) -> bool:
    """Tell whether a role that needs a second factor would be left without one, or an account without any way in."""
    has_other = bool(account.passkeys) if app else account.totp_secret is not None
    is_needed = visit.services.people.options.login.level_for(account) != "1fa"
    is_only_way = not app and account.password_hash is None and not account.identities
    return (is_needed and not has_other) or is_only_way


def _password_page(visit: Visit, account: Account, errors: dict[str, str] | None = None) -> Response:
    minimum = visit.services.people.options.passwords.min_characters
    status = 400 if errors else 200
    return visit.page(
        "new_password.html",
        status=status,
        errors=errors or {},
        flow=None,
        minimum=minimum,
        username=account.username,
    )


async def _app_page(
    visit: Visit, account: Account, secret: bytes | None = None, errors: dict[str, str] | None = None
) -> Response:
    app, secret = await fresh_app(visit, account, secret)
    drawn = picture(visit, secret, account)
    status = 400 if errors else 200
    return visit.page("app.html", status=status, errors=errors or {}, app=app, key=base32(secret), picture=drawn)


async def _passkey_page(visit: Visit, account: Account, errors: dict[str, str] | None = None) -> Response:
    flow, challenge = new_challenge(visit)
    options = visit.passkeys.creation(account, challenge)
    status = 400 if errors else 200
    return visit.page("passkey.html", status=status, errors=errors or {}, challenge=flow, passkey_options=options)


def _done(visit: Visit, what: str) -> Response:
    return visit.redirect(with_query(HOME, done=what))
