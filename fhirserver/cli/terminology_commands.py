"""The commands ``fhirserver terminology …`` and their options."""

from pathlib import Path
from typing import Annotated

import typer

from fhirserver.cli import options

terminology = typer.Typer(
    name="terminology", no_args_is_help=True, help="Code systems that are loaded from release files, for all sites."
)
Url = Annotated[str, typer.Argument(metavar="URL", help="The url of a code system.")]
Version = Annotated[
    str | None, typer.Option("--version", metavar="VERSION", help="Which version.", show_default="the only one")
]
SiteNames = Annotated[
    list[str] | None,
    typer.Option("--site", metavar="NAME", help="A site that uses it; several may be given.", show_default="all"),
]


@terminology.command()
def load(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH…", help="Release files: folders and zips, all of one version.", exists=True),
    ],
    *,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The url of the code system.", show_default="as the files say")
    ] = None,
    version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Its version.", show_default="as the files say")
    ] = None,
    site: SiteNames = None,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Load one version of a code system: SNOMED CT in RF2, with the server running or not.

    It is used from the moment it is whole, on every worker and machine; before that nothing of it is. A version that
    is there is replaced.
    """
    from fhirserver.app.terminologies import TerminologyLoad  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli import terminology as command  # noqa: PLC0415
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415
    from fhirserver.terminology.loaders.framework import Wanted  # noqa: PLC0415

    settings = resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir)
    return command.load(settings, TerminologyLoad(paths, Wanted(url, version), tuple(site) if site else None))


@terminology.command(name="list")
def show(*, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None) -> int:
    """Show what is loaded: versions, sizes, sites."""
    from fhirserver.cli import terminology as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.show(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir))


@terminology.command()
def use(
    url: Url,
    *,
    version: Version = None,
    site: SiteNames = None,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Say which sites use a version; without --site all do."""
    from fhirserver.cli import terminology as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    settings = resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir)
    return command.use(settings, url, version, tuple(site) if site else None)


@terminology.command()
def remove(
    url: Url, *, version: Version = None, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None
) -> int:
    """Remove a version, on every machine."""
    from fhirserver.cli import terminology as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.remove(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), url, version)
