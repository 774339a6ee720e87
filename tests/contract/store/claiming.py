"""Claims many messages of one number at once, by the real clock, and prints how many were claimed.

Run as `python -m tests.contract.store.claiming <url> <prefix> <count>`; it begins when its standard input has a line.
"""

import asyncio
import sys
from time import monotonic

from libs.chassis.clock import utc_now
from libs.store.factory import open_store
from libs.store.ledger import Claimed, Pace
from tests.contract.store.builders import a_claim

PACE = Pace(number_rate=80.0, number_burst=8, max_wait=2.0)


async def main(url: str, prefix: str, count: int) -> None:
    store = await open_store(url)
    print("ready", flush=True)  # noqa: T201 -- what the parent reads
    await asyncio.to_thread(sys.stdin.readline)
    began = monotonic()
    claims = [
        a_claim(f"{prefix}-{n}", customer_key=f"{prefix}-{n}", pace=PACE, now=utc_now(), clock=utc_now)
        for n in range(count)
    ]
    answers = await asyncio.gather(*map(store.ledger.claim, claims))
    claimed = sum(isinstance(answer, Claimed) for answer in answers)
    print(claimed, round(monotonic() - began, 2), flush=True)  # noqa: T201 -- what the parent reads
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
