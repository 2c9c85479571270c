"""``fhirserver key …``: the keys that tokens are signed with; none of them is ever printed."""

import time
from collections.abc import Awaitable, Callable

from rich.console import Console
from rich.table import Table

from fhirserver.app.authorization import Authorization
from fhirserver.app.commanding import with_authorization
from fhirserver.app.database import DatabaseProblem
from fhirserver.cli.problems import Failure
from fhirserver.settings import Settings
from fhirserver.smart.keys import SigningKey


def show_all(settings: Settings) -> int:
    """Print the keys that are published, and what each is for now. Raises Failure."""

    async def work(authorization: Authorization) -> list[SigningKey]:
        return await authorization.services.keys.all()

    return _print(_with(settings, work))


def rotate(settings: Settings, *, at_once: bool) -> int:
    """Make new keys and print them all. Raises Failure."""

    async def work(authorization: Authorization) -> list[SigningKey]:
        await authorization.services.keys.rotate(at_once=at_once)
        return await authorization.services.keys.all()

    return _print(_with(settings, work))


def _with(settings: Settings, work: Callable[[Authorization], Awaitable[list[SigningKey]]]) -> list[SigningKey]:
    try:
        return with_authorization(settings, work)
    except (DatabaseProblem, LookupError) as problem:
        raise Failure(str(problem)) from None


def _print(keys: list[SigningKey]) -> int:
    now = time.time()
    table = Table("kid", "algorithm", "signs from", "published until")
    for key in keys:
        begins = "now" if key.signs_from_s <= now else _moment(key.signs_from_s)
        table.add_row(key.kid, key.algorithm, begins, "" if key.ends_s is None else _moment(key.ends_s))
    Console().print(table)
    return 0


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
