"""A process that records, and takes the records into the cumulative log, until it is killed.

Run `python -m tests.integration.record.log_process <url> <sink file> <seed>`. The log's checkpoints go to the file.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from libs.chassis.clock import utc_now
from libs.store.factory import open_store
from libs.store.store import Store
from services.audit.adapters.sinks import FileSink
from services.audit.handlers.log_growth import ChainGrowth
from services.audit.handlers.log_sequencer import SequenceLog
from services.audit.handlers.log_signer import SignLog
from tests.integration.record.recording_process import record_on
from tests.unit.record.chains import KEY, KEYS
from tests.unit.record.logs import ORIGIN


def jobs_over(store: Store, sink: Path) -> tuple[SequenceLog, SignLog]:
    sequence = SequenceLog(
        growth=ChainGrowth(store.chains, store.log_places, KEYS),
        batches=store.log_batches,
        index=store.log_index,
        key=KEY,
        clock=utc_now,
        heartbeat=timedelta(seconds=60),
        most=16,
    )
    sign = SignLog(
        batches=store.log_batches,
        checkpoints=store.log_checkpoints,
        chains=store.chains,
        memory=None,
        sink=FileSink(sink),
        origin=ORIGIN,
        key=KEY,
        keys=KEYS,
        clock=utc_now,
    )
    return sequence, sign


async def log_on(store: Store, sink: Path) -> None:
    sequence, sign = jobs_over(store, sink)
    while True:
        await sequence()
        await sign()
        await asyncio.sleep(0.002)


async def main(url: str, sink: str, seed: str) -> None:
    store = await open_store(url)
    async with asyncio.TaskGroup() as group:
        group.create_task(record_on(store, seed))
        group.create_task(log_on(store, Path(sink)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
