"""Windows and suppressions in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from libs.store.conversations import Suppression, SuppressionKind
from libs.store.outbox import Posted
from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import instant_from, micros_from
from libs.store.sqlite.outbox import post
from libs.store.sqlite.purging import Purge

WORDS_KEPT_DAYS = 30
"""WhatsApp repeats its webhooks for 7 days."""
_COLUMNS = "id, account_id, customer_key, masked_phone, kind, source, reason, actor, since, evidence, active"
_OF_CUSTOMER = "account_id = ? AND customer_key = ? AND kind = ?"
_BY_ID = f"SELECT {_COLUMNS} FROM suppressions WHERE id = ?"  # noqa: S608 -- names from above
_WORD = f"SELECT lifted FROM lifting_words WHERE {_OF_CUSTOMER} AND word = ?"  # noqa: S608 -- names from above
_NEWEST = f"SELECT {_COLUMNS} FROM suppressions WHERE {_OF_CUSTOMER} ORDER BY since DESC LIMIT 1"  # noqa: S608 -- names from above


@dataclass(frozen=True, slots=True)
class SqliteConversations:
    """`Conversations`: both times only ever grow, so the order of arrival does not matter."""

    main: Database

    async def customer_wrote(self, number_id: str, customer_keys: Sequence[str], at: datetime) -> None:
        """Open the window from `at` for each of the customer's keys."""
        rows = [(number_id, key, micros_from(at)) for key in customer_keys]

        def open_window(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO conversations (number_id, customer_key, last_inbound_at) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET last_inbound_at = max(ifnull(last_inbound_at, 0), excluded.last_inbound_at)",
                rows,
            )

        await self.main.change(open_window)

    async def window_closed(self, number_id: str, customer_key: str, at: datetime) -> None:
        """WhatsApp says the window is closed at `at`."""

        def close_window(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO conversations (number_id, customer_key, closed_at) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET closed_at = max(ifnull(closed_at, 0), excluded.closed_at)",
                (number_id, customer_key, micros_from(at)),
            )

        await self.main.change(close_window)


@dataclass(frozen=True, slots=True)
class SqliteSuppressions:
    """`Suppressions`. A row remembers its latest repetition, so that a lift from before that does not lift it."""

    main: Database
    _purge: Purge = field(default_factory=lambda: Purge("lifting_words", timedelta(days=WORDS_KEPT_DAYS)))

    async def suppress(self, suppression: Suppression, events: Sequence[Posted]) -> Suppression:
        """Suppress a customer; one active row per account, customer and kind."""

        def write(connection: sqlite3.Connection) -> Suppression:
            customer = (suppression.account_id, suppression.customer_key, suppression.kind.value)
            since = micros_from(suppression.since)
            repeated = f"UPDATE suppressions SET repeated_at = max(repeated_at, ?) WHERE {_OF_CUSTOMER} AND active = 1"  # noqa: S608 -- names from above
            if connection.execute(repeated, (since, *customer)).rowcount:
                return _active(connection, customer) or suppression
            if (known := connection.execute(_BY_ID, (suppression.id,)).fetchone()) is not None:
                return _suppression_from(known)  # lifted since; the same wish delivered again is no new one
            lifted = connection.execute(f"SELECT at FROM lifts WHERE {_OF_CUSTOMER}", customer).fetchone()  # noqa: S608 -- names from above
            if lifted is not None and lifted[0] > since:
                newest = connection.execute(_NEWEST, customer).fetchone()
                return _suppression_from(newest) if newest else replace(suppression, active=False)
            _insert(connection, suppression)
            post(connection, events)
            return suppression

        return await self.main.change(write)

    async def lift(
        self,
        *,
        account_id: str,
        customer_key: str,
        kind: SuppressionKind,
        at: datetime,
        events: Sequence[Posted],
        word: str | None = None,
    ) -> Suppression | None:
        """Lift one kind of suppression as of `at`, and remember it."""
        customer, when = (account_id, customer_key, kind.value), micros_from(at)

        def write(connection: sqlite3.Connection) -> Suppression | None:
            if word is not None:
                known = connection.execute(_WORD, (*customer, word)).fetchone()
                if known is not None:
                    row = connection.execute(_BY_ID, known).fetchone()
                    return None if row is None else replace(_suppression_from(row), active=False)
            lifted = lift(connection)
            if word is not None:
                heard = (*customer, word, None if lifted is None else lifted.id, when)
                connection.execute("INSERT INTO lifting_words VALUES (?, ?, ?, ?, ?, ?)", heard)
                self._purge(connection, at)
            return lifted

        def lift(connection: sqlite3.Connection) -> Suppression | None:
            connection.execute(
                "INSERT INTO lifts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
                (*customer, when),
            )
            active = _active(connection, customer)
            ended = "UPDATE suppressions SET active = 0 WHERE id = ? AND repeated_at <= ?"
            if active is None or not connection.execute(ended, (active.id, when)).rowcount:
                return None
            post(connection, events)
            return replace(active, active=False)

        return await self.main.change(write)

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        """Active suppressions in the order of their ids."""
        given = {"account_id": account_id, "customer_key": customer_key}
        wanted = {column: value for column, value in given.items() if value is not None}
        where = "".join(f" AND {column} = ?" for column in wanted)
        sql = f"SELECT {_COLUMNS} FROM suppressions WHERE active = 1 AND id > ?{where} ORDER BY id LIMIT ?"  # noqa: S608 -- names from above
        rows = await self.main.rows(sql, (after or "", *wanted.values(), limit))
        return [_suppression_from(row) for row in rows]

    async def get(self, suppression_id: str) -> Suppression | None:
        """One suppression, active or not."""
        found = self.main.row(_BY_ID, (suppression_id,))
        return _suppression_from(found) if found else None


def _active(connection: sqlite3.Connection, customer: tuple[str, str, str]) -> Suppression | None:
    sql = f"SELECT {_COLUMNS} FROM suppressions WHERE {_OF_CUSTOMER} AND active = 1"  # noqa: S608 -- names from above
    found = connection.execute(sql, customer).fetchone()
    return _suppression_from(found) if found else None


def _insert(connection: sqlite3.Connection, given: Suppression) -> None:
    since = micros_from(given.since)
    connection.execute(
        f"INSERT INTO suppressions ({_COLUMNS}, repeated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?) "  # noqa: S608 -- names from above
        "ON CONFLICT (id) DO UPDATE SET active = 1, since = excluded.since, repeated_at = excluded.repeated_at",
        (
            given.id,
            given.account_id,
            given.customer_key,
            given.masked_phone,
            given.kind.value,
            given.source,
            given.reason,
            given.actor,
            since,
            orjson.dumps(given.evidence).decode(),
            since,
        ),
    )


def _suppression_from(row: Any) -> Suppression:
    *_, kind, source, reason, actor, since, evidence, active = row
    return Suppression(
        id=row[0],
        account_id=row[1],
        customer_key=row[2],
        masked_phone=row[3],
        kind=SuppressionKind(kind),
        source=source,
        reason=reason,
        actor=actor,
        since=instant_from(since),
        evidence=orjson.loads(evidence),
        active=bool(active),
    )
