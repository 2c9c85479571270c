"""What the server counts, for Prometheus; with several workers their counts are added up in a shared folder.

Spec: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import os
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

MULTIPROCESS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable: where workers keep their counts; it must be set before this module is imported."""
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CHILDREN: Final = 512
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The instruments of one process."""

    def __init__(self) -> None:
        """Begin at zero, in a registry of its own."""
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "fhirserver_requests", "FHIR requests answered.", ("interaction", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "fhirserver_request_duration_seconds",
            "Time from a FHIR request to the end of its answer.",
            ("interaction",),
            registry=self._registry,
            buckets=_SECONDS,
        )
        self.in_flight = Gauge(
            "fhirserver_requests_in_flight",
            "FHIR requests being answered.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.batch_sizes = Histogram(
            "fhirserver_coalesced_operations",
            "Operations of concurrent requests that shared one round trip to the database.",
            ("operation",),
            registry=self._registry,
            buckets=_SIZES,
        )
        self.database_errors = Counter(
            "fhirserver_database_errors",
            "FHIR requests that failed because the database could not be reached.",
            registry=self._registry,
        )

        # Looking a child up by its labels costs more than using it; both sets are small and closed.
        self._answered = lru_cache(_CHILDREN)(self._children)
        self._batches = lru_cache(_CHILDREN)(self.batch_sizes.labels)

    def count(self, interaction: str, status: int, seconds: float) -> None:
        """Record one answered request."""
        requests, durations = self._answered(interaction, status)
        requests.inc()
        durations.observe(seconds)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.database_errors.inc()

    def count_batch(self, operation: str, size: int) -> None:
        """Record one call to the database and how many operations shared it."""
        self._batches(operation).observe(size)

    def _children(self, interaction: str, status: int) -> tuple[Counter, Histogram]:
        return self.requests.labels(interaction, str(status)), self.seconds.labels(interaction)

    def render(self) -> bytes:
        """Write all counts, those of the other workers included, in Prometheus' text format."""
        if MULTIPROCESS_FOLDER not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)


def forget_ended_processes() -> None:
    """Leave workers that have ended out of what counts the present."""
    for path in Path(os.environ.get(MULTIPROCESS_FOLDER, os.devnull)).glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
