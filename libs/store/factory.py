"""Opens the store that a URL names. Only this module decides between the SQLite and the MongoDB adapter."""

from libs.contracts.connection_urls import require_store_url, sqlite_path
from libs.store.store import Store


async def open_store(url: str) -> Store:
    """Open `sqlite:///path` (a fourth slash begins an absolute path) or `mongodb://host/database`.

    Creates missing tables and indexes. Several processes may open the same store at the same time.

    Raises:
        ValueError: the URL has another form. The message does not repeat the URL, because it may hold a password.
        RuntimeError: a newer release of the gateway created the database.
        GatewayError: gateway_unavailable, the database cannot be used now; a note names the cause.

    """
    if require_store_url(url).startswith("sqlite:"):
        from libs.store.sqlite.store import open_sqlite  # noqa: PLC0415 -- load the chosen adapter alone

        return await open_sqlite(sqlite_path(url))
    from libs.store.mongo.store import open_mongo  # noqa: PLC0415 -- load the chosen adapter alone

    return await open_mongo(url)
