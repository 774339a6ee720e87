"""What sealing and MACs cost of a message's CPU time: `python -m bench.seals [RECORDS]` (20,000), on SQLite.

Measures process CPU time: the producer's MAC of each event and its checks, the hash that links a record to its chain,
and audit's background rounds: checkpoints of the chains, the cumulative log's tree, its signature and its tiles.
Compares the sum with the CPU time of the whole pipeline for a message in docs/performance.md (`gateway`, `together`).
"""

import argparse
import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.cumulative_log import KEY, log_steps
from bench.event_keys import COUNTS, TEXTS, measure
from bench.record import CHECKPOINT_RECORDS, write_records
from libs.chassis.clock import utc_now
from libs.record.canonical import Link, link_hash
from libs.store.factory import open_store
from libs.store.store import Store
from services.audit.adapters.sinks import CompositeSink
from services.audit.handlers.checkpoints import SignCheckpoints

RECORDS: Final = {"a message": 3, "a message with three statuses": 9}
"""Records of a message: received, approved, answered; with each status what WhatsApp sent, and what followed."""
MOST_PERCENT: Final = 5.0
PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"


async def measured_rounds(count: int) -> dict[str, float]:
    """Microseconds of CPU time for one record: its hash, and what audit's rounds do with it."""
    with TemporaryDirectory(prefix="gateway-sealing-") as folder:
        store = await open_store(f"sqlite:///{folder}/gateway.db")
        await write_records(store, count, datetime.now(UTC))
        checkpoints = SignCheckpoints(
            chains=store.chains,
            checkpoints=store.checkpoints,
            sink=CompositeSink([]),
            key=KEY,
            clock=utc_now,
            records=CHECKPOINT_RECORDS,
        )
        sequence, sign, tiles = log_steps(store, Path(folder) / "log")
        steps: dict[str, Callable[[], Awaitable[object]]]
        steps = {"checkpoints": checkpoints, "log": sequence, "log signed": sign, "tiles": tiles}
        found = {"hash": await _hashing(store)}
        for name, step in steps.items():
            found[name] = await _cpu_us(step) / count
        await store.close()
    return found


async def _hashing(store: Store) -> float:
    """The microseconds that linking one record takes; the least of five tries."""
    (end,) = await store.chains.ends()
    links = await store.chains.links(end.chain, after=None, limit=2_000)
    return min(_link_all(links) for _ in range(5)) / len(links)


def _link_all(links: Sequence[Link]) -> float:
    began = time.process_time()
    for link in links:
        link_hash(link.previous, link.seq, link.values)
    return (time.process_time() - began) * 1e6


async def _cpu_us(step: Callable[[], Awaitable[object]]) -> float:
    began = time.process_time()
    await step()
    return (time.process_time() - began) * 1e6


def pipeline_us(page: str) -> float:
    """The CPU microseconds of the whole pipeline for one message, as the page of measurements has them."""
    found = re.search(r"^\| gateway \| together \| ([\d.]+) \|", page, re.MULTILINE)
    if found is None:
        raise ValueError("docs/performance.md has no CPU time of the gateway together")
    return float(found[1]) * 1_000


def main() -> None:
    """Print the parts, and their share of a message; exit with 1 when it is above the limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.seals", description=__doc__)
    parser.add_argument("records", type=int, nargs="?", default=20_000)
    rounds = asyncio.run(measured_rounds(parser.parse_args().records))
    macs = measure(TEXTS["a short text"])
    whole = pipeline_us(PAGE.read_text("utf-8"))
    print("microseconds of CPU time for one record: " + ", ".join(f"{name} {us:.1f}" for name, us in rounds.items()))
    print(f"for one event: MAC made {macs['signed']:.1f}, checked {macs['checked']:.1f}")
    shares = []
    for what, records in RECORDS.items():
        published, read = COUNTS[what]
        sealing = records * sum(rounds.values())
        codes = published * macs["signed"] + read * macs["checked"]
        shares.append((sealing + codes) / whole * 100)
        print(f"{what}: sealing {sealing:.0f}, MACs {codes:.0f}, {shares[-1]:.1f} % of {whole:.0f}")
    if shares[0] >= MOST_PERCENT:
        raise SystemExit(f"sealing and MACs take {shares[0]:.1f} %, more than {MOST_PERCENT:.0f} %")


if __name__ == "__main__":
    main()
