"""The commands and their options; bad usage is one line on standard error and exit code 2."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from typer.exceptions import Abort, TyperException

from fhirserver.cli import options
from fhirserver.cli.authorization_commands import client, key
from fhirserver.cli.package_commands import package
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.cli.terminology_commands import terminology
from fhirserver.cli.user_commands import user

EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

app = typer.Typer(
    name="fhirserver",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def serve(  # noqa: PLR0913 - one parameter per option
    *,
    host: options.Host = None,
    port: options.Port = None,
    workers: options.Workers = None,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
    auth: options.Auth = None,
    base_url: options.BaseUrl = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    tls_ca: options.TlsCa = None,
    sites: options.Sites = None,
    demo: options.Demo = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
) -> int:
    """Start the server, with a MongoDB of its own unless one is given.

    Every option has an environment variable; limits and time-outs have only that: docs/settings.md.
    """
    given = dict(locals())  # each option has the name of its setting
    from fhirserver.cli import serve as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.serve(resolve_settings(**given))


@app.command()
def load(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…",
            help="Bundles, single resources, NDJSON, each also as .gz, or folders of them.",
            exists=True,
        ),
    ],
    *,
    site: Annotated[
        str | None, typer.Option(metavar="NAME", help="The establishment to load into.", show_default="the first")
    ] = None,
    in_flight: Annotated[int, typer.Option(min=1, max=64, help="Units of work under way at a time.")] = 4,
    again: Annotated[bool, typer.Option("--again", help="Load also what an earlier run has loaded.")] = False,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Load files into the database, with the server running or not.

    Files that were loaded before are skipped, so a load that was interrupted goes on when run again.
    The exit code is 1 when entries were refused; each is listed with its file and its line or entry.
    """
    from fhirserver.app.loading import LoadOptions  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli import load as command  # noqa: PLC0415
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    settings = resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir)
    return command.load(settings, paths, LoadOptions(site or settings.sites[0], in_flight, again))


@app.command()
def reindex(
    *,
    site: Annotated[
        str | None, typer.Option(metavar="NAME", help="The establishment to reindex.", show_default="all")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="A resource type; several may be given.")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="URL", help="A SearchParameter: the types it is for."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell how much would change, and change nothing.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Pause the reindex under way.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a paused one.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End the reindex under way where it is.")] = False,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Compute the index values of what is stored anew, while servers serve or without any.

    Without --type and --parameter of everything. A run that is interrupted goes on when run again; a server on the
    same database goes on with it too.
    """
    from fhirserver.app.reindexing import Action, ReindexOptions  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli import reindex as command  # noqa: PLC0415
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    chosen = {Action.PAUSE: pause, Action.RESUME: resume, Action.CANCEL: cancel}
    asked = [action for action, given in chosen.items() if given]
    if len(asked) > 1 or (asked and (types or parameters or dry_run)):
        raise UsageProblem("--pause, --resume and --cancel stand alone.")
    wanted = ReindexOptions(types or (), parameters or (), dry_run, asked[0] if asked else Action.RUN)
    return command.reindex(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), wanted, site=site)


audit = typer.Typer(name="audit", no_args_is_help=True, help="The audit trail.")
app.add_typer(audit)


@audit.command()
def verify(
    *,
    site: Annotated[
        str | None, typer.Option(metavar="NAME", help="The establishment to verify.", show_default="all")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", help="Look at what was stored at this time or later only.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", help="Look at what was stored before this time only.")
    ] = None,
    expect: Annotated[
        str | None, typer.Option(metavar="NUMBER:CODE", help="A link that an earlier verification printed.")
    ] = None,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Walk the chain of the audit trail and report gaps, alterations and truncations.

    Servers may run meanwhile. The exit code is 1 when something is wrong.
    """
    from fhirserver.cli import audit as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    span = command.span_of(since, until, expect)
    return command.verify(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), span, site=site)


app.add_typer(client)
app.add_typer(key)
app.add_typer(user)
app.add_typer(terminology)
app.add_typer(package)


@app.command()
def doctor(*, mongodb_uri: options.MongodbUri = None, data_dir: options.DataDir = None) -> int:
    """Check what the server needs on this machine and say what to do about what lacks.

    The exit code is 1 when something lacks.
    """
    from fhirserver.cli import doctor as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.doctor(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir))


access = typer.Typer(
    name="access", no_args_is_help=True, help="Why somebody may or may not; whether a policy file is sound."
)
app.add_typer(access)


@access.command()
def explain(  # noqa: PLR0913 - one parameter per option
    who: Annotated[str, typer.Argument(metavar="WHO", help="A user as Practitioner/1, or a client's id.")],
    what: Annotated[str, typer.Argument(metavar="WHAT", help="A resource as Observation/1.")],
    *,
    right: Annotated[
        Literal["c", "r", "u", "d", "s"], typer.Option(help="Create, read, update, delete or find it.")
    ] = "r",
    role: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A role of the policy; by default what the user's posts show."),
    ] = None,
    organization: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Whom the user acts for, as Organization/1.")
    ] = None,
    purpose: Annotated[str, typer.Option(metavar="CODE", help="A purpose of use.")] = "TREAT",
    at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="By the record as it stood then.", show_default="now")
    ] = None,
    site: Annotated[
        str | None, typer.Option(metavar="NAME", help="The establishment.", show_default="the first")
    ] = None,
    mongodb_uri: options.MongodbUri = None,
    data_dir: options.DataDir = None,
) -> int:
    """Tell whether somebody may use a resource, by which rule and which evidence.

    The exit code is 1 when not.
    """
    from fhirserver.access.explained import Question  # noqa: PLC0415 - see the package's docstring
    from fhirserver.access.rights import Right  # noqa: PLC0415
    from fhirserver.cli import access as command  # noqa: PLC0415
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    question = Question(
        who=who,
        what=what,
        right=Right(right),
        roles=tuple(role or ()),
        organizations=tuple(organization or ()),
        purpose=purpose,
        at=at,
    )
    return command.explain(resolve_settings(mongodb_uri=mongodb_uri, data_dir=data_dir), site, question)


@access.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A policy file; by default the one that ships.")
    ] = None,
    *,
    data_dir: options.DataDir = None,
) -> int:
    """Read a policy file, show what it gives to whom, and run its own tests.

    The exit code is 1 when it is wrong or a test fails.
    """
    from fhirserver.cli import access as command  # noqa: PLC0415 - see the package's docstring
    from fhirserver.cli.configure import resolve_settings  # noqa: PLC0415

    return command.check(resolve_settings(data_dir=data_dir), file)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - 20 ms that only --version needs

        typer.echo(version("fhirserver"))
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A FHIR R4 clinical data server on MongoDB."""


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit code."""
    try:
        return int(app(arguments, prog_name="fhirserver", standalone_mode=False) or 0)
    except (TyperException, UsageProblem) as problem:
        return _refuse(problem.format_message() if isinstance(problem, TyperException) else str(problem), EXIT_USAGE)
    except Failure as problem:
        return _refuse(str(problem), 1)
    except (Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED


def _refuse(text: str, code: int) -> int:
    if text:  # none when the help was shown instead
        sys.stderr.write(f"fhirserver: {' '.join(text.replace('Value error, ', '').split())}\n")
    return code
