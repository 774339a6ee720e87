"""Opens, migrates, backs up and restores the store that a URL names. It alone decides between SQLite and MongoDB."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from libs.contracts.connection_urls import require_store_url, sqlite_path
from libs.store.backups import BackupRefused, Copied, Manifest
from libs.store.migration import Migrated, Say
from libs.store.restored_store import RestoredStore
from libs.store.store import OLDEST_SCHEMA, Store, require_known_schema


async def open_store(url: str) -> Store:
    """Open `sqlite:///path` (a fourth slash begins an absolute path) or `mongodb://host/database`.

    Creates missing tables, and indexes of what is empty. Several processes may open the same store at the same time.

    Raises:
        ValueError: the URL has another form. The message does not repeat the URL, because it may hold a password.
        RuntimeError: a newer release of the gateway created the database.
        GatewayError: gateway_unavailable, the database cannot be used now; a note names the cause, which may be that
            it must be migrated first.

    """
    if require_store_url(url).startswith("sqlite:"):
        from libs.store.sqlite.store import open_sqlite  # noqa: PLC0415 -- load the chosen adapter alone

        return await open_sqlite(sqlite_path(url))
    from libs.store.mongo.store import open_mongo  # noqa: PLC0415 -- load the chosen adapter alone

    return await open_mongo(url)


async def migrate_store(url: str, say: Say) -> Migrated:
    """Make the store that `url` names what this release needs, however long it takes; `say` is told each step.

    Safe to repeat, to run twice at the same time, and to kill at any moment.

    Raises:
        MigrationRefused: what no retry mends, such as equal values under a unique index.
        ValueError: as `open_store`.
        RuntimeError: as `open_store`.
        GatewayError: gateway_unavailable, as `open_store`; what was done stays done.

    """
    if require_store_url(url).startswith("sqlite:"):
        from libs.store.sqlite.store import migrate_sqlite  # noqa: PLC0415 -- load the chosen adapter alone

        return await migrate_sqlite(sqlite_path(url), say)
    from libs.store.mongo.store import migrate_mongo  # noqa: PLC0415 -- load the chosen adapter alone

    return await migrate_mongo(url, say)


async def copy_store(url: str, store: Path, subjects: Path, say: Say, *, clock: Callable[[], datetime]) -> Copied:
    """Copy the store that `url` names into two folders, while services use it; persons' keys into `subjects`.

    Raises BackupRefused, and as `open_store` does.
    """
    if require_store_url(url).startswith("sqlite:"):
        from libs.store.sqlite import backups  # noqa: PLC0415 -- load the chosen adapter alone
        from libs.store.sqlite.store import files_of  # noqa: PLC0415 -- load the chosen adapter alone

        return await asyncio.to_thread(backups.copy_store, files_of(sqlite_path(url)), store, subjects, say, clock)
    from libs.store.mongo.backups import copy_database  # noqa: PLC0415 -- load the chosen adapter alone

    return await copy_database(url, store, subjects, say, clock)


@asynccontextmanager
async def restoring_store(url: str, backup: Path, manifest: Manifest, say: Say) -> AsyncIterator[RestoredStore]:
    """The store that a backup becomes, at the empty place that `url` names; nobody else can open it before `finish`.

    The backup's files must have been checked. After a crash, or an exception in the block, the next run goes on.
    Raises BackupRefused, and as `open_store` does.
    """
    sqlite = require_store_url(url).startswith("sqlite:")
    if manifest.kind != ("sqlite" if sqlite else "mongodb"):
        raise BackupRefused(f"the backup is of {manifest.kind}, the store's URL names another kind")
    if sqlite:
        from libs.store.sqlite.restored_store import restoring_sqlite  # noqa: PLC0415 -- load the chosen adapter alone
        from libs.store.sqlite.schema import VERSION as KNOWN  # noqa: PLC0415 -- load the chosen adapter alone

        require_known_schema(manifest.schema, KNOWN, oldest=OLDEST_SCHEMA)
        async with restoring_sqlite(sqlite_path(url), backup, manifest, say) as restoring:
            yield restoring
    else:
        from libs.store.mongo.restored_store import restoring_mongo  # noqa: PLC0415 -- load the chosen adapter alone
        from libs.store.mongo.schema import SCHEMA_VERSION as KNOWN  # noqa: PLC0415 -- load the chosen adapter alone

        require_known_schema(manifest.schema, KNOWN, oldest=OLDEST_SCHEMA)
        async with restoring_mongo(url, backup, manifest, say) as restoring:
            yield restoring
