"""`Decisions` in SQLite: facts are one read on the event loop, a decision is one change."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from libs.contracts.decisions import Decision
from libs.contracts.stored_times import latest_beginning
from libs.store.approval_rate import ApprovalRate, rate_after_approval, rate_in_slot, slot_from
from libs.store.conversations import SuppressionKind, conversation_from
from libs.store.decisions import (
    DECISIONS_KEPT_DAYS,
    Budget,
    Cooldown,
    CoolingDown,
    DecisionResult,
    FactsQuery,
    Limit,
    Proposal,
    QuotaExhausted,
    StandingDecision,
    StoredFacts,
    Usage,
)
from libs.store.instants import instant_from, micros_from
from libs.store.restrictions import slots_of
from libs.store.sqlite.cleanup import EndedRowCleanup, ExpiredRowCleanup
from libs.store.sqlite.consents import consents_in, facts_of
from libs.store.sqlite.customer_links import FACTS as CUSTOMER_LINKS
from libs.store.sqlite.customer_links import links_in
from libs.store.sqlite.database import Database
from libs.store.sqlite.delivery_order import SqliteDeliveryOrder
from libs.store.sqlite.do_not_contact import LEFT
from libs.store.sqlite.restrictions import FACTS as RESTRICTIONS
from libs.store.sqlite.restrictions import restrictions_in

_USED = "(SELECT messages FROM used WHERE account_id = ? AND period = ?)"
_USAGE = (
    f"SELECT {_USED}, {_USED}, slot, count, normal FROM (SELECT 1) "  # noqa: S608 -- names from this module
    "LEFT JOIN speeds ON speeds.account_id = ?"
)
"""The messages of the day and of the month, and the approval rate; NULL for what has no row."""
_KEPT = timedelta(days=DECISIONS_KEPT_DAYS)


@dataclass(frozen=True, slots=True)
class SqliteDecisions:
    """`Decisions`."""

    main: Database
    delivery_order: SqliteDeliveryOrder
    _cleanup: ExpiredRowCleanup = field(default_factory=lambda: ExpiredRowCleanup("decisions", _KEPT))
    _cooldown_cleanup: EndedRowCleanup = field(default_factory=lambda: EndedRowCleanup("cooldowns", timedelta(days=1)))

    async def facts(self, query: FactsQuery) -> StoredFacts:
        """As `Decisions.facts`: one statement, so all facts are from one moment."""
        keys, number, account = query.customer_keys, query.number_id, query.account_id
        slots = slots_of(account, query.subjects)
        row = self.main.row(
            _facts_sql(len(keys), len(slots), with_consents=query.with_consents),
            (
                *(number, *keys, number, *keys, account, *keys, *slots, account, *keys),
                *((account, *keys, account, *keys) if query.with_consents else ()),
                *(account, account, query.day, account, query.month, account, query.event_id),
            ),
        )
        last, closed, kinds, restrictions, links, consents, left, day, month, slot, count, normal, decision = row
        now, newest = _slots(query.now, query.clock)
        rate = rate_in_slot(ApprovalRate(slot or 0, count or 0, normal or 0.0), now, newest=newest)
        return StoredFacts(
            conversation=conversation_from(last, closed),
            suppressed=frozenset(map(SuppressionKind, kinds.split(","))) if kinds else frozenset(),
            usage=Usage(day=day or 0, month=month or 0, ten_minutes=rate.count, normal=rate.normal),
            decision=None if decision is None else Decision.from_stored(decision),
            restrictions=restrictions_in(restrictions),
            customer_links=links_in(links),
            left_by_erasures=bool(left),
            consents=consents_in(consents),
        )

    async def decide(self, proposal: Proposal) -> DecisionResult:
        """As `Decisions.decide`."""
        return await self.main.change(lambda connection: self._decide(connection, proposal))

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        """As `Decisions.cooling_down`."""
        sql = "SELECT until FROM cooldowns WHERE id = ? AND until > ? AND at <= ?"
        found = self.main.row(sql, (cooldown.id, micros_from(now), micros_from(latest_beginning(now))))
        return CoolingDown(instant_from(found[0])) if found else None

    async def release(self, event_id: str, now: datetime) -> bool:  # noqa: ARG002 -- the MongoDB adapter needs `now`
        """As `Decisions.release`."""

        def return_quota(connection: sqlite3.Connection) -> bool:
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

        return await self.main.change(return_quota)

    def _decide(self, connection: sqlite3.Connection, proposal: Proposal) -> DecisionResult:
        made = connection.execute("SELECT outcome FROM decisions WHERE event_id = ?", (proposal.event_id,)).fetchone()
        if made is not None:
            return StandingDecision(Decision.from_stored(made[0]), fresh=False)
        budget = proposal.budget
        if budget is not None:
            objection = _running_cooldown(connection, proposal) or _use_quota(connection, budget, proposal)
            if objection is not None:
                return objection
            if proposal.cooldown is not None:
                _start_cooldown(connection, proposal, proposal.cooldown)
                self._cooldown_cleanup(connection, proposal.now)
        of_budget = (budget.account_id, budget.day, budget.month) if budget else (None, None, None)
        connection.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)",
            (proposal.event_id, proposal.decision.stored(), micros_from(proposal.now), *of_budget, budget is not None),
        )
        self._cleanup(connection, proposal.now)
        after = None
        if budget is not None and proposal.position is not None:
            after = self.delivery_order.enqueue_in(connection, proposal.position, proposal.event_id, proposal.now)
        return StandingDecision(proposal.decision, fresh=True, after=after)


def _running_cooldown(connection: sqlite3.Connection, proposal: Proposal) -> CoolingDown | None:
    """Another event's cooldown that runs, if the proposal has a cooldown."""
    if proposal.cooldown is None:
        return None
    sql = "SELECT until FROM cooldowns WHERE id = ? AND until > ? AND event_id != ? AND at <= ?"
    latest = micros_from(latest_beginning(proposal.clock or proposal.now))
    wanted = (proposal.cooldown.id, micros_from(proposal.now), proposal.event_id, latest)
    found = connection.execute(sql, wanted).fetchone()
    return CoolingDown(instant_from(found[0])) if found else None


