"""Accounts for the people of the demo record, so that whoever tries the server can log in as each kind of person.

On a server that only this machine can reach they have one password, printed at every start, and need no second
factor. On any other they get random ones, printed once, and the same rules as everybody.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from fhirserver.smart.people.account import Account
from fhirserver.smart.people.management import Management
from fhirserver.smart.people.people import People

PASSWORD: Final = "try the demo record"  # noqa: S105 - of a server that nobody else can reach
_RANDOM_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody of the demo record."""

    username: str
    name: str
    fhir_user: str | None
    roles: tuple[str, ...]
    organizations: tuple[str, ...] = ()
    is_admin: bool = False


DEMO_PEOPLE: Final = (
    DemoPerson(
        "clinician",
        "Dr Lieve Vandewalle",
        "Practitioner/beffroi-endocrinology-2",
        ("physician",),
        ("Organization/beffroi-endocrinology",),
    ),
    DemoPerson(
        "nurse",
        "Stéphane Delbecq",
        "Practitioner/beffroi-cardiology-nurse",
        ("nurse",),
        ("Organization/beffroi-cardiology",),
    ),
    DemoPerson("patient", "Rachid Zéroual", "Patient/be-0001", ("patient",)),
    DemoPerson("mother", "Bénédicte T'Kint", "RelatedPerson/be-0003-mother", ("proxy",)),
    DemoPerson("administrator", "Demo administrator", None, ("administrator",), (), is_admin=True),
)
"""The clinician treats the patient; the mother is that of another patient, Patient/be-0003."""


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """How to log in as somebody; the password is None when only who was shown it knows it."""

    person: DemoPerson
    password: str | None


async def make_demo_accounts(
    people: People, site: str, *, is_private: bool, of: Iterable[DemoPerson] = DEMO_PEOPLE
) -> list[DemoLogin]:
    """Enter the accounts that are missing and return how to log in as each; ``is_private``: nobody else gets here."""
    return [await _made(people, site, person, is_private=is_private) for person in of]


async def _made(people: People, site: str, person: DemoPerson, *, is_private: bool) -> DemoLogin:
    known = await people.accounts.named(person.username)
    if known is None:
        return await _new(people, site, person, is_private=is_private)
    is_open = await people.passwords.verify(PASSWORD, known.password_hash)
    if is_open and not is_private:  # made when nobody else could reach the server
        password = secrets.token_urlsafe(_RANDOM_BYTES)
        closed = await people.accounts.change(known, exempt=False)
        await Management(people).set_password(closed, password)
        return DemoLogin(person, password)
    return DemoLogin(person, PASSWORD if is_open else None)


async def _new(people: People, site: str, person: DemoPerson, *, is_private: bool) -> DemoLogin:
    password = PASSWORD if is_private else secrets.token_urlsafe(_RANDOM_BYTES)
    account = Account(
        id="",
        username=person.username,
        name=person.name,
        site=site,
        fhir_user=person.fhir_user,
        roles=person.roles,
        organizations=person.organizations,
        is_admin=person.is_admin,
        exempt=is_private,
    )
    hashed = await people.passwords.hash(password)  # not subject to the rules of a site that asks for longer ones
    await people.accounts.add(replace(account, password_hash=hashed))
    return DemoLogin(person, password)
