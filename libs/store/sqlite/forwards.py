"""`Forwards` in SQLite: starting an attempt is one change, so exactly one sender gets it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from libs.contracts.stored_times import brought_back
from libs.store.claim_rules import LONGEST_LEASE
from libs.store.cursors import cursor_from, position_from
from libs.store.forwards import (
    ATTEMPTS_KEPT,
    FORWARDS_KEPT_DAYS,
    AlreadyDelivered,
    Attempt,
    DeliveryInProgress,
    Forward,
    ForwardFilter,
    ForwardPage,
    ForwardState,
    Started,
    StartResult,
)
from libs.store.instants import instant_from, micros_from
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database

_COLUMNS = "id, account_id, integration_id, at, state, tries, updated_at, body, attempts, customer_key"
_SELECT = f"SELECT {_COLUMNS} FROM forwards WHERE"  # noqa: S608 -- names from above
_Stored = tuple[str, str, int, int, list[dict[str, Any]]]
"""State, owner, end of the lease, number of attempts, latest attempts."""


@dataclass(frozen=True, slots=True)
class SqliteForwards:
    """`Forwards`."""

    ledger: Database
    _cleanup: ExpiredRowCleanup = field(
        default_factory=lambda: ExpiredRowCleanup("forwards", timedelta(days=FORWARDS_KEPT_DAYS))
    )

    async def start(self, forward: Forward, *, owner: str, now: datetime, lease: timedelta) -> StartResult:
        """As `Forwards.start`."""
        until = micros_from(now + lease)

        def take(connection: sqlite3.Connection) -> StartResult:
            stored = _stored(connection, forward.id)
            if stored is None:
                _insert(connection, forward, owner, until)
                self._cleanup(connection, now)
                return Started()
            state, _, lease_ends, tries, attempts = stored
            if state == ForwardState.DELIVERED:
                return AlreadyDelivered(_last_status(attempts), tries)
            ends = brought_back(instant_from(lease_ends), now, LONGEST_LEASE)
            if state == ForwardState.TRYING and ends > now:
                return DeliveryInProgress(ends)
            connection.execute(
                "UPDATE forwards SET state = ?, owner = ?, until = ?, updated_at = ? WHERE id = ?",
                (ForwardState.TRYING.value, owner, until, micros_from(now), forward.id),
            )
            return Started()

        return await self.ledger.change(take)

    async def finish_attempt(
        self, forward_id: str, state: ForwardState, *, owner: str, now: datetime, attempt: Attempt | None = None
    ) -> None:
        """As `Forwards.finish_attempt`."""

        def write(connection: sqlite3.Connection) -> None:
            stored = _stored(connection, forward_id)
            if stored is None or stored[0] == ForwardState.DELIVERED:
                return
            before, holder, _, tries, attempts = stored
            after = state.value if state is ForwardState.DELIVERED or holder == owner else before
            latest = attempts if attempt is None else [*attempts, _json_from(attempt)][-ATTEMPTS_KEPT:]
            connection.execute(
                "UPDATE forwards SET state = ?, tries = ?, attempts = ?, updated_at = ? WHERE id = ?",
                (after, tries + (attempt is not None), orjson.dumps(latest).decode(), micros_from(now), forward_id),
            )

        await self.ledger.change(write)

    async def page(self, wanted: ForwardFilter, *, limit: int, cursor: str | None) -> ForwardPage:
        """As `Forwards.page`."""
        given = {"account_id": wanted.account_id, "integration_id": wanted.integration_id, "state": wanted.state}
        terms = {f"{column} = ?": str(value) for column, value in given.items() if value is not None}
        where, values = list(terms), [*terms.values()]
        after: tuple[int | str, ...] = ()
        if cursor is not None:
            at, row_id = position_from(cursor)
            where.append("at <= ? AND (at < ? OR id < ?)")
            after = (at, at, row_id)
        sql = f"{_SELECT} {' AND '.join(where) or '1'} ORDER BY at DESC, id DESC LIMIT ?"
        found = await self.ledger.rows(sql, (*values, *after, limit + 1))
        items = [_forward_from(row) for row in found[:limit]]
        return ForwardPage(items, cursor_from(found[limit - 1][3], items[-1].id) if len(found) > limit else None)

    async def get(self, forward_id: str) -> Forward | None:
        """As `Forwards.get`."""
        found = self.ledger.row(f"{_SELECT} id = ?", (forward_id,))
        return None if found is None else _forward_from(found)


def _stored(connection: sqlite3.Connection, forward_id: str) -> _Stored | None:
    sql = "SELECT state, owner, until, tries, attempts FROM forwards WHERE id = ?"
    found = connection.execute(sql, (forward_id,)).fetchone()
    return None if found is None else (*found[:4], orjson.loads(found[4]))


def _insert(connection: sqlite3.Connection, forward: Forward, owner: str, until: int) -> None:
    body = {"kind": forward.kind, "event_id": forward.event_id, "masked_phone": forward.masked_phone}
    at, updated = micros_from(forward.requested_at), micros_from(forward.updated_at)
    connection.execute(
        "INSERT INTO forwards (id, account_id, integration_id, at, state, owner, until, tries, updated_at, body, "
        "attempts, customer_key) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '[]', ?)",
        (
            *(forward.id, forward.account_id, forward.integration_id, at),
            *(ForwardState.TRYING.value, owner, until, updated, orjson.dumps(body).decode()),
            forward.customer_key,
        ),
    )


def _json_from(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": micros_from(attempt.at),
        "ms": attempt.duration_ms,
        "status": attempt.status,
        "error": attempt.error,
    }


def _last_status(attempts: Sequence[dict[str, Any]]) -> int:
    return (attempts[-1]["status"] if attempts else None) or 0


def _forward_from(row: Any) -> Forward:
    forward_id, account_id, integration_id, at, state, tries, updated_at, body, attempts, customer_key = row
    return Forward(
        id=forward_id,
        account_id=account_id,
        integration_id=integration_id,
        requested_at=instant_from(at),
        state=ForwardState(state),
        tries=tries,
        updated_at=instant_from(updated_at),
        attempts=tuple(
            Attempt(at=instant_from(a["at"]), duration_ms=a["ms"], status=a["status"], error=a["error"])
            for a in orjson.loads(attempts)
        ),
        customer_key=customer_key,
        **orjson.loads(body),
    )
