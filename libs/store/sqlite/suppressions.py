"""`Suppressions` in SQLite: each call is one change.

`repeated_at` is the time of a row's latest request, `asked_at` that of the customer's latest one. `lifts` has the time
of each customer's latest opt-in, `known_stops` the requests that have no row because one was active.
"""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from libs.store.conversations import Suppression, SuppressionKind, asked_micros, customers_time, whole_seconds
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.outbox import OutboxEvent
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database, json_list
from libs.store.sqlite.outbox import add_events

DEDUPLICATION_KEYS_KEPT = timedelta(days=30)
"""WhatsApp repeats its webhooks for 7 days."""
_FIELDS = (
    *("id", "account_id", "customer_key", "masked_phone", "kind", "source"),
    *("reason", "actor", "since", "evidence", "active", "repeated_at", "asked_at"),
)
_COLUMNS = ", ".join(_FIELDS)
_OF_CUSTOMER = "account_id = ? AND customer_key = ? AND kind = ?"
_SELECT = f"SELECT {_COLUMNS} FROM suppressions WHERE"  # noqa: S608 -- names from above
_BY_ID = f"{_SELECT} id = ?"
_ACTIVE = f"{_SELECT} {_OF_CUSTOMER} AND active = 1"
_NEWEST = f"{_SELECT} {_OF_CUSTOMER} ORDER BY since DESC LIMIT 1"
_LIFTED_BY = f"SELECT lifted FROM lifting_words WHERE {_OF_CUSTOMER} AND word = ?"  # noqa: S608 -- names from above
_KNOWN = f"SELECT 1 FROM known_stops WHERE {_OF_CUSTOMER} AND request = ?"  # noqa: S608 -- names from above
_OPTED_IN = f"SELECT at FROM lifts WHERE {_OF_CUSTOMER}"  # noqa: S608 -- names from above
_STANDING = (
    "SELECT group_concat(DISTINCT kind) FROM suppressions "
    "WHERE account_id = ? AND customer_key IN (SELECT value FROM json_each(?)) AND active = 1"
)
_Customer = tuple[str, str, str]
"""Account, customer key and kind of suppression."""


@dataclass(frozen=True, slots=True)
class SqliteSuppressions:
    """`Suppressions`."""

    main: Database
    _opt_ins: ExpiredRowCleanup = field(
        default_factory=lambda: ExpiredRowCleanup("lifting_words", DEDUPLICATION_KEYS_KEPT)
    )
    _stops: ExpiredRowCleanup = field(default_factory=lambda: ExpiredRowCleanup("known_stops", DEDUPLICATION_KEYS_KEPT))

    async def suppress(self, suppression: Suppression, events: Sequence[OutboxEvent]) -> Suppression:
        """As `Suppressions.suppress`."""

        def write(connection: sqlite3.Connection) -> Suppression:
            customer = (suppression.account_id, suppression.customer_key, suppression.kind.value)
            active = _found(connection, _ACTIVE, customer)
            known = _found(connection, _BY_ID, (suppression.id,))
            if known is not None or connection.execute(_KNOWN, (*customer, suppression.id)).fetchone():
                return active or known or _lifted(connection, customer, suppression)
            if active is not None:
                _include(connection, active.id, suppression)
                values = (*customer, suppression.id, micros_from(suppression.since))
                connection.execute("INSERT INTO known_stops VALUES (?, ?, ?, ?, ?)", values)
                self._stops(connection, suppression.since)
                return _found(connection, _ACTIVE, customer) or active
            opted_in = connection.execute(_OPTED_IN, customer).fetchone()
            if opted_in is not None and opted_in[0] > whole_seconds(micros_from(suppression.latest_at)):
                return _lifted(connection, customer, suppression)
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
        known: Suppression | None = None,
    ) -> Suppression | None:
        """As `Suppressions.lift`."""
        customer, when = (account_id, customer_key, kind.value), whole_seconds(micros_from(at))

        def write(connection: sqlite3.Connection) -> Suppression | None:
            if deduplication_key is None:
                return _end(connection, customer, _asked_before(known), when, events)
            earlier = connection.execute(_LIFTED_BY, (*customer, deduplication_key)).fetchone()
            if earlier is not None:
                row = _found(connection, _BY_ID, earlier)
                return None if row is None else replace(row, active=False)
            raised = "INSERT INTO lifts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"
            connection.execute(raised, (*customer, when))
            lifted = _end(connection, customer, "repeated_at < ?", when, events)
            values = (*customer, deduplication_key, None if lifted is None else lifted.id, when)
            connection.execute("INSERT INTO lifting_words VALUES (?, ?, ?, ?, ?, ?)", values)
            self._opt_ins(connection, at)
            return lifted

        return await self.main.change(write)

    async def standing(self, account_id: str, customer_keys: Collection[str]) -> frozenset[SuppressionKind]:
        """As `Suppressions.standing`."""
        (kinds,) = self.main.row(_STANDING, (account_id, json_list(customer_keys)))
        return frozenset(map(SuppressionKind, kinds.split(","))) if kinds else frozenset()

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


def _lifted(connection: sqlite3.Connection, customer: _Customer, request: Suppression) -> Suppression:
    """The answer to a request that has no effect any more."""
    return _found(connection, _NEWEST, customer) or replace(request, active=False)


def _include(connection: sqlite3.Connection, row_id: str, request: Suppression) -> None:
    connection.execute(
        "UPDATE suppressions SET repeated_at = max(repeated_at, ?1), "
        "asked_at = nullif(max(ifnull(asked_at, -1), ifnull(?2, -1)), -1) WHERE id = ?3",
        (micros_from(request.latest_at), customers_time(request), row_id),
    )


def _end(
    connection: sqlite3.Connection, customer: _Customer, earlier: str, when: int, events: Sequence[OutboxEvent]
) -> Suppression | None:
    """End the active row if it is earlier than `when`."""
    active = _found(connection, _ACTIVE, customer)
    ended = f"UPDATE suppressions SET active = 0 WHERE id = ? AND {earlier}"  # noqa: S608 -- conditions from above
    if active is None or not connection.execute(ended, (active.id, when)).rowcount:
        return None
    add_events(connection, events)
    return replace(active, active=False)


def _asked_before(known: Suppression | None) -> str:
    """The condition of an operator's lift: the customer asked earlier and, if a row is known, not since it was read."""
    asked = "" if known is None else f" AND asked_at IS {'NULL' if (at := asked_micros(known)) is None else at}"
    return f"ifnull(asked_at, -1) < ?{asked}"


def _insert(connection: sqlite3.Connection, given: Suppression) -> None:
    times = {"since": micros_from(given.since), "repeated_at": micros_from(given.latest_at)}
    stored = {"evidence": orjson.dumps(given.evidence).decode(), "active": 1, "asked_at": customers_time(given)}
    connection.execute(
        f"INSERT INTO suppressions ({_COLUMNS}) VALUES ({', '.join(f':{name}' for name in _FIELDS)})",  # noqa: S608 -- names from above
        {name: getattr(given, name) for name in _FIELDS} | times | stored,
    )


def _suppression_from(row: Any) -> Suppression:
    stored = dict(zip(_FIELDS, row, strict=True))
    latest = stored["repeated_at"]
    parsed = {
        "kind": SuppressionKind(stored["kind"]),
        "since": instant_from(stored["since"]),
        "repeated_at": None if latest == stored["since"] else instant_from(latest),
        "asked_at": optional_instant_from(stored["asked_at"]),
        "evidence": orjson.loads(stored["evidence"]),
        "active": bool(stored["active"]),
    }
    return Suppression(**stored | parsed)
