"""``kill -9`` while requests are answered: the short form of ``python -m tests.audit``."""

from pathlib import Path

from tests.audit.rounds import SHORT, Target, stage


def test_no_event_of_an_answered_request_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    with stage(tmp_path, seed=3) as set_up:
        rounds = [set_up.play(number, target, SHORT) for number, target in enumerate(Target, 1)]
    assert [problem for played in rounds for problem in played.problems] == []
    assert all(played.answered > 5 for played in rounds), "there was load before and after each kill"
