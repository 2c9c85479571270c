"""What the writers were told: every acknowledgement, and every write of which nobody knows whether it happened."""

from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

SYSTEM = "http://example.org/faults"
"""The system of all identifiers by which the checks find what was written."""


def resource_of(resource_type: str, marker: str, **more: object) -> dict[str, Any]:
    """Return a resource that carries a marker in its content and in its index values."""
    kinds: dict[str, dict[str, Any]] = {
        "Patient": {"name": [{"family": f"Family {marker}"}], "multipleBirthInteger": len(marker)},
        "Observation": {"status": "final", "code": {"text": marker}},
        "Basic": {"code": {"text": marker}},
    }
    own = kinds[resource_type]
    return {"resourceType": resource_type, "identifier": [{"system": SYSTEM, "value": marker}], **own, **more}


@dataclass
class Instance:
    """One instance: the versions somebody was told of, and the markers of writes in doubt."""

    acknowledged: dict[int, str | None] = field(default_factory=dict)
    """Version id -> marker of its content; None is a deletion."""
    doubted: set[str | None] = field(default_factory=set)


@dataclass
class Bundles:
    """Transactions by name: what each has if it is there, and which must be."""

    keys: dict[str, list[str]] = field(default_factory=dict)
    """Of the acknowledged ones: what they created, in the order of their entries."""
    doubted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


class Ledger:
    """Shared by all writers of a run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.instances: defaultdict[str, Instance] = defaultdict(Instance)
        self.creates_in_doubt: set[str] = set()
        """Markers of creates without an answer."""
        self.bundles = Bundles()
        self.conditional: defaultdict[str, set[str]] = defaultdict(set)
        """Value of a conditional create -> the instances that its callers were given."""
        self.counts: defaultdict[str, int] = defaultdict(int)
        """How often what happened, for the summary."""
        self.problems: list[str] = []
        """What no writer may be told."""
        self._settled: set[str] = set()

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def problem(self, text: str) -> None:
        with self._lock:
            self.problems.append(text)

    def acknowledge(self, key: str, version: int, marker: str | None) -> None:
        """Note that a caller was told that a version has this content."""
        with self._lock:
            self.counts["acknowledged"] += 1
            versions = self.instances[key].acknowledged
            if version in versions and versions[version] != marker:
                self.problems.append(f"{key}: version {version} was given to two writers")
            versions[version] = marker

    def doubt(self, key: str, marker: str | None) -> None:
        """Note that a write of an instance had no answer."""
        with self._lock:
            self.counts["in doubt"] += 1
            self.instances[key].doubted.add(marker)

    def doubt_create(self, marker: str) -> None:
        """Note that a create had no answer."""
        with self._lock:
            self.counts["in doubt"] += 1
            self.creates_in_doubt.add(marker)

    def unsettled(self) -> tuple[list[str], list[str]]:
        """Return the conditional creates and the transactions of which this was not called before."""
        bundles = self.bundles
        named = bundles.keys.keys() | bundles.doubted | bundles.refused
        fresh = sorted(self.conditional.keys() - self._settled), sorted(named - self._settled)
        self._settled.update(*fresh)
        return fresh

    def unsettle(self) -> None:
        """Let everything be checked once more."""
        self._settled.clear()

    def give(self, value: str, key: str) -> None:
        """Note which instance a conditional create named."""
        with self._lock:
            self.counts["acknowledged"] += 1
            self.conditional[value].add(key)
