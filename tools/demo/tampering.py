"""Shows that verification detects tampering: forges one record in a copy of the database and verifies the copy.

The gateway's own record is not changed.
"""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookAnswered
from libs.contracts.results import AnswerStatus
from libs.record.faults import VerificationResult
from libs.record.keys import PublicKeys, public_keys_from
from libs.store.factory import open_store
from libs.store.verification import verify
from tools.demo.client import DemoClient
from tools.stack.stored_data import StoredData, stored_data


async def detect_tampering(client: DemoClient, settings: Mapping[str, str], folder: Path) -> tuple[bool, str]:
    """Forge a record in a copy and verify it; returns whether the fault was named, and a sentence about it."""
    keys = public_keys_from((await client.api("GET", "/audit/keys"))["keys"])
    original = stored_data(settings["GATEWAY_STORE_URL"])
    copy, forged = await asyncio.to_thread(_forged_copy, original, folder)
    try:
        result = await _verify(copy.url, keys)
    finally:
        await asyncio.to_thread(copy.remove)
    fault = result.first_fault
    named = fault is not None and fault.record_id == forged
    found = "no fault" if fault is None else f"{fault.kind.value} at seq {fault.seq}: {fault.kind.meaning}"
    return named, f"In a copy, the refusal {forged} was changed to `sent`; verifying the copy found: {found}."


def _forged_copy(original: StoredData, folder: Path) -> tuple[StoredData, str]:
    """Copy the record, forge one refusal in the copy, and return the copy and the refusal's id."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy = original.copy_of_record(folder)
    forged = copy.first_record(WebhookAnswered.name, ErrorCode.POLICY_VIOLATION)
    copy.set_code(forged, AnswerStatus.SENT)
    return copy, forged


async def _verify(url: str, keys: PublicKeys) -> VerificationResult:
    store = await open_store(url)
    try:
        return await verify(store.chains, store.checkpoints, keys=keys)
    finally:
        await store.close()
