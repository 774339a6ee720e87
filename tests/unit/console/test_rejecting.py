"""What becomes of the rejections beyond those recorded one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from libs.contracts.errors import unavailable
from libs.contracts.events import OperatorRejected
from libs.store.outbox import Posted
from services.console.domain.principals import Fault, Stranger
from services.console.handlers.changing import Changes
from services.console.handlers.rejecting import RejectOperator
from tests.unit.console.world import World


@dataclass
class FakeOutbox:
    """Keeps what is posted; refuses it while it is down."""

    kept: list[Posted] = field(default_factory=list)
    down: bool = False

    async def post(self, events: Sequence[Posted]) -> None:
        if self.down:
            raise unavailable("store")
        self.kept += events

    async def waiting(self, limit: int) -> list[Posted]:
        return self.kept[:limit]

    async def published(self, ids: Sequence[str]) -> None: ...


def a_reject(world: World, outbox: FakeOutbox, at: Sequence[float] = (0.0,)) -> RejectOperator:
    changes = Changes(world.store.registry, world.clock, uuid4, world.relay.changed)
    return RejectOperator(outbox=outbox, changes=changes, monotonic=lambda: at[0])


async def test_a_minutes_rest_is_told_in_one_summary_for_each_reason(world: World) -> None:
    outbox, at = FakeOutbox(), [0.0]
    reject = a_reject(world, outbox, at)
    for _ in range(25):
        await reject(Stranger(Fault.UNKNOWN), "192.0.2.1", "list_events")
    await reject(Stranger(Fault.MISSING), "192.0.2.1", "list_events")
    at[0] = 61.0

    await reject.summarise()
    await reject.summarise()

    told = [OperatorRejected.model_validate_json(posted.body) for posted in outbox.kept]
    assert [(event.reason, event.count) for event in told[20:]] == [("unknown_token", 5), ("missing_token", 1)]


async def test_a_store_that_is_down_keeps_nobody_waiting(world: World) -> None:
    outbox = FakeOutbox(down=True)
    reject = a_reject(world, outbox)

    await reject(Stranger(Fault.UNKNOWN), "192.0.2.1", "list_events")

    assert outbox.kept == []
