"""The only module that knows which adapter stands behind which port."""

from libs.chassis.amqp import Broker
from libs.chassis.consuming import Received
from libs.chassis.serving import life_of
from libs.chassis.topology import RECORDS
from libs.contracts.events import Event, SubjectErased
from libs.store.opening import open_store
from libs.store.sealing import sealer_from
from services.audit.adapters.keys import RememberedKeys
from services.audit.handlers import Record
from services.audit.settings import AuditSettings


async def serve(settings: AuditSettings) -> None:
    """Run until told to stop."""
    async with life_of("audit", settings, metrics_port=settings.audit_metrics_port) as life:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with Broker.connected(life.instance, settings.amqp_url.get_secret_value()) as broker:
                keys = RememberedKeys(store.subjects, sealer_from(settings.secret_keys.get_secret_value()))
                await _overhear(broker, keys)
                record = Record(store.records, keys, settings.hash_key.get_secret_value().encode())
                await broker.listen_in_batches(RECORDS, record, size=settings.audit_batch, linger=settings.audit_linger)
                life.ready_when(store=store.healthy, broker=broker.healthy)
                await life.until_stopped()
                await broker.drain(settings.drain_seconds)
        finally:
            await store.close()


async def _overhear(broker: Broker, keys: RememberedKeys) -> None:
    """Each replica must forget who was erased, and only one of them is handed the event to record."""

    async def erased(received: Received[Event]) -> None:
        keys.forget(received.event)

    await broker.overhear("erasures", (SubjectErased.binding,), erased, lost=keys.forget)
