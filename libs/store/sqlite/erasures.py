"""`PersonalData` in SQLite: one change per file; afterwards the write-ahead logs are truncated too."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from libs.contracts.errors import unavailable
from libs.contracts.stored_times import latest_beginning
from libs.store.claim_rules import LONGEST_LEASE, State, bucket_id
from libs.store.consent_rows import exported_from as exported_consents
from libs.store.erasures import (
    Erasure,
    StoredPersonalData,
    holds_a_number,
    start_of_day,
    without_masked_phone,
    without_message_ids,
)
from libs.store.forwards import ForwardState
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.restriction_rows import exported_from
from libs.store.sqlite.approvals import empty_approvals
from libs.store.sqlite.consents import TABLES as CONSENTS
from libs.store.sqlite.consents import SqliteConsents
from libs.store.sqlite.database import Database, json_list
from libs.store.sqlite.do_not_contact import OF_OPT_INS, keep
from libs.store.sqlite.restrictions import restrictions_of_customer

_KEYS = "(SELECT value FROM json_each(:keys))"
_OF_PERSON = f"account_id = :account_id AND customer_key IN {_KEYS}"
_NUMBERS = "(SELECT id FROM numbers WHERE account_id = :account_id)"
_LINKS = f"account_id = :account_id AND (customer_key IN {_KEYS} OR partner IN {_KEYS})"
_JOINED = f"account_id = :account_id AND (customer_key IN {_KEYS} OR main_key IN {_KEYS})"
_UNPUBLISHED = "SELECT 1 FROM outbox JOIN json_each(:keys) ON instr(CAST(body AS TEXT), value) LIMIT 1"
_WINDOWS = f"number_id IN {_NUMBERS} AND customer_key IN {_KEYS}"
_BARE_FORWARDS = (
    "UPDATE forwards SET body = json_set(body, '$.masked_phone', NULL), customer_key = NULL "  # noqa: S608 -- names from above
    f"WHERE account_id = :account_id AND (customer_key IN {_KEYS} OR id IN (SELECT value FROM json_each(:ids))) "
    "AND (json_extract(body, '$.masked_phone') IS NOT NULL OR customer_key IS NOT NULL)"
)
_REQUESTS = "SELECT rowid, key, answer FROM claimed_keys WHERE event_id IN (SELECT value FROM json_each(?))"
_MET = "UPDATE entries SET erased = 1 WHERE event_id = ? AND state = ?"
_DECISIONS = "SELECT event_id, outcome FROM decisions WHERE event_id IN (SELECT value FROM json_each(?))"
_SUPPRESSION_FIELDS = ("id", "kind", "source", "reason", "actor", "since", "masked_phone", "evidence", "active")


@dataclass(frozen=True, slots=True)
class SqlitePersonalData:
    """`PersonalData`."""

    main: Database
    ledger: Database
    requests: Database

    async def find(self, account_id: str, customer_keys: Collection[str]) -> StoredPersonalData:
        """As `PersonalData.find`."""
        wanted = {"account_id": account_id, "keys": json_list(customer_keys)}
        windows = f"SELECT number_id, last_inbound_at, closed_at FROM conversations WHERE {_WINDOWS}"  # noqa: S608 -- names from above
        fields = ", ".join(_SUPPRESSION_FIELDS)
        suppressions = f"SELECT {fields} FROM suppressions WHERE {_OF_PERSON} ORDER BY since"  # noqa: S608 -- names from above
        messages = f"SELECT event_id, number_id, state, at, message_id FROM entries WHERE {_OF_PERSON} ORDER BY at"  # noqa: S608 -- names from above
        return StoredPersonalData(
            windows=[
                {
                    "number_id": number_id,
                    "last_inbound_at": optional_instant_from(last),
                    "closed_at": optional_instant_from(closed),
                }
                for number_id, last, closed in await self.main.rows(windows, wanted)
            ],
            suppressions=[_suppression_from(row) for row in await self.main.rows(suppressions, wanted)],
            restrictions=[exported_from(row) for row in await restrictions_of_customer(self.main, wanted)],
            consents=exported_consents(await SqliteConsents(self.main).of_customer(account_id, customer_keys)),
            messages=[
                {
                    "event_id": event_id,
                    "number_id": number_id,
                    "state": state,
                    "at": optional_instant_from(at),
                    "message_id": message_id,
                }
                for event_id, number_id, state, at, message_id in await self.ledger.rows(messages, wanted)
            ],
        )

    async def in_flight(self, account_id: str, customer_keys: Collection[str], now: datetime) -> bool:
        """As `PersonalData.in_flight`: first the calls are marked, so that none ends unmarked after the look."""
        calling, trying = State.CALLING.value, ForwardState.TRYING.value
        wanted = {"account_id": account_id, "keys": json_list(customer_keys), "now": micros_from(now)}
        wanted["latest"] = micros_from(latest_beginning(now) + LONGEST_LEASE)
        lease_runs = "until > :now AND until <= :latest"
        running = (
            f"SELECT 1 FROM entries WHERE {_OF_PERSON} AND state = :calling AND {lease_runs} "  # noqa: S608 -- names from above
            f"UNION ALL SELECT 1 FROM forwards WHERE {_OF_PERSON} AND state = :trying AND {lease_runs} LIMIT 1"
        )
        states = {"calling": calling, "trying": trying}
        called = f"SELECT event_id FROM entries WHERE {_OF_PERSON} AND state = :calling"  # noqa: S608 -- names from above
        events = await self.ledger.rows(called, wanted | states)
        if events:
            marked = [(event_id, calling) for (event_id,) in events]
            await self.ledger.change(lambda connection: connection.executemany(_MET, marked).rowcount)
        return bool(await self.ledger.rows(running, wanted | states))

    async def erase(
        self, erasure: Erasure, *, event_ids: Collection[str], dead_letters: Collection[str]
    ) -> Mapping[str, int]:
        """As `PersonalData.erase`."""
        wanted = {"account_id": erasure.account_id, "keys": json_list(erasure.customer_keys)}
        if await self.main.rows(_UNPUBLISHED, wanted):
            raise unavailable("broker")
        numbers = await self.main.rows("SELECT id FROM numbers WHERE account_id = ?", (erasure.account_id,))
        pairs = [f"{number}:{key}" for (number,) in numbers for key in erasure.customer_keys]
        # Read in a thread: these queries have no index, and the writers must not wait for them.
        entries = await self.ledger.rows(f"SELECT event_id FROM entries WHERE {_OF_PERSON}", wanted)  # noqa: S608 -- names from above
        events = sorted({*event_ids, *(event_id for (event_id,) in entries)})
        answers = await self.requests.rows(_REQUESTS, (json_list(events),))
        decisions = await self.main.rows(_DECISIONS, (json_list(events),))
        removed = await self.main.change(lambda c: _erase_main(c, erasure, wanted, pairs, dead_letters))
        await self.main.change(lambda c: _erase_decisions(c, decisions))
        removed |= await self.ledger.change(lambda c: _erase_ledger(c, wanted, pairs, events))
        removed |= await self.requests.change(lambda c: _erase_answers(c, answers))
        for file in (self.main, self.ledger, self.requests):
            await file.truncate_wal()
        return removed


def _erase_main(
    connection: sqlite3.Connection,
    erasure: Erasure,
    wanted: Mapping[str, Any],
    pairs: Sequence[str],
    dead_letters: Collection[str],
) -> dict[str, int]:
    _keep_suppressions(connection, erasure)

    def delete(table: str, where: str, values: Mapping[str, Any] = wanted) -> int:
        return connection.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount  # noqa: S608 -- names from this module

    listed = "IN (SELECT value FROM json_each(:listed))"
    removed = {
        "suppressions": delete("suppressions", _OF_PERSON),
        "windows": delete("conversations", _WINDOWS),
        "restrictions": delete("restrictions", _OF_PERSON),
        "consents": sum(delete(table, _OF_PERSON) for table in CONSENTS),
        "links": delete("identities", _LINKS) + delete("customer_links", _JOINED),
        "dead_letters": delete("dead_letters", f"id {listed}", {"listed": json_list(dead_letters)}),
    }
    empty_approvals(connection, erasure.account_id, erasure.customer_keys)
    delete("template_recipients", _OF_PERSON)
    delete("inbound_messages", _OF_PERSON)
    delete("pseudo_numbers", _OF_PERSON)
    _erase_opt_ins(connection, erasure, wanted)
    delete("turns", f"pair {listed}", {"listed": json_list(pairs)})
    for key in erasure.customer_keys:
        delete("cooldowns", "id LIKE '%:' || :key", {"key": key})
    return removed


def _keep_suppressions(connection: sqlite3.Connection, erasure: Erasure) -> None:
    """Copy each active suppression to the customer's do-not-contact hash."""
    sql = "SELECT kind, since, repeated_at FROM suppressions WHERE account_id = ? AND customer_key = ? AND active = 1"
    for key, hash_ in zip(erasure.customer_keys, erasure.do_not_contact, strict=True):
        for kind, *times in connection.execute(sql, (erasure.account_id, key)).fetchall():
            days = [micros_from(start_of_day(instant_from(each))) for each in times]
            keep(connection, erasure.account_id, hash_, kind, days)


