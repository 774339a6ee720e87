"""The day's last scene: whoever has the whole database turns one refusal into a success, and is found out.

It plays on a copy; the gateway's own record stays as it is.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookAnswered
from libs.contracts.results import AnswerStatus
from libs.record.faults import Verdict
from libs.record.keys import Keys, keys_from
from libs.store.opening import open_store, sqlite_path
from libs.store.verifying import verify
from tools.demo.world import World

FORGED = "UPDATE records SET code = ? WHERE id = ?"
REFUSED = "SELECT id FROM records WHERE type = ? AND code = ? ORDER BY seq LIMIT 1"


async def found_out(world: World, settings: Mapping[str, str], folder: Path) -> tuple[bool, str]:
    """Forge a record in a copy of the record and verify that; whether it was named, and what to say of it."""
    url = settings["GATEWAY_STORE_URL"]
    if not url.startswith("sqlite:"):
        return True, "The record lies in a database that is not ours to copy: no forgery was played."
    keys = keys_from((await world.api("GET", "/audit/keys"))["keys"])
    original = sqlite_path(url)
    forged = await asyncio.to_thread(_forged_copy, original, folder)
    verdict = await _verdict_on(folder / original.name, keys)
    fault = verdict.first_fault
    named = fault is not None and fault.record_id == forged
    told = "no fault was found" if fault is None else f"{fault.kind.value} at place {fault.seq}: {fault.kind.sentence}"
    return named, f"In a copy the refusal {forged} was turned into `sent`; verifying the copy says: {told}."


def _forged_copy(original: Path, folder: Path) -> str:
    """Copy the file of records, forge one of them, and return its id."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    name = f"{original.stem}-records{original.suffix}"
    with (
        closing(sqlite3.connect(f"file:{original.with_name(name)}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(folder / name)) as copy,
    ):
        source.backup(copy)
        (record_id,) = copy.execute(REFUSED, (WebhookAnswered.name, ErrorCode.POLICY_VIOLATION)).fetchone()
        copy.execute(FORGED, (AnswerStatus.SENT, record_id))
        copy.commit()
    return str(record_id)


async def _verdict_on(path: Path, keys: Keys) -> Verdict:
    store = await open_store(f"sqlite:///{path.resolve()}")
    try:
        return await verify(store.chains, store.checkpoints, keys=keys)
    finally:
        await store.close()
