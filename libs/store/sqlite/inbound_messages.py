"""`InboundMessages` in SQLite; `SqliteConversations` writes the rows."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from libs.store.inbound_messages import KEPT, InboundMessage
from libs.store.instants import instant_from, micros_from
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database, json_list

_COLUMNS: Final = "event_id, message_hash, account_id, number_id, customer_key, sealed_message_id, at"
_INSERT = f"INSERT OR IGNORE INTO inbound_messages ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 -- names from above
_FIND = (
    f"SELECT {_COLUMNS} FROM inbound_messages WHERE event_id = :reference "  # noqa: S608 -- names from above
    f"UNION ALL SELECT {_COLUMNS} FROM inbound_messages WHERE message_hash = :reference LIMIT 1"
)
_NEWEST = (
    f"SELECT {_COLUMNS} FROM inbound_messages WHERE customer_key IN (SELECT value FROM json_each(:keys)) "  # noqa: S608 -- names from above
    "AND number_id = :number_id AND at <= :until ORDER BY at DESC LIMIT 1"
)


def add_message(connection: sqlite3.Connection, message: InboundMessage) -> None:
    """Write the row of a message; a repetition changes nothing."""
    names = ("event_id", "message_hash", "account_id", "number_id", "customer_key", "sealed_message_id")
    connection.execute(_INSERT, (*(getattr(message, name) for name in names), micros_from(message.at)))


def message_cleanup() -> ExpiredRowCleanup:
    """Deletes messages that cannot be quoted any more."""
    return ExpiredRowCleanup("inbound_messages", KEPT)


@dataclass(frozen=True, slots=True)
class SqliteInboundMessages:
    """`InboundMessages`."""

    main: Database

    async def find(self, reference: str) -> InboundMessage | None:
        """As `InboundMessages.find`: two indexed reads."""
        found = self.main.few_rows(_FIND, {"reference": reference})
        return _message_from(found[0]) if found else None

    async def newest(self, number_id: str, customer_keys: Collection[str], *, until: datetime) -> InboundMessage | None:
        """As `InboundMessages.newest`: the customer's rows, by index."""
        wanted = {"number_id": number_id, "keys": json_list(customer_keys), "until": micros_from(until)}
        found = self.main.few_rows(_NEWEST, wanted)
        return _message_from(found[0]) if found else None


def _message_from(row: Any) -> InboundMessage:
    *names, at = row
    event_id, message_hash, account_id, number_id, customer_key, sealed = names
    return InboundMessage(
        event_id=event_id,
        message_hash=message_hash,
        account_id=account_id,
        number_id=number_id,
        customer_key=customer_key,
        sealed_message_id=sealed,
        at=instant_from(at),
    )
