"""What access costs: patients' tokens with consent, labels and audit, beside a server without login in the same run.

Command: ``python benchmarks/access.py`` (eight minutes). Two servers (``fhirserver serve``, one worker each, their
defaults) serve the same database of a managed mongod in a temporary folder and take turns in every round: one with
``--auth off``, one with ``--auth smart``, asked with the tokens of 100 patients. Data set: ``dataset.py`` with a
Consent of each patient that excludes a professional, and a security label on every tenth Observation. Audit events are
stored while more is asked, in the part of the time that the drain takes of a busy worker; what is left then is waited
for before the next round, so that it slows down nobody. The result is written to ``--out``, by default
``benchmarks/results/access.local.json``.
"""

import argparse
import asyncio
import random
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import dataset
from dataset import Subject
from load import Generator, render
from measure import Bench, Key, Plan, Series, ratio
from processes import CHECKOUT, Server, fhirserver_command, free_port, machine, memory_mb, served
from pymongo import MongoClient
from report import as_json, print_scenarios, print_verdicts, verdicts_json, write
from rich.console import Console
from scale import Loader, update_of
from scenarios import Scenario, Stored
from targets import OURS, REF, Verdict

from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.sites import sites_of
from fhirserver.repository.requests import Update
from fhirserver.settings import Auth, Settings
from fhirserver.smart.authorization import Authorization, LaunchContext, Person
from fhirserver.smart.clients import AuthMethod, Client
from fhirserver.store.mongod import ManagedMongod

RATIO: Final = 0.7
_CLIENTS: Final = 16
_OFF, _SMART = "off", "smart"
_TOKENS: Final = 100
_REQUESTS: Final = 400
_LIVES_S: Final = 3600.0
_CALM_S: Final = 0.6
_LABEL: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
_SCOPES: Final = ("patient/*.rs",)


@dataclass(frozen=True, slots=True)
class Record(Stored):
    """What a server holds, and the tokens of some patients; none where no one asks for any."""

    tokens: Mapping[str, str]

    def ask(self, number: int, path: str) -> bytes:
        """Write a request of a patient."""
        request = render("GET", self.base + path, self.port)
        token = self.tokens.get(f"p{number}")
        bearer = f"\r\nauthorization: Bearer {token}\r\n\r\n" if token else "\r\n\r\n"
        return request.replace(b"\r\n\r\n", bearer.encode(), 1)


class Trail:
    """Knows whether the audit trail has stored what was asked so far."""

    def __init__(self, client: MongoClient[dict[str, Any]]) -> None:
        """Look at the chain of the first site."""
        self._settings = client["fhirserver_main"]["setting"]

    @classmethod
    @contextmanager
    def of(cls, uri: str) -> Iterator["Trail"]:
        """Connect for as long as the context lasts."""
        with MongoClient[dict[str, Any]](uri) as client:
            yield cls(client)

    def settle(self) -> None:
        """Wait until no event has been stored for a while: what is left of a round must not slow the next one."""
        before, calm_since = self._length(), time.monotonic()
        while time.monotonic() - calm_since < _CALM_S:
            time.sleep(_CALM_S / 10)
            if (now := self._length()) != before:
                before, calm_since = now, time.monotonic()

    def _length(self) -> int:
        head = self._settings.find_one({"_id": "audit chain"})
        return 0 if head is None else int(head["number"])


def as_stored(subjects: Iterator[Subject]) -> Iterator[list[Update]]:
    """Yield each subject's resources, labels and Consent with them."""
    for subject in subjects:
        patient = f"p{subject.number}"
        writes = [update_of(subject.patient, patient), update_of(_consent(patient), f"c{subject.number}")]
        for place, observation in enumerate(subject.observations):
            observation["subject"]["reference"] = f"Patient/{patient}"
            if place % 10 == 0:
                observation["meta"] = {"security": [_LABEL]}
            writes.append(update_of(observation, f"o{subject.number}-{place}"))
        yield writes


def _consent(patient: str) -> dataset.Resource:
    excluded = {
        "type": "deny",
        "actor": [
            {
                "role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleClass", "code": "PROV"}]},
                "reference": {"reference": "Practitioner/excluded"},
            }
        ],
    }
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": "2026-01-01",
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": {"type": "permit", "provision": [excluded]},
    }


async def issue_tokens(settings: Settings, uri: str, numbers: Sequence[int]) -> dict[str, str]:
    """Return tokens of patients, as the authorization server makes them at the end of a launch."""
    client = Client(
        client_id="benchmark",
        client_name="A benchmark",
        token_endpoint_auth_method=AuthMethod.NONE,
        grant_types=("authorization_code",),
        scope=" ".join(_SCOPES),
        sites=settings.sites,
    )
    async with sites_of(settings, uri, load_knowledge(settings)) as builder:
        tokens = builder.authorization().services.access_tokens
        found = {}
        for patient in (f"p{number}" for number in numbers):
            person = Person(
                user_id=patient, site="main", name="A patient", fhir_user=f"Patient/{patient}", roles=("patient",)
            )
            granted = Authorization(
                id=secrets.token_hex(8),
                client_id=client.client_id,
                site="main",
                scopes=_SCOPES,
                context=LaunchContext(patient=patient),
                user=patient,
            )
            found[patient] = await tokens.issue(granted, client, person, audience="", lives_s=_LIVES_S)
        return found


