"""`python -m bench.record`: measures writing, signing, verifying and reporting on a large record.

It uses one account and one chain, and the services' own code. The store is a SQLite file, or a database of its own on
the server that GATEWAY_TEST_STORE_URL names, which is dropped afterwards.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psutil

from libs.chassis.clock import utc_now
from libs.contracts.identity import masked
from libs.record.keys import PublicKey, SigningKey
from libs.record.sinks import checkpoint_sinks_from
from libs.store.accounts import Account
from libs.store.factory import open_store
from libs.store.records import Record
from libs.store.store import Store
from libs.store.verification import verify
from services.audit.adapters.sinks import sink_from
from services.audit.handlers.checkpoints import SignCheckpoints
from services.audit.handlers.tallies import SignTallies
from services.console.adapters.null_proofs import no_signature
from services.console.adapters.shipped_checkpoints import ShippedCheckpointFiles
from services.console.domain.reports.periods import Period
from services.console.handlers.reports.builder import BuildReport
from services.console.handlers.reports.counted_records import CountRecords
from services.console.handlers.reports.verification import DescribeVerification, open_erasures_of
from tools.stack.given_store import given_server, own_database
from tools.stack.stack import sqlite_store
from tools.stack.stored_data import stored_data

T = TypeVar("T")
ACCOUNT = "acc_bench"
CHUNK = 2_000
CHECKPOINT_RECORDS = 1_000
PROGRESS_SECONDS = 0.2


async def run(count: int) -> None:
    """Write `count` records, then sign checkpoints, verify and report."""
    with tempfile.TemporaryDirectory(prefix="gateway-record-") as folder:
        server = given_server()
        url = sqlite_store(Path(folder)) if server is None else own_database(server, Path(folder))
        store = await open_store(url)
        try:
            await _measure(store, count)
        finally:
            await store.close()
            await asyncio.to_thread(stored_data(url).remove)


async def _measure(store: Store, count: int) -> None:
    now = datetime.now(UTC)
    await _timed("written", count, write_records(store, count, now))
    key = SigningKey("bench", os.urandom(32))
    sign = SignCheckpoints(
        chains=store.chains,
        checkpoints=store.checkpoints,
        sink=sink_from(checkpoint_sinks_from(None)),
        key=key,
        clock=utc_now,
        records=CHECKPOINT_RECORDS,
    )
    await _timed("signed", count, sign())
    keys = {key.kid: PublicKey(key.kid, key.public)}
    verdict = await _timed("verified", count, verify(store.chains, store.checkpoints, keys=keys))
    if not verdict.ok or verdict.records != count:
        raise RuntimeError(f"verified {verdict.records} of {count} records: {verdict.first_fault}")
    asked: dict[str, Any] = {"chains": store.chains, "checkpoints": store.checkpoints, "keys": keys}
    asked["tallies"] = store.tallies
    await _timed("tallied", count, SignTallies(**asked, key=key, clock=utc_now)())
    compile_ = BuildReport(
        count=CountRecords(**asked),
        chains=store.chains,
        read_shipped=ShippedCheckpointFiles(()),
        describe=DescribeVerification(store.verification_states),
        open_erasures=open_erasures_of(store.erasures),
        sign=no_signature,
        clock=utc_now,
        seconds=600,
    )
    account = Account(id=ACCOUNT, name="bench", business_name="Bench", created_at=now, updated_at=now)
    period = Period(now - timedelta(seconds=2 * count + 1), now + timedelta(days=1), account.zone)
    report = await _timed("reported", count, compile_(account, period, by="bench"))
    if report.record.count != count or report.verification.state != "proven":
        raise RuntimeError(f"{report.record.count} of {count} records are in the report: {report.verification}")
    proven = report.verification
    print(f"  proven: {proven.tallied:,} records by tallies, {proven.recomputed:,} recomputed")


async def _timed(what: str, count: int, work: Awaitable[T]) -> T:
    """Await `work`, and print its duration and the peak growth of resident memory."""
    process = psutil.Process()
    before = highest = process.memory_info().rss
    start, used = time.perf_counter(), time.process_time()
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait([task], timeout=PROGRESS_SECONDS)
        highest = max(highest, process.memory_info().rss)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    growth = (highest - before) / 1e6
    print(
        f"  {what:<9} {count:>9,} records in {seconds:6.1f} s  CPU {used:6.1f} s  {count / seconds:>9,.0f}/s"
        f"  +{growth:.0f} MB",
        flush=True,
    )
    return task.result()


async def write_records(store: Store, count: int, now: datetime) -> None:
    """Write `count` records as a busy account has them: answers, approvals, statuses, messages and some opt-outs."""
    masked_phone = masked("+966512345678")
    for start in range(0, count, CHUNK):
        await store.records.append(
            [
                Record(
                    id=str(uuid4()),
                    at=now - timedelta(seconds=2 * (count - i)),
                    account_id=ACCOUNT,
                    integration_id=f"int_{i % 100}",
                    event_id=str(uuid4()),
                    customer_hash=f"{i % 50_000:064x}",
                    masked_phone=masked_phone,
                    **_kind_of(i, now - timedelta(seconds=2 * (count - i) + 1)),
                )
                for i in range(start, min(start + CHUNK, count))
            ]
        )


def _kind_of(i: int, received: datetime) -> dict[str, Any]:
    """The type and details of the `i`-th record."""
    if i % 200 == 0:
        details = {"source": "keyword", "kind": "opt_out", "evidence": {"at": received.isoformat()}}
        return {"type": "suppression.added", "details": details}
    match i % 5:
        case 0 | 1:
            code = "sent" if i % 7 else "conversation_window_closed"
            answer = {"event_type": "outbound_message", "received_at": received.isoformat(), "details": {}}
            return {"type": "webhook.answered", "code": code, "purpose": "support", "details": answer}
        case 2:
            return {"type": "message.approved", "purpose": "support", "details": {"text_length": 40}}
        case 3:
            status = ("sent", "delivered", "read")[i % 3]
            return {"type": "whatsapp.status_received", "details": {"status": status}}
        case _:
            return {"type": "whatsapp.message_received", "details": {"text_length": 12}}


def main() -> None:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.record", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    asyncio.run(run(parser.parse_args().records))


if __name__ == "__main__":
    main()
