"""The topology as data: complete, safe, and without anybody's name in it."""

import re
from datetime import timedelta

import pytest

from libs.chassis.settlement import RETRY_DELAYS
from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    DELIVERY_LIMIT,
    EXCHANGE,
    FORWARDS,
    RECORDS,
    WORK_QUEUES,
    Queue,
    WorkQueue,
    all_queues,
    queues_of,
)
from libs.contracts.events import EVENTS, Event

NAMED = {queue.name: queue for queue in all_queues()}


def matches(binding: str, key: str) -> bool:
    """RabbitMQ's topic rule: `*` is one word, `#` any number of them."""
    pattern = re.escape(binding).replace(r"\#", ".*").replace(r"\*", "[^.]+")
    return re.fullmatch(pattern, key) is not None


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_audit_receives_every_event(event: type[Event]) -> None:
    assert any(matches(binding, event.binding.replace("#", "x.y")) for binding in RECORDS.bindings)


@pytest.mark.parametrize("work", WORK_QUEUES, ids=lambda work: work.name)
def test_a_work_queue_dead_letters_safely_and_stops_crash_loops(work: WorkQueue) -> None:
    arguments = NAMED[work.name].arguments

    assert NAMED[work.name].exchange == EXCHANGE
    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-delivery-limit"] == DELIVERY_LIMIT
    assert arguments["x-dead-letter-exchange"] == DEAD_LETTER_EXCHANGE
    assert arguments["x-dead-letter-strategy"] == "at-least-once"
    assert arguments["x-overflow"] == "reject-publish"
    assert arguments["x-max-length"] > 0


@pytest.mark.parametrize("work", WORK_QUEUES, ids=lambda work: work.name)
def test_a_work_queue_has_a_dead_letter_queue_that_its_dead_letters_reach(work: WorkQueue) -> None:
    dead = NAMED[work.dead_letter_queue]

    assert (dead.exchange, dead.bindings) == (
        DEAD_LETTER_EXCHANGE,
        (NAMED[work.name].arguments["x-dead-letter-routing-key"],),
    )
    assert dead.arguments == {"x-queue-type": "quorum"}


@pytest.mark.parametrize("work", WORK_QUEUES, ids=lambda work: work.name)
def test_a_work_queue_has_a_waiting_queue_for_each_pause_that_leads_back_to_it(work: WorkQueue) -> None:
    for pause in work.delays(RETRY_DELAYS):
        waiting = NAMED[work.wait_queue(pause)]

        assert waiting.exchange is None
        assert waiting.arguments["x-message-ttl"] == pause.total_seconds() * 1000
        assert waiting.arguments["x-dead-letter-exchange"] == ""
        assert waiting.arguments["x-dead-letter-routing-key"] == work.name
        assert waiting.arguments["x-dead-letter-strategy"] == "at-least-once"


def test_the_waiting_queues_are_called_after_their_pause() -> None:
    names = [queue.name for queue in queues_of(RECORDS)]

    assert names == [
        "audit.records",
        "audit.records.dead",
        "audit.records.wait.1s",
        "audit.records.wait.5s",
        "audit.records.wait.30s",
    ]


@pytest.mark.parametrize(
    ("seconds", "first"),
    [
        pytest.param(0.2, 1, id="shorter than all: the shortest, since no wait is undercut"),
        pytest.param(1, 1, id="exactly one"),
        pytest.param(29.9, 5, id="not quite thirty seconds begin with five"),
        pytest.param(150, 120, id="two and a half minutes begin with two"),
        pytest.param(86_400, 3600, id="a day begins with an hour"),
    ],
)
def test_a_wait_begins_with_the_longest_queue_that_fits(seconds: float, first: float) -> None:
    assert FORWARDS.first_delay(timedelta(seconds=seconds)) == timedelta(seconds=first)


def test_forwards_wait_for_up_to_an_hour_at_a_time() -> None:
    assert [length.total_seconds() for length in FORWARDS.delays()] == [1, 5, 30, 120, 600, 3600]


def test_no_name_is_used_twice() -> None:
    assert len(NAMED) == len(all_queues())


@pytest.mark.parametrize("queue", all_queues(), ids=lambda queue: queue.name)
def test_a_queue_is_called_after_its_work_and_nothing_else(queue: Queue) -> None:
    assert re.fullmatch(r"(ingress|policy|sender|audit)\.[a-z]+(\.dead|\.wait\.[0-9]+s)?", queue.name)
