"""A declare step that fails says why in one sentence, and waits for a broker that is not there yet."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from libs.chassis.amqp.declare_step import DeclareFailed, declare_everything
from libs.chassis.topology import (
    FORWARDS,
    WEBHOOKS,
)
from tests.integration.chassis.declaring import has_queue
from tests.integration.chassis.world import (
    SHORT,
    outside,
)
from tools.broker import BrokerNode
from tools.broker.rights import DECLARER


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
