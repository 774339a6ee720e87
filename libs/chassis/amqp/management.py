"""`set_dead_letter_policy`: sets the policy of dead-letter queues through RabbitMQ's management API.

AMQP cannot set a policy. The user needs the tag `policymaker`.
"""

from urllib.parse import quote

import aiohttp
from aio_pika.connection import make_url
from yarl import URL

from libs.chassis.topology import DEAD_LETTER_POLICY
from libs.contracts.connection_urls import amqp_node_urls

TIMEOUT = 10.0
"""Seconds."""


class PolicyRefused(Exception):  # noqa: N818 -- a name that states the fact
    """The management API refused the policy; the text is one sentence, without credentials."""


async def set_dead_letter_policy(management_url: str, amqp_url: str) -> None:
    """Set the policy in the vhost of `amqp_url`, as its user unless `management_url` names another. Safe to repeat.

    Raises PolicyRefused, and OSError when the API cannot be reached.
    """
    base, broker = URL(management_url), make_url(amqp_node_urls(amqp_url)[0])
    user = base if base.user else broker
    vhost = quote(broker.path.removeprefix("/") or "/", safe="")
    path = f"{base.raw_path.rstrip('/')}/api/policies/{vhost}/{DEAD_LETTER_POLICY['name']}"
    body = {name: value for name, value in DEAD_LETTER_POLICY.items() if name != "name"}
    try:
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
                headers={"Authorization": aiohttp.encode_basic_auth(user.user or "guest", user.password or "guest")},
            ) as http,
            http.put(base.with_user(None).with_path(path, encoded=True), json=body) as answer,
        ):
            status = answer.status
    except aiohttp.ClientError as error:
        raise ConnectionError(type(error).__name__) from error
    if status >= 400:  # noqa: PLR2004 -- HTTP
        raise PolicyRefused(f"RabbitMQ's management API at {base.host}:{base.port} refused the policy (HTTP {status}).")
