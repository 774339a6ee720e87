"""Opens the store that a URL names. Only this module decides between the SQLite and the MongoDB adapter."""

from pathlib import Path
from urllib.parse import unquote

from libs.store.store import Store


async def open_store(url: str) -> Store:
    """Open `sqlite:///path` (a fourth slash begins an absolute path) or `mongodb://host/database`.

    Creates missing tables and indexes. Several processes may open the same store at the same time.

    Raises:
        ValueError: the URL has another form. The message does not repeat the URL, because it may hold a password.
        RuntimeError: a newer release of the gateway created the database.
        GatewayError: gateway_unavailable, the database cannot be reached.

    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        from libs.store.sqlite.store import open_sqlite  # noqa: PLC0415 -- load the chosen adapter alone

        return await open_sqlite(sqlite_path(url))
    if scheme in {"mongodb", "mongodb+srv"} and rest:
        from libs.store.mongo.store import open_mongo  # noqa: PLC0415 -- load the chosen adapter alone

        return await open_mongo(url)
    raise ValueError("the store's URL must be sqlite:///path or mongodb://host/database")


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///path` URL names. Raises ValueError for any other URL."""
    scheme, _, rest = url.partition("://")
    path = unquote(rest.removeprefix("/"))
    if scheme != "sqlite" or not rest.startswith("/") or not path or path.endswith("/") or set(rest) & {"?", "#"}:
        raise ValueError("the SQLite store's URL must be sqlite:///path, naming a file, without options")
    return Path(path)
