"""`RecordEvents` handles every event: it writes one record for each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from libs.chassis.clock import Clock, utc_now
from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, RecordRestored, RecordSignerReset
from libs.contracts.identity import Pseudonyms
from libs.record.canonical import chain_of
from libs.store.records import Record, Records
from libs.store.subjects import SubjectKey
from services.audit import metrics
from services.audit.domain.records import customer_key_of, introduces_customer, record_from
from services.audit.handlers.new_customers import NewCustomers
from services.audit.handlers.restorations import SignRestoration
from services.audit.handlers.restore_lines import RestoreLines
from services.audit.ports import Recorded, SubjectKeys

_STATED = frozenset({RecordRestored, RecordSignerReset})
"""Events whose records have a signed statement."""


@dataclass(frozen=True, slots=True)
class RecordEvents:
    """Writes events into the record, in batches."""

    records: Records
    keys: SubjectKeys
    pseudonyms: Pseudonyms
    new_customers: NewCustomers
    recorded: Recorded = lambda _: None
    sign_restoration: SignRestoration | None = None
    restore_lines: RestoreLines | None = None
    clock: Clock = utc_now

    async def __call__(self, batch: Sequence[Received[Event]]) -> None:
        """Record a batch. Safe to repeat: the record has one line per event id."""
        if self.restore_lines is not None:
            await self.restore_lines.keep(batch)
        customers = [customer_key_of(received.event, self.pseudonyms) for received in batch]
        keys = await self._keys(batch, customers)
        now = self.clock()
        lines = [
            record_from(r, pseudonyms=self.pseudonyms, subject=keys.get(customer or ""), recorded_at=now)
            for r, customer in zip(batch, customers, strict=True)
        ]
        for at, received in enumerate(batch):
            if type(received.event) in _STATED:
                lines[at] = await self._with_statement(received, lines[at])
        written = await self.records.append(lines)
        if written:
            self.recorded(Counter([chain_of(line.account_id) for line in lines]))

        metrics.BATCH_SIZE.observe(len(lines))
        metrics.REPEATED.inc(len(lines) - written)
        for type_, count in Counter([line.type for line in lines]).items():
            metrics.RECORDED.labels(type_).inc(count)

    async def _with_statement(self, received: Received[Event], line: Record) -> Record:
        """The record of a restored chain or a lost memory, with the signed statement."""
        if self.sign_restoration is None:
            return line
        if isinstance(received.event, RecordSignerReset):
            return self.sign_restoration.reset(received.event, received.at, line)
        if isinstance(received.event, RecordRestored):
            return await self.sign_restoration(received.event, received.at, line)
        return line

    async def _keys(
        self, batch: Sequence[Received[Event]], customers: Sequence[str | None]
    ) -> Mapping[str, SubjectKey]:
        """The keys of the batch's customers. Only for those without one the markers of erased customers are read."""
        keys = await self.keys.of({customer for customer in customers if customer}, new=())
        introductions = [
            (customer, received)
            for customer, received in zip(customers, batch, strict=True)
            if customer and customer not in keys and introduces_customer(received.event)
        ]
        new = await self.new_customers(introductions)
        return {**keys, **await self.keys.of(new, new=new)} if new else keys
