"""The user that a node or cluster makes at its first start, and its cookie, in a file that its owner alone can read."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a node makes at its first start, and the cookie that its nodes and programs share."""

    user: str
    password: str = field(repr=False)
    cookie: str = field(repr=False)


def account_in(folder: Path) -> Account:
    """The account of the node or cluster with this data directory; both are created if necessary."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "account.json"
    if not path.exists():
        made = {"user": "gateway", "password": secrets.token_urlsafe(18), "cookie": secrets.token_hex(20)}
        write_private(path, json.dumps(made))
    return Account(**json.loads(path.read_text()))


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
