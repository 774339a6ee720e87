"""Fills a store for benchmarks with integrations, conversations and records, through the store's ports."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bench.targets import Customers, Target, phone
from libs.contracts.identity import Pseudonyms, masked
from libs.store.accounts import Integration
from libs.store.factory import open_store
from libs.store.records import Record
from libs.store.store import Store
from tools.stack import Stack

CHUNK = 2_000
"""Concurrent writes; the store commits them in groups."""


async def open_windows(stack: Stack, targets: Sequence[Target], customers: Customers) -> None:
    """Open the window of every customer with the number that sends to them."""
    store = await _store(stack)
    try:
        pseudonyms = Pseudonyms(stack.secrets["GATEWAY_HASH_KEY"].encode())
        now = datetime.now(UTC)
        wanted = [
            (target.number_id, pseudonyms.customer_key(target.account_id, customers.phone(serial)))
            for serial in range(customers.count)
            for target in (targets[serial % len(targets)],)
        ]
        await _in_chunks(store, wanted, now)
    finally:
        await store.close()


async def fill(stack: Stack, *, integrations: int, conversations: int, records: int) -> None:
    """Add rows of each kind that no request of the benchmark reads."""
    store = await _store(stack)
    try:
        now = datetime.now(UTC)
        await _integrations(store, integrations, now)
        numbers = [f"num_old{i % 5_000}" for i in range(conversations)]
        await _in_chunks(store, [(number, f"{i:064x}") for i, number in enumerate(numbers)], now - timedelta(days=3))
        await _records(store, records, now)
    finally:
        await store.close()


async def _store(stack: Stack) -> Store:
    return await open_store(stack.settings["GATEWAY_STORE_URL"])


async def _in_chunks(store: Store, wanted: Sequence[tuple[str, str]], at: datetime) -> None:
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        await asyncio.gather(*(store.conversations.open_window(number, [key], at) for number, key in chunk))


async def _integrations(store: Store, count: int, now: datetime) -> None:
    rows = [
        Integration(
            id=f"int_old{i}", account_id=f"acc_old{i % 500}", instance_id="num_old", created_at=now, updated_at=now
        )
        for i in range(count)
    ]
    for start in range(0, count, CHUNK):
        await asyncio.gather(*(store.registry.save(row, (), created=True) for row in rows[start : start + CHUNK]))


async def _records(store: Store, count: int, now: datetime) -> None:
    masked_phone = masked(phone(1))
    for start in range(0, count, CHUNK):
        await store.records.append(
            [
                Record(
                    id=str(uuid4()),
                    at=now - timedelta(seconds=count - i),
                    type="webhook.answered",
                    account_id=f"acc_old{i % 500}",
                    integration_id=f"int_old{i % 10_000}",
                    event_id=str(uuid4()),
                    code="sent",
                    purpose="support",
                    customer_hash=f"{i:064x}",
                    masked_phone=masked_phone,
                    details={"message_id": f"wamid.{i}"},
                )
                for i in range(start, min(start + CHUNK, count))
            ]
        )
