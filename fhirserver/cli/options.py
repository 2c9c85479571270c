"""The options of ``fhirserver serve`` as types; each names the environment variable of its setting."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Host = Annotated[
    str | None, typer.Option(envvar="FHIRSERVER_HOST", help="Address to listen on.", show_default="127.0.0.1")
]
Port = Annotated[
    int | None,
    typer.Option(envvar="FHIRSERVER_PORT", help="Port to listen on; 0 takes a free one.", show_default="8080"),
]
Workers = Annotated[
    int | None, typer.Option(envvar="FHIRSERVER_WORKERS", help="Processes that serve requests.", show_default="1")
]
MongodbUri = Annotated[
    str | None,
    typer.Option(
        envvar="FHIRSERVER_MONGODB_URI",
        metavar="URI",
        help="A MongoDB replica set; without it the server starts a mongod of its own in the data folder.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="FHIRSERVER_DATA_DIR",
        metavar="DIR",
        help="Where the server keeps its files on this machine.",
        show_default="data",
    ),
]
Auth = Annotated[
    Literal["smart", "off"] | None,
    typer.Option(
        envvar="FHIRSERVER_AUTH",
        help="Who may call: bearers of SMART tokens, or (on a loopback host only) anybody on this machine.",
        show_default="smart",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        envvar="FHIRSERVER_BASE_URL",
        metavar="ORIGIN",
        help="The public origin behind a proxy, as https://fhir.example.org.",
        show_default="that of the request",
    ),
]
TlsCert = Annotated[
    Path | None,
    typer.Option(
        envvar="FHIRSERVER_TLS_CERT",
        metavar="FILE",
        help="The server's certificate, with what certifies it (PEM): serve https.",
        show_default="http, as behind a proxy",
    ),
]
TlsKey = Annotated[
    Path | None,
    typer.Option(envvar="FHIRSERVER_TLS_KEY", metavar="FILE", help="The key of the certificate (PEM)."),
]
TlsCa = Annotated[
    Path | None,
    typer.Option(
        envvar="FHIRSERVER_TLS_CA",
        metavar="FILE",
        help="Who certifies clients (PEM): tokens may be bound to certificates.",
    ),
]
Sites = Annotated[
    str | None,
    typer.Option(
        envvar="FHIRSERVER_SITES",
        metavar="NAME,…",
        help="Establishments; the first is served at /fhir, each at /NAME/fhir.",
        show_default="main",
    ),
]
Demo = Annotated[
    bool | None,
    typer.Option(
        "--demo/--no-demo",
        envvar="FHIRSERVER_DEMO",
        help="Load the demo record when the database is new.",
        show_default="demo",
    ),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"] | None,
    typer.Option(envvar="FHIRSERVER_LOG_LEVEL", help="The least severe entry to write.", show_default="info"),
]
LogFormat = Annotated[
    Literal["json", "console"] | None,
    typer.Option(envvar="FHIRSERVER_LOG_FORMAT", help="How log entries are written.", show_default="json"),
]
