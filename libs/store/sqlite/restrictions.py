"""`Restrictions`, `StandingRestrictions` and `RestrictionCounts` in SQLite: one row per account, subject and kind."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from libs.contracts.stored_times import latest_beginning
from libs.store.instants import micros_from
from libs.store.outbox import OutboxEvent
from libs.store.restriction_rows import COLUMNS, RENEWED, kept_until, restriction_from, row_from
from libs.store.restrictions import (
    LIFTS_KEPT,
    Added,
    EventsOf,
    Restriction,
    RestrictionKind,
    RestrictionScope,
    Subject,
    slot_of,
    slots_of,
    whole_second,
)
from libs.store.sqlite.cleanup import WRITES_PER_CLEANUP, BoundedClock
from libs.store.sqlite.database import Database
from libs.store.sqlite.outbox import add_events

_NAMES = ", ".join(COLUMNS)
_STANDS = "active = 1 AND (until IS NULL OR until > :now)"
_SELECT = f"SELECT {_NAMES} FROM restrictions WHERE"  # noqa: S608 -- names from `restriction_rows`
_EXAMINED = 256
"""Rows deleted in one cleanup at most: four for each write, so that deleting outruns writing."""
FACTS = (
    f"SELECT json_group_array(json_array({_NAMES})) FROM restrictions "  # noqa: S608 -- names from `restriction_rows`
    "WHERE active = 1 AND slot IN ({marks})"
)
"""The part of `Decisions.facts`; `restrictions_in` reads its value."""


def restrictions_in(found: str) -> tuple[Restriction, ...]:
    """The restrictions in a value of `FACTS`."""
    return () if found == "[]" else tuple(map(_restriction_from, orjson.loads(found)))


async def restrictions_of_customer(main: Database, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows about the customer with one of `keys` (a JSON array) of `account_id`, for an export."""
    sql = (
        f"{_SELECT} account_id = :account_id AND active = 1 "  # noqa: S608 -- names from `restriction_rows`
        "AND customer_key IN (SELECT value FROM json_each(:keys)) ORDER BY since"
    )
    return [dict(zip(COLUMNS, row, strict=True)) for row in await main.rows(sql, wanted)]


