"""Decisions and quotas in SQLite: facts are one read on the event loop, a settlement is one change."""

import sqlite3
from dataclasses import astuple, dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from libs.store.conversations import Conversation, SuppressionKind
from libs.store.decisions import (
    DECISIONS_KEPT_DAYS,
    Budget,
    Cooldown,
    CoolingDown,
    Exhausted,
    Limit,
    Proposal,
    Question,
    Settled,
    Settlement,
    StoredFacts,
    Usage,
)
from libs.store.speed import Speed, slot_from, speed_after, speed_in
from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import instant_from, micros_from
from libs.store.sqlite.purging import Purge
from libs.store.sqlite.turns import SqliteTurns

_SPEED = "SELECT slot, count, normal FROM speeds WHERE account_id = ?"


@dataclass(frozen=True, slots=True)
class SqliteDecisions:
    """`Decisions`."""

    main: Database
    turns: SqliteTurns
    _purge: Purge = field(default_factory=lambda: Purge("decisions", timedelta(days=DECISIONS_KEPT_DAYS)))
    _purge_cooldowns: Purge = field(default_factory=lambda: Purge("cooldowns", timedelta(days=1)))

    async def facts(self, question: Question) -> StoredFacts:
        """Read everything for one decision, of one moment, in one statement."""
        keys = question.customer_keys
        number, account = question.number_id, question.account_id
        row = self.main.row(
            _facts_sql(len(keys)),
            (
                *(number, *keys, number, *keys, account, *keys),
                *(account, question.day, account, question.month, account, question.event_id),
            ),
        )
        last, closed, kinds, day, month, slot, count, normal, decision = row
        speed = speed_in(Speed(slot or 0, count or 0, normal or 0.0), slot_from(question.now))
        return StoredFacts(
            conversation=_conversation_from(last, closed),
            suppressed=frozenset(map(SuppressionKind, kinds.split(","))) if kinds else frozenset(),
            usage=Usage(day=day or 0, month=month or 0, ten_minutes=speed.count, normal=speed.normal),
            decision=decision,
        )

    async def settle(self, proposal: Proposal) -> Settlement:
        """Make the proposal the event's decision unless it has one already."""
        return await self.main.change(lambda connection: self._settle(connection, proposal))

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        """Tell whether an event that comes now would come too soon."""
        found = self.main.row("SELECT until FROM cooldowns WHERE id = ? AND until > ?", (cooldown.id, micros_from(now)))
        return CoolingDown(instant_from(found[0])) if found else None

    async def release(self, event_id: str, now: datetime) -> bool:  # noqa: ARG002 -- other stores note when
        """Give back the quota that the event's approval used up, once."""

        def give_back(connection: sqlite3.Connection) -> bool:
            reserved = connection.execute(
                "UPDATE decisions SET reserved = 0 WHERE event_id = ? AND reserved = 1 "
                "RETURNING account_id, day, month",
                (event_id,),
            ).fetchone()
            if reserved is None:
                return False
            account_id, *periods = reserved
            less = "UPDATE used SET messages = messages - 1 WHERE account_id = ? AND period = ? AND messages > 0"
            connection.executemany(less, [(account_id, period) for period in periods])
            connection.execute("DELETE FROM cooldowns WHERE event_id = ?", (event_id,))
            return True

        return await self.main.change(give_back)

    def _settle(self, connection: sqlite3.Connection, proposal: Proposal) -> Settlement:
        made = connection.execute("SELECT outcome FROM decisions WHERE event_id = ?", (proposal.event_id,)).fetchone()
        if made is not None:
            return Settled(made[0], fresh=False)
        budget = proposal.budget
        if budget is not None:
            objection = _cooling_down(connection, proposal) or _use_up(connection, budget)
            if objection is not None:
                return objection
            _count(connection, budget.account_id, slot_from(proposal.now))
            if proposal.cooldown is not None:
                _cool_down(connection, proposal, proposal.cooldown)
                self._purge_cooldowns(connection, proposal.now)
        of_budget = (budget.account_id, budget.day, budget.month) if budget else (None, None, None)
        connection.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)",
            (proposal.event_id, proposal.outcome, micros_from(proposal.now), *of_budget, budget is not None),
        )
        self._purge(connection, proposal.now)
        after = None
        if budget is not None and proposal.place is not None:
            after = self.turns.get_in_line(connection, proposal.place, proposal.event_id, proposal.now)
        return Settled(proposal.outcome, fresh=True, after=after)


def _cooling_down(connection: sqlite3.Connection, proposal: Proposal) -> CoolingDown | None:
    """Tell whether another event's cooldown stands against the proposal."""
    if proposal.cooldown is None:
        return None
    sql = "SELECT until FROM cooldowns WHERE id = ? AND until > ? AND event_id != ?"
    found = connection.execute(sql, (proposal.cooldown.id, micros_from(proposal.now), proposal.event_id)).fetchone()
    return CoolingDown(instant_from(found[0])) if found else None


def _cool_down(connection: sqlite3.Connection, proposal: Proposal, cooldown: Cooldown) -> None:
    until = proposal.now + timedelta(seconds=cooldown.seconds)
    values = (cooldown.id, proposal.event_id, micros_from(until), micros_from(proposal.now))
    connection.execute("INSERT OR REPLACE INTO cooldowns VALUES (?, ?, ?, ?)", values)


def _use_up(connection: sqlite3.Connection, budget: Budget) -> Exhausted | None:
    """Use one message of day and month up, or tell which of them is used up."""
    asked = (
        (Limit.DAILY, budget.day, budget.daily_limit),
        (Limit.MONTHLY, budget.month, budget.monthly_limit),
    )
    for limit, period, allowed in asked:
        sql = "SELECT messages FROM used WHERE account_id = ? AND period = ?"
        found = connection.execute(sql, (budget.account_id, period)).fetchone()
        used = found[0] if found else 0
        if used >= allowed:
            return Exhausted(limit, used)
    for _, period, _ in asked:
        connection.execute(
            "INSERT INTO used VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET messages = messages + 1",
            (budget.account_id, period),
        )
    return None


def _count(connection: sqlite3.Connection, account_id: str, slot: int) -> None:
    found = connection.execute(_SPEED, (account_id,)).fetchone()
    speed = speed_after(Speed(*found) if found else Speed(), slot)
    connection.execute("INSERT OR REPLACE INTO speeds VALUES (?, ?, ?, ?)", (account_id, *astuple(speed)))


def _conversation_from(last: int | None, closed: int | None) -> Conversation:
    """A closing counts until the customer writes again, in whatever order both came to be known."""
    if closed is not None and last is not None and last > closed:
        closed = None
    return Conversation(None if last is None else instant_from(last), None if closed is None else instant_from(closed))


@cache
def _facts_sql(keys: int) -> str:
    marks = ", ".join("?" * keys)
    window: Any = f"FROM conversations WHERE number_id = ? AND customer_key IN ({marks})"
    return (
        f"SELECT (SELECT max(last_inbound_at) {window}), (SELECT max(closed_at) {window}), "  # noqa: S608 -- marks alone
        "(SELECT group_concat(DISTINCT kind) FROM suppressions "
        f"WHERE account_id = ? AND customer_key IN ({marks}) AND active = 1), "
        "(SELECT messages FROM used WHERE account_id = ? AND period = ?), "
        "(SELECT messages FROM used WHERE account_id = ? AND period = ?), "
        "slot, count, normal, outcome FROM (SELECT 1) "
        "LEFT JOIN speeds ON speeds.account_id = ? LEFT JOIN decisions ON decisions.event_id = ?"
    )
