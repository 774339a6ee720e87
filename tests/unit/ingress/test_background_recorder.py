"""Refusals on their way to the record: none is lost while the broker is away for a while, none blocks a request."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from libs.contracts.errors import unavailable
from libs.contracts.events import Event, WebhookThrottled
from services.ingress.adapters import background_recorder
from services.ingress.adapters.background_recorder import BackgroundRecorder


@dataclass
class Broker:
    failures: int = 0
    taken: list[UUID] = field(default_factory=list)

    async def publish(
        self,
        event: Event,
        *,
        id: UUID,  # noqa: A002 -- the port's own word
        at: datetime | None = None,
        correlation_id: str | None = None,
    ) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise unavailable("broker")
        self.taken.append(id)


THROTTLED = WebhookThrottled(count=1)


async def test_what_is_told_while_the_broker_is_away_is_published_once_afterwards() -> None:
    broker = Broker(failures=3)
    backlog = BackgroundRecorder(broker, retry_seconds=0.001)
    ids = [uuid4() for _ in range(50)]
    for id_ in ids:
        backlog.record(THROTTLED, id_)

    running = asyncio.create_task(backlog.run())
    await backlog.drain(seconds=5)
    running.cancel()

    assert sorted(broker.taken) == sorted(ids)


async def test_an_event_that_cannot_be_published_at_all_holds_up_no_other() -> None:
    class Refusing(Broker):
        async def publish(self, event: Event, *, id: UUID, **_: object) -> None:  # noqa: A002 -- the port's own word
            if id == poison:
                raise ValueError("a routing key of 300 bytes")
            await Broker.publish(self, event, id=id)

    broker, poison = Refusing(), uuid4()
    backlog = BackgroundRecorder(broker, retry_seconds=0.001)
    ids = [uuid4() for _ in range(20)]
    for id_ in (*ids[:5], poison, *ids[5:]):
        backlog.record(THROTTLED, id_)

    running = asyncio.create_task(backlog.run())
    await backlog.drain(seconds=5)
    alive = not running.done()
    running.cancel()

    assert sorted(broker.taken) == sorted(ids)
    assert alive


async def test_more_than_can_be_held_is_dropped_without_harm() -> None:
    broker = Broker()
    backlog = BackgroundRecorder(broker)
    for _ in range(background_recorder.MAX_WAITING + 10):
        backlog.record(THROTTLED, uuid4())

    running = asyncio.create_task(backlog.run())
    await backlog.drain(seconds=5)
    running.cancel()

    assert len(broker.taken) == background_recorder.MAX_WAITING


async def test_an_end_does_not_wait_for_a_broker_that_stays_away() -> None:
    backlog = BackgroundRecorder(Broker(failures=1_000_000), retry_seconds=0.001)
    backlog.record(THROTTLED, uuid4())

    running = asyncio.create_task(backlog.run())
    await asyncio.wait_for(backlog.drain(seconds=0.05), 1)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
