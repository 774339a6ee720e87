"""Faults that leave something to look at: an event that cannot be read, a post that cannot be read."""

import time
from uuid import uuid4

import aio_pika

from libs.chassis.topology import SIMULATIONS, WEBHOOKS
from tests.chaos.alerts.fault import Expected, Fault
from tests.chaos.alerts.world import World
from tests.event_keys import signed_as


def dead_letter() -> Fault:
    """An event on a work queue that nobody can read; the mend discards its letter."""

    async def begin(world: World) -> None:
        async with await aio_pika.connect(world.node.url) as connection:
            channel = await connection.channel()
            message = aio_pika.Message(b"{", type="webhook.received", message_id=str(uuid4()), delivery_mode=2)
            signed_as(message, "ingress", world.gateway.stack.event_keys)
            await channel.default_exchange.publish(message, WEBHOOKS.name)

    async def mend(world: World) -> None:
        await _discarded(world, WEBHOOKS.name)

    return Fault(
        name="one dead letter",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayDeadLetters", {"queue": WEBHOOKS.name}),),
        severity="ticket",
    )


def unauthenticated_event() -> Fault:
    """An event that nobody proves to have published, as from a stolen broker password; the mend discards its letter."""

    async def begin(world: World) -> None:
        async with await aio_pika.connect(world.node.url) as connection:
            channel = await connection.channel()
            message = aio_pika.Message(b"{}", type="webhook.received", message_id=str(uuid4()), delivery_mode=2)
            await channel.default_exchange.publish(message, SIMULATIONS.name)

    async def mend(world: World) -> None:
        await _discarded(world, SIMULATIONS.name)

    return Fault(
        name="event that nobody proves to have published",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayUnauthenticatedEvents", {"queue": SIMULATIONS.name}),),
        companions=frozenset({"GatewayDeadLetters"}),
        severity="page",
    )


def unreadable_post() -> Fault:
    """An authentic post of WhatsApp of which a part cannot be read; the mend discards its letter."""

    async def begin(world: World) -> None:
        [number, *_] = [each.number for each in world.traffic.integrations]
        undated = {"from": "966512340999", "id": f"wamid.{uuid4().hex}", "timestamp": "soon", "type": "text"}
        value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}, "messages": [undated]}
        change = {"field": "messages", "value": value}
        await world.gateway.whatsapp.webhook({"entry": [{"id": "1", "time": int(time.time()), "changes": [change]}]})

    async def mend(world: World) -> None:
        await _discarded(world, "ingress.posts")

    return Fault(
        name="post of WhatsApp that cannot be read",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayUnreadablePosts"),),
        companions=frozenset({"GatewayDeadLetters"}),
        severity="ticket",
    )


async def _discarded(world: World, queue: str) -> None:
    """Discard the waiting letters of a queue, as the runbook says of what is worth nothing."""
    letters = (await world.gateway.done("GET", "/dead-letters", queue=queue, status="waiting"))["items"]
    for letter in letters:
        await world.gateway.done("POST", f"/dead-letters/{letter['id']}/discard", {"reason": "A test of the alert"})
