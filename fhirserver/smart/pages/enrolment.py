"""Setting up what one logs in with, in a login and in one's account alike: app, passkey, password."""

from typing import Final

import segno
from markupsafe import Markup

from fhirserver.kernel.outcome import Conflict
from fhirserver.smart.pages.forms import Form
from fhirserver.smart.pages.login import taken_challenge
from fhirserver.smart.pages.view import PageProblem, Visit
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.passkeys import BadPasskey
from fhirserver.smart.people.signin import TOTP
from fhirserver.smart.people.totp import enrolment_uri, new_secret

_APP: Final = "app"
_LONGEST_NAME: Final = 60
_MOST_PASSKEYS: Final = 20


async def fresh_app(visit: Visit, account: Account, secret: bytes | None = None) -> tuple[str, bytes]:
    """Return a new secret for an authenticator app (or keep one), and what names it until its first code."""
    chosen = secret or new_secret()
    people = visit.services.people
    sealed = people.secret.seal(TOTP, account.id, chosen)
    return await people.flows.begin(_APP, visit.browser_digest, {"account": account.id, "sealed": sealed}), chosen


async def taken_app(visit: Visit, flow: str, account: Account) -> bytes:
    """Return the secret that was shown; raises PageProblem when it is over."""
    people = visit.services.people
    known = await people.flows.take(flow, _APP, visit.browser_digest)
    if known is None or known["account"] != account.id:
        raise PageProblem("expired")
    return people.secret.open(TOTP, account.id, bytes(known["sealed"]))


def code_of_new_app(visit: Visit, secret: bytes, code: str) -> int | None:
    """Return the step of a code that the app shows for its new secret, or None."""
    return visit.services.management.step_of(secret, code)


def picture(visit: Visit, secret: bytes, account: Account) -> Markup:
    """Return the QR code of a secret, as SVG without a style in it."""
    code = segno.make(enrolment_uri(secret, visit.services.name, account.username), error="m")
    drawn = code.svg_inline(scale=5, border=2, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True)
    return Markup(drawn)  # noqa: S704 - drawn here, of modules and no text


async def enrol_passkey(visit: Visit, form: Form, account: Account) -> Account | None:
    """Add the passkey that an authenticator made; None when its answer proves nothing."""
    challenge = await taken_challenge(visit, form("challenge"))
    name = " ".join(form("name").split())[:_LONGEST_NAME] or visit.texts("enrol.passkey")
    try:
        passkey = visit.passkeys.created(form("credential"), challenge, name)
    except BadPasskey:
        return None
    accounts = visit.services.people.accounts
    if len(account.passkeys) >= _MOST_PASSKEYS or not await accounts.add_handle(account, passkey=passkey.id):
        return None
    try:
        return await accounts.change(account, passkeys=(*account.passkeys, passkey))
    except Conflict:
        await accounts.drop_handle(passkey=passkey.id)
        raise


async def bad_new_password(visit: Visit, account: Account, new: str, again: str) -> dict[str, str]:
    """Return what is wrong with a new password before its rules are asked, by field."""
    if not new:
        return {"new": visit.texts("error.required")}
    if new != again:
        return {"again": visit.texts("error.mismatch")}
    if await visit.services.people.passwords.verify(new, account.password_hash):
        return {"new": visit.texts("error.same")}
    return {}
