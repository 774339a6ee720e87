"""What becomes of a delivery, case by case."""

from datetime import timedelta

import pytest

from libs.chassis.settlement import (
    LONGEST_LAG,
    RETRY_DELAYS,
    Ack,
    DeadLetter,
    GiveUp,
    NotFoundYet,
    Retry,
    RetryDelays,
    RetryLater,
    Settlement,
    UnknownEvent,
    UnreadableEvent,
    settle,
)
from libs.contracts.errors import ErrorCode, GatewayError, unavailable

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("failure", "attempt", "expected"),
    [
        pytest.param(None, 1, Ack(), id="success is acknowledged"),
        pytest.param(None, 9, Ack(), id="late success is acknowledged too"),
        pytest.param(KeyError(), 1, Retry(1 * SECOND, counts=True), id="the first failure waits a second"),
        pytest.param(KeyError(), 2, Retry(5 * SECOND, counts=True), id="the second waits five"),
        pytest.param(KeyError(), 3, Retry(30 * SECOND, counts=True), id="the third waits thirty"),
        pytest.param(KeyError(), 4, DeadLetter("failed 4 times: KeyError"), id="the fourth is the last"),
        pytest.param(KeyError(), 2**40, DeadLetter(f"failed {2**40} times: KeyError"), id="an absurd count ends it"),
        pytest.param(unavailable("store"), 1, Retry(5 * SECOND, counts=False), id="an outage waits five seconds"),
        pytest.param(unavailable("broker"), 99, Retry(5 * SECOND, counts=False), id="an outage is waited out for ever"),
        pytest.param(RetryLater("leased"), 99, Retry(5 * SECOND, counts=False), id="later is not a failure"),
        pytest.param(
            RetryLater("circuit", after=99 * SECOND),
            99,
            Retry(99 * SECOND, counts=False),
            id="later may name its own time",
        ),
        pytest.param(
            RetryLater("503", after=7 * SECOND, counts=True),
            99,
            Retry(7 * SECOND, counts=True),
            id="later may count as a try",
        ),
        pytest.param(GiveUp("gone"), 1, DeadLetter("gone"), id="what was given up is a dead letter at once"),
        pytest.param(
            GatewayError(ErrorCode.GATEWAY_SEND_FAILED),
            1,
            Retry(1 * SECOND, counts=True),
            id="other codes are failures",
        ),
        pytest.param(
            UnreadableEvent("no time"), 1, DeadLetter("unreadable: no time"), id="unreadable stays unreadable"
        ),
        pytest.param(ValueError("x"), 1, Retry(1 * SECOND, counts=True), id="a handler's ValueError may pass"),
    ],
)
def test_a_delivery_is_settled_by_its_failure_and_its_tries(
    failure: Exception | None, attempt: int, expected: Settlement
) -> None:
    assert settle(failure, attempt) == expected


@pytest.mark.parametrize(
    ("waited", "expected"),
    [
        pytest.param(0 * SECOND, Retry(5 * SECOND, counts=False), id="first seen"),
        pytest.param(LONGEST_LAG - SECOND, Retry(5 * SECOND, counts=False), id="a store may still lag"),
        pytest.param(LONGEST_LAG, DeadLetter("account does not exist"), id="no store lags as long"),
    ],
)
def test_what_an_event_names_and_is_not_there_is_waited_for_as_long_as_a_store_may_lag(
    waited: timedelta, expected: Settlement
) -> None:
    assert settle(NotFoundYet("account does not exist"), 1, waited=waited) == expected


@pytest.mark.parametrize(
    ("waited", "expected"),
    [
        pytest.param(0 * SECOND, Retry(30 * SECOND, counts=False), id="first seen"),
        pytest.param(-SECOND, Retry(30 * SECOND, counts=False), id="the clock was set back"),
        pytest.param(899 * SECOND, Retry(30 * SECOND, counts=False), id="an upgrade is under way"),
        pytest.param(900 * SECOND, DeadLetter("unreadable: unknown event type"), id="nobody upgrades"),
    ],
)
def test_an_event_of_a_later_release_waits_for_a_replica_that_knows_it(waited: timedelta, expected: Settlement) -> None:
    assert settle(UnknownEvent("unknown event type"), 99, waited=waited) == expected


def test_the_wait_for_a_later_release_may_be_set_to_nothing() -> None:
    settled = settle(UnknownEvent("unknown event type"), 1, RetryDelays(unknown_event=timedelta()))

    assert settled == DeadLetter("unreadable: unknown event type")


def test_a_reason_names_the_kind_of_failure_and_never_its_text() -> None:
    settled = settle(RuntimeError("+966501234567 said hello"), 4)

    assert settled == DeadLetter("failed 4 times: RuntimeError")


def test_every_pause_that_may_be_ordered_has_a_waiting_queue() -> None:
    assert RETRY_DELAYS.distinct == (SECOND, 5 * SECOND, 30 * SECOND)
    assert RetryDelays(after_failure=(SECOND,), outage=2 * SECOND).distinct == (SECOND, 2 * SECOND)
