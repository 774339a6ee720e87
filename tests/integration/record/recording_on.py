"""Records, seals and ships as fast as it can until it is killed, and reports each batch once it is written.

Run as `python -m tests.integration.record.recording_on <url> <shipped file> <seed> [<other's seed>]`: batches are drawn
from the seed, so that two with the same one write the same records at the same time.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from libs.chassis.clock import utc_now
from libs.store.opening import Store, open_store
from services.audit.adapters.sinks import ToFile
from services.audit.handlers.sealing import Seal
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


async def seal_on(store: Store, shipped: Path) -> None:
    seal = Seal(
        chains=store.chains, checkpoints=store.checkpoints, sink=ToFile(shipped), key=KEY, clock=utc_now, records=7
    )
    while True:
        await seal()
        await asyncio.sleep(0.005)


async def main(url: str, shipped: str, *seeds: str) -> None:
    store = await open_store(url)
    async with asyncio.TaskGroup() as group:
        for seed in seeds:
            group.create_task(record_on(store, seed))
        group.create_task(seal_on(store, Path(shipped)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
