"""A node of the broker's cluster is killed, cut off from the others, or restarted, under load.

Nothing is lost or sent twice, no step is taken by hand, and the traffic is undisturbed again before it ends.
"""

import asyncio
import os
import random
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aio_pika
import pytest

from libs.chassis.topology import WEBHOOKS
from tests.chaos.load import Load
from tests.chaos.steady_traffic import Traffic
from tests.cluster.conftest import Deployment
from tests.cluster.figures import FIGURES, Row
from tests.e2e import scenarios
from tests.e2e.waiting import eventually
from tools.broker import BrokerNode
from tools.broker.processes import answers_handshake

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.cluster, pytest.mark.timeout(400)]

PER_SECOND = 10.0
"""Three nodes and ten processes share the machine."""
PATIENCE = 150.0
"""Seconds until traffic is undisturbed, on a machine that is busy besides."""
PAUSED_WITHIN = 40.0
"""Seconds. Erlang's own ticks notice a divided cluster after 45 to 75."""
FROZEN_SECONDS = 2.0
CONNECTIONS_OF_NODES = (
    "[{Node, proplists:get_value(owner, About)} || {Node, About} <- lists:sort(element(2, net_kernel:nodes_info())), "
    "proplists:get_value(type, About) == normal]."
)
"""The process of each connection to another node: a connection that was made anew has another one."""


@dataclass
class Disturbance:
    """When it began, and the traffic meanwhile."""

    traffic: Traffic
    load: Load
    began: float = 0.0

    def begin(self) -> None:
        """Count from now on."""
        self.began = time.monotonic()


@asynccontextmanager
async def disturbance(
    name: str, deployment: Deployment, seed: int, chance: random.Random
) -> AsyncIterator[Disturbance]:
    """Traffic while the block runs, undisturbed before and after it; then the ledger check, with all nodes there."""
    load = await Load.create(deployment.gateway, chance)
    found = Disturbance(Traffic(load, per_second=PER_SECOND, patience=PATIENCE), load)
    async with found.traffic.running():
        await found.traffic.steady()
        found.begin()
        yield found
        await found.traffic.steady(time.monotonic())
    await deployment.cluster.wait_until_whole()
    findings, ends = await load.check()

    unknown, asked = ends["gateway_send_failed (unknown)"], len(load.answers)
    row = Row(
        name,
        await version_of(deployment.cluster.nodes[0]),
        asked,
        len(load.tried_again),
        len(found.traffic.pending(since=found.began)),
        unknown,
        findings.figures["lost"],
        findings.figures["twice"],
        round(found.traffic.disturbed(since=found.began), 1),
        round(max(answer.seconds for _, answer in load.answers.values()), 1),
    )
    FIGURES.keep(row)
    passed = findings.holds and ends["sent"] + unknown == asked
    pending = found.traffic.pending(since=found.began)
    between = [*pending[:1], *pending[-1:]]
    scenarios.report(name, seed=seed, passed=passed, **findings.figures, pending_between_s=between, row=str(row))
    assert findings.holds, findings.faults
    assert ends["sent"] + unknown == asked, ends


async def version_of(node: BrokerNode) -> str:
    found = await node.rabbitmqctl("version")
    return found.split()[-1]


async def serves(node: BrokerNode) -> bool:
    return await answers_handshake(node.address.partition(":")[0], node.port)


async def test_the_leader_of_the_queue_of_webhooks_is_killed(
    deployment: Deployment, seed: int, chance: random.Random
) -> None:
    leader, _ = await deployment.leader_of(WEBHOOKS.name)
    async with disturbance("leader killed", deployment, seed, chance) as during:
        leader.kill()
        await during.traffic.steady(time.monotonic())
        assert (await deployment.leader_of(WEBHOOKS.name))[0] is not leader
        await leader.restart()


async def test_a_node_that_is_cut_off_from_the_others_pauses_and_comes_back(
    deployment: Deployment, seed: int, chance: random.Random
) -> None:
    minority, place = await deployment.leader_of(WEBHOOKS.name)
    majority = deployment.others(minority)
    _, peers = place.links
    async with disturbance("minority cut off", deployment, seed, chance) as during:
        peers.cut()

        async def paused() -> bool:
            return not await serves(minority)

        await eventually(paused, seconds=PAUSED_WITHIN, pause=0.2)
        assert minority.running, "its process waits for the others"
        assert await deployment.cluster.running(majority[0]) == {node.name for node in majority}
        await during.traffic.steady(time.monotonic())
        peers.restore()
        await deployment.cluster.wait_until_whole()
        assert await serves(minority)


async def test_a_node_that_is_frozen_for_a_moment_is_not_given_up(deployment: Deployment) -> None:
    frozen, *others = deployment.cluster.nodes
    before = [await other.rabbitmqctl("eval", CONNECTIONS_OF_NODES) for other in others]

    os.kill(frozen.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN_SECONDS)  # part of the scenario
    finally:
        os.kill(frozen.pid, signal.SIGCONT)

    await deployment.cluster.wait_until_whole()
    assert frozen.name in before[0]
    assert [await other.rabbitmqctl("eval", CONNECTIONS_OF_NODES) for other in others] == before


async def test_all_nodes_are_restarted_one_after_the_other(
    deployment: Deployment, seed: int, chance: random.Random
) -> None:
    cluster = deployment.cluster
    async with disturbance("rolling restart", deployment, seed, chance) as during:
        for node in cluster.nodes:
            await node.run("rabbitmq-upgrade", "await_online_quorum_plus_one")
            await node.run("rabbitmq-upgrade", "drain")
            await node.restart()
            await cluster.wait_until_whole()
            await during.traffic.steady(time.monotonic())


async def test_the_queues_are_led_by_all_nodes_again_after_a_rebalance(deployment: Deployment) -> None:
    cluster = deployment.cluster
    await cluster.nodes[0].run("rabbitmq-queues", "rebalance", "quorum")

    async def balanced() -> bool:
        led = await cluster.led(cluster.nodes[0])
        return len(led) == len(cluster.nodes) and max(led.values()) - min(led.values()) <= len(cluster.nodes)

    await eventually(balanced, seconds=30, pause=0.5)


async def test_a_queue_that_lacks_a_member_gets_it_once_the_node_is_back(deployment: Deployment) -> None:
    cluster, away = deployment.cluster, deployment.cluster.nodes[-1]
    first, name = cluster.nodes[0], "lacks-a-member"
    await declare(name, first)
    await first.run("rabbitmq-queues", "delete_member", name, away.name)
    assert await members(first, name) == {node.name for node in deployment.others(away)}

    await away.restart()
    await cluster.wait_until_whole()
    if not cluster.reconciles:  # before RabbitMQ 3.13 an operator does it
        await first.run("rabbitmq-queues", "grow", away.name, "all")

    async def everywhere() -> bool:
        return await members(first, name) == {node.name for node in cluster.nodes}

    await eventually(everywhere, seconds=90, pause=1.0)
    await first.rabbitmqctl("delete_queue", name)


async def declare(name: str, node: BrokerNode) -> None:
    async with asyncio.timeout(30), await aio_pika.connect(node.url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})


async def members(node: BrokerNode, queue: str) -> set[str]:
    listed = await node.rabbitmqctl("list_queues", "--no-table-headers", "name", "members")
    rows = dict(line.split("\t") for line in listed.splitlines())
    return set(re.findall(r"[\w-]+@[\w.]+", rows[queue]))
