"""What the tests of the declare step share: services with their own users, and looks at what is declared."""

from contextlib import AbstractAsyncContextManager

from aio_pika.exceptions import ChannelNotFoundEntity
from prometheus_client import REGISTRY

from libs.chassis.amqp import Broker
from tests.event_keys import event_keys
from tests.integration.chassis.world import (
    SHORT,
    outside,
)

LIKE_RABBITMQ_4 = ("set_policy", "--priority", "-1", "like-4", ".*", '{"delivery-limit": 20}', "--apply-to", "queues")
"""3.10 has no limit; with this policy its queues behave as those of RabbitMQ 4, unless another policy comes first."""


def vhost_of(url: str) -> str:
    return url.rpartition("/")[2]


def gauge(name: str) -> float | None:
    return REGISTRY.get_sample_value(name)


async def has(url: str, *exchanges: str) -> bool:
    async with outside(url) as channel:
        try:
            for exchange in exchanges:
                await channel.declare_exchange(exchange, passive=True)
        except ChannelNotFoundEntity:
            return False
    return True


async def has_queue(url: str, name: str) -> bool:
    async with outside(url) as channel:
        try:
            await channel.declare_queue(name, passive=True)
        except ChannelNotFoundEntity:
            return False
    return True


def service(name: str, url: str) -> AbstractAsyncContextManager[Broker]:
    """A service's access, with its own broker user."""
    return Broker.connected(f"{name}-1", url, keys=event_keys(name), service=name, delays=SHORT, check_interval=0.3)
