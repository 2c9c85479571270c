"""Hostile requests of every kind to a server process: the short form of ``python -m tests.http.hostile``.

No answer is 5xx, every refusal is an OperationOutcome, none takes two seconds, and nobody else is called.
"""

from tests.http.hostile.makers import KINDS, cases
from tests.http.hostile.run import play
from tests.server_process import ServerProcess

COUNT = 400


def test_hostile_requests_are_refused_in_time(server: ServerProcess) -> None:
    report = play(server, cases(seed=11, count=COUNT))
    assert report.problems == []
    assert report.tallies.keys() == set(KINDS)
    assert max(report.memory_mb) < 500


def test_the_same_seed_makes_the_same_requests() -> None:
    assert list(cases(seed=1, count=100)) == list(cases(seed=1, count=100))
