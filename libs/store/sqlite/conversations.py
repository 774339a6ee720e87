"""`Conversations` and `Suppressions` in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from libs.store.conversations import Suppression, SuppressionKind
from libs.store.instants import instant_from, micros_from
from libs.store.outbox import OutboxEvent
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database
from libs.store.sqlite.outbox import add_events

DEDUPLICATION_KEYS_KEPT_DAYS = 30
"""WhatsApp repeats its webhooks for 7 days."""
_FIELDS = (
    *("id", "account_id", "customer_key", "masked_phone", "kind", "source"),
    *("reason", "actor", "since", "evidence", "active"),
)
_COLUMNS = ", ".join(_FIELDS)
_OF_CUSTOMER = "account_id = ? AND customer_key = ? AND kind = ?"
_SELECT = f"SELECT {_COLUMNS} FROM suppressions WHERE"  # noqa: S608 -- names from above
_BY_ID = f"{_SELECT} id = ?"
_ACTIVE = f"{_SELECT} {_OF_CUSTOMER} AND active = 1"
_NEWEST = f"{_SELECT} {_OF_CUSTOMER} ORDER BY since DESC LIMIT 1"
_LIFTED_BY = f"SELECT lifted FROM lifting_words WHERE {_OF_CUSTOMER} AND word = ?"  # noqa: S608 -- names from above
_Customer = tuple[str, str, str]
"""Account, customer key and kind of suppression."""


@dataclass(frozen=True, slots=True)
class SqliteConversations:
    """`Conversations`. Both times only grow, so the order of arrival does not matter."""

    main: Database

    async def open_window(self, number_id: str, customer_keys: Sequence[str], at: datetime) -> None:
        """As `Conversations.open_window`."""
        await self._raise("last_inbound_at", [(number_id, key, micros_from(at)) for key in customer_keys])

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None:
        """As `Conversations.close_window`."""
        await self._raise("closed_at", [(number_id, customer_key, micros_from(at))])

    async def _raise(self, column: str, rows: Sequence[tuple[str, str, int]]) -> None:
        sql = (
            f"INSERT INTO conversations (number_id, customer_key, {column}) VALUES (?, ?, ?) "  # noqa: S608 -- names from above
            f"ON CONFLICT DO UPDATE SET {column} = max(ifnull({column}, 0), excluded.{column})"
        )
        await self.main.change(lambda connection: connection.executemany(sql, rows).rowcount)


@dataclass(frozen=True, slots=True)
class SqliteSuppressions:
    """`Suppressions`. `repeated_at` is the time of a row's latest repetition: an earlier lift does not lift the row."""

    main: Database
    _cleanup: ExpiredRowCleanup = field(
        default_factory=lambda: ExpiredRowCleanup("lifting_words", timedelta(days=DEDUPLICATION_KEYS_KEPT_DAYS))
    )

    async def suppress(self, suppression: Suppression, events: Sequence[OutboxEvent]) -> Suppression:
        """As `Suppressions.suppress`."""

        def write(connection: sqlite3.Connection) -> Suppression:
            customer = (suppression.account_id, suppression.customer_key, suppression.kind.value)
            since = micros_from(suppression.since)
            repeated = f"UPDATE suppressions SET repeated_at = max(repeated_at, ?) WHERE {_OF_CUSTOMER} AND active = 1"  # noqa: S608 -- names from above
            if connection.execute(repeated, (since, *customer)).rowcount:
                return _found(connection, _ACTIVE, customer) or suppression
            if (known := _found(connection, _BY_ID, (suppression.id,))) is not None:
                return known  # lifted since: the repeated request is no new one
            lifted = connection.execute(f"SELECT at FROM lifts WHERE {_OF_CUSTOMER}", customer).fetchone()  # noqa: S608 -- names from above
            if lifted is not None and lifted[0] > since:
                return _found(connection, _NEWEST, customer) or replace(suppression, active=False)
            _insert(connection, suppression)
            add_events(connection, events)
            return suppression

        return await self.main.change(write)

    async def lift(
        self,
        *,
        account_id: str,
        customer_key: str,
        kind: SuppressionKind,
        at: datetime,
        events: Sequence[OutboxEvent],
        deduplication_key: str | None = None,
    ) -> Suppression | None:
        """As `Suppressions.lift`."""
        customer = (account_id, customer_key, kind.value)

        def write(connection: sqlite3.Connection) -> Suppression | None:
            if deduplication_key is None:
                return _lift(connection, customer, micros_from(at), events)
            known = connection.execute(_LIFTED_BY, (*customer, deduplication_key)).fetchone()
            if known is not None:
                row = _found(connection, _BY_ID, known)
                return None if row is None else replace(row, active=False)
            lifted = _lift(connection, customer, micros_from(at), events)
            values = (*customer, deduplication_key, None if lifted is None else lifted.id, micros_from(at))
            connection.execute("INSERT INTO lifting_words VALUES (?, ?, ?, ?, ?, ?)", values)
            self._cleanup(connection, at)
            return lifted

        return await self.main.change(write)

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        """As `Suppressions.page`."""
        given = {"account_id": account_id, "customer_key": customer_key}
        wanted = {column: value for column, value in given.items() if value is not None}
        where = "".join(f" AND {column} = ?" for column in wanted)
        sql = f"{_SELECT} active = 1 AND id > ?{where} ORDER BY id LIMIT ?"
        rows = await self.main.rows(sql, (after or "", *wanted.values(), limit))
        return [_suppression_from(row) for row in rows]

    async def get(self, suppression_id: str) -> Suppression | None:
        """As `Suppressions.get`."""
        found = self.main.row(_BY_ID, (suppression_id,))
        return _suppression_from(found) if found else None


def _found(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> Suppression | None:
    row = connection.execute(sql, values).fetchone()
    return _suppression_from(row) if row else None


def _lift(
    connection: sqlite3.Connection, customer: _Customer, at: int, events: Sequence[OutboxEvent]
) -> Suppression | None:
    connection.execute(
        "INSERT INTO lifts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)", (*customer, at)
    )
    active = _found(connection, _ACTIVE, customer)
    ended = "UPDATE suppressions SET active = 0 WHERE id = ? AND repeated_at <= ?"
    if active is None or not connection.execute(ended, (active.id, at)).rowcount:
        return None
    add_events(connection, events)
    return replace(active, active=False)


def _insert(connection: sqlite3.Connection, given: Suppression) -> None:
    since = micros_from(given.since)
    values = asdict(given) | {"since": since, "evidence": orjson.dumps(given.evidence).decode(), "active": 1}
    connection.execute(
        f"INSERT INTO suppressions ({_COLUMNS}, repeated_at) "  # noqa: S608 -- names from above
        f"VALUES ({', '.join(f':{name}' for name in _FIELDS)}, :since) "
        "ON CONFLICT (id) DO UPDATE SET active = 1, since = excluded.since, repeated_at = excluded.repeated_at",
        values,
    )


def _suppression_from(row: Any) -> Suppression:
    stored = dict(zip(_FIELDS, row, strict=True))
    parsed = {"kind": SuppressionKind(stored["kind"]), "since": instant_from(stored["since"])}
    return Suppression(
        **stored | parsed | {"evidence": orjson.loads(stored["evidence"]), "active": bool(stored["active"])}
    )
