"""The commands of people: accounts, their roles, locks and passwords."""

from typing import Annotated

import typer

from fhirserver.cli import options

user = typer.Typer(name="user", no_args_is_help=True, help="The accounts of people.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user name, or the id of the account.")]
Link = Annotated[
    str | None,
    typer.Option("--fhir-user", metavar="TYPE/ID", help="Whom of the record it is: Practitioner/1, Patient/1 …"),
]
Roles = Annotated[
    list[str] | None, typer.Option("--role", metavar="ROLE", help="A role of the policy; several may be given.")
]
Organizations = Annotated[
    list[str] | None,
    typer.Option("--organization", metavar="Organization/ID", help="Whom it acts for; several may be given."),
]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; else one is made and printed.")
]


@user.command("add")
def user_add(  # noqa: PLR0913 - one parameter per option
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the person types at login.")],
    *,
    full_name: Annotated[str, typer.Option("--name", metavar="TEXT", help="How the person is called.")],
    site: Annotated[
        str | None, typer.Option(metavar="NAME", help="The establishment it belongs to.", show_default="the first")
    ] = None,
    fhir_user: Link = None,
    roles: Roles = None,
    organizations: Organizations = None,
    admin: Annotated[bool, typer.Option("--admin", help="May manage accounts and clients.")] = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Only another OpenID provider lets it in.")
    ] = False,
    identities: Annotated[
        list[str] | None,
        typer.Option("--identity", metavar="ISSUER|SUBJECT", help="Of another OpenID provider; several may be given."),
    ] = None,
    password_stdin: FromInput = False,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Enter an account; its password is for one login and printed this once."""
    from fhirserver.cli import user as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    new = command.NewUser(
        username=name,
        name=full_name,
        site=site,
        fhir_user=fhir_user,
        roles=tuple(roles or ()),
        organizations=tuple(organizations or ()),
        is_admin=admin,
        identities=tuple(identities or ()),
    )
    settings = resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir)
    return command.add(settings, new, None if no_password else command.password_of(from_input=password_stdin))


@user.command("list")
def user_list(
    *,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="Of one establishment only.")] = None,
    role: Annotated[str | None, typer.Option("--role", metavar="ROLE", help="Of one role only.")] = None,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """List accounts."""
    from fhirserver.cli import user as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.show_all(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), site=site, role=role)


@user.command("show")
def user_show(name: Name, *, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None) -> int:
    """Show an account, without anything that one logs in with."""
    from fhirserver.cli import user as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.show(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), name)


@user.command("role")
def user_role(
    name: Name,
    *,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="ROLE", help="Give a role.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="ROLE", help="Take a role away.")] = None,
    fhir_user: Link = None,
    organizations: Organizations = None,
    admin: Annotated[
        bool | None, typer.Option("--admin/--no-admin", help="May manage accounts and clients.", show_default=False)
    ] = None,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Change what an account stands for; its tokens follow within a second."""
    from fhirserver.cli import user as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    change = command.Change(tuple(add or ()), tuple(remove or ()), fhir_user, organizations, admin)
    return command.change(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), name, change)


@user.command("lock")
def user_lock(name: Name, *, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None) -> int:
    """Let somebody in no more; sessions and tokens end within a second."""
    from fhirserver.cli import user as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.lock(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), name)


@user.command("unlock")
def user_unlock(name: Name, *, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None) -> int:
    """Let somebody in again, without the delays of earlier attempts."""
    from fhirserver.cli import user as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.unlock(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), name)


@user.command("password")
def user_password(
    name: Name,
    *,
    password_stdin: FromInput = False,
    keep: Annotated[bool, typer.Option("--keep", help="Good for more than one login.")] = False,
    reset_factors: Annotated[
        bool, typer.Option("--reset-factors", help="Also take app, passkeys, recovery codes and PIN away.")
    ] = False,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Give somebody a new password, for one login; sessions end."""
    from fhirserver.cli import user as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    settings = resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir)
    password = command.password_of(from_input=password_stdin)
    return command.set_password(settings, name, password, keep=keep, reset_factors=reset_factors)


@user.command("remove")
def user_remove(name: Name, *, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None) -> int:
    """Delete an account and end all that it began; the record stays as it is."""
    from fhirserver.cli import user as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.remove(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), name)
