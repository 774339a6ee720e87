"""Signed tallies on every adapter, and what somebody with the whole database can do to a report's figures: nothing.

The edits go past the gateway: SQL on the file, and MongoDB's own driver.
"""

import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pymongo
import pytest

from libs.record.checkpoints import Checkpoint, purge_from
from libs.record.summary import Summary
from libs.record.tallies import body_from, summary_from
from libs.store.records import Record
from libs.store.store import Store
from services.audit.handlers.tallies import SignTallies
from services.console.domain.reports.model import ComplianceReport
from services.console.domain.reports.periods import Period
from tests.contract.store.builders import an_account
from tests.contract.store.empty import open_filled
from tests.contract.store.test_reports import KEY, KEYS, MADE_AT, Day, built_report, sealed

PERIOD = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), ZoneInfo("UTC"))
ACCOUNT = an_account()
Edit = Callable[..., None]


@pytest.fixture
def records() -> list[Record]:
    """What the store begins with: two accounts' records under checkpoints, most of them in tallies."""
    return list(Day(random.Random(7), PERIOD).records(300))


@pytest.fixture
async def store(store_url: str, records: list[Record]) -> AsyncIterator[Store]:
    async def fill(empty: Store) -> None:
        await empty.records.append(records)
        await sealed(empty)

    opened = await open_filled(store_url, "tallies", fill)
    yield opened
    await opened.close()


@pytest.fixture
def edit(store_url: str) -> Edit:
    """Change the rows or documents of a table with these values, or delete them without a change."""

    def run(table: str, wanted: dict[str, Any], change: dict[str, Any] | None) -> None:
        if store_url.startswith("sqlite"):
            where = " AND ".join(f"{name} = ?" for name in wanted) or "1"
            names = ", ".join(f"{name} = ?" for name in change or ())
            sql = f"DELETE FROM {table}" if change is None else f"UPDATE {table} SET {names}"  # noqa: S608 -- names from below
            connection = sqlite3.connect(file_of(store_url))
            with connection:
                connection.execute(f"{sql} WHERE {where}", (*(change or {}).values(), *wanted.values()))
            connection.close()
            return
        database: Any = pymongo.MongoClient(store_url).get_default_database()
        if change is None:
            database[table].delete_many(wanted)
        else:
            database[table].update_many(wanted, {"$set": change})

    return run


def file_of(store_url: str) -> Path:
    return Path(store_url.removeprefix("sqlite:///")).with_name("gateway-records.db")


def figures(report: ComplianceReport) -> dict[str, Any]:
    return report.model_dump(exclude={"verification"})


def sign_tallies(store: Store, records: int = 40) -> SignTallies:
    return SignTallies(
        chains=store.chains,
        checkpoints=store.checkpoints,
        tallies=store.tallies,
        key=KEY,
        keys=KEYS,
        clock=lambda: MADE_AT,
        records=records,
    )


async def test_tallies_follow_each_other_and_cover_whole_checkpoints(store: Store) -> None:
    page = await store.tallies.page("acc-1", after=0, limit=100)
    tallies = [tally for tally, _ in page]

    assert len(tallies) > 2
    assert [tally.number for tally in tallies] == list(range(1, len(tallies) + 1))
    assert all(after.first == before.last + 1 for before, after in pairwise(tallies))
    assert all(after.previous == before.hash for before, after in pairwise(tallies))
    assert all(tally.is_trusted(KEYS) and tally.is_of(body) for tally, body in page)
    assert await store.tallies.newest("acc-1") == tallies[-1]
    assert await store.tallies.newest("acc-3") is None
    assert [tally for tally, _ in await store.tallies.page("acc-1", after=1, limit=1)] == tallies[1:2]


async def test_a_tally_of_a_number_is_stored_once(store: Store) -> None:
    [(tally, body)] = await store.tallies.page("acc-1", after=0, limit=1)

    assert await store.tallies.add(tally, body) is False
    assert await sign_tallies(store)() == 0


