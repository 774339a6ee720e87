"""`RecordEvents` handles every event: it writes one record for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.chassis.subscriptions import Received
from libs.contracts.events import Event
from libs.contracts.identity import Pseudonyms
from libs.store.records import Records
from services.audit import metrics
from services.audit.domain.records import customer_key_of, introduces_customer, record_from
from services.audit.ports import Recorded, SubjectKeys


@dataclass(frozen=True, slots=True)
class RecordEvents:
    """Writes events into the record, in batches."""

    records: Records
    keys: SubjectKeys
    pseudonyms: Pseudonyms
    recorded: Recorded = lambda _: None

    async def __call__(self, batch: Sequence[Received[Event]]) -> None:
        """Record a batch. Safe to repeat: the record has one line per event id."""
        customers = [customer_key_of(received.event, self.pseudonyms) for received in batch]
        known = {customer for customer in customers if customer}
        new = {
            customer for customer, r in zip(customers, batch, strict=True) if customer and introduces_customer(r.event)
        }
        keys = await self.keys.of(known, new=new)
        lines = [
            record_from(
                r.event,
                id_=r.id,
                at=r.at,
                correlation_id=r.correlation_id,
                pseudonyms=self.pseudonyms,
                subject=keys.get(customer or ""),
            )
            for r, customer in zip(batch, customers, strict=True)
        ]
        written = await self.records.append(lines)
        self.recorded(written)

        metrics.BATCH_SIZE.observe(len(lines))
        metrics.REPEATED.inc(len(lines) - written)
        for line in lines:
            metrics.RECORDED.labels(line.type).inc()
