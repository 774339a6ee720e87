"""`Approvals` in SQLite: one row for each request; each call is one change."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from libs.store.approvals import (
    FINAL,
    KEPT,
    Approval,
    ApprovalEnd,
    ApprovalKind,
    ApprovalState,
    Transition,
    WaitingApprovals,
)
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.outbox import OutboxEvent
from libs.store.sqlite.database import Database, json_list
from libs.store.sqlite.outbox import add_events

_FIELDS = (
    *("id", "kind", "account_id", "requester", "requested_by", "requested_at", "expires_at", "fingerprint"),
    *("customer_keys", "sealed", "state", "decided_by", "decided_at", "ended_at", "code"),
)
_COLUMNS = ", ".join(_FIELDS)
_SELECT = f"SELECT {_COLUMNS} FROM approvals WHERE"  # noqa: S608 -- names from above
_INSERT = f"INSERT OR IGNORE INTO approvals ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"  # noqa: S608 -- names from above
_MOVE = (
    "UPDATE approvals SET state = :after, code = :code, ended_at = :ended_at, decided_by = ifnull(:by, decided_by), "
    "decided_at = CASE WHEN :by IS NULL THEN decided_at ELSE :at END WHERE id = :id AND state = :before"
)
_EMPTY = "UPDATE approvals SET sealed = NULL, customer_keys = '[]', fingerprint = '' WHERE id = ?"
_FORGET = "DELETE FROM approvals WHERE id IN (SELECT id FROM approvals WHERE ended_at < ? LIMIT 100)"


@dataclass(frozen=True, slots=True)
class SqliteApprovals:
    """`Approvals`."""

    main: Database

    async def add(self, approval: Approval, events: Sequence[OutboxEvent]) -> Approval:
        """As `Approvals.add`."""

        def add(connection: sqlite3.Connection) -> Approval:
            if connection.execute(_INSERT, _values_from(approval)).rowcount:
                add_events(connection, events)
                return approval
            return _approval_from(connection.execute(f"{_SELECT} id = ?", (approval.id,)).fetchone())

        return await self.main.change(add)

    async def get(self, approval_id: str) -> Approval | None:
        """As `Approvals.get`."""
        found = self.main.row(f"{_SELECT} id = ?", (approval_id,))
        return None if found is None else _approval_from(found)

    async def pending_like(self, account_id: str, fingerprint: str) -> Approval | None:
        """As `Approvals.pending_like`."""
        wanted = f"{_SELECT} account_id = ? AND state = 'pending' AND fingerprint = ? LIMIT 1"
        found = self.main.row(wanted, (account_id, fingerprint))
        return None if found is None else _approval_from(found)

    async def page(
        self, *, account_id: str | None, state: ApprovalState | None, after: str | None, limit: int
    ) -> Sequence[Approval]:
        """As `Approvals.page`."""
        given = {"account_id": account_id, "state": None if state is None else state.value}
        wanted = {column: value for column, value in given.items() if value is not None}
        where = "".join(f" AND {column} = ?" for column in wanted)
        rows = await self.main.rows(
            f"{_SELECT} id > ?{where} ORDER BY id LIMIT ?", (after or "", *wanted.values(), limit)
        )
        return [_approval_from(row) for row in rows]

    async def unfinished(
        self, state: ApprovalState, limit: int, *, before: datetime | None = None
    ) -> Sequence[Approval]:
        """As `Approvals.unfinished`."""
        end = None if before is None else micros_from(before)
        sql = f"{_SELECT} state = ?1 AND (?2 IS NULL OR expires_at <= ?2) ORDER BY expires_at, id LIMIT ?3"
        return [_approval_from(row) for row in await self.main.rows(sql, (state.value, end, limit))]

    async def emptied(self, limit: int) -> Sequence[Approval]:
        """As `Approvals.emptied`."""
        sql = f"{_SELECT} state IN ('pending', 'approved') AND sealed IS NULL LIMIT ?"
        return [_approval_from(row) for row in await self.main.rows(sql, (limit,))]

    async def move(self, approval_id: str, transition: Transition, events: Sequence[OutboxEvent]) -> bool:
        """As `Approvals.move`."""
        at, final = micros_from(transition.at), transition.after in FINAL
        values = {"id": approval_id, "by": transition.by, "at": at, "ended_at": at if final else None}
        values |= {"before": transition.before.value, "after": transition.after.value, "code": transition.code}

        def move(connection: sqlite3.Connection) -> bool:
            if not connection.execute(_MOVE, values).rowcount:
                return False
            add_events(connection, events)
            if final:
                connection.execute(_EMPTY, (approval_id,))
                connection.execute(_FORGET, (micros_from(transition.at - KEPT),))
            return True

        return await self.main.change(move)

    async def waiting(self) -> WaitingApprovals:
        """As `Approvals.waiting`."""
        count, oldest = self.main.row("SELECT count(*), min(requested_at) FROM approvals WHERE state = 'pending'")
        return WaitingApprovals(count, optional_instant_from(oldest))


def empty_approvals(connection: sqlite3.Connection, account_id: str, customer_keys: Sequence[str]) -> None:
    """Remove what the requests about a person hold; they then expire."""
    connection.execute(
        "UPDATE approvals SET sealed = NULL, customer_keys = '[]', fingerprint = '' WHERE account_id = ? "
        "AND EXISTS (SELECT 1 FROM json_each(approvals.customer_keys) WHERE value IN (SELECT value FROM json_each(?)))",
        (account_id, json_list(customer_keys)),
    )


def _values_from(approval: Approval) -> tuple[Any, ...]:
    times = {name: _micros(getattr(approval, name)) for name in ("decided_at", "ended_at")}
    stored = {
        **{name: getattr(approval, name) for name in _FIELDS},
        **times,
        "requested_at": micros_from(approval.requested_at),
        "expires_at": micros_from(approval.expires_at),
        "customer_keys": json_list(approval.customer_keys),
    }
    return tuple(stored.values())


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros_from(at)


def _approval_from(row: Any) -> Approval:
    stored = dict(zip(_FIELDS, row, strict=True))
    parsed = {
        "kind": ApprovalKind(stored["kind"]),
        "state": ApprovalState(stored["state"]),
        "code": None if stored["code"] is None else ApprovalEnd(stored["code"]),
        "customer_keys": tuple(orjson.loads(stored["customer_keys"])),
        **{name: instant_from(stored[name]) for name in ("requested_at", "expires_at")},
        **{name: optional_instant_from(stored[name]) for name in ("decided_at", "ended_at")},
    }
    return Approval(**stored | parsed)
