"""The server's own TLS — https://www.rfc-editor.org/rfc/rfc8705, RFC 9325"""

import http.client
import json
import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from pydantic import ValidationError

from fhirserver.app.gateway import Receive, Scope, Send
from fhirserver.app.tls import tls_options
from fhirserver.settings import Auth, Settings
from tests.certificates import certify
from tests.server_process import ServerProcess, serving


def client_context(trusted: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=trusted)


def test_the_server_speaks_https_and_says_that_it_wants_no_other(mongodb_uri: str, tmp_path: Path) -> None:
    certificate, key = certify(tmp_path, "localhost")
    environment = {"TLS_CERT": str(certificate), "TLS_KEY": str(key)}
    with serving(ServerProcess(tmp_path, mongodb_uri, environment=environment)) as server:
        context = client_context(certificate)
        with closing(http.client.HTTPSConnection("localhost", server.port, context=context)) as connection:
            connection.request("GET", "/fhir/metadata")
            answer = connection.getresponse()
            statement = json.loads(answer.read())
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert statement["implementation"]["url"] == f"https://localhost:{server.port}/fhir"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of a server, of a client that it trusts and of one that it does not know."""
    made = tmp_path_factory.mktemp("certificates")
    for name in ("localhost", "client", "stranger"):
        certify(made, name)
    return made


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """A server that answers with what its scope says of TLS."""
    settings = Settings.model_validate(
        {"tls_cert": folder / "localhost.pem", "tls_key": folder / "localhost.key", "tls_ca": folder / "client.pem"}
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = json.dumps(scope.get("extensions", {}).get("tls")).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, **tls_options(settings)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def asked(port: int, context: ssl.SSLContext) -> dict[str, Any]:
    """Return what the server sees of one connection."""
    with closing(http.client.HTTPSConnection("localhost", port, context=context, timeout=10)) as connection:
        connection.request("GET", "/")
        seen: dict[str, Any] = json.loads(connection.getresponse().read())
        return seen


def of_client(folder: Path, name: str) -> ssl.SSLContext:
    context = client_context(folder / "localhost.pem")
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def test_a_client_need_not_show_a_certificate(port: int, folder: Path) -> None:
    assert asked(port, client_context(folder / "localhost.pem"))["client_cert_chain"] == []


def test_the_application_sees_the_certificate_that_a_client_has_proven(port: int, folder: Path) -> None:
    (shown,) = asked(port, of_client(folder, "client"))["client_cert_chain"]
    expected = ssl.PEM_cert_to_DER_cert((folder / "client.pem").read_text())
    assert ssl.PEM_cert_to_DER_cert(shown) == expected


def test_a_certificate_that_nobody_trusted_has_certified_ends_the_connection(port: int, folder: Path) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - of TLS, or of the closed socket
        asked(port, of_client(folder, "stranger"))


@pytest.mark.parametrize(("version", "is_spoken"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_tls_is_spoken_from_1_2_on(port: int, folder: Path, version: str, is_spoken: bool) -> None:
    context = client_context(folder / "localhost.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    if is_spoken:
        assert asked(port, context) is not None
    else:
        with pytest.raises(ssl.SSLError):
            asked(port, context)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"tls_cert": "c.pem"}, "go together", id="a certificate without its key"),
        pytest.param({"tls_ca": "ca.pem"}, "needs tls_cert", id="clients' certificates without https"),
    ],
)
def test_settings_that_make_no_tls_are_refused(given: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings.model_validate({"auth": Auth.SMART, **given})
