"""A process that records, signs and ships until it is killed, and prints the ids of each written batch.

Run `python -m tests.integration.record.recording_process <url> <shipped file> <seed> [<seed>]`. A seed determines the
batches, so that two processes with the same one write the same records at the same time.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from libs.chassis.clock import utc_now
from libs.store.factory import open_store
from libs.store.store import Store
from services.audit.adapters.sinks import FileSink
from services.audit.handlers.checkpoints import SignCheckpoints
from tests.contract.store.builders import a_record
from tests.unit.record.chains import KEY

ACCOUNTS = (None, "acc-1", "acc-2", "acc-3")


async def record_on(store: Store, seed: str) -> None:
    chance = random.Random(seed)
    number = 0
    while True:
        batch = []
        for _ in range(chance.randint(1, 20)):
            number += 1
            account = chance.choice(ACCOUNTS)
            batch.append(a_record(f"{seed}-{number}", account_id=account))
        await store.records.append(batch)
        os.write(1, "".join(f"{record.id}\n" for record in batch).encode())


async def sign_on(store: Store, shipped: Path) -> None:
    sign = SignCheckpoints(
        chains=store.chains, checkpoints=store.checkpoints, sink=FileSink(shipped), key=KEY, clock=utc_now, records=7
    )
    while True:
        await sign()
        await asyncio.sleep(0.005)


async def main(url: str, shipped: str, *seeds: str) -> None:
    store = await open_store(url)
    async with asyncio.TaskGroup() as group:
        for seed in seeds:
            group.create_task(record_on(store, seed))
        group.create_task(sign_on(store, Path(shipped)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
