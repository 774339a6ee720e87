"""`VerificationStates`, `VerifiedPlaces` and `VerifiedLog` in SQLite."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.record.logged_chains import LogPosition
from libs.store.instants import micros_from, optional_instant_from
from libs.store.sqlite.database import Database
from libs.store.verified import Scope, VerificationState, VerifiedPlace

_PASSED = (
    "INSERT INTO verifications (scope, sound, verified_at) VALUES (:scope, 1, :ended) ON CONFLICT (scope) DO UPDATE "
    "SET verified_at = :ended, sound = CASE WHEN failed_at > :started THEN sound ELSE 1 END"
)
_FAILED = (
    "INSERT INTO verifications (scope, sound, verified_at, failed_at, fault) VALUES (:scope, 0, :ended, :at, :fault) "
    "ON CONFLICT (scope) DO UPDATE SET sound = 0, verified_at = coalesce(:ended, verified_at), failed_at = :at, "
    "fault = :fault"
)
_SAVE = (
    "INSERT INTO verified_places (chain, checkpoint, seq, hash) VALUES (?, ?, ?, ?) ON CONFLICT (chain) DO UPDATE "
    "SET checkpoint = excluded.checkpoint, seq = excluded.seq, hash = excluded.hash"
)
_MOVE = (
    "INSERT INTO verified_log (id, position) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET position = excluded.position"
)


@dataclass(frozen=True, slots=True)
class SqliteVerificationStates:
    """`VerificationStates`."""

    main: Database

    async def all(self) -> Mapping[Scope, VerificationState]:
        """As `VerificationStates.all`."""
        rows = await self.main.rows("SELECT scope, sound, verified_at, fault FROM verifications")
        return {
            Scope(scope): VerificationState(sound=bool(sound), verified_at=optional_instant_from(at), fault=fault)
            for scope, sound, at, fault in rows
        }

    async def passed(self, scope: Scope, *, started: datetime, ended: datetime) -> None:
        """As `VerificationStates.passed`."""
        values = {"scope": scope.value, "started": micros_from(started), "ended": micros_from(ended)}
        await self.main.change(lambda connection: connection.execute(_PASSED, values).rowcount)

    async def failed(self, scope: Scope, fault: str, *, at: datetime, ended: datetime | None = None) -> None:
        """As `VerificationStates.failed`."""
        until = None if ended is None else micros_from(ended)
        values = {"scope": scope.value, "ended": until, "at": micros_from(at), "fault": fault}
        await self.main.change(lambda connection: connection.execute(_FAILED, values).rowcount)


@dataclass(frozen=True, slots=True)
class SqliteVerifiedPlaces:
    """`VerifiedPlaces`."""

    main: Database

    async def all(self) -> Mapping[str, VerifiedPlace]:
        """As `VerifiedPlaces.all`."""

        def read(connection: sqlite3.Connection) -> dict[str, VerifiedPlace]:
            rows = connection.execute("SELECT chain, checkpoint, seq, hash FROM verified_places")
            return {row[0]: VerifiedPlace(chain=row[0], checkpoint=row[1], seq=row[2], hash=row[3]) for row in rows}

        return await self.main.scan(read)

    async def save(self, places: Sequence[VerifiedPlace]) -> None:
        """As `VerifiedPlaces.save`."""
        values = [(place.chain, place.checkpoint, place.seq, place.hash) for place in places]
        await self.main.change(lambda connection: connection.executemany(_SAVE, values).rowcount)

    async def forget(self) -> None:
        """As `VerifiedPlaces.forget`."""

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM verified_log")
            connection.execute("DELETE FROM verified_places")

        await self.main.change(forget)


@dataclass(frozen=True, slots=True)
class SqliteVerifiedLog:
    """`VerifiedLog`."""

    main: Database

    async def position(self) -> LogPosition | None:
        """As `VerifiedLog.position`."""
        rows = await self.main.rows("SELECT position FROM verified_log")
        return LogPosition.from_text(rows[0][0]) if rows else None

    async def move(self, position: LogPosition) -> None:
        """As `VerifiedLog.move`."""
        await self.main.change(lambda connection: connection.execute(_MOVE, (position.text(),)).rowcount)
