"""The topology as data: complete, safe, and without anybody's name in it."""

import re
from datetime import timedelta

import pytest

from libs.chassis.settlement import RETRY_DELAYS
from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    DELIVERY_LIMIT,
    FORWARDS,
    PROBE_EXCHANGE,
    RECORDS,
    REPLAY_EXCHANGE,
    SHARED_EXCHANGES,
    WORK_QUEUES,
    Binding,
    Queue,
    WorkQueue,
    all_queues,
    queues_of,
    service_topology,
    whole_topology,
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

    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-delivery-limit"] == DELIVERY_LIMIT
    assert arguments["x-dead-letter-exchange"] == DEAD_LETTER_EXCHANGE
    assert arguments["x-dead-letter-strategy"] == "at-least-once"
    assert arguments["x-overflow"] == "reject-publish"
    assert arguments["x-max-length"] > 0


@pytest.mark.parametrize("work", WORK_QUEUES, ids=lambda work: work.name)
def test_a_work_queue_has_a_dead_letter_queue_that_its_dead_letters_reach(work: WorkQueue) -> None:
    dead = NAMED[work.dead_letter_queue]

    assert dead.bindings == (Binding(DEAD_LETTER_EXCHANGE, NAMED[work.name].arguments["x-dead-letter-routing-key"]),)
    assert dead.arguments == {"x-queue-type": "quorum"}


@pytest.mark.parametrize("work", WORK_QUEUES, ids=lambda work: work.name)
def test_a_work_queue_has_a_waiting_queue_for_each_pause_that_leads_back_to_it(work: WorkQueue) -> None:
    retry = f"{work.service}.retry"

    assert Binding(retry, work.name) in NAMED[work.name].bindings
    for pause in work.delays(RETRY_DELAYS):
        waiting = NAMED[work.wait_queue(pause)]

        assert waiting.bindings == (Binding(retry, waiting.name),)
        assert waiting.arguments["x-message-ttl"] == pause.total_seconds() * 1000
        assert waiting.arguments["x-dead-letter-exchange"] == retry
        assert waiting.arguments["x-dead-letter-routing-key"] == work.name
        assert waiting.arguments["x-dead-letter-strategy"] == "at-least-once"


def test_the_waiting_queues_are_called_after_their_pause() -> None:
    names = [queue.name for queue in queues_of(RECORDS)]

    assert names == [
        "audit.records",
        "audit.records.dead",
        "audit.records.retry.1s",
        "audit.records.retry.5s",
        "audit.records.retry.30s",
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
    assert re.fullmatch(r"(ingress|policy|sender|audit)\.[a-z]+(\.dead|\.retry\.[0-9]+s)?", queue.name)


@pytest.mark.parametrize("work", WORK_QUEUES, ids=lambda work: work.name)
def test_a_replay_reaches_a_work_queue_by_its_name_alone(work: WorkQueue) -> None:
    reached = [queue.name for queue in all_queues() if Binding(REPLAY_EXCHANGE, work.name) in queue.bindings]

    assert reached == [work.name]


def test_nothing_is_bound_to_the_exchange_of_the_readiness_probe() -> None:
    assert PROBE_EXCHANGE in whole_topology().exchanges
    assert not [queue.name for queue in all_queues() if PROBE_EXCHANGE in {each.exchange for each in queue.bindings}]


@pytest.mark.parametrize("queue", all_queues(), ids=lambda queue: queue.name)
def test_no_queue_names_the_default_exchange(queue: Queue) -> None:
    assert queue.arguments.get("x-dead-letter-exchange") != ""
    assert "" not in {binding.exchange for binding in queue.bindings}


def test_the_services_declare_every_queue_and_each_of_them_its_own_alone() -> None:
    own = {name: service_topology(name) for name in ("ingress", "policy", "sender", "audit", "console")}

    assert {queue.name for each in own.values() for queue in each.queues} == set(NAMED)
    for name, topology in own.items():
        assert {queue.name.partition(".")[0] for queue in topology.queues} <= {name}
        assert set(topology.exchanges) <= {f"{name}.retry"}


def test_a_service_needs_every_exchange_that_it_binds_to_and_does_not_declare() -> None:
    for name in ("ingress", "policy", "sender", "audit"):
        topology = service_topology(name)
        bound = {binding.exchange for queue in topology.queues for binding in queue.bindings}

        assert bound <= {*topology.exchanges, *topology.needed_exchanges}
        assert set(topology.needed_exchanges) == set(SHARED_EXCHANGES)


def test_console_needs_the_dead_letter_queues_that_their_services_declare() -> None:
    assert set(service_topology("console").needed_queues) == {work.dead_letter_queue for work in WORK_QUEUES}
