"""Erases persons again that were erased after the backup, with the same steps as console."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field

from libs.chassis.clock import Clock, new_id, utc_now
from libs.contracts.errors import GatewayError
from libs.store.backups import BackupRefused
from libs.store.do_not_contact import DoNotContact, HashedErasedCustomers
from libs.store.erasures import Erasure
from libs.store.metrics import cause_of
from libs.store.outbox import OutboxEvent
from libs.store.posts import post_sealer_from
from libs.store.restore_lines import ERASED, RestoreLine, sealed_keys
from libs.store.sealer import Sealer
from libs.store.store import Store
from services.console.handlers.changes import Changes
from services.console.handlers.dead_letter_customers import DeadLetterCustomers
from services.console.handlers.erasure_steps import ErasureSteps, erased_event_id
from services.console.handlers.subject_dead_letters import SubjectDeadLetters
from tools.restore.suppressions import RESTORED

REASON = "erased after the backup, and again by the restore"
WAIT_SECONDS, PAUSE_SECONDS = 300.0, 2.0
"""How long a call may still run by the backup's leases; each look waits in between."""
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseAgain:
    """Safe to repeat: an erasure whose event waits in the outbox is done."""

    store: Store
    do_not_contact: DoNotContact
    sealer: Sealer = field(repr=False)
    post_keys: str = field(repr=False)
    sink_sealer: Sealer = field(repr=False)
    clock: Clock = utc_now

    async def __call__(self, lines: Sequence[RestoreLine]) -> int:
        """Erase the persons; returns how many."""
        steps, count = self._steps(), 0
        for line in lines:
            if line.kind != ERASED:
                continue
            count += 1
            event_id = str(erased_event_id(line.details["erasure_id"]))
            if event_id in {event.id async for event in outbox_of(self.store)}:
                await self.store.erasures.finish(line.details["erasure_id"], [])  # a crash left the emptied job
                continue
            await self._drop_events(line.customer_keys)
            await self._run(steps, await self._job(line))
        return count

    async def _job(self, line: RestoreLine) -> Erasure:
        """The erasure's job: of the backup, or stored now, so that console finishes it if nobody else does."""
        erasure_id = line.details["erasure_id"]
        jobs = await self.store.erasures.unfinished(_PAGE)
        known = {job.id: job for job in jobs if not job.is_emptied}  # of one that is, only the line has the keys
        if erasure_id in known:
            return known[erasure_id]
        erasure = Erasure(
            id=erasure_id,
            account_id=line.account_id,
            customer_keys=line.customer_keys,
            do_not_contact=await self.do_not_contact.newest(line.customer_keys),
            fast_hashes=tuple(map(self.do_not_contact.pseudonyms.do_not_contact_hash, line.customer_keys)),
            pseudonyms=tuple(line.details["pseudonyms"]),
            reason=REASON,
            actor=RESTORED,
            asked_at=line.at,
        )
        await self.store.erasures.add(erasure)
        return erasure

    async def _run(self, steps: ErasureSteps, erasure: Erasure) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + WAIT_SECONDS
        while True:
            try:
                await steps(erasure)
            except GatewayError as failure:
                if cause_of(failure) is not None:
                    raise  # the store's own, such as a full disk: waiting does not help
                if loop.time() > until:
                    raise BackupRefused("an erasure cannot be applied: a lease in the backup does not end") from failure
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return

    async def _drop_events(self, customer_keys: Collection[str]) -> None:
        """Remove events of the backup's outbox about the person: they were published before the erasure could end."""
        keys = [key.encode() for key in customer_keys]
        ids = [event.id async for event in outbox_of(self.store) if any(key in event.body for key in keys)]
        await self.store.outbox.mark_published(ids)

    def _steps(self) -> ErasureSteps:
        store = self.store
        customers = DeadLetterCustomers(self.do_not_contact.pseudonyms, post_sealer_from(self.post_keys))
        return ErasureSteps(
            erasures=store.erasures,
            personal_data=store.personal_data,
            erased_customers=HashedErasedCustomers(store.erased_customers, self.do_not_contact),
            subjects=store.subjects,
            records=store.records,
            dead_letters=SubjectDeadLetters(
                store=store.dead_letters, directory=store.directory, sealer=self.sealer, customers=customers
            ),
            changes=Changes(store.registry, store.outbox, self.clock, new_id, _publish_later),
            seal=lambda job: sealed_keys(job.customer_keys, self.sink_sealer, erasure_id=job.id),
        )


async def outbox_of(store: Store) -> AsyncIterator[OutboxEvent]:
    """Every event of the outbox."""
    found = await store.outbox.unpublished(1_000_000)
    for event in found:
        yield event


async def _publish_later() -> None:
    """Console publishes the outbox when it starts."""