def _erase_opt_ins(connection: sqlite3.Connection, erasure: Erasure, wanted: Mapping[str, Any]) -> None:
    """Delete opt-ins and requests, also those that earlier releases stored under hashes, and lifted suppressions."""
    connection.execute(f"DELETE FROM chat_refusals WHERE {_OF_PERSON}", wanted)  # noqa: S608 -- names from above
    hashed = {"account_id": erasure.account_id, "keys": json_list((*erasure.customer_keys, *erasure.fast_hashes))}
    for table in OF_OPT_INS:
        connection.execute(f"DELETE FROM {table} WHERE {_OF_PERSON}", hashed)  # noqa: S608 -- names from above
    connection.execute(f"DELETE FROM suppressions WHERE {_OF_PERSON} AND active = 0", hashed)  # noqa: S608 -- names from above


def _erase_decisions(connection: sqlite3.Connection, decisions: Sequence[Any]) -> None:
    changed = [(bare, id_) for id_, outcome in decisions if (bare := without_masked_phone(outcome)) != outcome]
    connection.executemany("UPDATE decisions SET outcome = ? WHERE event_id = ?", changed)


def _erase_ledger(
    connection: sqlite3.Connection, wanted: Mapping[str, Any], pairs: Sequence[str], events: Sequence[str]
) -> dict[str, int]:
    stored = connection.execute(
        "SELECT event_id, outcome FROM entries WHERE event_id IN (SELECT value FROM json_each(?))", (json_list(events),)
    ).fetchall()
    messages = connection.executemany(
        "UPDATE entries SET customer_key = '', message_id = NULL, fallback = NULL, contact = NULL, outcome = ? "
        "WHERE event_id = ? AND (customer_key != '' OR message_id IS NOT NULL)",
        [(without_message_ids(outcome), event_id) for event_id, outcome in stored],
    ).rowcount
    buckets = [bucket_id("pair", pair) for pair in pairs]
    connection.execute("DELETE FROM buckets WHERE id IN (SELECT value FROM json_each(?))", (json_list(buckets),))
    forwards = connection.execute(_BARE_FORWARDS, {**wanted, "ids": json_list(events)}).rowcount
    return {"messages": max(0, messages), "forwards": forwards}


def _erase_answers(connection: sqlite3.Connection, requests: Sequence[Any]) -> dict[str, int]:
    """Remove message ids from answers, and the digest of the body; a key that may hold the phone goes with its row."""
    named = [(rowid,) for rowid, key, _ in requests if holds_a_number(key)]
    connection.executemany("DELETE FROM claimed_keys WHERE rowid = ?", named)
    bare = [(without_message_ids(answer), rowid) for rowid, _, answer in requests]
    connection.executemany("UPDATE claimed_keys SET answer = ?, body_hash = '' WHERE rowid = ?", bare)
    return {"answers": sum(without_message_ids(answer) != answer for *_, answer in requests)}


def _suppression_from(row: Any) -> dict[str, Any]:
    stored = dict(zip(_SUPPRESSION_FIELDS, row, strict=True))
    parsed = {"evidence": orjson.loads(stored["evidence"]), "active": bool(stored["active"])}
    return stored | parsed | {"since": instant_from(stored["since"])}
