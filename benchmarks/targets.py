"""What the server promises beside the bare ceiling, and whether a run kept it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from measure import Key, Series, ratio

OURS: Final = "fhirserver"
REF: Final = "ref"
_CLIENTS: Final = 16

_CPU_MS: Final = {
    "read Patient": 0.7,
    "read Observation": 0.7,
    "identifier": 1.6,
    "patient+date": 1.6,
    "code, 20 of many": 1.6,
    "create Patient": 2.2,
    "create Observation": 2.2,
}
_RATES: Final = {
    "read Patient": 1.5,
    "read Observation": 1.5,
    "identifier": 0.6,
    "patient+date": 0.6,
    "code, 20 of many": 0.6,
    "create Patient": 0.5,
    "create Observation": 0.5,
    "transaction of 50": 0.4,
}
_TRANSACTION: Final = "transaction of 50"
_TRANSACTION_CPU_MS: Final = 0.75
_LONE_READ: Final = 1.4
LOAD_RATIO: Final = 0.4
LOAD_RATE: Final = 1000
SYNTHEA_BYTES: Final = 2100
START_S: Final = 3.0
MEMORY_MB: Final = 300
SCALE_RATIO: Final = 1.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target and what was measured."""

    name: str
    target: float
    measured: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the target was reached."""
        return self.measured >= self.target if self.at_least else self.measured <= self.target


Found = Mapping[str, Mapping[Key, Series]]


def judge(found: Found) -> Iterator[Verdict]:
    """Judge the scenarios: rates beside the ceiling, CPU, and the latency of a lone reader."""
    ours, ref = found[OURS], found[REF]
    for name, target in _RATES.items():
        key = (name, _CLIENTS)
        if key in ours:
            measured = ratio(ours[key], ref[key], "rate")
            yield Verdict(f"{name}: rate ÷ ref, {_CLIENTS} clients", target, measured, at_least=True)
    for name in ("read Patient", "read Observation"):
        if (name, 1) in ours:
            measured = ratio(ours[name, 1], ref[name, 1], "p50_ms")
            yield Verdict(f"{name}: p50 ÷ ref, 1 client", _LONE_READ, measured, at_least=False)
    for name, target in _CPU_MS.items():
        if (name, _CLIENTS) in ours:
            yield Verdict(f"{name}: CPU ms", target, ours[name, _CLIENTS].cpu_ms(), at_least=False)
    if (_TRANSACTION, _CLIENTS) in ours:
        measured = ours[_TRANSACTION, _CLIENTS].cpu_ms() / 50
        yield Verdict(f"{_TRANSACTION}: CPU ms per entry", _TRANSACTION_CPU_MS, measured, at_least=False)


def judge_load(series: Mapping[str, Series], entries: int) -> Iterator[Verdict]:
    """Judge the load by Bundles."""
    measured = ratio(series[OURS], series[REF], "rate")
    yield Verdict("load: rate ÷ ref, 8 clients", LOAD_RATIO, measured, at_least=True)
    yield Verdict("load: resources/s, 8 clients", LOAD_RATE, series[OURS].median("rate") * entries, at_least=True)
