"""The contract of `Tallies`, on every adapter: the sums equal a recount, record by record."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from libs.store.records import Record, RecordFilter
from libs.store.sqlite.tallies import SqliteTallies
from libs.store.store import Store
from libs.store.tallies import Tallies, Tally
from tests.contract.store.builders import NOW, a_record, after

TYPES = (
    "webhook.answered",
    "webhook.rejected",
    "webhook.throttled",
    "message.approved",
    "whatsapp.status_received",
    "suppression.added",
    "forward.failed",
    "account.changed",
)


def records_by_chance(chance: random.Random, count: int) -> list[Record]:
    """Records with all kinds of details, many of them nothing that the gateway would write."""
    return [
        a_record(
            f"record-{number:05}",
            at=after(chance.randrange(1_000) / 4),
            type=chance.choice(TYPES),
            account_id=chance.choice(["acc-1", "acc-1", "acc-2", None]),
            code=chance.choice([None, "sent", "ok", 'it\'s "quoted"']),
            purpose=chance.choice([None, "support"]),
            customer_hash=chance.choice([None, "c1", "c2"]),
            details=details_by_chance(chance),
        )
        for number in range(count)
    ]


def details_by_chance(chance: random.Random) -> dict[str, Any]:
    odd: list[Any] = [None, True, 1, 0, 2**53, 1.5, "", "x", "ünï\u202e\"'", [], {}, [1], {"a": 1}]
    details: dict[str, Any] = {}
    for name in ("event_type", "flagged", "reason", "count", "status", "source", "kind"):
        if chance.random() < 0.5:
            details[name] = chance.choice(odd)
    if chance.random() < 0.5:
        details["details"] = chance.choice([{"outcome": chance.choice(odd), "scope": "pair"}, [], None, "x"])
    if chance.random() < 0.5:
        lines = [{"rule": "a", "passed": True}, {"rule": "b", "passed": chance.choice([True, False])}]
        details["receipt"] = chance.choice([[], lines, lines[:1], None, {"rule": "x"}])
    if chance.random() < 0.5:
        details["provider_codes"] = chance.choice([[], [131026], [131047, 1], 5])
    if chance.random() < 0.5:
        received = NOW - timedelta(minutes=chance.randrange(3))
        details["received_at"] = chance.choice([received.isoformat(), received.replace(microsecond=0).isoformat()])
    return details


def recounted(records: Sequence[Record], began_minute: str) -> Counter[str]:
    """The same figures from the records alone, told in another way."""
    counts: Counter[str] = Counter()
    for record in records:
        told, late = [], None
        d = record.details
        inner: dict[str, Any] = d["details"] if isinstance(d.get("details"), dict) else {}
        match record.type:
            case "webhook.answered":
                last = d["receipt"][-1] if isinstance(d.get("receipt"), list) and d["receipt"] else {}
                told = [d.get("event_type"), d.get("flagged"), inner.get("outcome"), inner.get("scope")]
                told += [d.get("reason"), inner.get("period"), last.get("rule"), last.get("passed")]
                received = d.get("received_at")
                late = received[:16] if received and received[:16] < began_minute else None
            case "webhook.rejected" | "webhook.throttled":
                told = [d.get("count")]
            case "whatsapp.status_received":
                codes = d.get("provider_codes")
                told = [d.get("status"), codes[0] if isinstance(codes, list) and codes else None]
            case "suppression.added":
                told = [d.get("source"), d.get("kind")]
            case "forward.failed":
                told = [d.get("reason")]
            case _:
                pass
        told = [None if isinstance(value, list | dict) else value for value in told]
        counts[repr((record.type, record.code, record.purpose, tuple(told), late))] += 1
    return counts


def in_pieces(tallies: Tallies) -> Tallies:
    """Counts that take several statements where the adapter has such."""
    return replace(tallies, batch_size=37) if isinstance(tallies, SqliteTallies) else tallies


def summed(tallies: Sequence[Tally]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for tally in tallies:
        counts[repr((tally.type, tally.code, tally.purpose, tally.facets, tally.late))] += tally.records
    return counts


@pytest.mark.parametrize("seed", range(5))
async def test_tallies_are_what_a_recount_of_the_records_finds(store: Store, seed: int) -> None:
    records = records_by_chance(random.Random(seed), 500)
    await store.records.append(records)
    from_, to, began = after(20), after(200), NOW

    tallies = await in_pieces(store.tallies).tally("acc-1", from_=from_, to=to, day_began=began)

    wanted = [record for record in records if record.account_id == "acc-1" and from_ <= record.at < to]
    assert len(wanted) > 100
    assert summed(tallies) == recounted(wanted, began.isoformat()[:16])


async def test_a_period_without_records_has_no_tallies(store: Store) -> None:
    await store.records.append([a_record(at=after(1))])

    assert await store.tallies.tally("acc-1", from_=NOW, to=after(1), day_began=NOW) == []
    assert await store.tallies.tally("acc-1", from_=NOW, to=NOW, day_began=NOW) == []


@pytest.mark.parametrize("batch", [1, 7, 1_000])
async def test_a_scan_meets_every_record_once_oldest_first(store: Store, batch: int) -> None:
    records = records_by_chance(random.Random(batch), 60)
    await store.records.append(records)

    seen = [r async for found in store.tallies.scan(RecordFilter(account_id="acc-1"), batch=batch) for r in found]

    assert seen == sorted((r for r in records if r.account_id == "acc-1"), key=lambda r: (r.at, r.id))


async def test_a_scan_looks_for_some_customers_alone(store: Store) -> None:
    records = records_by_chance(random.Random(3), 60)
    await store.records.append(records)
    wanted = RecordFilter(account_id="acc-1", type="webhook.answered", from_=after(10))

    seen = [r.id async for found in store.tallies.scan(wanted, customers={"c1", "nobody"}) for r in found]
    nobody = [r async for found in store.tallies.scan(wanted, customers=()) for r in found]

    assert sorted(seen) == [
        r.id
        for r in records
        if (r.account_id, r.type, r.customer_hash) == ("acc-1", "webhook.answered", "c1") and r.at >= after(10)
    ]
    assert seen
    assert nobody == []
