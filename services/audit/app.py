"""The only module that knows which adapter stands behind which port."""

from libs.chassis.amqp import Broker
from libs.chassis.serving import life_of
from libs.chassis.topology import RECORDS
from libs.store.opening import open_store
from services.audit.handlers import Record
from services.audit.settings import AuditSettings


async def serve(settings: AuditSettings) -> None:
    """Run until told to stop."""
    async with life_of("audit", settings, metrics_port=settings.audit_metrics_port) as life:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with Broker.connected(life.instance, settings.amqp_url.get_secret_value()) as broker:
                record = Record(store.records, settings.hash_key.get_secret_value().encode())
                await broker.listen_in_batches(RECORDS, record, size=settings.audit_batch, linger=settings.audit_linger)
                life.ready_when(store=store.healthy, broker=broker.healthy)
                await life.until_stopped()
                await broker.drain(settings.drain_seconds)
        finally:
            await store.close()
