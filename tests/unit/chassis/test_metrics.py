"""What all services' metrics have in common: series from 0, no `_created`, a clock, and counters of consumers."""

import time
from itertools import product

from prometheus_client import REGISTRY, CollectorRegistry, Counter, generate_latest

from libs.chassis.metrics import consumer_from_zero, from_zero


def test_every_combination_of_the_labels_begins_at_zero() -> None:
    registry = CollectorRegistry()
    counter = Counter("calls", "Calls.", ["outcome", "verdict"], registry=registry)

    from_zero(counter, ["refused", "unknown"], ["auth", "pause"])

    for outcome, verdict in product(("refused", "unknown"), ("auth", "pause")):
        assert registry.get_sample_value("calls_total", {"outcome": outcome, "verdict": verdict}) == 0


def test_making_the_series_again_keeps_what_was_counted() -> None:
    registry = CollectorRegistry()
    counter = Counter("calls", "Calls.", ["outcome"], registry=registry)
    counter.labels("refused").inc()

    from_zero(counter, ["refused"])

    assert registry.get_sample_value("calls_total", {"outcome": "refused"}) == 1


def test_no_series_tells_when_a_counter_was_created() -> None:
    assert b"_created" not in generate_latest(REGISTRY)


def test_the_clock_is_read_when_it_is_asked() -> None:
    before = time.time()

    shown = REGISTRY.get_sample_value("gateway_clock_timestamp_seconds")

    assert shown is not None
    assert before <= shown <= time.time()


def test_a_consumer_s_counters_begin_at_zero() -> None:
    consumer_from_zero("policy.counted")

    dead = {"queue": "policy.counted", "settlement": "dead_letter"}
    assert REGISTRY.get_sample_value("gateway_deliveries_total", dead) == 0
    assert REGISTRY.get_sample_value("gateway_consumer_restarts_total", {"queue": "policy.counted"}) == 0
