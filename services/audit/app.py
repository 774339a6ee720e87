"""Starts audit: wires adapters to handlers, the recorder to its queue, and the periodic jobs."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

from libs.chassis.amqp import Broker
from libs.chassis.clock import utc_now
from libs.chassis.periodic import periodic
from libs.chassis.runtime import service_runtime
from libs.chassis.store_opening import open_when_usable
from libs.chassis.store_probe import StoreProbe
from libs.chassis.subscriptions import Received
from libs.chassis.telemetry import logger
from libs.chassis.topology import RECORDS
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event, SubjectErased
from libs.contracts.identity import Pseudonyms
from libs.record.keys import PublicKeys, SigningKey, key_ring_from, signing_keys_from
from libs.record.sinks import checkpoint_sinks_from
from libs.record.witness_addresses import witness_addresses_from
from libs.store.do_not_contact import HashedErasedCustomers, do_not_contact_from
from libs.store.factory import open_store
from libs.store.log_proofs import LogProofs
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.audit import metrics
from services.audit.adapters.log_tiles import TileFolder
from services.audit.adapters.log_witnesses import HttpWitness
from services.audit.adapters.signer_memory import SignerMemoryFile
from services.audit.adapters.sinks import sink_from
from services.audit.adapters.subject_keys import CachedSubjectKeys
from services.audit.handlers.checkpoints import CheckpointSchedule, SignCheckpoints
from services.audit.handlers.extensions import ExtendsMemory
from services.audit.handlers.log_growth import ChainGrowth
from services.audit.handlers.log_round import LogRound
from services.audit.handlers.log_sequencer import SequenceLog
from services.audit.handlers.log_signer import SignLog
from services.audit.handlers.log_witnesses import AttestLog
from services.audit.handlers.new_customers import NewCustomers
from services.audit.handlers.purge_clock import TrustedClock
from services.audit.handlers.purges import PurgeRecords
from services.audit.handlers.records import RecordEvents
from services.audit.handlers.restorations import SignRestoration
from services.audit.handlers.restore_lines import RestoreLines
from services.audit.handlers.signer_reset import OpenMemory
from services.audit.handlers.tallies import SignTallies
from services.audit.ports import Publisher, SignerMemory, TimestampAuthority
from services.audit.settings import AuditSettings

log = logger(__name__)
TALLY_SECONDS = 60.0
"""Seconds between two looks for records that are to be counted for reports."""
SHIP_SECONDS = 15.0
"""Seconds between two tries to ship restore lines."""


async def serve(settings: AuditSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    async with service_runtime("audit", settings, metrics_port=settings.audit_metrics_port) as runtime:
        store = await open_when_usable(partial(open_store, settings.store_url.get_secret_value()))
        try:
            async with Broker.connected(
                runtime.replica,
                settings.amqp_url.get_secret_value(),
                keys=settings.authentic_events,
                service=runtime.service,
                delays=settings.retry_delays,
                drain_seconds=settings.drain_seconds,
            ) as broker:
                keys = CachedSubjectKeys(store.subjects, sealer_from(settings.secret_keys.get_secret_value()))
                await _invalidate_erased_keys(broker, keys)
                memory = signer_memory(settings)
                await OpenMemory(
                    memory=memory, chains=store.chains, publisher=broker, clock=utc_now, replica=runtime.replica
                )()
                checkpoints = checkpoint_schedule(settings, store, memory)
                pseudonyms = Pseudonyms(settings.hash_key.get_secret_value().encode())
                new_customers = NewCustomers(erased_customers(settings, store))
                lines = restore_lines(settings, store)
                record = RecordEvents(
                    store.records,
                    keys,
                    pseudonyms,
                    new_customers,
                    recorded=checkpoints.recorded,
                    sign_restoration=SignRestoration(store.chains, _signing_keys(settings)[1]),
                    restore_lines=lines,
                )
                await broker.consume_in_batches(
                    RECORDS, record, size=settings.audit_batch, linger=settings.audit_linger
                )
                purge = purge_records(settings, store, broker, runtime.replica)
                log_round = cumulative_log(settings, store, memory, runtime.replica)
                async with (
                    _signed_at_end(checkpoints),
                    periodic("checkpoints", checkpoints.timed, checkpoints.interval),
                    periodic("busy chains", checkpoints.busy, settings.checkpoint_seconds, wake=checkpoints.due),
                    periodic("tallies", sign_tallies(settings, store), TALLY_SECONDS, delayed=True),
                    periodic("cumulative log", log_round, settings.checkpoint_seconds / 4),
                    periodic("purge", purge, settings.purge_check_seconds),
                    _shipped(lines),
                ):
                    runtime.mark_ready(
                        alive=broker.alive,
                        store=StoreProbe(store.probe).writable,
                        broker=broker.probe,
                        consumers=broker.consumers_move,
                    )
                    await runtime.wait_until_stopped()
                    await broker.drain(settings.drain_seconds)
        finally:
            await store.close()


def signer_memory(settings: AuditSettings) -> SignerMemoryFile:
    """What this replica remembers of what it signed; not loaded yet."""
    return SignerMemoryFile(
        settings.signer_memory, signing_keys_from(settings.signing_keys.get_secret_value()), utc_now
    )


def checkpoint_schedule(
    settings: AuditSettings, store: Store, memory: SignerMemory | None = None
) -> CheckpointSchedule:
    """The job that signs checkpoints. Raises ValueError when the first key cannot sign."""
    keys, key = _signing_keys(settings)
    sink = settings.checkpoint_sink
    metrics.SINK_CONFIGURED.set(sink is not None)
    if sink is None:
        log.warning("GATEWAY_CHECKPOINT_SINK is not set: who has database and signing key can rewrite the record")
    sign = SignCheckpoints(
        chains=store.chains,
        checkpoints=store.checkpoints,
        sink=sink_from(checkpoint_sinks_from(None if sink is None else sink.get_secret_value())),
        key=key,
        clock=utc_now,
        records=settings.checkpoint_records,
        extends=None if memory is None else ExtendsMemory(store.chains, memory, keys),
    )
    return CheckpointSchedule(sign, records=settings.checkpoint_records, seconds=settings.checkpoint_seconds)


def cumulative_log(settings: AuditSettings, store: Store, memory: SignerMemory | None, owner: str) -> LogRound:
    """The job of the cumulative log. Raises ValueError when the first key cannot sign, OSError without `tsa_roots`."""
    keys, key = _signing_keys(settings)
    sink = settings.checkpoint_sink
    sequence = SequenceLog(
        growth=ChainGrowth(store.chains, store.log_places, keys),
        batches=store.log_batches,
        index=store.log_index,
        key=key,
        clock=utc_now,
        heartbeat=timedelta(seconds=settings.checkpoint_seconds * 3 / 4),
    )
    sign = SignLog(
        batches=store.log_batches,
        checkpoints=store.log_checkpoints,
        chains=store.chains,
        memory=memory,
        sink=sink_from(checkpoint_sinks_from(None if sink is None else sink.get_secret_value())),
        origin=settings.log_origin,
        key=key,
        keys=keys,
        clock=utc_now,
    )
    attest = AttestLog(
        checkpoints=store.log_checkpoints,
        proofs=LogProofs(store.log_index, store.log_places, store.log_checkpoints),
        witnesses=[HttpWitness(each.key, each.address) for each in witness_addresses_from(settings.witnesses)],
        authority=_timestamp_authority(settings),
        clock=utc_now,
    )
    tiles = settings.log_tiles
    write = [] if tiles is None else [TileFolder(tiles, store.log_batches, store.log_index, store.log_checkpoints)]
    return LogRound(steps=[sequence, sign, attest, *write], job_leases=store.job_leases, owner=owner, clock=utc_now)


def _timestamp_authority(settings: AuditSettings) -> TimestampAuthority | None:
    if settings.tsa_url is None:
        return None
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 -- 4 MB, for an authority alone

    from services.audit.adapters.log_timestamps import HttpTimestampAuthority  # noqa: PLC0415 -- with the above

    roots = () if settings.tsa_roots is None else load_pem_x509_certificates(settings.tsa_roots.read_bytes())
    return HttpTimestampAuthority(settings.tsa_url, tuple(roots))


def sign_tallies(settings: AuditSettings, store: Store) -> SignTallies:
    """The job that counts records for reports. Raises ValueError when the first key cannot sign."""
    keys, key = _signing_keys(settings)
    return SignTallies(
        chains=store.chains, checkpoints=store.checkpoints, tallies=store.tallies, key=key, keys=keys, clock=utc_now
    )


def erased_customers(settings: AuditSettings, store: Store) -> HashedErasedCustomers:
    """The markers of erasures."""
    keys = settings.do_not_contact_keys.get_secret_value()
    hashes = do_not_contact_from(keys, settings.pseudonyms, store.do_not_contact_entries)
    return HashedErasedCustomers(store.erased_customers, hashes)


def restore_lines(settings: AuditSettings, store: Store) -> RestoreLines | None:
    """What ships erasures and suppressions to the sink; None, with a warning, without sink keys."""
    if settings.sink_keys is None:
        log.warning("GATEWAY_SINK_KEYS is not set: a restore loses the opt-outs and erasures after its backup")
        return None
    sink = settings.checkpoint_sink
    return RestoreLines(
        lines=store.sink_lines,
        sink=sink_from(checkpoint_sinks_from(None if sink is None else sink.get_secret_value())),
        sealer=sealer_from(settings.sink_keys.get_secret_value()),
        pseudonyms=Pseudonyms(settings.hash_key.get_secret_value().encode()),
    )


def purge_records(settings: AuditSettings, store: Store, publisher: Publisher, owner: str) -> PurgeRecords:
    """The job that purges records. Raises ValueError when the first key cannot sign."""
    keys, key = _signing_keys(settings)
    return PurgeRecords(
        directory=store.directory,
        chains=store.chains,
        checkpoints=store.checkpoints,
        purges=store.purges,
        records=store.records,
        subjects=store.subjects,
        job_leases=store.job_leases,
        publisher=publisher,
        key=key,
        keys=keys,
        clock=TrustedClock(clock=utc_now, accepted=store.purge_clock, chains=store.chains, records=store.records),
        owner=owner,
        retention_days=settings.retention_days,
    )


def _signing_keys(settings: AuditSettings) -> tuple[PublicKeys, SigningKey]:
    ring = key_ring_from(settings.signing_keys.get_secret_value())
    if ring.signing is None:
        raise ValueError("the first key must be a key that can sign")
    return ring.keys, ring.signing


@asynccontextmanager
async def _shipped(lines: RestoreLines | None) -> AsyncGenerator[None, None]:
    """Ship restore lines as soon as they wait; those that a crash or a sink left behind within `SHIP_SECONDS`."""
    if lines is None:
        yield
        return
    async with periodic("restore lines", lines.ship, SHIP_SECONDS, wake=lines.waiting):
        yield
    with suppress(GatewayError):  # the next start ships them
        await lines.ship()


@asynccontextmanager
async def _signed_at_end(checkpoints: CheckpointSchedule) -> AsyncGenerator[None, None]:
    """Sign once more at the end, so that checkpoints cover the last records too."""
    try:
        yield
    finally:
        try:
            await checkpoints.finish()
        except GatewayError as failure:
            log.warning("the last records have no checkpoint yet", code=failure.code.value)


async def _invalidate_erased_keys(broker: Broker, keys: CachedSubjectKeys) -> None:
    """Every replica must drop an erased person's key; the work queue delivers the event to one replica only."""

    async def erased(received: Received[Event]) -> None:
        keys.invalidate(received.event)

    await broker.subscribe_exclusive("erasures", (SubjectErased.binding,), erased, on_reconnect=keys.invalidate)
