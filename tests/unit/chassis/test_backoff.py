"""The pauses between tries."""

from itertools import islice

from libs.chassis.backoff import backoff


def test_each_pause_comes_once_and_the_last_for_ever() -> None:
    assert list(islice(backoff(0.1, 0.5, 2), 5)) == [0.1, 0.5, 2, 2, 2]
