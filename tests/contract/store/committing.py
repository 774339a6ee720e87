"""Writes to a store as fast as it can until it is killed, and reports each write once the call returns.

Run as `python -m tests.contract.store.committing <url> <prefix>`; a line is `<what> <event id>`.
"""

import asyncio
import os
import sys

from libs.store.factory import open_store
from libs.store.ledger import Claimed
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_claim, a_decision, a_record, an_approval

WRITERS = 16


def report(what: str, event_id: str) -> None:
    os.write(1, f"{what} {event_id}\n".encode())


async def write_on(store: Store, prefix: str, writer: int) -> None:
    number = 0
    while True:
        number += 1
        event_id = f"{prefix}-{writer}-{number}"
        await store.decisions.decide(an_approval(event_id, decision=a_decision(event_id)))
        report("settled", event_id)
        claimed = await store.ledger.claim(a_claim(event_id, customer_key=event_id))
        assert isinstance(claimed, Claimed)
        report("claimed", event_id)
        if number % 2:
            await store.ledger.finish(event_id, event_id.encode(), now=NOW)
            report("finished", event_id)
        await store.records.append([a_record(event_id, event_id=event_id)])
        report("recorded", event_id)


async def main(url: str, prefix: str) -> None:
    store = await open_store(url)
    async with asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(write_on(store, prefix, writer))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
