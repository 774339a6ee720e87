"""`python -m bench.restore`: measures `gateway backup` and `gateway restore` over a large SQLite store.

One account and one chain; the commands are run as an operator types them, each in a process of its own.
"""

import argparse
import asyncio
import base64
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import psutil

from bench.record import CHECKPOINT_RECORDS, write_records
from libs.chassis.clock import utc_now
from libs.record.keys import SigningKey
from libs.store.factory import open_store
from services.audit.adapters.sinks import FileSink
from services.audit.handlers.checkpoints import SignCheckpoints

ROOT = Path(__file__).parents[1]


async def _fill(url: str, count: int, key: SigningKey, sink: Path) -> None:
    store = await open_store(url)
    await write_records(store, count, datetime.now(UTC))
    sign = SignCheckpoints(
        chains=store.chains,
        checkpoints=store.checkpoints,
        sink=FileSink(sink),
        key=key,
        clock=utc_now,
        records=CHECKPOINT_RECORDS,
    )
    await sign()
    await store.close()


def _timed(what: str, count: int, arguments: list[str], environ: dict[str, str]) -> None:
    """Run the command; print its duration and its highest resident memory."""
    start, ended, highest = time.perf_counter(), Event(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.cli", *arguments], cwd=ROOT, env=os.environ | environ, stdout=subprocess.PIPE
    )

    def watch() -> None:
        nonlocal highest
        while not ended.wait(0.1):
            try:
                highest = max(highest, psutil.Process(process.pid).memory_info().rss)
            except psutil.Error:
                return

    watching = Thread(target=watch)
    watching.start()
    process.communicate()
    ended.set()
    watching.join()
    if process.returncode:
        raise RuntimeError(f"{what} ended with {process.returncode}")
    seconds = time.perf_counter() - start
    print(f"  {what:<8} {count:>9,} records in {seconds:6.1f} s, {highest / 1e6:.0f} MB", flush=True)


def run(count: int) -> None:
    """Fill a store with `count` records, back it up, and restore it elsewhere."""
    with tempfile.TemporaryDirectory(prefix="gateway-restore-") as name:
        folder = Path(name)
        key = SigningKey("bench", os.urandom(32))
        url, sink = f"sqlite:///{folder}/first/gateway.db", folder / "sink.jsonl"
        asyncio.run(_fill(url, count, key, sink))
        sealing = f"k1:{base64.b64encode(os.urandom(32)).decode()}"
        environ = {
            "GATEWAY_STORE_URL": url,
            "GATEWAY_HASH_KEY": "h" * 43,
            "GATEWAY_SIGNING_KEYS": f"bench:{base64.b64encode(key.seed).decode()}",
            **{f"GATEWAY_{each}_KEYS": sealing for each in ("SECRET", "POST", "SINK")},
        }
        _timed("backup", count, ["backup", str(folder / "backup")], environ)
        size = sum(each.stat().st_size for each in (folder / "backup").rglob("*") if each.is_file())
        print(f"  {size / 1e6:,.0f} MB", flush=True)
        environ["GATEWAY_STORE_URL"] = f"sqlite:///{folder}/second/gateway.db"
        _timed("restore", count, ["restore", str(folder / "backup"), "--sink", str(sink)], environ)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    run(parser.parse_args().records)


if __name__ == "__main__":
    main()
