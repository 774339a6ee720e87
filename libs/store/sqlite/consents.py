"""`Consents` in SQLite: a row of `consents` for each consent and key, one of `consent_withdrawals` for each scope."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from libs.store.consent_rows import CONSENT_FIELDS, WITHDRAWAL_FIELDS, consent_from, row_from, withdrawal_from
from libs.store.consents import KEPT, NO_CONSENTS, Consent, CustomerConsents, Withdrawal, merged
from libs.store.outbox import OutboxEvent
from libs.store.sqlite.database import Database, json_list
from libs.store.sqlite.outbox import add_events

_CONSENT = ", ".join(CONSENT_FIELDS)
_WITHDRAWAL = ", ".join(WITHDRAWAL_FIELDS)
_LEDGER = (
    f"SELECT json_array((SELECT json_group_array(json_array({_CONSENT})) FROM consents "  # noqa: S608 -- names from above
    "WHERE account_id = {account} AND customer_key IN ({keys})), "
    f"(SELECT json_group_array(json_array({_WITHDRAWAL})) FROM consent_withdrawals "
    "WHERE account_id = {account} AND customer_key IN ({keys})))"
)
_OF_CUSTOMER = _LEDGER.format(account=":account_id", keys="SELECT value FROM json_each(:keys)")
_ADD = (
    f"INSERT INTO consents ({_CONSENT}) VALUES ({', '.join(f':{name}' for name in CONSENT_FIELDS)}) "  # noqa: S608 -- names from above
    "ON CONFLICT DO NOTHING"
)
_TRIM = (
    "DELETE FROM consents WHERE account_id = ?1 AND customer_key = ?2 AND id NOT IN (SELECT id FROM consents "  # noqa: S608 -- a number
    f"WHERE account_id = ?1 AND customer_key = ?2 ORDER BY at DESC, id DESC LIMIT {KEPT})"
)
_WITHDRAW = (
    f"INSERT INTO consent_withdrawals ({_WITHDRAWAL}) "  # noqa: S608 -- names from above
    f"VALUES ({', '.join(f':{name}' for name in WITHDRAWAL_FIELDS)}) ON CONFLICT DO UPDATE SET "
    "at = excluded.at, source = excluded.source, actor = excluded.actor WHERE excluded.at > at"
)
_COPY_CONSENTS = (
    f"INSERT INTO consents ({_CONSENT}) SELECT "  # noqa: S608 -- names from above
    f"{_CONSENT.replace('customer_key', ':target')} FROM consents WHERE account_id = :account_id "
    "AND customer_key = :origin ON CONFLICT DO NOTHING"
)
_COPY_WITHDRAWALS = (
    f"INSERT INTO consent_withdrawals ({_WITHDRAWAL}) SELECT "  # noqa: S608 -- names from above
    f"{_WITHDRAWAL.replace('customer_key', ':target')} FROM consent_withdrawals WHERE account_id = :account_id "
    "AND customer_key = :origin ON CONFLICT DO UPDATE SET at = excluded.at, source = excluded.source, "
    "actor = excluded.actor WHERE excluded.at > at"
)
TABLES = ("consents", "consent_withdrawals", "imported_rows")


@dataclass(frozen=True, slots=True)
class SqliteConsents:
    """`Consents`."""

    main: Database

    async def record(self, consents: Sequence[Consent], events: Sequence[OutboxEvent] = ()) -> Collection[str]:
        """As `Consents.record`, in one change."""
        rows = [row_from(each) for each in consents]

        def write(connection: sqlite3.Connection) -> set[str]:
            new = [row for row in rows if connection.execute(_ADD, row).rowcount]
            for owner in {(row["account_id"], row["customer_key"]) for row in new}:
                connection.execute(_TRIM, owner)
            add_events(connection, events if new else ())
            return {row["id"] for row in new}

        return await self.main.change(write) if rows else set()

    async def withdraw(self, withdrawals: Sequence[Withdrawal], events: Sequence[OutboxEvent] = ()) -> None:
        """As `Consents.withdraw`, in one change."""
        rows = [row_from(each) for each in withdrawals]

        def write(connection: sqlite3.Connection) -> None:
            new = connection.executemany(_WITHDRAW, rows).rowcount > 0
            add_events(connection, events if new else ())

        if rows:
            await self.main.change(write)

    async def of_customer(self, account_id: str, customer_keys: Collection[str]) -> CustomerConsents:
        """As `Consents.of_customer`."""
        [(found,)] = self.main.few_rows(_OF_CUSTOMER, {"account_id": account_id, "keys": json_list(customer_keys)})
        return consents_in(found)

    async def copy(self, account_id: str, origins: Collection[str], targets: Collection[str]) -> None:
        """As `Consents.copy`, in one change."""
        stored = await self.of_customer(account_id, origins)
        if not stored.consents and not stored.withdrawals:
            return
        pairs = [{"account_id": account_id, "origin": a, "target": b} for a in origins for b in targets if a != b]
        statements = (_COPY_WITHDRAWALS, _COPY_CONSENTS)
        await self.main.change(lambda connection: [connection.executemany(sql, pairs).rowcount for sql in statements])

    async def page(self, *, account_id: str, after: str | None, limit: int) -> Sequence[Consent]:
        """As `Consents.page`."""
        id_, _, key = (after or ":").partition(":")
        sql = (
            f"SELECT {_CONSENT} FROM consents WHERE account_id = ? AND (id, customer_key) > (?, ?) "  # noqa: S608 -- names from above
            "ORDER BY id, customer_key LIMIT ?"
        )
        rows = await self.main.rows(sql, (account_id, id_, key, limit))
        return [consent_from(dict(zip(CONSENT_FIELDS, row, strict=True))) for row in rows]


@dataclass(frozen=True, slots=True)
class SqliteImportedRows:
    """`ImportedRows`."""

    main: Database

    async def known(self, account_id: str, rows: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """As `ImportedRows.known`."""
        sql = (
            "SELECT customer_key, fingerprint FROM imported_rows WHERE account_id = :account_id "
            "AND customer_key IN (SELECT value FROM json_each(:keys))"
        )
        found = self.main.few_rows(sql, {"account_id": account_id, "keys": json_list({key for key, _ in rows})})
        return frozenset(map(tuple, found)) & frozenset(rows)

    async def mark(self, account_id: str, rows: Collection[tuple[str, str]]) -> None:
        """As `ImportedRows.mark`, in one change."""
        sql = "INSERT INTO imported_rows VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        values = [(account_id, *row) for row in rows]
        await self.main.change(lambda connection: connection.executemany(sql, values).rowcount)


def facts_of(marks: str) -> str:
    """The ledger of keys as one JSON value, for the statement that reads all facts; takes account and keys twice."""
    return _LEDGER.format(account="?", keys=marks)


def consents_in(facts: str | None) -> CustomerConsents:
    """The ledger in the value that `FACTS` reads; empty for None."""
    if facts is None:
        return NO_CONSENTS
    consents, withdrawals = orjson.loads(facts)
    return merged([CustomerConsents(_consents(consents), _withdrawals(withdrawals))])


def _consents(rows: Any) -> tuple[Consent, ...]:
    return tuple(consent_from(dict(zip(CONSENT_FIELDS, row, strict=True))) for row in rows)


def _withdrawals(rows: Any) -> tuple[Withdrawal, ...]:
    return tuple(withdrawal_from(dict(zip(WITHDRAWAL_FIELDS, row, strict=True))) for row in rows)
