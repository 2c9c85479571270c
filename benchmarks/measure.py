"""Samples of scenarios: two servers in turn, several rounds, medians; what they cost is read from their processes."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from dataset import MARKER
from load import Generator, Job, Outcome
from processes import Cpu, Server, cpu_now
from scenarios import Scenario, Stored

_HIT: Final = b'"fullUrl"'
_CHECKED: Final = 50
_MOST_STOLEN: Final = 0.3
"""Cores that the hypervisor may take away during a sample that counts."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one scenario on one server."""

    rate: float
    """Requests a second."""
    p50_ms: float
    p99_ms: float
    server_ms: float
    """CPU milliseconds a request."""
    database_ms: float
    stolen: float
    """Cores that the hypervisor took away."""
    others: float
    """Cores that neither the server nor the database used: the generator, and whoever else was busy."""
    count: int


@dataclass(slots=True)
class Series:
    """The samples of one scenario on one server at one number of clients."""

    samples: list[Sample] = field(default_factory=list)

    def median(self, metric: str) -> float:
        """Return the median over the samples of which the hypervisor took little, or over all."""
        calm = [sample for sample in self.samples if sample.stolen <= _MOST_STOLEN]
        return statistics.median(getattr(sample, metric) for sample in calm or self.samples)

    def cpu_ms(self) -> float:
        """Return the CPU milliseconds a request costs, server and database."""
        return self.median("server_ms") + self.median("database_ms")

    def summary(self) -> dict[str, object]:
        """Return medians and ranges as they are written down."""
        found: dict[str, object] = {"n": len(self.samples), "requests": sum(sample.count for sample in self.samples)}
        for metric in asdict(self.samples[0]):
            if metric != "count":
                values = [getattr(sample, metric) for sample in self.samples]
                found[metric] = [_short(self.median(metric)), _short(min(values)), _short(max(values))]
        return found


def ratio(ours: Series, ref: Series, metric: str) -> float:
    """Return the median over the rounds of ours to theirs: both of a round met the same neighbours."""
    pairs = zip(ours.samples, ref.samples, strict=True)
    return statistics.median(getattr(one, metric) / getattr(other, metric) for one, other in pairs)


Key = tuple[str, int]
"""Scenario and number of clients."""


@dataclass(slots=True)
class Plan:
    """How long and how often."""

    seconds: float
    rounds: int
    warm_s: float
    clients: Sequence[int]


class Bench:
    """Runs scenarios against servers that share one mongod."""

    def __init__(
        self,
        generator: Generator,
        database_pid: int,
        tell: Callable[[str], None],
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """Measure with ``generator``; ``tell`` hears what is under way, ``settle`` waits for what a round leaves."""
        self._settle = settle
        self._generator = generator
        self._database_pid = database_pid
        self.tell = tell
        self._numbers = 1

    def run(
        self, scenarios: Sequence[Scenario], sides: Sequence[tuple[Server, Stored]], plan: Plan
    ) -> Mapping[str, dict[Key, Series]]:
        """Return, for each server, the series of each scenario; the servers take turns in every round."""
        found: dict[str, dict[Key, Series]] = {server.name: {} for server, _ in sides}
        for scenario in scenarios:
            requests = {server.name: scenario.requests(stored) for server, stored in sides}
            for server, _ in sides:
                self._check(scenario, server, requests[server.name])
            for clients in plan.clients:
                self.tell(f"{scenario.name}, {clients} clients")
                key = (scenario.name, clients)
                for server, _ in sides:
                    found[server.name][key] = Series()
                    self._send(scenario, server, requests[server.name], clients, plan.warm_s)
                for turn in range(plan.rounds):
                    for server, _ in sides if turn % 2 == 0 else reversed(sides):
                        sample = self.sample(scenario, server, requests[server.name], clients, plan.seconds)
                        found[server.name][key].samples.append(sample)
        return found

    def sample(
        self, scenario: Scenario, server: Server, requests: Sequence[bytes], clients: int, seconds: float
    ) -> Sample:
        """Measure one round; without ``seconds`` every request is sent once."""
        self._settle()
        before = cpu_now(server.pid, self._database_pid)
        outcome = self._send(scenario, server, requests, clients, seconds)
        return _sample(outcome, before, cpu_now(server.pid, self._database_pid))

    def _send(
        self, scenario: Scenario, server: Server, requests: Sequence[bytes], clients: int, seconds: float
    ) -> Outcome:
        marker = MARKER if scenario.marked else b""
        job = Job(server.port, requests, clients, scenario.status, seconds, marker, self._numbers)
        outcome = self._generator.run(job)
        self._numbers += outcome.count + 1
        if outcome.failures:
            raise SystemExit(
                f"{scenario.name} on {server.name}: {outcome.failures} of {outcome.count} answers were not "
                f"{scenario.status}: {outcome.failure.decode(errors='replace')}"
            )
        return outcome

    def _check(self, scenario: Scenario, server: Server, requests: Sequence[bytes]) -> None:
        """See that the answers are right before their speed is measured."""
        marker = MARKER if scenario.marked else b""
        chosen = list(requests[: _CHECKED if scenario.hits is not None else 1])
        job = Job(server.port, chosen, 1, scenario.status, 0, marker, self._numbers, keep=True)
        outcome = self._generator.run(job)
        self._numbers += outcome.count + 1
        if outcome.failures:
            raise SystemExit(f"{scenario.name} on {server.name}: {outcome.failure.decode(errors='replace')}")
        for _, body in outcome.bodies:
            if scenario.hits is not None and body.count(_HIT) != scenario.hits:
                raise SystemExit(f"{scenario.name} on {server.name}: {body.count(_HIT)} hits, not {scenario.hits}")


def _sample(outcome: Outcome, before: Cpu, after: Cpu) -> Sample:
    window = after.at - before.at
    server, database = after.server - before.server, after.database - before.database
    return Sample(
        rate=outcome.count / outcome.elapsed_s,
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        server_ms=server / outcome.count * 1e3,
        database_ms=database / outcome.count * 1e3,
        stolen=(after.stolen - before.stolen) / window,
        others=(after.machine - before.machine - server - database) / window,
        count=outcome.count,
    )


def _short(value: float) -> float:
    return float(f"{value:.4g}")
