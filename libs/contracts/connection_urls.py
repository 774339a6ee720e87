"""Checks the URLs of the broker and of the store, before anything connects.

The rule: a ValueError says what is wrong and never repeats the URL, because it may hold a password.
"""

import os
import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_PORTS = range(1, 65536)
_MONGODB_NAME = re.compile(r'[^/\\. "$*<>:|?]{1,63}')
"""A name that MongoDB takes for a database."""


def require_amqp_url(url: str) -> str:
    """Return the URL if it has the form `amqp://user:password@host:port/vhost`, or `amqps://…`. Raises ValueError.

    It may name the nodes of a cluster: `amqp://user:password@host:port,host:port/vhost`.
    """
    split = _split(url, "amqp://user:password@host:port/vhost")
    if split.scheme not in {"amqp", "amqps"}:
        raise ValueError("the URL must begin with amqp:// or amqps://")
    for node in _nodes_in(split.netloc):
        _require_address(_split(f"//{node}", "amqp://user:password@host:port/vhost").hostname, node)
    if "/" in split.path.removeprefix("/"):
        raise ValueError("write a slash in the name of the virtual host as %2F")
    options = parse_qs(split.query, keep_blank_values=True)
    if any(not value.isdigit() for value in options.get("timeout", ())):
        raise ValueError("the option timeout must be a number of seconds")
    return url


def amqp_node_urls(url: str) -> tuple[str, ...]:
    """The URL of each node that a broker's URL names, in its order; the URL itself when it names one."""
    split = urlsplit(url)
    user, at, _ = split.netloc.rpartition("@")
    nodes = _nodes_in(split.netloc)
    return tuple(split._replace(netloc=f"{user}{at}{node}").geturl() for node in nodes) if len(nodes) > 1 else (url,)


def _nodes_in(netloc: str) -> list[str]:
    return netloc.rpartition("@")[2].split(",")


def require_store_url(url: str) -> str:
    """Return the URL if it is `sqlite:///path` or `mongodb://host:port/database`. Raises ValueError.

    MongoDB's driver checks the options, when the store is opened.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        sqlite_path(url)
    elif scheme in {"mongodb", "mongodb+srv"}:
        _require_mongodb_url(rest)
    else:
        raise ValueError("the store's URL must be sqlite:///path or mongodb://host/database")
    return url


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///path` URL names. Raises ValueError for any other URL."""
    scheme, _, rest = url.partition("://")
    path = unquote(rest.removeprefix("/"))
    if scheme != "sqlite" or not rest.startswith("/") or not path or path.endswith("/") or set(rest) & {"?", "#"}:
        raise ValueError("the SQLite store's URL must be sqlite:///path, naming a file, without options")
    if "\0" in path or len(os.fsencode(Path(path).name)) > 200:  # noqa: PLR2004 -- 255, and room for `-requests.db-wal`
        raise ValueError("the SQLite store's URL names no usable file")
    return Path(path)


def _require_mongodb_url(rest: str) -> None:
    address, _, path = rest.partition("?")[0].partition("/")
    hosts = address.rpartition("@")[2]
    for host in hosts.split(","):
        name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        _require_address(name if colon else host, f":{port}" if colon else "")
    if path and not _MONGODB_NAME.fullmatch(unquote(path)):
        raise ValueError("the URL names no usable MongoDB database after its hosts")


def _split(url: str, form: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(f"the URL must have the form {form}, with other characters escaped as %XX") from None


def _require_address(host: str | None, netloc: str) -> None:
    """Raise unless there is a host, and the port after the last colon of `netloc`, if any, is one."""
    if not host:
        raise ValueError("the URL names no host")
    port = netloc.rpartition("@")[2].rpartition("]")[2].rpartition(":")
    if port[1] and not (port[2].isascii() and port[2].isdigit() and int(port[2][:6]) in _PORTS):
        raise ValueError("the URL's port must be a number from 1 to 65535")
