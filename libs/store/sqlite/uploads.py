"""`Uploads` in SQLite: one row per upload, one per chunk."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from libs.store.instants import instant_from, micros_from
from libs.store.sqlite.database import Database
from libs.store.uploads import KEPT, MAX_KEPT_OF_ACCOUNT, MAX_UPLOAD, ROW_KEPT, Upload

_KEPT_BYTES = (
    "SELECT ifnull(sum(CASE WHEN sha256 = '' THEN :full ELSE bytes END), 0) FROM uploads "
    "WHERE account_id = :account AND deleted = 0 AND at > :since"
)


@dataclass(frozen=True, slots=True)
class SqliteUploads:
    """`Uploads`."""

    main: Database

    async def begin(self, upload: Upload, *, most: int = MAX_KEPT_OF_ACCOUNT) -> bool:
        """As `Uploads.begin`."""
        wanted = {"account": upload.account_id, "full": MAX_UPLOAD, "since": micros_from(upload.at - KEPT)}

        def write(connection: sqlite3.Connection) -> bool:
            kept = connection.execute(_KEPT_BYTES, wanted).fetchone()[0]
            if kept + MAX_UPLOAD > most:
                return False
            connection.execute(
                "INSERT INTO uploads (id, account_id, at, bytes, sha256, mime_type, deleted) "
                "VALUES (?, ?, ?, 0, '', '', 0)",
                (upload.id, upload.account_id, micros_from(upload.at)),
            )
            return True

        return await self.main.change(write)

    async def add_chunk(self, upload_id: str, position: int, sealed: bytes, *, at: datetime) -> None:
        """As `Uploads.add_chunk`."""
        values = (upload_id, position, sealed, micros_from(at))
        sql = "INSERT OR REPLACE INTO upload_chunks (upload_id, position, sealed, at) VALUES (?, ?, ?, ?)"
        await self.main.change(lambda connection: connection.execute(sql, values).rowcount)

    async def complete(self, upload: Upload) -> None:
        """As `Uploads.complete`."""
        sql = "UPDATE uploads SET bytes = ?, sha256 = ?, mime_type = ? WHERE id = ?"
        values = (upload.bytes, upload.sha256, upload.mime_type, upload.id)
        await self.main.change(lambda connection: connection.execute(sql, values).rowcount)

    async def find(self, upload_id: str) -> Upload | None:
        """As `Uploads.find`."""
        row = self.main.row(
            "SELECT account_id, at, bytes, sha256, mime_type, deleted FROM uploads WHERE id = ?", (upload_id,)
        )
        if row is None:
            return None
        account_id, at, size, sha256, mime_type, deleted = row
        return Upload(
            id=upload_id,
            account_id=account_id,
            at=instant_from(at),
            bytes=size,
            sha256=sha256,
            mime_type=mime_type,
            deleted=bool(deleted),
        )

    async def chunk(self, upload_id: str, position: int) -> bytes | None:
        """As `Uploads.chunk`; read in a thread, since a chunk is large."""
        sql = "SELECT sealed FROM upload_chunks WHERE upload_id = ? AND position = ?"
        rows = await self.main.rows(sql, (upload_id, position))
        return bytes(rows[0][0]) if rows else None

    async def delete(self, upload_id: str) -> None:
        """As `Uploads.delete`."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE uploads SET deleted = 1 WHERE id = ?", (upload_id,))
            connection.execute("DELETE FROM upload_chunks WHERE upload_id = ?", (upload_id,))

        await self.main.change(write)

    async def delete_ended(self, now: datetime) -> Mapping[str, int]:
        """As `Uploads.delete_ended`; writes nothing when nothing has ended."""
        ended, old = micros_from(now - KEPT), micros_from(now - ROW_KEPT)
        found = (
            "SELECT EXISTS (SELECT 1 FROM upload_chunks WHERE at <= ?) OR EXISTS (SELECT 1 FROM uploads WHERE at <= ?)"
        )
        if not self.main.row(found, (ended, old))[0]:
            return {"chunks": 0, "uploads": 0}

        def write(connection: sqlite3.Connection) -> Mapping[str, int]:
            chunks = connection.execute("DELETE FROM upload_chunks WHERE at <= ?", (ended,)).rowcount
            uploads = connection.execute("DELETE FROM uploads WHERE at <= ?", (old,)).rowcount
            return {"chunks": chunks, "uploads": uploads}

        return await self.main.change(write)
