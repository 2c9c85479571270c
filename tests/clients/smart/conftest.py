"""A server that asks for tokens, as a process of its own; people, clients of all kinds and a small record in it."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import httpx2
import pytest
from joserfc.jwk import ECKey, RSAKey

from fhirserver.app.authorization import Authorization
from fhirserver.app.commanding import with_authorization
from fhirserver.settings import Auth, Settings
from fhirserver.smart.catalogue import Catalogue
from fhirserver.smart.people.account import Account
from tests.clients.smart.person import Person
from tests.server_process import ServerProcess, serving

PASSWORD: Final = "a long way to tipperary 7"  # noqa: S105 - of accounts that live as long as these tests
_RECORD: Final[tuple[dict[str, Any], ...]] = (
    {"resourceType": "Organization", "id": "ward", "name": "Ward"},
    {"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Peeters"}]},
    {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": "Dubois", "given": ["Anne"]}],
        "birthDate": "1970-01-02",
    },
    {"resourceType": "Patient", "id": "p2", "name": [{"family": "Maes"}]},
    *(
        {
            "resourceType": "Encounter",
            "id": f"visit-{patient}",
            "status": "in-progress",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
            "subject": {"reference": f"Patient/{patient}"},
            "participant": [{"individual": {"reference": "Practitioner/doctor"}}],
            "serviceProvider": {"reference": "Organization/ward"},
            "period": {"start": "2026-01-01"},
        }
        for patient in ("p1", "p2")
    ),
    *(
        {
            "resourceType": "Observation",
            "id": f"weight-{patient}",
            "status": "final",
            "category": [
                {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": kind}]}
            ],
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": {"reference": f"Patient/{patient}"},
            "valueQuantity": {"value": 70, "unit": "kg"},
        }
        for patient, kind in (("p1", "vital-signs"), ("p2", "vital-signs"))
    ),
)


@dataclass(frozen=True, slots=True)
class Entered:
    """A client as its maker knows it."""

    client_id: str
    secret: str | None


@dataclass
class Network:
    """A running server, and what its operator does to it."""

    server: ServerProcess
    settings: Settings
    clinician: str = ""
    patient: str = ""
    administrator: str = ""
    service: Entered = field(default_factory=lambda: Entered("", None))
    """Backend service with a secret; it may do everything."""

    @property
    def origin(self) -> str:
        return self.server.origin

    @property
    def base(self) -> str:
        return self.server.base

    def client(self, **document: object) -> Entered:
        """Enter a client that the site has approved."""

        async def work(authorization: Authorization) -> Entered:
            whole = {"client_name": "A client", "sites": ["main"], **document}
            client, secret = await Catalogue(authorization.services).add(whole)
            return Entered(client.client_id, secret)

        return with_authorization(self.settings, work)

    def service_with(self, key: RSAKey | ECKey, scope: str) -> str:
        """Enter a backend service that proves itself by a key; return its client_id."""
        public = {**key.as_dict(private=False), "kid": key.kid}
        how = {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt"}
        return self.client(**how, scope=scope, jwks={"keys": [public]}).client_id

    def account(self, **fields: Any) -> str:  # noqa: ANN401 - those of an account
        """Enter somebody who needs no second factor; return the user name."""

        async def work(authorization: Authorization) -> str:
            people = authorization.people
            login: dict[str, Any] = {"username": f"u{secrets.token_hex(5)}", "name": "Dr Anna Peeters", "site": "main"}
            hashed = await people.passwords.hash(PASSWORD)
            account = Account(**{"id": "", "exempt": True, "password_hash": hashed, **login, **fields})
            return (await people.accounts.add(account)).username

        return with_authorization(self.settings, work)

    def token(self, scope: str) -> str:
        """Return an access token of the backend service."""
        form = {"grant_type": "client_credentials", "scope": scope}
        auth = (self.service.client_id, self.service.secret or "")
        answer = httpx2.post(f"{self.origin}/auth/token", data=form, auth=auth)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def log_in(self, username: str) -> Person:
        """Return the browser of somebody who has logged in."""
        person = Person(self.origin)
        person.log_in(username, PASSWORD)
        return person


@dataclass(frozen=True, slots=True)
class Folder:
    """Files of an app, served."""

    path: Path
    origin: str


@pytest.fixture(scope="session")
def network(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("server")
    with serving(ServerProcess(folder, mongodb_uri, environment={"AUTH": "smart"})) as server:
        made = {"auth": Auth.SMART, "mongodb_uri": mongodb_uri, "data_dir": folder / "data", "log_level": "error"}
        network = Network(server, Settings.model_validate({**made, "database_prefix": server.database_prefix}))
        service = {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic"}
        network.service = network.client(**service, scope="system/*.cruds")
        _load_record(server, mongodb_uri)
        network.clinician = network.account(fhir_user="Practitioner/doctor", roles=("physician",))
        network.patient = network.account(fhir_user="Patient/p1", roles=("patient",), name="Anne Dubois")
        network.administrator = network.account(is_admin=True, roles=("administrator",))
        yield network


def _load_record(server: ServerProcess, mongodb_uri: str) -> None:
    """Enter the record as an operator does: services choose no ids."""
    lines = server.folder / "record.ndjson"
    lines.write_text("".join(json.dumps(one) + "\n" for one in _RECORD))
    settings = {
        "MONGODB_URI": mongodb_uri,
        "DATABASE_PREFIX": server.database_prefix,
        "DATA_DIR": server.folder / "data",
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FHIRSERVER_")}
    environment.update({f"FHIRSERVER_{name}": str(value) for name, value in settings.items()})
    command = [sys.executable, "-m", "fhirserver", "load", str(lines)]
    loaded = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """A folder of an app, on a port of its own: another origin than the record's."""
    path = tmp_path_factory.mktemp("app")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(path))) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        yield Folder(path, f"http://127.0.0.1:{listener.server_address[1]}")
        listener.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library names it
        """Say nothing."""
