"""Waiting for an earlier message: short looks first, a limit for each delivery, and one beginning over all of them."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from libs.chassis.settlement import RetryLater
from services.sender.handlers.delivery_progress import Progress
from services.sender.handlers.earlier_messages import MOST, EarlierMessages
from tests.unit.sender.fake_world import NOON, World
from tests.unit.sender.gateway import Gateway

LIMIT = 2.0
EVENT = uuid4()


def waiting_in(world: World) -> EarlierMessages:
    return EarlierMessages(Gateway(world=world).process().deps)


async def until_returned(earlier: EarlierMessages, event: UUID, progress: Progress) -> None:
    async def forever() -> None:
        while True:
            await earlier.wait(event, progress, max_wait_s=LIMIT)

    with pytest.raises(RetryLater):
        await forever()


async def test_a_delivery_looks_again_soon_then_less_often_and_returns_to_the_broker_at_its_limit() -> None:
    world = World()
    progress = Progress(start=0.0)

    await until_returned(waiting_in(world), EVENT, progress)

    assert world.slept[0] < 0.05
    assert world.slept == sorted(world.slept)
    assert LIMIT - max(world.slept) < sum(world.slept) <= LIMIT
    assert progress.order_waited == pytest.approx(sum(world.slept))


async def test_later_deliveries_know_since_when_the_message_is_blocked_until_it_no_longer_is() -> None:
    world = World(elapsed=10.0)
    earlier = waiting_in(world)
    assert earlier.blocked_since(EVENT) is None

    await until_returned(earlier, EVENT, Progress(start=10.0))
    world.elapsed += 30.0
    again = Progress(start=world.elapsed)
    await earlier.wait(EVENT, again, max_wait_s=LIMIT)

    assert earlier.blocked_since(EVENT) == NOON + timedelta(seconds=10)
    assert earlier.blocked_since(uuid4()) is None
    earlier.done(EVENT, again)
    assert earlier.blocked_since(EVENT) is None
    assert again.order_waited == 0.0


async def test_what_is_remembered_is_bounded_since_deliveries_may_go_on_elsewhere() -> None:
    earlier = waiting_in(World())
    first, *_, last = events = [uuid4() for _ in range(MOST + 1)]

    for event in events:
        await earlier.wait(event, Progress(start=0.0), max_wait_s=LIMIT)

    assert earlier.blocked_since(first) is None
    assert earlier.blocked_since(last) is not None
