"""The account of forwards in SQLite: taking a try is one change, so that exactly one sender gets it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from libs.store.cursors import cursor_from, position_from
from libs.store.forwards import (
    ATTEMPTS_KEPT,
    FORWARDS_KEPT_DAYS,
    Attempt,
    Beginning,
    Begun,
    Forward,
    ForwardFilter,
    ForwardPage,
    ForwardState,
    Told,
    Underway,
)
from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import instant_from, micros_from
from libs.store.sqlite.purging import Purge

_COLUMNS = "id, account_id, integration_id, at, state, tries, updated_at, body, attempts"


@dataclass(frozen=True, slots=True)
class SqliteForwards:
    """`Forwards`."""

    ledger: Database
    _purge: Purge = field(default_factory=lambda: Purge("forwards", timedelta(days=FORWARDS_KEPT_DAYS)))

    async def begin(self, forward: Forward, *, owner: str, now: datetime, lease: timedelta) -> Beginning:
        """Take the next try; exactly one of any number of callers is told `Begun`."""
        until = micros_from(now + lease)

        def take(connection: sqlite3.Connection) -> Beginning:
            standing = _standing(connection, forward.id)
            if standing is None:
                _insert(connection, forward, owner, until)
                self._purge(connection, now)
                return Begun()
            state, _, lease_ends, tries, attempts = standing
            if state == ForwardState.DELIVERED:
                return Told(_status_of(attempts), tries)
            if state == ForwardState.TRYING and lease_ends > micros_from(now):
                return Underway(instant_from(lease_ends))
            connection.execute(
                "UPDATE forwards SET state = ?, owner = ?, until = ?, updated_at = ? WHERE id = ?",
                (ForwardState.TRYING.value, owner, until, micros_from(now), forward.id),
            )
            return Begun()

        return await self.ledger.change(take)

    async def end(
        self, forward_id: str, state: ForwardState, *, owner: str, now: datetime, attempt: Attempt | None = None
    ) -> None:
        """Note a try and where the forward stands from now on."""

        def note(connection: sqlite3.Connection) -> None:
            standing = _standing(connection, forward_id)
            if standing is None or standing[0] == ForwardState.DELIVERED:
                return
            was, holder, _, tries, attempts = standing
            stands = state.value if state is ForwardState.DELIVERED or holder == owner else was
            shown = attempts if attempt is None else [*attempts, _told(attempt)][-ATTEMPTS_KEPT:]
            connection.execute(
                "UPDATE forwards SET state = ?, tries = ?, attempts = ?, updated_at = ? WHERE id = ?",
                (stands, tries + (attempt is not None), orjson.dumps(shown).decode(), micros_from(now), forward_id),
            )

        await self.ledger.change(note)

    async def page(self, wanted: ForwardFilter, *, limit: int, cursor: str | None) -> ForwardPage:
        """Forwards by (requested at, id), the latest first."""
        given = {"account_id": wanted.account_id, "integration_id": wanted.integration_id, "state": wanted.state}
        terms = [(f"{column} = ?", (str(value),)) for column, value in given.items() if value is not None]
        where = [term for term, _ in terms]
        values: list[Any] = [value for _, (value,) in terms]
        if cursor is not None:
            at, row_id = position_from(cursor)
            where.append("at <= ? AND (at < ? OR id < ?)")
            values += [at, at, row_id]
        sql = f"SELECT {_COLUMNS} FROM forwards WHERE {' AND '.join(where) or '1'} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608 -- names from above
        found = await self.ledger.rows(sql, (*values, limit + 1))
        items = [_forward_from(row) for row in found[:limit]]
        return ForwardPage(items, cursor_from(found[limit - 1][3], items[-1].id) if len(found) > limit else None)

    async def get(self, forward_id: str) -> Forward | None:
        """The forward with this id."""
        found = self.ledger.row(f"SELECT {_COLUMNS} FROM forwards WHERE id = ?", (forward_id,))  # noqa: S608 -- as above
        return None if found is None else _forward_from(found)


_Standing = tuple[str, str, int, int, list[dict[str, Any]]]


def _standing(connection: sqlite3.Connection, forward_id: str) -> _Standing | None:
    sql = "SELECT state, owner, until, tries, attempts FROM forwards WHERE id = ?"
    found = connection.execute(sql, (forward_id,)).fetchone()
    return None if found is None else (*found[:4], orjson.loads(found[4]))


def _insert(connection: sqlite3.Connection, forward: Forward, owner: str, until: int) -> None:
    body = {"kind": forward.kind, "event_id": forward.event_id, "masked_phone": forward.masked_phone}
    at, updated = micros_from(forward.requested_at), micros_from(forward.updated_at)
    connection.execute(
        "INSERT INTO forwards (id, account_id, integration_id, at, state, owner, until, tries, updated_at, body, "
        "attempts) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '[]')",
        (
            *(forward.id, forward.account_id, forward.integration_id, at),
            *(ForwardState.TRYING.value, owner, until, updated, orjson.dumps(body).decode()),
        ),
    )


def _told(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": micros_from(attempt.at),
        "ms": attempt.duration_ms,
        "status": attempt.status,
        "error": attempt.error,
    }


def _status_of(attempts: Sequence[dict[str, Any]]) -> int:
    return (attempts[-1]["status"] if attempts else None) or 0


def _forward_from(row: Any) -> Forward:
    forward_id, account_id, integration_id, at, state, tries, updated_at, body, attempts = row
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
        **orjson.loads(body),
    )
