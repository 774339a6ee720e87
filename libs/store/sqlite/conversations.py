"""`Conversations` in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from libs.store.inbound_messages import InboundMessage
from libs.store.instants import micros_from
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database, json_list
from libs.store.sqlite.inbound_messages import add_message, message_cleanup

_JOIN = """
INSERT INTO conversations SELECT number_id, :main_key, max(last_inbound_at), max(closed_at) FROM conversations
  WHERE customer_key IN (SELECT value FROM json_each(:keys))
    AND number_id IN (SELECT id FROM numbers WHERE account_id = :account_id)
  GROUP BY number_id
  ON CONFLICT DO UPDATE SET last_inbound_at = excluded.last_inbound_at, closed_at = excluded.closed_at
"""


@dataclass(frozen=True, slots=True)
class SqliteConversations:
    """`Conversations`. Both times only grow, so the order of arrival does not matter."""

    main: Database
    _cleanup: ExpiredRowCleanup = field(default_factory=message_cleanup)

    async def open_window(
        self, number_id: str, customer_keys: Sequence[str], at: datetime, *, message: InboundMessage | None = None
    ) -> None:
        """As `Conversations.open_window`, in one change."""
        rows = [(number_id, key, micros_from(at)) for key in customer_keys]
        if message is None:
            await self._raise("last_inbound_at", rows)
            return

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_raising("last_inbound_at"), rows)
            add_message(connection, message)
            self._cleanup(connection, at)

        await self.main.change(write)

    async def join_windows(self, account_id: str, customer_keys: Sequence[str], main_key: str) -> None:
        """As `Conversations.join_windows`."""
        wanted = {"account_id": account_id, "keys": json_list({*customer_keys, main_key}), "main_key": main_key}
        await self.main.change(lambda connection: connection.execute(_JOIN, wanted).rowcount)

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None:
        """As `Conversations.close_window`."""
        await self._raise("closed_at", [(number_id, customer_key, micros_from(at))])

    async def _raise(self, column: str, rows: Sequence[tuple[str, str, int]]) -> None:
        await self.main.change(lambda connection: connection.executemany(_raising(column), rows).rowcount)


def _raising(column: str) -> str:
    """The statement that raises a time of a conversation."""
    return (
        f"INSERT INTO conversations (number_id, customer_key, {column}) VALUES (?, ?, ?) "  # noqa: S608 -- names from above
        f"ON CONFLICT DO UPDATE SET {column} = max(ifnull({column}, 0), excluded.{column})"
    )
