"""What becomes of the rejections beyond those recorded one by one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from libs.contracts.errors import unavailable
from libs.contracts.events import OperatorRejected
from libs.store.outbox import Outbox, OutboxEvent
from services.console.domain.principals import RejectedCaller, RejectionReason
from services.console.handlers.rejections import RecordRejection
from tests.unit.console.world import World


class DownOutbox:
    """An outbox whose store is down."""

    async def add(self, events: Sequence[OutboxEvent]) -> None:
        raise unavailable("store")


def a_recorder(world: World, at: Sequence[float] = (0.0,)) -> RecordRejection:
    return RecordRejection(changes=world.deps.changes, monotonic=lambda: at[0])


async def test_a_minutes_rest_is_told_in_one_summary_for_each_reason(world: World) -> None:
    at = [0.0]
    reject = a_recorder(world, at)
    for _ in range(25):
        await reject(RejectedCaller(RejectionReason.UNKNOWN), "192.0.2.1", "list_events")
    await reject(RejectedCaller(RejectionReason.MISSING), "192.0.2.1", "list_events")
    at[0] = 61.0

    await reject.summarise()
    await reject.summarise()

    told = [OperatorRejected.model_validate_json(posted.body) for posted in await world.store.outbox.unpublished(99)]
    assert [(event.reason, event.count) for event in told[20:]] == [("unknown_token", 5), ("missing_token", 1)]


async def test_a_store_that_is_down_keeps_nobody_waiting(world: World) -> None:
    reject = a_recorder(world)
    down = replace(reject, changes=replace(reject.changes, outbox=cast("Outbox", DownOutbox())))

    await down(RejectedCaller(RejectionReason.UNKNOWN), "192.0.2.1", "list_events")

    assert await world.store.outbox.unpublished(9) == []
