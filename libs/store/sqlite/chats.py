"""`PseudoNumbers` and `ChatRefusals` in SQLite: a row for each integration and customer."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import orjson

from libs.store.chats import REFUSALS_KEPT_DAYS, ChatRefusal, PseudoCustomer
from libs.store.instants import instant_from, micros_from
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database, json_list

_KNOWN = "SELECT number FROM pseudo_numbers WHERE integration_id = ? AND customer_key = ?"


@dataclass(frozen=True, slots=True)
class SqlitePseudoNumbers:
    """`PseudoNumbers`."""

    main: Database

    async def number_of(self, integration_id: str, customer: PseudoCustomer, *, proposed: str) -> str | None:
        """As `PseudoNumbers.number_of`; a number that was given already costs one read."""
        wanted = (integration_id, customer.customer_key)
        known = self.main.row(_KNOWN, wanted)
        if known is not None:
            return str(known[0])
        row = (*wanted, customer.account_id, proposed, customer.contact)

        def give(connection: sqlite3.Connection) -> str | None:
            connection.execute("INSERT INTO pseudo_numbers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
            found = connection.execute(_KNOWN, wanted).fetchone()
            return None if found is None else str(found[0])

        return await self.main.change(give)

    async def numbers_of(self, account_id: str, customer_keys: Collection[str]) -> Sequence[tuple[str, str]]:
        """As `PseudoNumbers.numbers_of`."""
        sql = (
            "SELECT integration_id, number FROM pseudo_numbers WHERE account_id = :account_id "
            "AND customer_key IN (SELECT value FROM json_each(:keys)) ORDER BY integration_id, number"
        )
        found = await self.main.rows(sql, {"account_id": account_id, "keys": json_list(customer_keys)})
        return [(integration_id, number) for integration_id, number in found]

    async def customer_of(self, integration_id: str, number: str) -> PseudoCustomer | None:
        """As `PseudoNumbers.customer_of`."""
        sql = "SELECT account_id, customer_key, contact FROM pseudo_numbers WHERE integration_id = ? AND number = ?"
        found = self.main.row(sql, (integration_id, number))
        return None if found is None else PseudoCustomer(account_id=found[0], customer_key=found[1], contact=found[2])


@dataclass(frozen=True, slots=True)
class SqliteChatRefusals:
    """`ChatRefusals`. A later refusal gets a new row: the cleanup deletes the oldest rows."""

    main: Database
    _cleanup: ExpiredRowCleanup = field(
        default_factory=lambda: ExpiredRowCleanup("chat_refusals", timedelta(days=REFUSALS_KEPT_DAYS))
    )

    async def keep(self, integration_id: str, account_id: str, customer_key: str, refusal: ChatRefusal) -> None:
        """As `ChatRefusals.keep`."""
        chat, at = (integration_id, customer_key), micros_from(refusal.at)
        row = (*chat, account_id, refusal.event_id, refusal.code, orjson.dumps(refusal.details).decode(), at)

        def write(connection: sqlite3.Connection) -> None:
            older = "DELETE FROM chat_refusals WHERE integration_id = ? AND customer_key = ? AND at <= ?"
            connection.execute(older, (*chat, at))
            connection.execute("INSERT INTO chat_refusals VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
            self._cleanup(connection, refusal.at)

        await self.main.change(write)

    async def last(self, integration_id: str, customer_key: str) -> ChatRefusal | None:
        """As `ChatRefusals.last`."""
        sql = "SELECT event_id, code, details, at FROM chat_refusals WHERE integration_id = ? AND customer_key = ?"
        found = self.main.row(sql, (integration_id, customer_key))
        if found is None:
            return None
        event_id, code, details, at = found
        return ChatRefusal(event_id=event_id, code=code, details=orjson.loads(details), at=instant_from(at))