async def test_a_body_is_what_its_records_give_whoever_counts_them(store: Store) -> None:
    [(tally, body)] = await store.tallies.page("acc-1", after=0, limit=1)
    links = await store.chains.links("acc-1", after=tally.first - 1, limit=tally.last - tally.first + 1)

    summary = Summary()
    summary.add(reversed(links))

    assert body_from(summary) == body
    assert body_from(summary_from(body)) == body


async def test_later_records_are_counted_by_later_tallies(store: Store) -> None:
    before = await store.tallies.newest("acc-1")
    more = list(Day(random.Random(8), PERIOD).records(200))
    await store.records.append(more)
    await sealed(store)

    after = await store.tallies.newest("acc-1")

    assert before is not None
    assert after is not None
    assert after.number > before.number
    report = await built_report(store, ACCOUNT, PERIOD)
    assert figures(report) == figures(await built_report(store, ACCOUNT, PERIOD, recomputed=100_000))


async def test_after_a_purge_tallies_of_removed_records_are_dropped_and_the_rest_counts(store: Store) -> None:
    [first, second, *_] = [tally for tally, _ in await store.tallies.page("acc-1", after=0, limit=10)]
    checkpoint = await checkpoint_at(store, second.checkpoint - 1)
    assert first.last < checkpoint.last < second.last
    await store.purges.purge(purge_from(checkpoint, at=checkpoint.at, key=KEY), limit=10_000)

    report = await built_report(store, ACCOUNT, PERIOD)
    await sign_tallies(store)()

    assert report.verification.state == "proven"
    assert report.retention.purged_up_to == checkpoint.last
    assert figures(report) == figures(await built_report(store, ACCOUNT, PERIOD, recomputed=100_000))
    kept = [tally for tally, _ in await store.tallies.page("acc-1", after=0, limit=10)]
    assert first not in kept
    assert figures(await built_report(store, ACCOUNT, PERIOD)) == figures(report)


async def checkpoint_at(store: Store, number: int) -> Checkpoint:
    [found] = await store.checkpoints.page("acc-1", after=number - 1, limit=1)
    return found


async def test_rows_that_are_hidden_from_all_indexes_but_the_chains_change_no_figure(
    store: Store, store_url: str
) -> None:
    if not store_url.startswith("sqlite"):
        pytest.skip("MongoDB does not let an index be made that lacks documents")
    before = await built_report(store, ACCOUNT, PERIOD)
    hide(file_of(store_url))

    tallied, recounted = [await built_report(store, ACCOUNT, PERIOD, recomputed=most) for most in (0, 100_000)]

    assert figures(tallied) == figures(recounted) == figures(before)


def hide(file: Path) -> None:
    """Make indexes that lack half of the rows, and say nothing of it."""
    connection = sqlite3.connect(file)
    sql = "SELECT name, sql FROM sqlite_schema WHERE tbl_name = 'records' AND type = 'index' AND sql IS NOT NULL"
    for name, made in connection.execute(sql).fetchall():
        if name != "records_of_chain":
            partial = f"{made} AND chain_seq % 2 = 0" if " WHERE " in made else f"{made} WHERE chain_seq % 2 = 0"
            connection.executescript(f"DROP INDEX {name}; {partial}; PRAGMA writable_schema = 1;")
            connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (made, name))
            connection.commit()
    connection.close()


EDITS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "every tally is deleted": ({}, None),
    "their bodies are emptied": ({}, {"body": b""}),
    "their bodies are texts": ({}, {"body": "x"}),
    "their statements are nothing": ({}, {"statement": "x"}),
    "one is missing": ({"number": 2}, None),
}


@pytest.mark.parametrize("name", EDITS)
async def test_whoever_edits_the_tallies_changes_no_figure(store: Store, edit: Edit, name: str) -> None:
    before = await built_report(store, ACCOUNT, PERIOD)
    edit("tallies", *EDITS[name])

    report = await built_report(store, ACCOUNT, PERIOD)

    assert before.verification.tallied > 0
    assert report.verification.state == "proven"
    assert figures(report) == figures(before)


