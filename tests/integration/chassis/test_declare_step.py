"""The declare step on a real broker: what it makes, and what services without it do."""

import asyncio
import json
from contextlib import suppress
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from libs.chassis.amqp.declare_step import Declared, declare_everything
from libs.chassis.subscriptions import DeadLettered
from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    EXCHANGE,
    FORWARDS,
    POLICY_MARKER,
    PROBE_EXCHANGE,
    SHARED_EXCHANGES,
    WEBHOOKS,
    all_queues,
)
from libs.contracts.errors import GatewayError
from tests.integration.chassis.declaring import gauge, has, has_queue, service
from tests.integration.chassis.world import (
    SHORT,
    broker_at,
    depth,
    eventually,
    outside,
    webhook,
)
from tools.broker.rights import DECLARER
from tools.cli.console_client import ExitCode
from tools.cli.program import run


async def test_everything_is_declared_with_the_steps_own_user_and_again_without_a_change(
    urls: dict[str, str], vhost: str
) -> None:
    for _ in range(2):
        assert await declare_everything(urls[DECLARER]) == Declared(dead_letters_survive=True)

    assert await has(vhost, *SHARED_EXCHANGES, POLICY_MARKER)
    async with outside(vhost) as channel:
        assert {queue.name: await depth(channel, queue.name) for queue in all_queues()} == {
            queue.name: 0 for queue in all_queues()
        }


async def test_a_tool_declares_the_work_queues_that_it_names_and_hears_their_dead_letters(vhost: str) -> None:
    async with broker_at(vhost, works=(WEBHOOKS,)) as broker:
        await broker.consume_dead_letters(unheard)

        assert await broker.healthy()
        assert await has_queue(vhost, WEBHOOKS.dead_letter_queue)
        assert not await has_queue(vhost, FORWARDS.name)
        assert not await has_queue(vhost, FORWARDS.dead_letter_queue)


async def unheard(letter: DeadLettered) -> None:
    raise AssertionError(letter.reason)


async def test_events_of_a_service_that_has_not_started_yet_are_kept(urls: dict[str, str], vhost: str) -> None:
    await declare_everything(urls[DECLARER], delays=SHORT)

    async with service("ingress", urls["ingress"]) as ingress:
        await ingress.publish(webhook(), id=uuid4())

    async with outside(vhost) as channel:
        assert await depth(channel, WEBHOOKS.name) == 1


async def test_the_command_line_says_what_was_declared(
    urls: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = await asyncio.to_thread(run, ["declare", "--json"], {"GATEWAY_AMQP_URL": urls[DECLARER]})

    told = json.loads(capsys.readouterr().out)
    assert code is ExitCode.DONE
    assert (told["queues"], told["dead_letters_survive"]) == (len(all_queues()), True)


async def test_a_service_waits_for_what_others_declare_and_says_so_once(urls: dict[str, str]) -> None:
    with capture_logs() as lines:
        async with asyncio.TaskGroup() as tasks:
            connected = asyncio.Event()

            async def start() -> None:
                async with service("policy", urls["policy"]) as policy:
                    connected.set()
                    await eventually(policy.healthy)

            started = tasks.create_task(start())
            await eventually(lambda: gauge("gateway_topology_missing"))
            missing = gauge("gateway_topology_missing")
            assert not connected.is_set()
            await declare_everything(urls[DECLARER], delays=SHORT)
            await started

    assert missing == len(SHARED_EXCHANGES)
    assert gauge("gateway_topology_missing") == 0
    told = [(line["event"], line.get("missing")) for line in lines if line["event"].startswith("topology ")]
    assert told == [
        ("topology incomplete, run `gateway declare`", sorted(SHARED_EXCHANGES)),
        ("topology complete", None),
    ]


async def test_a_running_service_is_unready_while_a_shared_exchange_is_gone(urls: dict[str, str], vhost: str) -> None:
    await declare_everything(urls[DECLARER], delays=SHORT)
    async with service("policy", urls["policy"]) as policy, outside(vhost) as channel:
        assert await policy.healthy()

        for exchange in (EXCHANGE, DEAD_LETTER_EXCHANGE, PROBE_EXCHANGE):
            await channel.exchange_delete(exchange)
            await eventually(lambda: gauge("gateway_topology_missing") == 1)
            assert not await policy.healthy(), exchange

            await declare_everything(urls[DECLARER], delays=SHORT)
            await eventually(policy.healthy)

            assert gauge("gateway_topology_missing") == 0, exchange


async def test_a_service_whose_user_may_not_declare_is_told_so(urls: dict[str, str]) -> None:
    """As after an upgrade whose new permissions were not imported."""
    await declare_everything(urls[DECLARER], delays=SHORT)

    with capture_logs() as lines:
        starting = asyncio.create_task(service("sender", urls["policy"]).__aenter__())
        await eventually(lambda: any(line.get("missing") == ["permission to declare"] for line in lines))
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)


async def test_a_deleted_dead_letter_queue_comes_back_and_console_reads_it_again(
    urls: dict[str, str], vhost: str
) -> None:
    stored: list[DeadLettered] = []

    async def store(dead_letter: DeadLettered) -> None:
        stored.append(dead_letter)

    await declare_everything(urls[DECLARER], delays=SHORT)
    async with (
        service("policy", urls["policy"]) as policy,
        service("console", urls["console"]) as console,
        outside(vhost) as channel,
    ):
        await console.consume_dead_letters(store)
        await channel.queue_delete(WEBHOOKS.dead_letter_queue)

        await eventually(policy.healthy)
        await eventually(lambda: has_queue(vhost, WEBHOOKS.dead_letter_queue), seconds=30)
        await eventually(console.healthy, seconds=30)

        async def arrived() -> bool:
            """The binding comes a moment after the queue."""
            with suppress(GatewayError):  # unroutable until then
                await policy.dead_letter(webhook(), WEBHOOKS, id=uuid4(), reason="a test")
            return bool(stored)

        await eventually(arrived, seconds=30)
