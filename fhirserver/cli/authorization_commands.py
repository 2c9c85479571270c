"""The commands of the authorization server: clients, and the keys that tokens are signed with."""

from pathlib import Path
from typing import Annotated

import typer

from fhirserver.cli import options

client = typer.Typer(name="client", no_args_is_help=True, help="The catalogue of clients.")
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID")]


@client.command("add")
def client_add(
    manifest: Annotated[
        Path, typer.Argument(metavar="FILE", help="A JSON object with the members of RFC 7591.", exists=True)
    ],
    *,
    client_id: Annotated[
        str | None,
        typer.Option("--id", metavar="CLIENT_ID", help="What the client is named by.", show_default="random"),
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option("--site", metavar="NAME", help="A site that approves it; several may be given.")
    ] = None,
    trusted: Annotated[bool, typer.Option("--trusted", help="Of this network: users are not asked.")] = False,
    introspects: Annotated[bool, typer.Option("--introspects", help="May ask about every token.")] = False,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Enter a client; what is printed is all that it needs, its secret this once."""
    from fhirserver.cli import client as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    known = {"sites": site or [], "trusted": trusted, "introspects": introspects}
    document = {**command.read_manifest(manifest), **{name: value for name, value in known.items() if value}}
    return command.add(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), document, client_id)


@client.command("list")
def client_list(*, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None) -> int:
    """List the clients."""
    from fhirserver.cli import client as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.show_all(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir))


@client.command("show")
def client_show(
    client_id: ClientId, *, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None
) -> int:
    """Show a client, without any secret."""
    from fhirserver.cli import client as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.show(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), client_id)


@client.command("approve")
def client_approve(
    client_id: ClientId,
    site: Annotated[str, typer.Argument(metavar="SITE")],
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Let it in no more; what it has there ends.")] = False,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Let a site let a client in."""
    from fhirserver.cli import client as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    settings = resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir)
    return command.approve(settings, client_id, site, revoke=revoke)


@client.command("remove")
def client_remove(
    client_id: ClientId, *, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None
) -> int:
    """Delete a client; all that it has ends."""
    from fhirserver.cli import client as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.remove(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), client_id)


@client.command("secret")
def client_secret(
    client_id: ClientId, *, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None
) -> int:
    """Give a client another secret and print it, this once."""
    from fhirserver.cli import client as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.secret(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), client_id)


@client.command("invite")
def client_invite(
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="The most that it may be granted.")],
    *,
    site: Annotated[
        list[str] | None, typer.Option("--site", metavar="NAME", help="A site that approves it; several may be given.")
    ] = None,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Print a token with which one client can register itself, good for a week."""
    from fhirserver.cli import client as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.invite(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), scope, tuple(site or ()))


key = typer.Typer(name="key", no_args_is_help=True, help="The keys that tokens are signed with.")


@key.command("list")
def key_list(*, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None) -> int:
    """List the keys that are published."""
    from fhirserver.cli import key as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.show_all(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir))


@key.command("rotate")
def key_rotate(
    *,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="For keys that others may have: what they signed is void from now on.")
    ] = False,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Make new keys; they sign when all who hold the published ones have fetched them anew."""
    from fhirserver.cli import key as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.rotate(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), at_once=at_once)