@dataclass(slots=True)
class _Cleanup:
    """Deletes rows that are no longer needed to recognize an old notice."""

    _writes: int = field(default=0)
    clock: BoundedClock = field(default_factory=BoundedClock)

    def __call__(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Count a write; delete some rows if a cleanup is due."""
        self._writes += 1
        if self._writes % WRITES_PER_CLEANUP != 1:
            return
        connection.execute(
            "DELETE FROM restrictions WHERE slot IN "
            "(SELECT slot FROM restrictions WHERE kept_until < ? ORDER BY kept_until LIMIT ?)",
            (micros_from(self.clock(now)), _EXAMINED),
        )


@dataclass(frozen=True, slots=True)
class SqliteRestrictions:
    """All three ports."""

    main: Database
    _cleanup: _Cleanup = field(default_factory=_Cleanup)

    async def add(self, restriction: Restriction, events: Sequence[OutboxEvent]) -> Added:
        """As `Restrictions.add`."""

        def write(connection: sqlite3.Connection) -> Added:
            self._cleanup(connection, restriction.since)
            return _added(connection, restriction, events)

        return await self.main.change(write)

    async def lift(
        self, account_id: str, subject: Subject, kind: RestrictionKind, *, at: datetime, events: EventsOf
    ) -> Restriction | None:
        """As `Restrictions.lift`."""
        slot = slot_of(account_id, subject, kind)

        def write(connection: sqlite3.Connection) -> Restriction | None:
            self._cleanup(connection, at)
            connection.execute(
                "INSERT INTO restrictions (slot, account_id, scope, customer_key, active) VALUES (?, ?, ?, ?, 0) "
                "ON CONFLICT DO NOTHING",
                (slot, account_id, subject.scope.value, subject.customer_key),
            )
            return _lifted(connection, slot, at, events)

        return await self.main.change(write)

    async def claim_probe(self, restriction: Restriction, *, now: datetime, next_at: datetime) -> bool:
        """As `Restrictions.claim_probe`."""
        due = "(probe_at <= :now OR probe_at > :latest)"
        sql = f"UPDATE restrictions SET probe_at = :next WHERE slot = :slot AND {due} AND {_STANDS}"  # noqa: S608 -- names from above
        values = {"next": micros_from(next_at), "now": micros_from(now), "slot": restriction.slot}
        values["latest"] = micros_from(latest_beginning(next_at))
        return await self.main.change(lambda connection: connection.execute(sql, values).rowcount == 1)

    async def standing(self, account_id: str, subjects: Collection[Subject], now: datetime) -> Sequence[Restriction]:
        """As `StandingRestrictions.standing`."""
        slots = slots_of(account_id, subjects)
        sql = f"{_SELECT} active = 1 AND slot IN ({', '.join('?' * len(slots))})"
        found = map(_restriction_from, self.main.few_rows(sql, slots))
        return [each for each in found if each.stands_at(now)]

    async def get(self, restriction_id: str, now: datetime) -> Restriction | None:
        """As `StandingRestrictions.get`."""
        found = self.main.few_rows(f"{_SELECT} id = :id AND {_STANDS}", {"id": restriction_id, "now": micros_from(now)})
        return _restriction_from(found[0]) if found else None

    async def page(
        self,
        *,
        account_id: str | None,
        scope: RestrictionScope | None,
        after: str | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Restriction]:
        """As `StandingRestrictions.page`."""
        given = {"account_id": account_id, "scope": scope}
        where = "".join(f" AND {name} = :{name}" for name, value in given.items() if value is not None)
        sql = f"{_SELECT} {_STANDS} AND id > :after{where} ORDER BY id LIMIT :limit"
        wanted = {**given, "after": after or "", "limit": limit, "now": micros_from(now)}
        return list(map(_restriction_from, await self.main.rows(sql, wanted)))

    async def count(self, now: datetime) -> Mapping[tuple[RestrictionScope, str], int]:
        """As `RestrictionCounts.count`; reads an index alone."""
        sql = f"SELECT scope, cause, count(*) FROM restrictions WHERE {_STANDS} GROUP BY scope, cause"  # noqa: S608 -- names from above
        rows = await self.main.rows(sql, {"now": micros_from(now)})
        return {(RestrictionScope(scope), cause): count for scope, cause, count in rows}


def _added(connection: sqlite3.Connection, restriction: Restriction, events: Sequence[OutboxEvent]) -> Added:
    new = {"slot": restriction.slot, **row_from(restriction), "active": 1}
    kept = kept_until(restriction.until)
    new["kept_until"] = None if kept is None else micros_from(kept)
    times = connection.execute(
        "SELECT active, until, reported_at, lifted_at FROM restrictions WHERE slot = ?", (restriction.slot,)
    ).fetchone()
    active, until, reported, lifted = times or (0, None, None, None)
    older = (reported is not None and new["reported_at"] <= reported) or (lifted or 0) > new["reported_at"]
    standing = active and (until is None or until > new["since"])
    if older:
        return Added(_stored(connection, restriction.slot) if standing else None, fresh=False)
    if standing:
        renewed = ", ".join(f"{name} = :{name}" for name in (*RENEWED, "kept_until"))
        connection.execute(f"UPDATE restrictions SET {renewed} WHERE slot = :slot", new)  # noqa: S608 -- names from `restriction_rows`
        return Added(_stored(connection, restriction.slot), fresh=False)
    names = ", ".join(new)
    replaced = ", ".join(f"{name} = excluded.{name}" for name in new)
    connection.execute(
        f"INSERT INTO restrictions ({names}) VALUES ({', '.join(f':{name}' for name in new)}) "  # noqa: S608 -- names from `restriction_rows`
        f"ON CONFLICT DO UPDATE SET {replaced}",
        new,
    )
    add_events(connection, events)
    return Added(_stored(connection, restriction.slot), fresh=True)


def _lifted(connection: sqlite3.Connection, slot: str, at: datetime, events: EventsOf) -> Restriction | None:
    """End what stands in the slot, and remember the lift."""
    when = whole_second(micros_from(at))
    values = {"slot": slot, "at": when, "now": micros_from(at), "kept": micros_from(at + LIFTS_KEPT)}
    found = connection.execute(
        f"{_SELECT} slot = :slot AND active = 1 AND reported_at <= :at AND (until IS NULL OR until > :now)", values
    ).fetchone()
    connection.execute(
        "UPDATE restrictions SET lifted_at = max(ifnull(lifted_at, 0), :at), "
        "kept_until = iif(active = 1 AND reported_at > :at, kept_until, max(ifnull(kept_until, 0), :kept)), "
        "active = iif(active = 1 AND reported_at > :at, 1, 0) WHERE slot = :slot",
        values,
    )
    if found is None:
        return None
    restriction = _restriction_from(found)
    add_events(connection, events(restriction))
    return restriction


def _stored(connection: sqlite3.Connection, slot: str) -> Restriction:
    return _restriction_from(connection.execute(f"{_SELECT} slot = ?", (slot,)).fetchone())


def _restriction_from(row: Any) -> Restriction:
    return restriction_from(dict(zip(COLUMNS, row, strict=True)))
