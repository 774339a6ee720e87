"""Measures the cumulative log: `python -m bench.cumulative_log [RECORDS]` (a million), on SQLite.

Prints seconds, CPU seconds of this process and the peak of memory: records taken into the log, signed, written as
tiles, proven, and verified: with their chains, and the log alone.
"""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from libs.chassis.clock import utc_now
from libs.record.keys import PublicKey, SigningKey
from libs.store.factory import open_store
from libs.store.log_proofs import LogProofs
from libs.store.log_verification import LogReader
from libs.store.records import Record
from libs.store.store import Store
from libs.store.verification import verify
from services.audit.adapters.log_tiles import TileFolder
from services.audit.adapters.sinks import CompositeSink
from services.audit.handlers.log_growth import ChainGrowth
from services.audit.handlers.log_sequencer import SequenceLog
from services.audit.handlers.log_signer import SignLog

KEY = SigningKey("k1", bytes(range(32)))
KEYS = {"k1": PublicKey("k1", KEY.public)}
ACCOUNTS = 50


async def main(count: int) -> None:
    """Make the records, then measure."""
    with TemporaryDirectory() as folder:
        store = await open_store(f"sqlite:///{folder}/gateway.db")
        async with timed("records appended"):
            for start in range(0, count, 1_000):
                await store.records.append(
                    [
                        Record(id=f"r{n}", at=utc_now(), type="webhook.answered", account_id=f"acc_{n % ACCOUNTS}")
                        for n in range(start, start + 1_000)
                    ]
                )
        sequence, sign, write = log_steps(store, Path(folder) / "log")
        async with timed("sequenced"):
            await sequence()
        async with timed("signed"):
            await sign()
        async with timed("tiles written"):
            await write()
        await measure_reads(store, count)
        await store.close()


def log_steps(store: Store, folder: Path) -> tuple[SequenceLog, SignLog, TileFolder]:
    """The steps of a round of audit over this store, which writes the tiles to `folder`."""
    sequence = SequenceLog(
        growth=ChainGrowth(store.chains, store.log_places, KEYS),
        batches=store.log_batches,
        index=store.log_index,
        key=KEY,
        clock=utc_now,
        heartbeat=timedelta(seconds=225),
    )
    sign = SignLog(
        batches=store.log_batches,
        checkpoints=store.log_checkpoints,
        chains=store.chains,
        memory=None,
        sink=CompositeSink([]),
        origin="bench.example/log",
        key=KEY,
        keys=KEYS,
        clock=utc_now,
    )
    return sequence, sign, TileFolder(folder, store.log_batches, store.log_index, store.log_checkpoints)


async def measure_reads(store: Store, count: int) -> None:
    """Proofs and the verification of the whole log against all chains."""
    proofs = LogProofs(store.log_index, store.log_places, store.log_checkpoints)
    links = await store.chains.links("acc_7", after=count // ACCOUNTS // 2, limit=100)
    async with timed("100 proofs of inclusion"):
        for link in links:
            await proofs.inclusion("acc_7", link.seq, link.hash)
    async with timed("100 proofs of consistency"):
        size = (await proofs.newest())[0].size
        for old in range(1, size, size // 100):
            await proofs.consistency(old, size)
    reader = LogReader(chains=store.chains, batches=store.log_batches, checkpoints=store.log_checkpoints, keys=KEYS)
    async with timed("chains verified"):
        result = await verify(store.chains, store.checkpoints, keys=KEYS)
    async with timed("log verified against all chains"):
        found = await reader.verified()
    if found is None or found.fault is not None or (result.ok, result.records) != (True, count):
        raise RuntimeError(f"not sound: {result}, {found}")
    position = found.position
    async with timed("log verified from the last position on"):
        await reader.grown(position)


@asynccontextmanager
async def timed(what: str) -> AsyncIterator[None]:
    """Print how long the block took, and the greatest memory so far."""
    start, used = time.perf_counter(), time.process_time()
    yield
    seconds, used = time.perf_counter() - start, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: {seconds:.1f} s, CPU {used:.1f} s, {peak:.0f} MiB", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
