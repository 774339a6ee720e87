"""Faults that hold up what operators changed: it cannot be published, or it was approved and cannot take effect."""

import asyncio
import sqlite3
from contextlib import closing

from libs.chassis.topology import EXCHANGE
from tests.chaos.alerts.console_faults import an_admin
from tests.chaos.alerts.fault import Expected, Fault
from tests.chaos.alerts.process_faults import RECONNECTING
from tests.chaos.alerts.world import World
from tools.broker.rights import CONSOLE, NOTHING, Rights, rights

REFUSE = "CREATE TRIGGER refuses BEFORE UPDATE ON accounts WHEN NEW.id = '{}' BEGIN SELECT RAISE(ABORT, 'a test'); END"
LET = "DROP TRIGGER refuses"


def may_not_publish() -> Fault:
    """Console's broker user has lost its right to publish events when an operator makes a change; the mend gives it."""
    [right] = [each for each in rights() if each.user == CONSOLE]

    async def prepare(world: World) -> None:
        await _may_publish(world, right, NOTHING)
        # The broker asks once for each connection and routing key.
        await world.node.rabbitmqctl("close_all_user_connections", CONSOLE, "a test")

    async def begin(world: World) -> None:
        await world.gateway.create_integration()

    async def mend(world: World) -> None:
        await _may_publish(world, right, right.topic_write)

    return Fault(
        name="console may not publish",
        prepare=prepare,
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayOutboxWaiting"),),
        companions=RECONNECTING,
        severity="ticket",
    )


async def _may_publish(world: World, right: Rights, keys: str) -> None:
    await world.node.rabbitmqctl("set_topic_permissions", right.user, EXCHANGE, keys, right.topic_read)


def effect_refused() -> Fault:
    """The database refuses what a second person approved; the mend lets it."""

    async def begin(world: World) -> None:
        gateway, account = world.gateway, (await world.gateway.create_integration()).account_id
        ann, bob = [await an_admin(world, label) for label in ("Ann", "Bob")]
        asked = await gateway.api("PATCH", f"/accounts/{account}", {"retention_days": 30}, token=ann)
        assert asked.status == 202, asked
        await asyncio.to_thread(_changed, world, REFUSE.format(account))
        await gateway.api("POST", f"/approvals/{asked.body['approval_id']}/approve", token=bob)

    async def mend(world: World) -> None:
        await asyncio.to_thread(_changed, world, LET)

    return Fault(
        name="approved request cannot take effect",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayApprovalsStuck"),),
        companions=frozenset({"GatewayStoreErrors"}),  # another program writes
        severity="ticket",
    )


def _changed(world: World, sql: str) -> None:
    with closing(sqlite3.connect(world.folder / "gateway.db", timeout=10)) as connection, connection:
        connection.execute(sql)
