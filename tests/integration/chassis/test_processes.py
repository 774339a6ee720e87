"""Processes that are stopped, killed, or started with no broker: in-flight work is finished or comes again."""

import asyncio
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from libs.chassis.topology import DELIVERY_LIMIT, RECORDS, WEBHOOKS
from tests.event_keys import key_setting
from tests.integration.chassis.worker import POISON
from tests.integration.chassis.world import broker_at, dead_letters, eventually, outside, stays_empty, webhook
from tests.integration.forked import Forked
from tests.proxy import Proxy


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def worker(
    mode: str, url: str, journal: Path, *, port: int | None = None, prefetch: int = 8
) -> AsyncIterator[Forked]:
    environ = {"GATEWAY_AMQP_URL": url, "GATEWAY_STORE_URL": "sqlite:///none", "GATEWAY_HASH_KEY": "k" * 32}
    process = await Forked.start(
        "tests.integration.chassis.worker",
        *(mode, str(journal), str(port or free_port())),
        environ=os.environ
        | environ
        | key_setting("policy")
        | {"GATEWAY_METRICS_HOST": "127.0.0.1", "GATEWAY_PREFETCH": str(prefetch)},
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def ended(process: Forked, *, seconds: float) -> int:
    return await asyncio.wait_for(process.wait(), seconds)


def lines(journal: Path, word: str) -> list[str]:
    if not journal.exists():
        return []
    return [line.split()[1] for line in journal.read_text().splitlines() if line.startswith(f"{word} ")]


async def test_sigterm_finishes_what_is_in_hand_and_the_next_process_does_the_rest(vhost: str, tmp_path: Path) -> None:
    journal, count = tmp_path / "journal", 40
    async with broker_at(vhost) as broker:
        for _ in range(count):
            await broker.publish(webhook(), id=uuid4())

    async with worker("slow", vhost, journal) as first:
        await eventually(lambda: lines(journal, "begun"))
        first.terminate()
        code = await ended(first, seconds=30)
    finished = lines(journal, "done")
    begun = lines(journal, "begun")
    async with worker("slow", vhost, journal) as second:
        await eventually(lambda: len(lines(journal, "done")) >= count)
        second.terminate()  # what is done is acknowledged moments later, so that killing it would repeat some
        assert await ended(second, seconds=30) == 0

    assert code == 0
    assert 0 < len(finished) < count
    assert sorted(begun) == sorted(finished)
    assert set(Counter(lines(journal, "done")).values()) == {1}
    async with outside(vhost) as channel:
        assert await stays_empty(channel, WEBHOOKS.name)


async def test_kill_9_loses_nothing(vhost: str, tmp_path: Path) -> None:
    journal, ids = tmp_path / "journal", {str(uuid4()) for _ in range(40)}
    async with broker_at(vhost) as broker:
        for event_id in ids:
            await broker.publish(webhook(), id=event_id)  # type: ignore[arg-type]  # written as it is

    async with worker("slow", vhost, journal) as first:
        await eventually(lambda: lines(journal, "done"))
        first.kill()
    async with worker("slow", vhost, journal):
        await eventually(lambda: set(lines(journal, "done")) == ids)


async def test_kill_9_of_a_recorder_loses_no_record(vhost: str, tmp_path: Path) -> None:
    journal, ids = tmp_path / "journal", {str(uuid4()) for _ in range(300)}
    async with broker_at(vhost) as broker:
        await asyncio.gather(*(broker.publish(webhook(), id=event_id) for event_id in ids))  # type: ignore[arg-type]

    async with worker("batches", vhost, journal) as first:
        await eventually(lambda: lines(journal, "done"))
        first.kill()
    seen = len(set(lines(journal, "done")))
    async with worker("batches", vhost, journal) as second:
        await eventually(lambda: set(lines(journal, "done")) == ids)
        second.terminate()
        assert await ended(second, seconds=30) == 0

    assert seen < len(ids)
    async with outside(vhost) as channel:
        assert await stays_empty(channel, RECORDS.name)


async def test_an_event_that_kills_its_consumer_is_dead_lettered_and_the_others_are_done(
    vhost: str, tmp_path: Path
) -> None:
    journal, poison = tmp_path / "journal", uuid4()
    async with broker_at(vhost) as broker:
        await broker.publish(webhook(POISON), id=poison)
        good = {str(uuid4()) for _ in range(5)}
        for event_id in good:
            await broker.publish(webhook(), id=event_id)  # type: ignore[arg-type]  # written as it is

    async with worker("crash", vhost, journal, prefetch=1):
        (dead_letter,) = await dead_letters(vhost, WEBHOOKS, seconds=60)
        await eventually(lambda: set(lines(journal, "done")) == good)

    assert dead_letter.message_id == str(poison)
    assert dead_letter.headers["x-death"][0]["reason"] == "delivery_limit"  # type: ignore[index,call-overload]
    assert lines(journal, "begun").count(str(poison)) == DELIVERY_LIMIT + 1


async def status(port: int, page: str) -> int:
    async with aiohttp.ClientSession() as client:
        try:
            async with client.get(f"http://127.0.0.1:{port}/{page}") as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0


async def test_a_process_whose_handlers_hang_whatever_is_tried_is_unready_and_then_not_alive(
    vhost: str, tmp_path: Path
) -> None:
    port = free_port()
    async with worker("stuck", vhost, tmp_path / "journal", port=port), broker_at(vhost) as broker:

        async def answers(page: str, code: int) -> bool:
            return await status(port, page) == code

        await eventually(lambda: answers("readyz", 200))
        alive = await status(port, "healthz")
        await broker.publish(webhook(), id=uuid4())

        await eventually(lambda: answers("readyz", 503))
        await eventually(lambda: answers("healthz", 503))

    assert alive == 200


@pytest.mark.parametrize(
    "silent", [pytest.param(False, id="the port is closed"), pytest.param(True, id="the port answers nothing")]
)
async def test_without_a_broker_a_service_waits_unready_and_ends_when_told(
    vhost: str, tmp_path: Path, proxy: Proxy, *, silent: bool
) -> None:
    url, port = proxy.url(vhost), free_port()
    if silent:
        proxy.black_hole()
    else:
        await proxy.refuse()

    async with worker("slow", url, tmp_path / "journal", port=port) as process:

        async def waits() -> bool:
            return (await status(port, "healthz"), await status(port, "readyz")) == (200, 503)

        await eventually(waits)
        await asyncio.sleep(0.5)  # into the middle of an attempt
        process.terminate()
        begun = time.monotonic()
        code = await ended(process, seconds=30)

    assert code == 0
    assert time.monotonic() - begun < 6


async def test_a_service_that_started_before_its_broker_becomes_ready_with_it(
    vhost: str, tmp_path: Path, proxy: Proxy
) -> None:
    url, port = proxy.url(vhost), free_port()
    await proxy.refuse()

    async with worker("slow", url, tmp_path / "journal", port=port):

        async def answers(code: int) -> bool:
            return await status(port, "readyz") == code

        await eventually(lambda: answers(503))
        await proxy.heal()

        assert await eventually(lambda: answers(200))
