"""`CustomerLinks` in SQLite: one row per linked key, and one change per operation."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from libs.store.customer_links import CustomerLink, Relation
from libs.store.instants import micros_from, optional_instant_from
from libs.store.sqlite.database import Database, json_list

_COLUMNS = "customer_key, main_key, relation, contact, contact_at"
_FIND = (
    f"SELECT {_COLUMNS} FROM customer_links WHERE account_id = :account_id AND main_key IN "  # noqa: S608 -- names from above
    "(SELECT main_key FROM customer_links WHERE account_id = :account_id "
    "AND customer_key IN (SELECT value FROM json_each(:keys)))"
)
FACTS = (
    f"SELECT json_group_array(json_array({_COLUMNS})) FROM customer_links "  # noqa: S608 -- names from above
    "WHERE account_id = ? AND customer_key IN ({marks})"
)
"""The rows of keys as one JSON value, for the statement that reads all facts."""
_MAIN = "SELECT main_key FROM customer_links WHERE account_id = ? AND customer_key = ?"
_ALONE = "INSERT INTO customer_links VALUES (?, ?, ?, 'main', 0, NULL, NULL) ON CONFLICT DO NOTHING"
_NEWER = (
    "SELECT 1 FROM customer_links WHERE account_id = :account_id AND linked_at > :at AND "
    "(customer_key = :key AND main_key <> :main_key OR "
    ":relation = 'user_id' AND relation = 'user_id' AND main_key = :main_key AND customer_key <> :key)"
)
_DETACH = (
    "UPDATE customer_links SET main_key = customer_key, relation = 'main', contact = NULL, contact_at = NULL "
    "WHERE account_id = :account_id AND main_key = :main_key AND relation = 'user_id' AND customer_key <> :kept"
)
_LEAVE = (
    "UPDATE customer_links SET main_key = customer_key, relation = 'main', contact = NULL, contact_at = NULL "
    "WHERE account_id = ? AND customer_key = ? AND relation = 'alias' AND linked_at <= ?"
)
_REKEY = """
INSERT INTO conversations SELECT number_id, :new, last_inbound_at, closed_at FROM conversations
  WHERE customer_key = :old AND number_id IN (SELECT id FROM numbers WHERE account_id = :account_id)
  ON CONFLICT DO UPDATE SET
    last_inbound_at = max(ifnull(last_inbound_at, excluded.last_inbound_at),
                          ifnull(excluded.last_inbound_at, last_inbound_at)),
    closed_at = max(ifnull(closed_at, excluded.closed_at), ifnull(excluded.closed_at, closed_at));
DELETE FROM conversations
  WHERE customer_key = :old AND number_id IN (SELECT id FROM numbers WHERE account_id = :account_id);
UPDATE suppressions SET repeated_at = max(suppressions.repeated_at, former.repeated_at),
  asked_at = max(ifnull(suppressions.asked_at, former.asked_at), ifnull(former.asked_at, suppressions.asked_at))
  FROM suppressions AS former WHERE former.account_id = :account_id AND former.customer_key = :old
  AND former.active = 1 AND suppressions.account_id = :account_id AND suppressions.customer_key = :new
  AND suppressions.active = 1 AND suppressions.kind = former.kind;
UPDATE suppressions SET active = 0 WHERE account_id = :account_id AND customer_key = :old AND active = 1 AND kind IN
  (SELECT kind FROM suppressions WHERE account_id = :account_id AND customer_key = :new AND active = 1);
UPDATE suppressions SET customer_key = :new WHERE account_id = :account_id AND customer_key = :old;
INSERT INTO lifts SELECT account_id, :new, kind, at FROM lifts WHERE account_id = :account_id AND customer_key = :old
  ON CONFLICT DO UPDATE SET at = max(at, excluded.at);
DELETE FROM lifts WHERE account_id = :account_id AND customer_key = :old;
UPDATE OR IGNORE lifting_words SET customer_key = :new WHERE account_id = :account_id AND customer_key = :old;
DELETE FROM lifting_words WHERE account_id = :account_id AND customer_key = :old;
UPDATE OR IGNORE known_stops SET customer_key = :new WHERE account_id = :account_id AND customer_key = :old;
DELETE FROM known_stops WHERE account_id = :account_id AND customer_key = :old;
UPDATE OR IGNORE consents SET customer_key = :new WHERE account_id = :account_id AND customer_key = :old;
DELETE FROM consents WHERE account_id = :account_id AND customer_key = :old;
UPDATE OR IGNORE imported_rows SET customer_key = :new WHERE account_id = :account_id AND customer_key = :old;
DELETE FROM imported_rows WHERE account_id = :account_id AND customer_key = :old;
INSERT INTO consent_withdrawals SELECT account_id, :new, scope, at, source, actor FROM consent_withdrawals
  WHERE account_id = :account_id AND customer_key = :old
  ON CONFLICT DO UPDATE SET at = excluded.at, source = excluded.source, actor = excluded.actor WHERE excluded.at > at;