async def test_a_tally_of_another_history_with_the_same_positions_is_not_counted(store: Store, edit: Edit) -> None:
    """Such as one from before a restore: it is signed, and its records are not those of the chain any more."""
    before = await built_report(store, ACCOUNT, PERIOD)
    [(tally, body)] = await store.tallies.page("acc-1", after=1, limit=1)
    edit("tallies", {"chain": "acc-1", "number": 2}, None)
    forged = body.replace(b'answered","sent"', b'answered","lost"')
    stated = replace(tally, digest=sha256(forged).digest(), previous=bytes(32)).signed_with(KEY)
    await store.tallies.add(stated, forged)

    report = await built_report(store, ACCOUNT, PERIOD)

    assert forged != body
    assert stated.is_trusted(KEYS)
    assert (report.verification.state, figures(report)) == ("proven", figures(before))


async def test_a_body_that_was_changed_is_not_counted(store: Store, edit: Edit) -> None:
    before = await built_report(store, ACCOUNT, PERIOD)
    [(_, body)] = await store.tallies.page("acc-1", after=0, limit=1)
    forged = body.replace(b'answered","sent"', b'answered","lost"')
    assert forged != body
    edit("tallies", {"chain": "acc-1", "number": 1}, {"body": forged})

    report = await built_report(store, ACCOUNT, PERIOD)

    assert figures(report) == figures(before)
    assert report.verification.tallied < before.verification.tallied


async def test_tallies_of_another_account_are_not_counted(store: Store, edit: Edit) -> None:
    before = await built_report(store, ACCOUNT, PERIOD)
    await store.records.append([Record(id=f"o-{n}", at=PERIOD.from_, type="x", account_id="acc-2") for n in range(200)])
    await sealed(store)
    edit("tallies", {"chain": "acc-1"}, None)
    edit("tallies", {"chain": "acc-2"}, {"chain": "acc-1"})

    report = await built_report(store, ACCOUNT, PERIOD)

    assert (report.verification.state, report.verification.tallied) == ("proven", 0)
    assert figures(report) == figures(before)


@pytest.mark.parametrize("removed", [True, False])
async def test_a_suppression_that_was_removed_or_changed_under_a_tally_breaks_the_report(
    store: Store, edit: Edit, records: list[Record], *, removed: bool
) -> None:
    mine = [record for record in records if record.account_id == "acc-1"]
    seq, stop = next((n, r) for n, r in enumerate(mine, 1) if r.type == "suppression.added" and r.at < PERIOD.to)
    edit("records", {"id": stop.id}, None if removed else {"customer_hash": "c9"})

    report = await built_report(store, ACCOUNT, PERIOD)

    assert report.verification.state == "broken"
    assert report.verification.fault is not None
    assert report.verification.fault.seq == seq
    assert report.verification.fault.kind == ("removed" if removed else "altered")


async def test_a_record_that_was_changed_after_the_last_tally_breaks_the_report(
    store: Store, edit: Edit, records: list[Record]
) -> None:
    last = [record for record in records if record.account_id == "acc-1"][-1]
    edit("records", {"id": last.id}, {"code": "other"})

    report = await built_report(store, ACCOUNT, PERIOD)

    assert report.verification.state == "broken"
    assert report.verification.fault is not None
    assert report.verification.fault.kind == "altered"


async def test_records_that_were_changed_before_they_are_counted_get_no_tally(
    store: Store, edit: Edit, records: list[Record]
) -> None:
    made = await store.tallies.newest("acc-1")
    assert made is not None
    edit("tallies", {}, None)
    mine = next(record for record in records if record.account_id == "acc-1")
    edit("records", {"id": mine.id}, {"code": "other"})

    await sign_tallies(store)()

    assert await store.tallies.newest("acc-1") is None
