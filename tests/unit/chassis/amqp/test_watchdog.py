"""When a consumer is stuck, when it is made anew, and when only a new process helps."""

from dataclasses import replace

import pytest

from libs.chassis.amqp.watchdog import DEAD_SECONDS, STUCK_SECONDS, ConsumerState, StallWatch

IDLE = ConsumerState(in_flight=0, stalled_for=0.0, settled=0)
BUSY = ConsumerState(in_flight=3, stalled_for=STUCK_SECONDS - 1, settled=7)
STALLED = replace(BUSY, stalled_for=STUCK_SECONDS)


@pytest.mark.parametrize(
    ("state", "restart"),
    [
        pytest.param(IDLE, False, id="nothing in flight"),
        pytest.param(BUSY, False, id="settled something a moment ago"),
        pytest.param(STALLED, True, id="settled nothing for the limit"),
        pytest.param(replace(IDLE, ended=True), True, id="its loop has ended"),
        pytest.param(replace(IDLE, consuming=False), False, id="silent for a moment, as after a reconnect"),
    ],
)
def test_a_consumer_is_made_anew_when_its_deliveries_do_not_move(state: ConsumerState, *, restart: bool) -> None:
    watch = StallWatch()

    assert watch.must_restart(state, 100.0) is restart
    assert watch.stuck is restart


def test_a_consumer_to_which_nothing_is_delivered_any_more_is_made_anew_after_the_limit() -> None:
    watch, silent = StallWatch(), replace(IDLE, consuming=False)

    looks = [watch.must_restart(silent, at) for at in (0.5, 10.0, 0.5 + STUCK_SECONDS)]

    assert looks == [False, False, True]


def test_a_queue_whose_handlers_take_longer_has_a_longer_limit() -> None:
    watch = StallWatch(limit=STUCK_SECONDS * 3)

    assert not watch.must_restart(STALLED, 100.0)
    assert not watch.is_dead(replace(STALLED, stalled_for=DEAD_SECONDS), 100.0)


@pytest.mark.parametrize(
    ("new", "stuck"),
    [
        pytest.param(ConsumerState(in_flight=3, stalled_for=1.0, settled=0), True, id="the new one settled nothing"),
        pytest.param(ConsumerState(in_flight=3, stalled_for=1.0, settled=1), False, id="it settled one"),
        pytest.param(IDLE, False, id="another replica took the deliveries"),
    ],
)
def test_a_queue_is_stuck_until_its_new_consumer_settles_something(new: ConsumerState, *, stuck: bool) -> None:
    watch = StallWatch()
    watch.must_restart(STALLED, 100.0)
    watch.restarted()

    watch.must_restart(new, 105.0)

    assert watch.stuck is stuck


def test_a_process_is_dead_when_new_consumers_settle_nothing_either() -> None:
    watch, new = StallWatch(), ConsumerState(in_flight=3, stalled_for=5.0, settled=0)
    watch.must_restart(STALLED, 100.0)
    watch.restarted()

    first = 100.0 - STUCK_SECONDS
    assert not watch.is_dead(new, first + DEAD_SECONDS - 1)
    assert watch.is_dead(new, first + DEAD_SECONDS)


def test_an_idle_consumer_is_never_dead() -> None:
    assert not StallWatch().is_dead(IDLE, 1e9)
