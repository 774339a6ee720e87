"""The users of the gateway's services on a node of its own: random passwords, kept in the node's folder (0600)."""

import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from tools.broker.account import write_private
from tools.broker.definitions import definitions
from tools.broker.rights import rights

FILE = "users.json"


def passwords_in(folder: Path) -> dict[str, str]:
    """The password of each user, created once; a user that a later release adds gets one then."""
    path = folder / FILE
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    wanted = {each.user: kept.get(each.user) or secrets.token_urlsafe(18) for each in rights()}
    if wanted != kept:
        write_private(path, json.dumps(wanted))
    return wanted


async def add_users(
    rabbitmqctl: Callable[..., Awaitable[str]], folder: Path, *, address: str, vhost: str
) -> dict[str, str]:
    """Import the definitions into a vhost of the node with this folder; the AMQP URL of each user.

    `address` is what stands in the URLs: an address with its port, or several of a cluster.
    """
    passwords = passwords_in(folder)
    file = folder / "definitions.json"
    write_private(file, json.dumps(definitions(passwords, vhost)))
    try:
        await rabbitmqctl("import_definitions", str(file))
    finally:
        file.unlink()
    path = quote(vhost.removeprefix("/"), safe="")
    return {user: f"amqp://{user}:{password}@{address}/{path}" for user, password in passwords.items()}
