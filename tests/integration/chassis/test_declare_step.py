"""The declare step on a real broker: what it makes, what services without it do, and what it says when it cannot."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from libs.chassis.amqp import Broker
from libs.chassis.amqp.declare_step import Declared, DeclareFailed, declare_everything
from libs.chassis.subscriptions import DeadLettered, Received, on
from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    DEAD_LETTER_POLICY,
    EXCHANGE,
    FORWARDS,
    POLICY_MARKER,
    PROBE_EXCHANGE,
    SHARED_EXCHANGES,
    WEBHOOKS,
    WorkQueue,
    all_queues,
)
from libs.contracts.errors import GatewayError
from libs.contracts.events import WebhookReceived
from tests.conftest import run_apart
from tests.event_keys import authentic, event_keys
from tests.integration.chassis.world import (
    SHORT,
    declared_by_an_earlier_release,
    depth,
    eventually,
    outside,
    stays_empty,
    webhook,
)
from tools.broker import BrokerNode
from tools.broker.layout import is_free
from tools.broker.rights import DECLARER
from tools.cli.console_client import ExitCode
from tools.cli.program import run

LIKE_RABBITMQ_4 = ("set_policy", "--priority", "-1", "like-4", ".*", '{"delivery-limit": 20}', "--apply-to", "queues")
"""3.10 has no limit; with this policy its queues behave as those of RabbitMQ 4, unless another policy comes first."""
FLAPS = 40
"""Twice as many as cost a letter on RabbitMQ 4."""


def vhost_of(url: str) -> str:
    return url.rpartition("/")[2]


@pytest.fixture
async def urls(broker: BrokerNode, vhost: str) -> dict[str, str]:
    """The limited users of an empty vhost."""
    return await broker.add_users(vhost_of(vhost))


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


# ---------------------------------------------------------------- what it makes


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


# ---------------------------------------------------------------- services without it


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


@pytest.mark.parametrize("exchange", [EXCHANGE, DEAD_LETTER_EXCHANGE, PROBE_EXCHANGE])
async def test_a_running_service_is_unready_while_a_shared_exchange_is_gone(
    urls: dict[str, str], vhost: str, exchange: str
) -> None:
    await declare_everything(urls[DECLARER], delays=SHORT)
    async with service("policy", urls["policy"]) as policy, outside(vhost) as channel:
        assert await policy.healthy()

        await channel.exchange_delete(exchange)
        await eventually(lambda: gauge("gateway_topology_missing") == 1)
        assert not await policy.healthy()

        await declare_everything(urls[DECLARER], delays=SHORT)
        await eventually(policy.healthy)

        assert gauge("gateway_topology_missing") == 0


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


# ---------------------------------------------------------------- the delivery limit of dead letters


async def flap(url: str, queue: str, times: int) -> None:
    """Take every message of a queue and lose the connection, again and again."""
    for _ in range(times):
        connection = await aio_pika.connect(url)
        channel = await connection.channel()
        found = await channel.get_queue(queue, ensure=False)
        while await found.get(no_ack=False, fail=False) is not None:
            pass
        await connection.close()


@pytest.mark.parametrize("flaps", [FLAPS, pytest.param(1_000, marks=pytest.mark.long)])
async def test_dead_letters_survive_lost_connections_because_of_the_policy(
    broker: BrokerNode, vhost: str, urls: dict[str, str], flaps: int
) -> None:
    await broker.rabbitmqctl(LIKE_RABBITMQ_4[0], "-p", vhost_of(vhost), *LIKE_RABBITMQ_4[1:])
    await declare_everything(urls[DECLARER])
    async with outside(vhost) as channel:
        dead = await channel.get_exchange(DEAD_LETTER_EXCHANGE)
        for work in (WEBHOOKS, FORWARDS):
            await dead.publish(aio_pika.Message(b"letter"), work.name)

        await flap(urls["console"], WEBHOOKS.dead_letter_queue, flaps)
        await eventually(lambda: depth(channel, WEBHOOKS.dead_letter_queue))
        await broker.rabbitmqctl("clear_policy", "-p", vhost_of(vhost), str(DEAD_LETTER_POLICY["name"]))
        await flap(urls["console"], FORWARDS.dead_letter_queue, FLAPS)

        assert await stays_empty(channel, FORWARDS.dead_letter_queue, seconds=1.0), "the policy is what kept the other"


async def test_a_missing_policy_is_found_out_by_what_the_broker_does(
    broker: BrokerNode, vhost: str, urls: dict[str, str]
) -> None:
    vhost_name, name = vhost_of(vhost), str(DEAD_LETTER_POLICY["name"])
    await broker.rabbitmqctl(LIKE_RABBITMQ_4[0], "-p", vhost_name, *LIKE_RABBITMQ_4[1:])
    assert (await declare_everything(urls[DECLARER], delays=SHORT)).dead_letters_survive

    await broker.rabbitmqctl("clear_policy", "-p", vhost_name, name)
    declared = await declare_everything(urls[DECLARER], delays=SHORT)

    assert not declared.dead_letters_survive
    assert not await has(vhost, POLICY_MARKER)
    async with service("policy", urls["policy"]) as policy:
        assert gauge("gateway_dead_letter_policy_missing") == 1
        assert await policy.healthy(), "a warning, not an outage"

        await broker.add_users(vhost_name)  # imports the policy again
        assert (await declare_everything(urls[DECLARER], delays=SHORT)).dead_letters_survive
        await eventually(lambda: gauge("gateway_dead_letter_policy_missing") == 0)


async def test_the_policy_is_in_the_broker_where_everybody_sees_it(
    broker: BrokerNode, vhost: str, urls: dict[str, str]
) -> None:
    await declare_everything(urls[DECLARER])

    listed = await broker.rabbitmqctl("list_queues", "-p", vhost_of(vhost), "--no-table-headers", "name", "policy")

    under = dict(line.split("\t") for line in listed.splitlines())
    limited = {queue for queue, policy in under.items() if policy == DEAD_LETTER_POLICY["name"]}
    assert '{"delivery-limit":1000000}' in await broker.rabbitmqctl("list_policies", "-p", vhost_of(vhost))
    assert limited == {queue.name for queue in all_queues() if queue.name.endswith(".dead")}


# ---------------------------------------------------------------- queues of earlier releases


@pytest.fixture
async def upgraded(vhost: str, urls: dict[str, str]) -> AsyncIterator[AbstractChannel]:
    """A vhost with two work queues and their wait queues as an earlier release declared them."""
    async with outside(vhost) as channel:
        await channel.declare_exchange(EXCHANGE, "topic", durable=True)
        await channel.declare_exchange(DEAD_LETTER_EXCHANGE, "direct", durable=True)
        for work in (WEBHOOKS, FORWARDS):
            await declared_by_an_earlier_release(channel, work)
        yield channel


def former(work: WorkQueue) -> list[str]:
    return [work.former_wait_queue(delay) for delay in work.delays(SHORT)]


async def test_what_waits_in_an_old_wait_queue_arrives_and_the_queue_goes_with_the_second_run(
    upgraded: AbstractChannel, vhost: str, urls: dict[str, str]
) -> None:
    waiting, heard = uuid4(), list[object]()
    await upgraded.default_exchange.publish(authentic(webhook(), waiting), former(WEBHOOKS)[0])

    async def hear(received: Received[WebhookReceived]) -> None:
        heard.append(received.id)

    before_rollout = await declare_everything(urls[DECLARER], delays=SHORT)
    async with service("policy", urls["policy"]) as policy:
        await policy.consume(WEBHOOKS, (on(WebhookReceived, hear),), prefetch=5)
        await eventually(lambda: heard)
    after_rollout = await declare_everything(urls[DECLARER], delays=SHORT)

    assert heard == [waiting]
    assert before_rollout.removed == after_rollout.left == ()
    assert set(before_rollout.left) == set(after_rollout.removed) == {*former(WEBHOOKS), *former(FORWARDS)}
    assert not [name for name in former(WEBHOOKS) if await has_queue(vhost, name)]


async def test_an_old_wait_queue_that_is_not_empty_stays_until_it_is(
    upgraded: AbstractChannel, vhost: str, urls: dict[str, str]
) -> None:
    longest = former(FORWARDS)[-1]  # an hour
    await upgraded.default_exchange.publish(aio_pika.Message(b"waits"), longest)

    await declare_everything(urls[DECLARER], delays=SHORT)
    first = await declare_everything(urls[DECLARER], delays=SHORT)
    await (await upgraded.get_queue(longest)).purge()
    second = await declare_everything(urls[DECLARER], delays=SHORT)

    assert longest in first.left
    assert first.removed
    assert set(second.removed) == set(first.left)
    assert second.left == ()
    assert not [name for name in (*former(WEBHOOKS), *former(FORWARDS)) if await has_queue(vhost, name)]


# ---------------------------------------------------------------- the management API


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BrokerNode, str]]:
    """A node with the management plugin, and the address of its API."""
    folder = tmp_path_factory.mktemp("managed")
    node = run_apart(with_management(folder))
    yield node
    run_apart(node[0].stop())


async def with_management(folder: Path) -> tuple[BrokerNode, str]:
    node = await BrokerNode.start(folder)
    port = next(port for port in range(node.port + 1, node.port + 1000) if is_free(port))
    (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
    with (folder / "rabbitmq.conf").open("a") as config:
        config.write(f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n")
    await node.restart()
    return node, f"http://127.0.0.1:{port}"


async def test_the_policy_is_set_through_the_management_api(managed: tuple[BrokerNode, str]) -> None:
    node, management_url = managed
    urls = await node.add_users("an office")
    await node.rabbitmqctl("clear_policy", "-p", "an office", str(DEAD_LETTER_POLICY["name"]))
    await node.rabbitmqctl(LIKE_RABBITMQ_4[0], "-p", "an office", *LIKE_RABBITMQ_4[1:])
    assert not (await declare_everything(urls[DECLARER], delays=SHORT)).dead_letters_survive

    declared = await declare_everything(urls[DECLARER], management_url=management_url, delays=SHORT)

    assert declared.dead_letters_survive
    assert '{"delivery-limit":1000000}' in await node.rabbitmqctl("list_policies", "-p", "an office")


async def test_a_user_who_may_not_set_policies_is_refused_with_a_sentence(managed: tuple[BrokerNode, str]) -> None:
    node, management_url = managed
    urls = await node.add_users()

    with pytest.raises(DeclareFailed, match=r"refused the policy \(HTTP 401\)\.$") as failed:
        await declare_everything(urls["policy"], management_url=management_url, wait=1)

    assert not failed.value.unreachable
    assert urls["policy"].split(":")[2].split("@")[0] not in str(failed.value)


async def test_the_url_of_the_api_may_name_another_user(managed: tuple[BrokerNode, str]) -> None:
    node, management_url = managed
    urls = await node.add_users()
    user, password = urls[DECLARER].removeprefix("amqp://").split("@")[0].split(":")

    declared = await declare_everything(
        node.url, management_url=management_url.replace("://", f"://{user}:{password}@"), delays=SHORT
    )

    assert declared.dead_letters_survive


# ---------------------------------------------------------------- failures, in one sentence


async def test_an_api_that_cannot_be_reached_is_named(urls: dict[str, str]) -> None:
    with pytest.raises(
        DeclareFailed, match=r"^RabbitMQ's management API at 127\.0\.0\.1:1 cannot be reached"
    ) as failed:
        await declare_everything(urls[DECLARER], management_url="http://127.0.0.1:1", wait=0.2)

    assert failed.value.unreachable


async def test_a_broker_that_cannot_be_reached_is_named_without_its_password() -> None:
    with pytest.raises(DeclareFailed, match=r"^RabbitMQ at 127\.0\.0\.1:1 cannot be reached") as failed:
        await declare_everything("amqp://user:secret@127.0.0.1:1/", wait=0.2)

    assert failed.value.unreachable
    assert "secret" not in str(failed.value)


async def test_a_wrong_password_is_told_at_once(urls: dict[str, str]) -> None:
    wrong = urls[DECLARER].replace("@", "x@")

    with pytest.raises(DeclareFailed, match="refused the user or the password") as failed:
        await declare_everything(wrong, wait=600)

    assert not failed.value.unreachable


async def test_a_user_without_the_rights_is_told_so(urls: dict[str, str]) -> None:
    with pytest.raises(DeclareFailed, match=r"^RabbitMQ refused a declaration: ACCESS_REFUSED"):
        await declare_everything(urls["policy"])


async def test_a_queue_with_other_arguments_is_named(urls: dict[str, str], vhost: str) -> None:
    async with outside(vhost) as channel:
        await channel.declare_queue(WEBHOOKS.name, durable=True)

    with pytest.raises(DeclareFailed, match=r"exists with other arguments: PRECONDITION_FAILED .*policy\.webhooks"):
        await declare_everything(urls[DECLARER])


async def test_the_step_waits_for_a_broker_that_is_still_starting(broker: BrokerNode, urls: dict[str, str]) -> None:
    async with hanging_up(broker.port, times=2) as (port, calls):
        url = urls[DECLARER].replace(f":{broker.port}/", f":{port}/")

        declared = await declare_everything(url, delays=SHORT, wait=60)

    assert declared.dead_letters_survive
    assert len(calls) > 2


async def test_the_step_is_repeated_when_the_broker_is_lost_in_the_middle(
    broker: BrokerNode, urls: dict[str, str], vhost: str
) -> None:
    async with hanging_up(broker.port, times=1, after=4_000) as (port, calls):
        url = urls[DECLARER].replace(f":{broker.port}/", f":{port}/")

        declared = await declare_everything(url, delays=SHORT, wait=60)

    assert declared.dead_letters_survive
    assert len(calls) >= 2
    assert await has_queue(vhost, FORWARDS.name)


async def test_a_broker_that_is_lost_again_and_again_is_told_after_the_deadline(
    broker: BrokerNode, urls: dict[str, str]
) -> None:
    async with hanging_up(broker.port, times=1_000, after=4_000) as (port, calls):
        url = urls[DECLARER].replace(f":{broker.port}/", f":{port}/")

        with pytest.raises(DeclareFailed) as failed:
            await declare_everything(url, delays=SHORT, wait=5)

    assert failed.value.unreachable
    assert len(calls) >= 2


@asynccontextmanager
async def hanging_up(target: int, *, times: int, after: int = 0) -> AsyncIterator[tuple[int, list[int]]]:
    """A port that hangs up the first calls after a number of bytes, leads all others to another port; and the calls."""
    calls: list[int] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(1)
        left = after if len(calls) <= times else sys.maxsize
        if left:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
            await asyncio.gather(pump(reader, far_writer, left), pump(far_reader, writer))
        writer.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], calls


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, left: int = sys.maxsize) -> None:
    while left > 0 and (data := await source.read(65536)):
        sink.write(data)
        left -= len(data)
    sink.close()