DELETE FROM consent_withdrawals WHERE account_id = :account_id AND customer_key = :old;
UPDATE OR IGNORE identities SET customer_key = :new WHERE account_id = :account_id AND customer_key = :old;
DELETE FROM identities WHERE account_id = :account_id AND customer_key = :old;
UPDATE identities SET partner = :new WHERE account_id = :account_id AND partner = :old
"""
_FORMER = (
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM suppressions WHERE account_id = :account_id AND customer_key = :old) "
    "OR EXISTS (SELECT 1 FROM lifts WHERE account_id = :account_id AND customer_key = :old) "
    "OR EXISTS (SELECT 1 FROM consents WHERE account_id = :account_id AND customer_key = :old) "
    "OR EXISTS (SELECT 1 FROM consent_withdrawals WHERE account_id = :account_id AND customer_key = :old) "
    "OR EXISTS (SELECT 1 FROM identities WHERE account_id = :account_id AND customer_key = :old) "
    "OR EXISTS (SELECT 1 FROM numbers JOIN conversations ON conversations.number_id = numbers.id "
    "WHERE numbers.account_id = :account_id AND conversations.customer_key = :old)"
)


@dataclass(frozen=True, slots=True)
class SqliteCustomerLinks:
    """`CustomerLinks`."""

    main: Database

    async def find(self, account_id: str, customer_keys: Collection[str]) -> Sequence[CustomerLink]:
        """As `CustomerLinks.find`."""
        found = self.main.few_rows(_FIND, {"account_id": account_id, "keys": json_list(customer_keys)})
        return [link_from(row) for row in found]

    async def join(self, account_id: str, key: str, main_key: str, relation: Relation, at: datetime) -> bool:
        """As `CustomerLinks.join`."""
        row = {"account_id": account_id, "key": key, "relation": relation.value, "at": micros_from(at)}
        return await self.main.change(lambda connection: _join(connection, row, main_key))

    async def leave(self, account_id: str, alias: str, at: datetime) -> None:
        """As `CustomerLinks.leave`."""
        values = (account_id, alias, micros_from(at))
        await self.main.change(lambda connection: connection.execute(_LEAVE, values).rowcount)

    async def keep_contact(self, account_id: str, customer_key: str, contact: str, at: datetime) -> None:
        """As `CustomerLinks.keep_contact`."""
        row = {"account_id": account_id, "key": customer_key, "contact": contact, "at": micros_from(at)}

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_ALONE, (account_id, customer_key, customer_key))
            connection.execute(
                "UPDATE customer_links SET contact = :contact, contact_at = :at WHERE account_id = :account_id "
                "AND customer_key = :key AND ifnull(contact_at, 0) <= :at",
                row,
            )

        await self.main.change(write)

    async def rekey(self, account_id: str, former_key: str, customer_key: str) -> bool:
        """As `CustomerLinks.rekey`."""
        keys = {"account_id": account_id, "old": former_key, "new": customer_key}
        if not self.main.few_rows(_FORMER, {"account_id": account_id, "old": former_key}):
            return False

        def move(connection: sqlite3.Connection) -> bool:
            for statement in _REKEY.split(";"):
                connection.execute(statement, keys)
            return True

        return await self.main.change(move)


def _join(connection: sqlite3.Connection, row: dict[str, Any], wanted: str) -> bool:
    account_id, key = row["account_id"], row["key"]
    found = connection.execute(_MAIN, (account_id, wanted)).fetchone()
    link = row | {"main_key": found[0] if found else wanted}
    if link["main_key"] == key:
        return False  # a key that stands for others is not put under one of them
    if connection.execute(_NEWER, link).fetchone() is not None:
        return False
    connection.execute(_ALONE, (account_id, link["main_key"], link["main_key"]))
    connection.execute(
        "INSERT INTO customer_links VALUES (:account_id, :key, :main_key, :relation, :at, NULL, NULL) "
        "ON CONFLICT DO UPDATE SET main_key = excluded.main_key, relation = excluded.relation, "
        "linked_at = max(linked_at, excluded.linked_at)",
        link,
    )
    connection.execute(
        "UPDATE customer_links SET main_key = :main_key WHERE account_id = :account_id AND main_key = :key", link
    )
    newest = connection.execute(
        "SELECT customer_key FROM customer_links WHERE account_id = :account_id AND main_key = :main_key "
        "AND relation = 'user_id' ORDER BY linked_at DESC, customer_key = :key DESC LIMIT 1",
        link,
    ).fetchone()
    if newest is not None:
        connection.execute(_DETACH, link | {"kept": newest[0]})
    return True


def links_in(facts: str) -> tuple[CustomerLink, ...]:
    """The links in the value that `FACTS` reads."""
    return () if facts == "[]" else tuple(map(link_from, orjson.loads(facts)))


def link_from(row: Any) -> CustomerLink:
    """The link in a row of `find`."""
    key, main_key, relation, contact, contact_at = row
    return CustomerLink(
        customer_key=key,
        main_key=main_key,
        relation=Relation(relation),
        contact=contact,
        contact_at=optional_instant_from(contact_at),
    )
