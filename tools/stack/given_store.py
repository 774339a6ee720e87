"""`GATEWAY_TEST_STORE_URL`: a server where each stack has a database of its own, dropped when the stack stops.

The rule: only a database with a name that was made here is dropped. The name follows from the stack's data directory,
so that a stack which is started again there finds its data.
"""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

VARIABLE = "GATEWAY_TEST_STORE_URL"
"""`mongodb://…/NAME`: the databases are called `NAME-…`. For tests, demo and benchmarks, not for `make run`."""
_NAME = "gateway-test"


def given_server(environ: Mapping[str, str] = os.environ) -> str | None:
    """The server's URL; None when the variable is not set."""
    return environ.get(VARIABLE) or None


def own_database(server: str, data_dir: Path) -> str:
    """The URL of the database of the stack whose data directory this is. Raises ValueError for another kind of URL."""
    parts = urlsplit(server)
    if not parts.scheme.startswith("mongodb"):
        raise ValueError(f"{VARIABLE} must be mongodb://host/name")
    mark = sha256(str(data_dir.resolve()).encode()).hexdigest()[:16]
    return urlunsplit(parts._replace(path=f"/{parts.path.strip('/') or _NAME}-{mark}"))
