"""RabbitMQ's definitions (users, permissions, policies) in the form that its servers import.

`make docs` writes `deploy/rabbitmq/definitions.json`, in which each password is the name of a variable that
`deploy/rabbitmq/start` replaces; a test fails when the file is out of date.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from libs.chassis.topology import DEAD_LETTER_POLICY, EXCHANGE
from tools.broker.rights import Rights, rights

FILE = Path(__file__).resolve().parents[2] / "deploy" / "rabbitmq" / "definitions.json"
ADMINISTRATOR = "gateway"
"""For people, not for services."""
USERS = (*(each.user for each in rights()), ADMINISTRATOR)


def definitions(passwords: Mapping[str, str], vhost: str = "/") -> dict[str, Any]:
    """The definitions of the users in `passwords`, with their rights in `vhost`, and the policy of dead letters."""
    users = [each for each in rights() if each.user in passwords]
    found: dict[str, Any] = {
        "vhosts": [{"name": vhost}],
        "users": [_user(each.user, passwords, each.tags) for each in users],
        "permissions": [_permission(each, vhost) for each in users],
        "topic_permissions": [_topic_permission(each, vhost) for each in users],
        "policies": [{"vhost": vhost, **DEAD_LETTER_POLICY}],
    }
    if ADMINISTRATOR in passwords:
        found["users"].append(_user(ADMINISTRATOR, passwords, ("administrator",)))
        found["permissions"].append(
            {"user": ADMINISTRATOR, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"}
        )
    return found


def placeholder(user: str) -> str:
    """The variable that holds a user's password, and stands for it in the committed file."""
    return f"GATEWAY_RABBITMQ_{user.upper()}_PASSWORD" if user != ADMINISTRATOR else "GATEWAY_RABBITMQ_PASSWORD"


def text() -> str:
    """The content of the committed file."""
    return json.dumps(definitions({user: f"${{{placeholder(user)}}}" for user in USERS}), indent=2) + "\n"


def _user(name: str, passwords: Mapping[str, str], tags: tuple[str, ...]) -> dict[str, Any]:
    return {"name": name, "password": passwords[name], "tags": ",".join(tags)}


def _permission(given: Rights, vhost: str) -> dict[str, str]:
    return {
        "user": given.user,
        "vhost": vhost,
        "configure": given.configure,
        "write": given.write,
        "read": given.read,
    }


def _topic_permission(given: Rights, vhost: str) -> dict[str, str]:
    return {
        "user": given.user,
        "vhost": vhost,
        "exchange": EXCHANGE,
        "write": given.topic_write,
        "read": given.topic_read,
    }
