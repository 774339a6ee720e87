"""Opens and migrates the store that a URL names. Only this module decides between SQLite and MongoDB."""

from libs.contracts.connection_urls import require_store_url, sqlite_path
from libs.store.migration import Migrated, Say
from libs.store.store import Store


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
