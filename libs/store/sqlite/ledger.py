"""`Ledger` and `Pacing` in SQLite: a claim is one change, so exactly one claimant gets it."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from libs.store.claim_rules import (
    NEW_BUCKET,
    Bucket,
    Entry,
    Slots,
    State,
    blocked_by,
    bucket_after_hold,
    bucket_id,
    bucket_ids,
    claim_of_other_owner,
    erased_during,
    objection_to,
    slots_for,
)
from libs.store.instants import instant_from, micros_from
from libs.store.ledger import Claim, ClaimAnswer, Claimed, ClaimInProgress, Finished, RateLimited
from libs.store.sqlite.cleanup import ExpiredRowCleanup, IdleBucketCleanup
from libs.store.sqlite.database import Database

ENTRIES_KEPT = timedelta(days=30)
"""Longer than any delivery is repeated, and than WhatsApp sends statuses of a message."""
_CALLING: Final = State.CALLING.value
_FINISHED: Final = State.FINISHED.value


_FORGET_PAIR = (
    f"DELETE FROM buckets WHERE id = (SELECT '{bucket_id('pair', '')}' || number_id || ':' || customer_key "  # noqa: S608 -- names from above
    "FROM entries WHERE event_id = ?)"
)
_FORGET = "UPDATE entries SET customer_key = '', message_id = NULL, fallback = NULL, contact = NULL WHERE event_id = ?"


@dataclass(frozen=True, slots=True)
class SqliteLedger:
    """`Ledger`."""

    ledger: Database
    _cleanup: ExpiredRowCleanup = field(default_factory=lambda: ExpiredRowCleanup("entries", ENTRIES_KEPT))
    _bucket_cleanup: IdleBucketCleanup = field(default_factory=IdleBucketCleanup)

    async def claim(self, claim: Claim) -> ClaimAnswer:
        """As `Ledger.claim`."""
        return await self.ledger.change(partial(self._claim, claim=claim))

    async def mark_not_sent(self, event_id: str, *, owner: str, until: datetime, counts: bool = True) -> None:
        """As `Ledger.mark_not_sent`."""

        def wait(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE entries SET state = ?, until = ?, attempt = attempt - ? "
                "WHERE event_id = ? AND owner = ? AND state = ?",
                (State.WAITING.value, micros_from(until), 0 if counts else 1, event_id, owner, _CALLING),
            )

        await self.ledger.change(wait)

    async def finish(
        self,
        event_id: str,
        outcome: bytes,
        *,
        now: datetime,
        message_id: str | None = None,
        owner: str | None = None,
        forget: bool = False,
    ) -> Finished | ClaimInProgress:
        """As `Ledger.finish`."""

        def write(connection: sqlite3.Connection) -> Finished | ClaimInProgress:
            entry = _entry(connection, event_id)
            other = claim_of_other_owner(entry, owner, now)
            if other is not None:
                return other
            found = connection.execute(
                "INSERT INTO entries (event_id, state, owner, attempt, until, at, message_id, outcome) "
                "VALUES (?, ?, '', 0, 0, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "message_id = iif(state = excluded.state, message_id, ifnull(excluded.message_id, message_id)), "
                "outcome = iif(state = excluded.state, outcome, excluded.outcome), state = excluded.state "
                "RETURNING outcome",
                (event_id, _FINISHED, micros_from(now), message_id, outcome),
            ).fetchone()
            if forget and (entry is None or entry.state != State.FINISHED):
                connection.execute(_FORGET_PAIR, (event_id,))
                connection.execute(_FORGET, (event_id,))
            return Finished(found[0], erased_during(entry.state, erased=entry.erased) if entry else None)

        return await self.ledger.change(write)

    def _claim(self, connection: sqlite3.Connection, claim: Claim) -> ClaimAnswer:
        entry = _entry(connection, claim.event_id)
        objection = objection_to(claim, entry)
        if objection is not None:
            return objection
        blocked = blocked_by(claim, _entry(connection, claim.after)) if claim.after is not None else None
        if blocked is not None:
            return blocked
        now = claim.now if claim.clock is None else claim.clock()  # it may have waited for the writer
        slots = _take_slots(connection, claim, now)
        if isinstance(slots, RateLimited):
            return slots
        attempt = entry.attempt + 1 if entry else 1
        _write_claim(connection, claim, slots, now=now, attempt=attempt)
        self._cleanup(connection, now)
        self._bucket_cleanup(connection, now)
        return Claimed(slots.wait, attempt)


@dataclass(frozen=True, slots=True)
class SqlitePacing:
    """`Pacing`, in the ledger's file, so that a claim reads the buckets within its own change."""

    ledger: Database

    async def hold(self, *, scope: str, key: str, until: datetime, now: datetime, slow_down: float = 1.0) -> None:
        """As `Pacing.hold`."""
        name = bucket_id(scope, key)

        def write(connection: sqlite3.Connection) -> None:
            before = _buckets(connection, [name]).get(name, NEW_BUCKET)
            after = bucket_after_hold(before, until.timestamp(), slow_down, now=now.timestamp())
            _write_buckets(connection, {name: after})

        await self.ledger.change(write)


def _entry(connection: sqlite3.Connection, event_id: str) -> Entry | None:
    sql = "SELECT state, owner, attempt, until, outcome, erased FROM entries WHERE event_id = ?"
    found = connection.execute(sql, (event_id,)).fetchone()
    if found is None:
        return None
    state, owner, attempt, until, outcome, erased = found
    return Entry(state, owner, attempt, instant_from(until), outcome, bool(erased))


_BUCKET = "tat_s, held_until_s, factor, slowed_at_s, held_since_s"
_WRITE_BUCKET = f"INSERT OR REPLACE INTO buckets (id, {_BUCKET}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 -- names from above


def _write_buckets(connection: sqlite3.Connection, buckets: Mapping[str, Bucket]) -> None:
    rows = [
        (name, each.tat, each.held_until, each.factor, each.slowed_at, each.held_since)
        for name, each in buckets.items()
    ]
    connection.executemany(_WRITE_BUCKET, rows)


def _buckets(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Bucket]:
    marks = ", ".join("?" * len(ids))
    sql = f"SELECT id, {_BUCKET} FROM buckets WHERE id IN ({marks})"  # noqa: S608 -- marks alone
    return {name: Bucket(*values) for name, *values in connection.execute(sql, ids)}


def _take_slots(connection: sqlite3.Connection, claim: Claim, now: datetime) -> Slots | RateLimited:
    """Compute the claim's slots and take them."""
    ids = bucket_ids(claim)
    slots = slots_for(claim, _buckets(connection, ids), at=now)
    if isinstance(slots, Slots):
        _write_buckets(connection, dict(zip(ids, slots.buckets, strict=False)))
    return slots


def _write_claim(connection: sqlite3.Connection, claim: Claim, slots: Slots, *, now: datetime, attempt: int) -> None:
    until = now + timedelta(seconds=slots.wait + claim.lease_seconds)
    connection.execute(
        "INSERT INTO entries (event_id, state, owner, attempt, until, at, account_id, number_id, customer_key, "
        "callback_id, integration_id, fallback, contact) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET "
        "state = excluded.state, owner = excluded.owner, attempt = excluded.attempt, until = excluded.until, "
        "customer_key = excluded.customer_key, fallback = excluded.fallback, contact = excluded.contact",
        (
            *(claim.event_id, _CALLING, claim.owner, attempt, micros_from(until), micros_from(now)),
            *(claim.account_id, claim.number_id, claim.customer_key, claim.callback_id, claim.integration_id),
            *(claim.fallback, claim.contact),
        ),
    )
