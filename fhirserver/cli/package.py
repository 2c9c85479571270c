"""``fhirserver package``: installing FHIR packages with a progress bar, listing and removing them."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from fhirserver.app.database import DatabaseProblem, database
from fhirserver.app.package_gathering import MissingPackages
from fhirserver.app.packages import (
    PackageInstallation,
    PackageInUse,
    Sites,
    give_package_to_sites,
    install_packages,
    list_packages,
    remove_packages,
)
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.cli.works import Works, check_sites, progress_bar
from fhirserver.definitions.archives import BadPackage
from fhirserver.definitions.installed import Installed
from fhirserver.outbound.package_registry import NoPackage
from fhirserver.settings import Settings

T = TypeVar("T")


def install(settings: Settings, wanted: PackageInstallation) -> int:
    """Install packages; return 0. Raises UsageProblem, Failure."""
    check_sites(settings, wanted.sites)
    console, started = Console(stderr=True), time.monotonic()
    bar = progress_bar(console)
    try:
        with database(settings) as when_ready, bar:
            found = install_packages(settings, when_ready().uri, wanted, Works(bar))
    except (BadPackage, DatabaseProblem, MissingPackages, NoPackage) as problem:
        raise Failure(str(problem)) from None
    for one in found:
        _say(console, f"{one.key}: {one.definitions:,} definitions, {one.size / 1e6:,.1f} MB.")
    _say(console, f"{len(found)} packages installed in {time.monotonic() - started:.1f} s.")
    return 0


def show(settings: Settings) -> int:
    """List what is installed; return 0. Raises Failure."""
    table = Table(
        "package", "version", "definitions", "MB", "sites", "licence", "sha256", "installed", box=None, pad_edge=False
    )
    for one in _with_database(settings, lambda uri: list_packages(settings, uri)):
        sites = "all" if one.sites is None else ", ".join(one.sites)
        numbers = f"{one.definitions:,}", f"{one.size / 1e6:,.1f}"
        table.add_row(one.name, one.version, *numbers, sites, one.license, one.archive_sha256, one.loaded)
    Console(width=None if Console().is_terminal else 250).print(table)
    return 0


def remove(settings: Settings, names: Sequence[str], *, keeps_dependencies: bool) -> int:
    """Remove packages; return 0. Raises UsageProblem, Failure."""
    installed = _with_database(settings, lambda uri: list_packages(settings, uri))
    keys = [_named(installed, name).key for name in names]
    gone = _with_database(
        settings, lambda uri: remove_packages(settings, uri, keys, keeps_dependencies=keeps_dependencies)
    )
    for one in gone:
        _say(Console(stderr=True), f"{one.key} removed.")
    return 0


def use(settings: Settings, name: str, sites: Sites) -> int:
    """Say which sites use a package; return 0. Raises UsageProblem, Failure."""
    check_sites(settings, sites)
    one = _named(_with_database(settings, lambda uri: list_packages(settings, uri)), name)
    _with_database(settings, lambda uri: give_package_to_sites(settings, uri, one, sites))
    return 0


def _with_database(settings: Settings, work: Callable[[str], T]) -> T:
    try:
        with database(settings) as when_ready:
            return work(when_ready().uri)
    except (DatabaseProblem, PackageInUse) as problem:
        raise Failure(str(problem)) from None


def _named(installed: Sequence[Installed], name: str) -> Installed:
    """Return the package that is meant; raises UsageProblem."""
    wanted, _, version = name.replace("#", "@").partition("@")
    found = [one for one in installed if one.name == wanted and version in ("", one.version)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageProblem(f"`{wanted}` has several versions: {', '.join(one.version for one in found)}. Name one.")
    raise UsageProblem(f"`{name}` is not installed.")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
