"""An event that says it is hours older than those before it is told; a backlog, a replay and the outbox are not."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from libs.chassis.amqp.backdated import Backdated
from libs.chassis.metrics import BACKDATED
from libs.chassis.subscriptions import Received
from libs.chassis.topology import EXCHANGE, RECORDS, REPLAY_EXCHANGE
from libs.contracts.events import AccountChanged, Event
from tests.contract.wire.examples import EXAMPLES
from tests.integration.chassis.world import webhook

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CHANGE = next(example for example in EXAMPLES if isinstance(example, AccountChanged))


def seen(*hours: float, event: Event | None = None, **last: Any) -> list[bool]:
    """What is told of events of these hours before now; `last` is how the last one came."""
    watch = Backdated(RECORDS.name, lambda: NOW)
    told = []
    for number, each in enumerate(hours, start=1):
        is_last = number == len(hours)
        incoming: Any = SimpleNamespace(exchange=EXCHANGE, redelivered=False)
        if is_last:
            incoming.__dict__.update(last)
        of = event if is_last and event is not None else webhook()
        told.append(watch.look(incoming, Received(event=of, id=uuid4(), at=NOW - timedelta(hours=each))))
    return told


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        pytest.param((0, 1.1), True, id="more than an hour older than the one before"),
        pytest.param((0, 0.9), False, id="less than an hour"),
        pytest.param((0, 0, 30 * 24), True, id="a month"),
        pytest.param((5, 4, 3, 2), False, id="a backlog of five hours in its order"),
        pytest.param((5,), False, id="the first one after a start"),
        pytest.param((-24 * 365, 0.5), False, id="after one of next year"),
        pytest.param((-24 * 365, 1.5), True, id="after one of next year, and old"),
    ],
)
def test_an_event_is_told_when_it_is_much_older_than_an_earlier_one(hours: tuple[float, ...], told: bool) -> None:  # noqa: FBT001 -- a table
    assert seen(*hours)[-1] is told
    assert not any(seen(*hours)[:-1])


@pytest.mark.parametrize(
    "last",
    [
        pytest.param({"exchange": REPLAY_EXCHANGE}, id="a replay"),
        pytest.param({"exchange": "audit.retry"}, id="what has waited"),
        pytest.param({"redelivered": True}, id="a repeated delivery"),
        pytest.param({"event": CHANGE}, id="a change from the outbox"),
    ],
)
def test_what_may_be_old_is_not_told(last: dict[str, Any]) -> None:
    assert seen(0, 48)[-1]
    assert not seen(0, 48, **last)[-1]


def test_it_is_counted_and_told_by_its_id_and_an_old_one_does_not_hide_the_next() -> None:
    before = BACKDATED._value.get()
    with capture_logs() as lines:
        assert seen(0, 48, 48) == [False, True, True]

    assert BACKDATED._value.get() == before + 2
    assert {(line["event"], line["event_name"], line["hours"]) for line in lines} == {
        ("backdated event", "webhook.received", 48.0)
    }
