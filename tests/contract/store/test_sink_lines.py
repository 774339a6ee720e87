"""The contract of `SinkLines`, and audit's restore lines over it, on every adapter."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, SubjectErased, SuppressionAdded, SuppressionLifted
from libs.contracts.identity import Pseudonyms
from libs.store.restore_lines import RestoreLine, sealed_keys
from libs.store.sealer import sealer_from
from libs.store.sink_lines import SinkLine
from libs.store.store import Store
from services.audit.handlers.restore_lines import RestoreLines
from tests.contract.store.builders import NOW

SEALER = sealer_from(f"k1:{'A' * 43}=")
PSEUDONYMS = Pseudonyms(b"h" * 32)
PHONE = "+966500000001"
HASHED = PSEUDONYMS.customer_key("acc-1", PHONE)
ERASED = SubjectErased(
    account_id="acc-1",
    actor="admin",
    erasure_id="era_1",
    pseudonyms=("p1",),
    reason="asked",
    removed={},
    sealed_customer_keys=sealed_keys(["c1"], SEALER, erasure_id="era_1"),
)
ADDED = SuppressionAdded(
    account_id="acc-1",
    suppression_id="sup_1",
    kind="opt_out",
    source="keyword",
    customer=PHONE,
    customer_keys=("c2",),
    evidence={"at": "2026-11-23T12:00:00+00:00"},
)
LIFTED = SuppressionLifted(account_id="acc-1", suppression_id="sup_2", kind="opt_out", source="operator")


@dataclass
class Elsewhere:
    """A sink that can be away, or end the process after it has stored what was shipped."""

    away: bool = False
    dies: bool = False
    kept: list[str] = field(default_factory=list)

    async def ship_lines(self, lines: Sequence[str]) -> None:
        if self.away:
            raise ConnectionError
        self.kept += lines
        if self.dies:
            raise KeyboardInterrupt

    @property
    def ids(self) -> list[str]:
        return [orjson.loads(line)["id"] for line in self.kept]


def received(*events: Event) -> list[Received[Event]]:
    return [
        Received(event=event, id=UUID(int=n), at=NOW, correlation_id=None, attempt=1)
        for n, event in enumerate(events, 1)
    ]


def replica(store: Store, sink: Elsewhere) -> RestoreLines:
    return RestoreLines(lines=store.sink_lines, sink=sink, sealer=SEALER, pseudonyms=PSEUDONYMS)


async def test_a_line_waits_until_it_is_marked_as_shipped_and_is_stored_once(store: Store, other: Store) -> None:
    await store.sink_lines.add([SinkLine("b", "{}"), SinkLine("a", "{}")])
    await other.sink_lines.add([SinkLine("b", '{"later":1}'), SinkLine("c", "{}")])

    waiting = await store.sink_lines.unshipped(10)
    await other.sink_lines.mark_shipped(["a", "b", "unknown"])

    assert [(each.id, each.text) for each in waiting] == [("a", "{}"), ("b", "{}"), ("c", "{}")]
    assert [each.id for each in await store.sink_lines.unshipped(10)] == ["c"]
    assert [each.id for each in await store.sink_lines.unshipped(0)] in ([], ["c"])


async def test_each_erasure_and_suppression_becomes_a_line_that_only_the_sink_key_opens(store: Store) -> None:
    sink = Elsewhere()
    audit = replica(store, sink)

    await audit.keep(received(ERASED, ADDED, LIFTED))
    await audit.ship()

    erased, added = (RestoreLine.opened(orjson.loads(line), SEALER) for line in sink.kept)
    assert (erased.kind, erased.customer_keys, erased.details["pseudonyms"]) == ("subject.erased", ("c1",), ["p1"])
    assert set(added.customer_keys) == {"c2", HASHED}
    assert (added.details["suppression"], added.since.isoformat()) == ("opt_out", "2026-11-23T12:00:00+00:00")
    assert not [line for line in sink.kept if PHONE[1:] in line or HASHED in line or '"c2' in line]


async def test_two_replicas_and_a_crash_between_any_two_steps_lose_no_line(store: Store, other: Store) -> None:
    sink = Elsewhere(away=True)
    one, two = replica(store, sink), replica(other, sink)
    await one.keep(received(ERASED, ADDED))  # and dies before it is acknowledged: the other gets both again
    await two.keep(received(ERASED, ADDED))
    await two.ship()
    sink.away, sink.dies = False, True
    try:
        await one.ship()  # dies after the sink has the lines, before they are marked
    except KeyboardInterrupt:
        sink.dies = False
    await asyncio.gather(one.ship(), two.ship())

    assert set(sink.ids) == {str(UUID(int=1)), str(UUID(int=2))}
    assert 2 * sink.ids.count(str(UUID(int=1))) >= 4
    assert await store.sink_lines.unshipped(10) == []


async def test_an_erasure_whose_keys_cannot_be_opened_has_no_line_and_stops_nothing(store: Store) -> None:
    sink = Elsewhere()
    audit = replica(store, sink)
    strange = ERASED.model_copy(update={"sealed_customer_keys": None})

    await audit.keep(received(strange, ADDED))
    await audit.ship()

    assert sink.ids == [str(UUID(int=2))]