def _start_cooldown(connection: sqlite3.Connection, proposal: Proposal, cooldown: Cooldown) -> None:
    until = proposal.now + timedelta(seconds=cooldown.seconds)
    values = (cooldown.id, proposal.event_id, micros_from(until), micros_from(proposal.now))
    connection.execute("INSERT OR REPLACE INTO cooldowns VALUES (?, ?, ?, ?)", values)


def _use_quota(connection: sqlite3.Connection, budget: Budget, proposal: Proposal) -> QuotaExhausted | None:
    """Use one message of the day and the month, and count the approval; or return the limit that is used up."""
    account = budget.account_id
    wanted = (account, budget.day, account, budget.month, account)
    day, month, slot, count, normal = connection.execute(_USAGE, wanted).fetchone()
    limits = ((Limit.DAILY, day or 0, budget.daily_limit), (Limit.MONTHLY, month or 0, budget.monthly_limit))
    for limit, used, allowed in limits:
        if used >= allowed:
            return QuotaExhausted(limit, used)
    connection.execute(
        "INSERT INTO used VALUES (?, ?, 1), (?, ?, 1) ON CONFLICT DO UPDATE SET messages = messages + 1",
        (account, budget.day, account, budget.month),
    )
    now, newest = _slots(proposal.now, proposal.clock)
    rate = rate_after_approval(ApprovalRate(slot or 0, count or 0, normal or 0.0), now, newest=newest)
    connection.execute(
        "INSERT OR REPLACE INTO speeds VALUES (?, ?, ?, ?)", (account, rate.slot, rate.count, rate.normal)
    )
    return None


def _slots(now: datetime, clock: datetime | None) -> tuple[int, int]:
    """The ten-minute slots of an event's time and of the clock."""
    slot = slot_from(now)
    return slot, slot if clock is None else slot_from(clock)


@cache
def _facts_sql(keys: int, slots: int, *, with_consents: bool) -> str:
    marks = ", ".join("?" * keys)
    consents = f"({facts_of(marks)})" if with_consents else "NULL"
    window = f"FROM conversations WHERE number_id = ? AND customer_key IN ({marks})"
    return (
        f"SELECT (SELECT max(last_inbound_at) {window}), (SELECT max(closed_at) {window}), "  # noqa: S608 -- marks alone
        "(SELECT group_concat(DISTINCT kind) FROM suppressions "
        f"WHERE account_id = ? AND customer_key IN ({marks}) AND active = 1), "
        f"({RESTRICTIONS.format(marks=', '.join('?' * slots))}), "
        f"({CUSTOMER_LINKS.format(marks=marks)}), {consents}, {LEFT}, "
        f"{_USED}, {_USED}, slot, count, normal, outcome FROM (SELECT 1) "
        "LEFT JOIN speeds ON speeds.account_id = ? LEFT JOIN decisions ON decisions.event_id = ?"
    )
