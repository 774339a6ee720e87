"""Erasing in SQLite: one change for each file, and afterwards nothing of it in the files' logs either."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from libs.contracts.errors import unavailable
from libs.store.claiming import bucket_id
from libs.store.erasing import Erasure, Traces, anonymous, day_of, job_from, job_text, unnamed_id
from libs.store.outbox import Posted
from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import instant_from, micros_from
from libs.store.sqlite.outbox import post

_GIVEN = "(SELECT value FROM json_each(:keys))"
_OF_PERSON = f"account_id = :account_id AND customer_key IN {_GIVEN}"
_NUMBERS = "(SELECT id FROM numbers WHERE account_id = :account_id)"
_LINKS = f"account_id = :account_id AND (customer_key IN {_GIVEN} OR partner IN {_GIVEN})"
_WAITING = "SELECT 1 FROM outbox JOIN json_each(:keys) ON instr(CAST(body AS TEXT), value) LIMIT 1"
_WINDOWS = f"number_id IN {_NUMBERS} AND customer_key IN {_GIVEN}"


@dataclass(frozen=True, slots=True)
class SqliteErasures:
    """`Erasures`."""

    main: Database

    async def begin(self, erasure: Erasure) -> None:
        """As `Erasures.begin`."""
        values = (erasure.id, micros_from(erasure.asked_at), job_text(erasure))
        await self.main.change(lambda c: c.execute("INSERT INTO erasures VALUES (?, ?, ?)", values).rowcount)

    async def unfinished(self, limit: int) -> Sequence[Erasure]:
        """As `Erasures.unfinished`."""
        rows = await self.main.rows("SELECT body FROM erasures ORDER BY at, id LIMIT ?", (limit,))
        return [job_from(body) for (body,) in rows]

    async def finish(self, erasure_id: str, events: Sequence[Posted]) -> bool:
        """As `Erasures.finish`."""

        def forget(connection: sqlite3.Connection) -> bool:
            if not connection.execute("DELETE FROM erasures WHERE id = ?", (erasure_id,)).rowcount:
                return False
            post(connection, events)
            return True

        forgotten = await self.main.change(forget)
        await self.main.scrub()
        return forgotten


@dataclass(frozen=True, slots=True)
class SqlitePeople:
    """`People`."""

    main: Database
    ledger: Database
    requests: Database

    async def held(self, account_id: str, customer_keys: Collection[str]) -> Traces:
        """As `People.held`."""
        wanted = {"account_id": account_id, "keys": _json(customer_keys)}
        windows = f"SELECT number_id, last_inbound_at, closed_at FROM conversations WHERE {_WINDOWS}"  # noqa: S608 -- names from above
        suppressions = (
            "SELECT id, kind, source, reason, actor, since, masked_phone, evidence, active FROM suppressions "  # noqa: S608 -- names from above
            f"WHERE {_OF_PERSON} ORDER BY since"
        )
        messages = f"SELECT event_id, number_id, state, at, message_id FROM entries WHERE {_OF_PERSON} ORDER BY at"  # noqa: S608 -- names from above
        return Traces(
            windows=[
                {"number_id": number_id, "last_inbound_at": _instant(last), "closed_at": _instant(closed)}
                for number_id, last, closed in await self.main.rows(windows, wanted)
            ],
            suppressions=[_suppression(row) for row in await self.main.rows(suppressions, wanted)],
            messages=[
                {"event_id": event_id, "number_id": number_id, "state": state, "at": _instant(at), "message_id": named}
                for event_id, number_id, state, at, named in await self.ledger.rows(messages, wanted)
            ],
        )

    async def remove(
        self, erasure: Erasure, *, event_ids: Collection[str], dead_letters: Collection[str]
    ) -> Mapping[str, int]:
        """As `People.remove`."""
        wanted = {"account_id": erasure.account_id, "keys": _json(erasure.customer_keys)}
        if await self.main.rows(_WAITING, wanted):
            raise unavailable("broker")
        numbers = [
            row[0] for row in await self.main.rows("SELECT id FROM numbers WHERE account_id = ?", (erasure.account_id,))
        ]
        pairs = [f"{number}:{key}" for number in numbers for key in erasure.customer_keys]
        # Looked up in a thread: neither has an index, and the writers must not wait.
        entries = await self.ledger.rows(f"SELECT event_id FROM entries WHERE {_OF_PERSON}", wanted)  # noqa: S608 -- names from above
        events = sorted({*event_ids, *(event_id for (event_id,) in entries)})
        answers = await self.requests.rows(
            "SELECT rowid, answer FROM claimed_keys WHERE answer IS NOT NULL "
            "AND event_id IN (SELECT value FROM json_each(?))",
            (_json(events),),
        )
        removed = await self.main.change(lambda c: _leave_main(c, erasure, wanted, pairs, dead_letters))
        removed |= await self.ledger.change(lambda c: _leave_ledger(c, wanted, pairs, events))
        removed |= await self.requests.change(lambda c: _leave_answers(c, answers))
        for file in (self.main, self.ledger, self.requests):
            await file.scrub()
        return removed


def _leave_main(
    connection: sqlite3.Connection,
    erasure: Erasure,
    wanted: Mapping[str, Any],
    pairs: Sequence[str],
    dead_letters: Collection[str],
) -> dict[str, int]:
    _unname(connection, erasure)

    def gone(sql: str, values: Mapping[str, Any] = wanted) -> int:
        return connection.execute(sql, values).rowcount

    removed = {
        "suppressions": gone(f"DELETE FROM suppressions WHERE {_OF_PERSON}"),  # noqa: S608 -- names from above
        "windows": gone(f"DELETE FROM conversations WHERE {_WINDOWS}"),  # noqa: S608 -- names from above
        "links": gone(f"DELETE FROM identities WHERE {_LINKS}"),  # noqa: S608 -- names from above
        "dead_letters": gone(
            "DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(:ids))", {"ids": _json(dead_letters)}
        ),
    }
    gone(f"DELETE FROM lifts WHERE {_OF_PERSON}")  # noqa: S608 -- names from above
    gone(f"DELETE FROM lifting_words WHERE {_OF_PERSON}")  # noqa: S608 -- names from above
    gone("DELETE FROM turns WHERE pair IN (SELECT value FROM json_each(:pairs))", {"pairs": _json(pairs)})
    for key in erasure.customer_keys:
        gone("DELETE FROM cooldowns WHERE id LIKE '%:' || :key", {"key": key})
    return removed


def _unname(connection: sqlite3.Connection, erasure: Erasure) -> None:
    """Let each active suppression stay under its do-not-contact key."""
    sql = "SELECT kind, since FROM suppressions WHERE account_id = ? AND customer_key = ? AND active = 1"
    for key, unnamed in zip(erasure.customer_keys, erasure.do_not_contact, strict=True):
        for kind, since in connection.execute(sql, (erasure.account_id, key)).fetchall():
            day = micros_from(day_of(instant_from(since)))
            connection.execute(
                "INSERT INTO suppressions VALUES (?, ?, ?, '', ?, 'erasure', NULL, NULL, ?, '{}', 1, ?) "
                "ON CONFLICT DO UPDATE SET active = 1, since = excluded.since, repeated_at = excluded.repeated_at",
                (unnamed_id(unnamed, kind), erasure.account_id, unnamed, kind, day, day),
            )


def _leave_ledger(
    connection: sqlite3.Connection, wanted: Mapping[str, Any], pairs: Sequence[str], events: Sequence[str]
) -> dict[str, int]:
    kept = connection.execute(
        "SELECT event_id, outcome FROM entries WHERE event_id IN (SELECT value FROM json_each(?))", (_json(events),)
    ).fetchall()
    messages = connection.executemany(
        "UPDATE entries SET customer_key = '', message_id = NULL, outcome = ? WHERE event_id = ? "
        "AND (customer_key != '' OR message_id IS NOT NULL)",
        [(anonymous(outcome), event_id) for event_id, outcome in kept],
    ).rowcount
    buckets = [bucket_id("pair", pair) for pair in pairs]
    connection.execute("DELETE FROM buckets WHERE id IN (SELECT value FROM json_each(?))", (_json(buckets),))
    forwards = connection.execute(
        "UPDATE forwards SET body = json_set(body, '$.masked_phone', NULL) WHERE account_id = :account_id "
        "AND id IN (SELECT value FROM json_each(:ids)) AND json_extract(body, '$.masked_phone') IS NOT NULL",
        {"account_id": wanted["account_id"], "ids": _json(events)},
    ).rowcount
    return {"messages": max(0, messages), "forwards": forwards}


def _leave_answers(connection: sqlite3.Connection, answers: Sequence[Any]) -> dict[str, int]:
    changed = [(cleaned, rowid) for rowid, answer in answers if (cleaned := anonymous(answer)) != answer]
    connection.executemany("UPDATE claimed_keys SET answer = ? WHERE rowid = ?", changed)
    return {"answers": len(changed)}


def _suppression(row: Any) -> dict[str, Any]:
    names = ("id", "kind", "source", "reason", "actor", "since", "masked_phone", "evidence", "active")
    told = dict(zip(names, row, strict=True))
    return told | {
        "since": _instant(told["since"]),
        "evidence": orjson.loads(told["evidence"]),
        "active": bool(told["active"]),
    }


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else instant_from(micros)


def _json(values: Collection[str]) -> str:
    return orjson.dumps(list(values)).decode()
