"""A broker that starts as the one in compose does: from deploy/rabbitmq, with the passwords of its environment."""

import os
import re
import subprocess
from pathlib import Path

import aio_pika
import pytest
from aio_pika.exceptions import AMQPConnectionError

from libs.chassis.amqp import Broker
from libs.chassis.amqp.declare_step import declare_everything
from tests.event_keys import event_keys
from tests.integration.chassis.world import eventually
from tools.broker import BrokerNode
from tools.broker.definitions import FILE, USERS, placeholder
from tools.broker.rights import DECLARER, SERVICES


def configuration(made: Path, passwords: dict[str, str]) -> str:
    """Run the container's start script; the setting that imports what it has made."""
    environ = {placeholder(user): password for user, password in passwords.items()}
    subprocess.run(
        [FILE.parent / "start", "true"],
        env={"PATH": os.environ["PATH"], "GATEWAY_RABBITMQ_DEFINITIONS": str(made), **environ},
        check=True,
    )
    return re.sub(r"(?<== ).*$", str(made), (FILE.parent / "gateway.conf").read_text("utf-8"))


async def imported_at_its_start(folder: Path, passwords: dict[str, str]) -> BrokerNode:
    """A node that has run before, and now starts with the definitions."""
    node = await BrokerNode.start(folder / "node")
    with (folder / "node" / "rabbitmq.conf").open("a") as file:
        file.write(configuration(folder / "made.json", passwords))
    await node.restart()
    return node


async def test_every_user_gets_its_password_and_its_rights_at_each_start(tmp_path: Path) -> None:
    passwords = {user: f"{user}-1" for user in USERS}
    async with await imported_at_its_start(tmp_path, passwords) as node:
        urls = {user: f"amqp://{user}:{password}@127.0.0.1:{node.port}/" for user, password in passwords.items()}

        assert (await declare_everything(urls[DECLARER])).dead_letters_survive
        for service in SERVICES:
            async with Broker.connected(
                f"{service}-1", urls[service], keys=event_keys(service), service=service
            ) as broker:
                await eventually(broker.healthy)
        assert '{"delivery-limit":1000000}' in await node.rabbitmqctl("list_policies")
        async with await aio_pika.connect(urls["gateway"]):
            pass  # the administrator's password is the given one, too
        with pytest.raises(AMQPConnectionError):
            await aio_pika.connect(node.url)
