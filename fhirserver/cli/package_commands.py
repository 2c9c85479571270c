"""The commands ``fhirserver package …`` and their options."""

from typing import Annotated

import typer

from fhirserver.cli import options

package = typer.Typer(
    name="package", no_args_is_help=True, help="FHIR packages: profiles, terminology and search parameters."
)
Name = Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A package; without a version the only one.")]
SiteNames = Annotated[
    list[str] | None,
    typer.Option("--site", metavar="NAME", help="A site that uses it; several may be given.", show_default="all"),
]


@package.command()
def install(
    wanted: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME@VERSION|FILE.tgz|URL…",
            help="Packages of the registry (a version, 4.0.x, latest, current), files, or addresses of files.",
        ),
    ],
    *,
    site: SiteNames = None,
    dependencies: Annotated[
        bool, typer.Option("--dependencies/--no-dependencies", help="Install also what they need.")
    ] = True,
    registry: Annotated[
        str | None,
        typer.Option(
            envvar="FHIRSERVER_PACKAGE_REGISTRY", metavar="URL", help="The registry that has packages by name."
        ),
    ] = None,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Install FHIR packages and what they need, with the server running or not.

    They take effect when all are whole, on every worker and machine; when something is wrong with one, none does.
    """
    from fhirserver.app.packages import PackageInstallation  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli import package as command  # noqa: PLC0415
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    settings = resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir, package_registry=registry)
    return command.install(settings, PackageInstallation(wanted, tuple(site) if site else None, dependencies))


@package.command(name="list")
def show(*, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None) -> int:
    """Show what is installed: versions, sites, licences, hashes."""
    from fhirserver.cli import package as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.show(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir))


@package.command()
def use(
    name: Name, *, site: SiteNames = None, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None
) -> int:
    """Say which sites use a package; without --site all do."""
    from fhirserver.cli import package as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    settings = resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir)
    return command.use(settings, name, tuple(site) if site else None)


@package.command()
def remove(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME@VERSION…", help="Packages; without a version the only one.")
    ],
    *,
    keep_dependencies: Annotated[
        bool, typer.Option("--keep-dependencies", help="Leave what was installed only because these needed it.")
    ] = False,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Remove packages, on every machine; a package that another one needs stays."""
    from fhirserver.cli import package as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    settings = resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir)
    return command.remove(settings, names, keeps_dependencies=keep_dependencies)
