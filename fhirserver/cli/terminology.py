"""``fhirserver terminology``: loading code systems with a progress bar, listing and removing them."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from fhirserver.app.database import DatabaseProblem, database
from fhirserver.app.terminologies import (
    TerminologyLoad,
    give_to_sites,
    list_terminologies,
    load_terminology,
    remove_terminology,
)
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.cli.works import Works, check_sites, progress_bar
from fhirserver.settings import Settings
from fhirserver.terminology.index.installed import Installation
from fhirserver.terminology.loaders.framework import BadRelease
from fhirserver.terminology.loaders.tree import Unreadable


def load(settings: Settings, wanted: TerminologyLoad) -> int:
    """Load one version; return 0. Raises UsageProblem, Failure."""
    check_sites(settings, wanted.sites)
    console, started = Console(stderr=True), time.monotonic()
    bar = progress_bar(console)
    try:
        with database(settings) as when_ready, bar:
            found = load_terminology(settings, when_ready().uri, wanted, Works(bar))
    except (BadRelease, DatabaseProblem, Unreadable) as problem:
        raise Failure(str(problem)) from None
    seconds = time.monotonic() - started
    console.print(
        f"{found.canonical}: {found.concepts:,} concepts loaded in {seconds:.1f} s, {found.size / 1e6:,.0f} MB.",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    return 0


def show(settings: Settings) -> int:
    """List what is loaded; return 0. Raises Failure."""
    table = Table("url", "version", "concepts", "MB", "sites", "loaded", box=None, pad_edge=False)
    for one in _listed(settings):
        sites = "all" if one.sites is None else ", ".join(one.sites)
        table.add_row(one.url, one.version, f"{one.concepts:,}", f"{one.size / 1e6:,.0f}", sites, one.loaded)
    Console(width=None if Console().is_terminal else 200).print(table)
    return 0


def remove(settings: Settings, url: str, version: str | None) -> int:
    """Remove one version; return 0. Raises UsageProblem, Failure."""
    one = _named(_listed(settings), url, version)
    try:
        with database(settings) as when_ready:
            remove_terminology(settings, when_ready().uri, one)
    except DatabaseProblem as problem:
        raise Failure(str(problem)) from None
    Console(stderr=True).print(f"{one.canonical} removed.", soft_wrap=True, highlight=False, markup=False)
    return 0


def use(settings: Settings, url: str, version: str | None, sites: tuple[str, ...] | None) -> int:
    """Say which sites use a version; return 0. Raises UsageProblem, Failure."""
    check_sites(settings, sites)
    one = _named(_listed(settings), url, version)
    try:
        with database(settings) as when_ready:
            give_to_sites(settings, when_ready().uri, one, sites)
    except DatabaseProblem as problem:
        raise Failure(str(problem)) from None
    return 0


def _listed(settings: Settings) -> list[Installation]:
    try:
        with database(settings) as when_ready:
            return list_terminologies(settings, when_ready().uri)
    except DatabaseProblem as problem:
        raise Failure(str(problem)) from None


def _named(installed: Sequence[Installation], url: str, version: str | None) -> Installation:
    """Return the version that is meant; raises UsageProblem."""
    found = [one for one in installed if one.url == url and version in (None, one.version)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageProblem(f"`{url}` has several versions: {', '.join(one.version for one in found)}. Name one.")
    raise UsageProblem(f"`{url}`{f' of version `{version}`' if version else ''} is not loaded.")
