"""Shows that verification detects tampering: forges one record in a copy of the database and verifies the copy.

The gateway's own record is not changed.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from libs.contracts.connection_urls import sqlite_path
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookAnswered
from libs.contracts.results import AnswerStatus
from libs.record.faults import VerificationResult
from libs.record.keys import PublicKeys, public_keys_from
from libs.store.factory import open_store
from libs.store.verification import verify
from tools.demo.client import DemoClient

FORGE_RECORD = "UPDATE records SET code = ? WHERE id = ?"
FIND_REFUSAL = "SELECT id FROM records WHERE type = ? AND code = ? ORDER BY seq LIMIT 1"


async def detect_tampering(client: DemoClient, settings: Mapping[str, str], folder: Path) -> tuple[bool, str]:
    """Forge a record in a copy and verify it; returns whether the fault was named, and a sentence about it."""
    url = settings["GATEWAY_STORE_URL"]
    if not url.startswith("sqlite:"):
        return True, "The record is not in a SQLite file: the tampering test was skipped."
    keys = public_keys_from((await client.api("GET", "/audit/keys"))["keys"])
    original = sqlite_path(url)
    forged = await asyncio.to_thread(_forged_copy, original, folder)
    result = await _verify_file(folder / original.name, keys)
    fault = result.first_fault
    named = fault is not None and fault.record_id == forged
    found = "no fault" if fault is None else f"{fault.kind.value} at seq {fault.seq}: {fault.kind.meaning}"
    return named, f"In a copy, the refusal {forged} was changed to `sent`; verifying the copy found: {found}."


def _forged_copy(original: Path, folder: Path) -> str:
    """Copy the database file of records, forge one record, and return its id."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    name = f"{original.stem}-records{original.suffix}"
    with (
        closing(sqlite3.connect(f"file:{original.with_name(name)}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(folder / name)) as copy,
    ):
        source.backup(copy)
        (record_id,) = copy.execute(FIND_REFUSAL, (WebhookAnswered.name, ErrorCode.POLICY_VIOLATION)).fetchone()
        copy.execute(FORGE_RECORD, (AnswerStatus.SENT, record_id))
        copy.commit()
    return str(record_id)


async def _verify_file(path: Path, keys: PublicKeys) -> VerificationResult:
    store = await open_store(f"sqlite:///{path.resolve()}")
    try:
        return await verify(store.chains, store.checkpoints, keys=keys)
    finally:
        await store.close()
