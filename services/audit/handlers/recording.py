"""Turn events into records, keep them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.chassis.consuming import Received
from libs.contracts.events import Event
from libs.store.records import Records
from services.audit import metrics
from services.audit.domain.records import begins_with, customer_key_of, record_from
from services.audit.ports import Keys, Recorded


@dataclass(frozen=True, slots=True)
class Record:
    """Writes every event into the record."""

    records: Records
    keys: Keys
    key: bytes = field(repr=False)
    recorded: Recorded = lambda _: None

    async def __call__(self, batch: Sequence[Received[Event]]) -> None:
        """Record a batch. Safe to repeat: the record keeps one line per event id."""
        customers = [customer_key_of(received.event, self.key) for received in batch]
        known = {customer for customer in customers if customer}
        begun = {customer for customer, r in zip(customers, batch, strict=True) if customer and begins_with(r.event)}
        keys = await self.keys.of(known, new=begun)
        lines = [
            record_from(
                r.event,
                id_=r.id,
                at=r.at,
                correlation_id=r.correlation_id,
                key=self.key,
                subject=keys.get(customer or ""),
            )
            for r, customer in zip(batch, customers, strict=True)
        ]
        new = await self.records.append(lines)
        self.recorded(new)

        metrics.BATCH_SIZE.observe(len(lines))
        metrics.REPEATED.inc(len(lines) - new)
        for line in lines:
            metrics.RECORDED.labels(line.type).inc()
