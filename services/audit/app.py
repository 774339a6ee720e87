"""The only module that knows which adapter stands behind which port."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from libs.chassis.amqp import Broker
from libs.chassis.clock import utc_now
from libs.chassis.consuming import Received
from libs.chassis.failures import where
from libs.chassis.serving import life_of
from libs.chassis.telemetry import logger
from libs.chassis.topology import RECORDS
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event, SubjectErased
from libs.record.keys import key_ring_from
from libs.record.sinks import sinks_in
from libs.store.opening import Store, open_store
from libs.store.sealing import sealer_from
from services.audit.adapters.keys import RememberedKeys
from services.audit.adapters.sinks import sink_from
from services.audit.handlers.purging import Publishes, PurgeRecords
from services.audit.handlers.recording import Record
from services.audit.handlers.sealing import Seal, SealingRound
from services.audit.settings import AuditSettings

log = logger(__name__)


async def serve(settings: AuditSettings) -> None:
    """Run until told to stop."""
    async with life_of("audit", settings, metrics_port=settings.audit_metrics_port) as life:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with Broker.connected(life.instance, settings.amqp_url.get_secret_value()) as broker:
                keys = RememberedKeys(store.subjects, sealer_from(settings.secret_keys.get_secret_value()))
                await _overhear(broker, keys)
                sealing = sealing_round(settings, store)
                key = settings.hash_key.get_secret_value().encode()
                record = Record(store.records, keys, key, recorded=sealing.recorded)
                await broker.listen_in_batches(RECORDS, record, size=settings.audit_batch, linger=settings.audit_linger)
                purge = purge_records(settings, store, broker, life.instance)
                async with _going_round(sealing), _again_and_again(purge, settings.purge_check_seconds):
                    life.ready_when(store=store.healthy, broker=broker.healthy)
                    await life.until_stopped()
                    await broker.drain(settings.drain_seconds)
        finally:
            await store.close()


def sealing_round(settings: AuditSettings, store: Store) -> SealingRound:
    """Wire what seals. Raises ValueError for keys that cannot sign."""
    key = key_ring_from(settings.signing_keys.get_secret_value()).signing
    if key is None:
        raise ValueError("the first key must be one that can sign")
    sink = settings.checkpoint_sink
    seal = Seal(
        chains=store.chains,
        checkpoints=store.checkpoints,
        sink=sink_from(sinks_in(None if sink is None else sink.get_secret_value())),
        key=key,
        clock=utc_now,
        records=settings.checkpoint_records,
    )
    return SealingRound(seal, seconds=settings.checkpoint_seconds, records=settings.checkpoint_records)


def purge_records(settings: AuditSettings, store: Store, publisher: Publishes, owner: str) -> PurgeRecords:
    """Wire what purges."""
    ring = key_ring_from(settings.signing_keys.get_secret_value())
    if ring.signing is None:
        raise ValueError("the first key must be one that can sign")
    return PurgeRecords(
        directory=store.directory,
        chains=store.chains,
        checkpoints=store.checkpoints,
        purges=store.purges,
        records=store.records,
        subjects=store.subjects,
        errands=store.errands,
        publisher=publisher,
        key=ring.signing,
        keys=ring.keys,
        clock=utc_now,
        owner=owner,
        retention_days=settings.retention_days,
    )


@asynccontextmanager
async def _again_and_again(step: Callable[[], Awaitable[None]], seconds: float) -> AsyncGenerator[None, None]:
    """Take a step every now and then; recording goes on whatever becomes of it."""

    async def for_ever() -> None:
        while True:
            try:
                await step()
            except GatewayError as failure:
                log.warning("purging failed, tried again", code=failure.code.value)
            except Exception as defect:  # noqa: BLE001 -- recording goes on, and the next time it may do
                log.error("purging failed", failure=type(defect).__name__, at=where(defect))  # noqa: TRY400 -- its text may hold more
            await asyncio.sleep(seconds)

    task = asyncio.create_task(for_ever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _going_round(sealing: SealingRound) -> AsyncGenerator[None, None]:
    """Seal as long as the service lives, and once more at its end."""
    task = asyncio.create_task(sealing.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sealing.once()


async def _overhear(broker: Broker, keys: RememberedKeys) -> None:
    """Each replica must forget who was erased, and only one of them is handed the event to record."""

    async def erased(received: Received[Event]) -> None:
        keys.forget(received.event)

    await broker.overhear("erasures", (SubjectErased.binding,), erased, lost=keys.forget)