def _scenario(name: str, path_of: Callable[[int], str], hits: int | None = None) -> Scenario:
    def requests(stored: Stored) -> list[bytes]:
        if not isinstance(stored, Record):
            raise TypeError("these requests may need a token")
        numbers = random.Random(7).choices(stored.subjects, k=_REQUESTS)
        return [stored.ask(number, path_of(number)) for number in numbers]

    return Scenario(name, "access", requests, hits=hits)


SCENARIOS: Final = (
    _scenario("read Patient", lambda number: f"/Patient/p{number}"),
    _scenario("read Observation", lambda number: f"/Observation/o{number}-1"),
    _scenario(
        "patient+date",
        lambda number: f"/Observation?patient=p{number}&date=ge2021-01-01&date=lt2022-01-01",
        dataset.HITS_PER_YEAR,
    ),
    _scenario("all observations", lambda number: f"/Observation?patient=p{number}&_count=20", dataset.OBSERVATIONS),
)


def judge(found: Mapping[str, Mapping[Key, Series]]) -> Iterator[Verdict]:
    """Judge what access costs, by rates and by what a request costs all processes."""
    for key, smart in found[_SMART].items():
        off = found[_OFF][key]
        if key[1] == _CLIENTS:
            yield Verdict(
                f"{key[0]}: rate with tokens ÷ without login", RATIO, ratio(smart, off, "rate"), at_least=True
            )


def main() -> None:
    """Run, print and write."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # what was started ends too
    console = Console(width=max(140, Console().width))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fhirserver-benchmark-")))
        mongod = stack.enter_context(ManagedMongod.start(folder / "database", cache_gb=options.cache_gb))
        generator = stack.enter_context(Generator())
        given = dict(text.split("=", 1) for text in options.setting)
        servers = [stack.enter_context(_served(auth, folder, mongod.uri, given)) for auth in (_OFF, _SMART)]
        trail = stack.enter_context(Trail.of(mongod.uri))
        bench = Bench(generator, mongod.pid, lambda text: _tell(console, text), trail.settle)
        bench.tell("loading")
        settings = Settings(mongodb_uri=mongod.uri, data_dir=folder / _SMART, auth=Auth.SMART, audit=False)
        loader = Loader(settings, mongod.uri, time.monotonic() + 600)
        asyncio.run(loader.load("main", 0, options.patients, as_stored))
        numbers = range(0, options.patients, max(1, options.patients // _TOKENS))
        tokens = asyncio.run(issue_tokens(settings, mongod.uri, numbers))
        sides = [
            (server, Record(server.port, "/fhir", numbers, (), (), tokens if server.name == _SMART else {}))
            for server in servers
        ]
        plan = Plan(options.seconds, options.rounds, min(1.0, options.seconds), options.clients)
        wanted = [one for one in SCENARIOS if options.only in one.name]
        found = bench.run(wanted, sides, plan)
        memory = memory_mb(servers[1].pid)[1]
    verdicts = list(judge(found))
    print_scenarios(console, {OURS: found[_SMART], REF: found[_OFF]}, "with tokens | without login")
    print_verdicts(console, verdicts)
    console.print(f"memory of the worker with tokens at its highest: {memory:.0f} MB", highlight=False)
    document = {
        "command": "python benchmarks/access.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "options": {name: value for name, value in vars(options).items() if name != "out"},
        "metrics": "median, lowest, highest",
        "targets": verdicts_json(verdicts),
        **{name: as_json(series) for name, series in found.items()},
    }
    write(options.out, document)
    console.print(f"written to {options.out}", highlight=False)


def _served(auth: str, folder: Path, uri: str, given: Mapping[str, str]) -> AbstractContextManager[Server]:
    port = free_port()
    (folder / auth).mkdir()
    command = fhirserver_command(port, folder / auth, uri, auth=auth)
    settings = {"CLIENT_POINTS": str(10**9), **given}  # counted, and never used up
    return served(auth, command, port, folder, settings if auth == _SMART else None)


def _tell(console: Console, text: str) -> None:
    console.print(f"[dim]{datetime.now(UTC):%H:%M:%S} {text}[/]", highlight=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each scenario")
    parser.add_argument("--clients", type=lambda text: [int(one) for one in text.split(",")], default=[1, _CLIENTS])
    parser.add_argument("--patients", type=int, default=1000, help="each has 20 Observations")
    parser.add_argument("--only", default="", help="only scenarios whose name contains this")
    parser.add_argument("--setting", action="append", default=[], help="of the server with tokens: AUDIT=false")
    parser.add_argument("--cache-gb", type=float, default=1.0, help="cache of the mongod")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "benchmarks" / "results" / "access.local.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
