"""`python -m tests.contract.upgrade.make_previous FOLDER` writes what this release leaves behind: messages and a store.

Run it in a checkout of the last release, with this folder copied into it, when a release is made. The next release must
read what it writes. `git archive TAG | tar -x -C /tmp/previous` makes such a checkout.
"""

import asyncio
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson

from libs.record.sinks import CheckpointSinks
from libs.store.factory import open_store
from services.audit.adapters.sinks import sink_from
from services.audit.handlers.checkpoints import SignCheckpoints
from tests.contract.store.builders import (
    a_claim,
    a_number,
    a_record,
    a_suppression,
    an_account,
    an_approval,
    an_integration,
    an_outbox_event,
)
from tests.contract.wire.examples import EXAMPLES
from tests.unit.record.chains import KEY

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def _fill(folder: Path) -> None:
    store = await open_store(f"sqlite:///{folder / 'gateway.db'}")
    await store.registry.save(an_account(), [an_outbox_event()], created=True)
    await store.registry.save(a_number(), [], created=True)
    await store.registry.save(an_integration(), [], created=True)
    await store.suppressions.suppress(a_suppression(), [])
    await store.conversations.open_window("num-1", ["c1"], NOON)
    await store.decisions.decide(an_approval("event-1"))
    await store.ledger.claim(a_claim("event-1"))
    await store.records.append([a_record(f"record-{n}") for n in range(10)])
    sign = SignCheckpoints(
        chains=store.chains,
        checkpoints=store.checkpoints,
        sink=sink_from(CheckpointSinks()),
        key=KEY,
        clock=lambda: NOON,
        records=4,
    )
    await sign()
    await store.close()


def _dump(folder: Path, target: Path) -> None:
    for file in sorted(folder.glob("*.db")):
        with closing(sqlite3.connect(file)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            lines = [f"PRAGMA user_version = {version};", *connection.iterdump()]
        (target / f"{file.stem}.sql").write_text("\n".join(lines) + "\n", "utf-8")


def main(target: Path) -> None:
    """Write the messages, and each file of the store as SQL."""
    target.mkdir(parents=True, exist_ok=True)
    bodies = [
        {"name": event.name, "version": event.version, "body": event.model_dump(mode="json")} for event in EXAMPLES
    ]
    (target / "messages.jsonl").write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in bodies))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_fill(Path(folder)))
        _dump(Path(folder), target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
