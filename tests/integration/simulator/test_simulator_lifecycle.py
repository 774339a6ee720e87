"""The simulator as a process: its journal, its settings, its end, and its reset."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.integration.simulator.world import CUSTOMER, NUMBER, SECRET, Callback, WhatsApp, running, until
from tools.simulator.client import SimulatorClient
from tools.simulator.faults import Fault, FaultStep, Match
from tools.simulator.history import journal_messages
from tools.simulator.simulator_state import SimulatorSettings
from tools.simulator.webhook_payloads import signature_of


async def test_a_reset_forgets_everything_and_stops_what_is_pending(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(statuses={"delays": [60.0]})
    await whatsapp.control.script(FaultStep(match=Match(to="1234567"), fault=Fault(kind="hang")))
    await whatsapp.send()
    pending = (await whatsapp.control.stats()).webhooks["pending"]

    await whatsapp.control.reset()

    stats = await whatsapp.control.stats()
    assert pending == 3
    assert (stats.requests, stats.accepted, stats.webhooks) == (0, 0, {"pending": 0})
    assert await whatsapp.control.fired() == []
    assert await whatsapp.control.requests() == []
    assert callback.bodies == []


async def test_messages_in_memory_are_bounded_and_counted() -> None:
    async with running(SimulatorSettings(max_messages=3)) as simulator:
        for number in range(5):
            await simulator.send(biz_opaque_callback_data=f"gw1:{number}")

        stats = await simulator.control.stats()
        kept = await simulator.control.messages()

    assert (stats.accepted, stats.kept, stats.requests) == (5, 3, 5)
    assert [message.order for message in kept] == [3, 4, 5]


@asynccontextmanager
async def process(*flags: str, **environ: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`python -m tools.simulator` as its own process, and its base URL."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.simulator", *flags),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | environ,
    )
    assert started.stdout is not None
    try:
        line = orjson.loads(await asyncio.wait_for(started.stdout.readline(), 10))
        yield started, line["url"]
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_a_killed_simulator_leaves_every_answered_message_in_its_journal(tmp_path: Path) -> None:
    journal = tmp_path / "messages.jsonl"
    async with process("--journal", str(journal)) as (simulator, url), aiohttp.ClientSession() as session:
        whatsapp = WhatsApp(url, SimulatorClient(url), session)
        answered: list[str] = []

        async def keep_sending() -> None:
            while True:
                _, answer = await whatsapp.send()
                answered.append(answer["messages"][0]["id"])

        sending = [asyncio.create_task(keep_sending()) for _ in range(4)]
        await until(lambda: len(answered) > 200)
        simulator.kill()
        await asyncio.gather(*sending, return_exceptions=True)

    written = [message.id for message in journal_messages(journal)]
    assert set(answered) <= set(written)
    assert len(written) == len(set(written)) <= len(answered) + 4


async def test_a_simulator_signs_with_the_secret_it_was_told_to_read(callback: Callback) -> None:
    flags = ("--webhook-url", callback.url, "--app-secret-env", "SIMULATOR_TEST_SECRET")
    async with process(*flags, SIMULATOR_TEST_SECRET=SECRET) as (_, url), SimulatorClient(url) as control:
        await control.inbound(NUMBER, CUSTOMER)

    assert callback.signatures == [signature_of(callback.bodies[0], SECRET)]


async def test_a_simulator_is_configured_by_the_environment_too(callback: Callback) -> None:
    environ = {
        "GATEWAY_SIMULATOR_WEBHOOK_URL": callback.url,
        "GATEWAY_SIMULATOR_STATUSES": "off",
        "GATEWAY_WHATSAPP_APP_SECRET": SECRET,
    }
    async with process(**environ) as (_, url), SimulatorClient(url) as control:
        behaviour = await control.configure()

    assert behaviour["webhook_urls"] == [callback.url]
    assert behaviour["statuses"]["enabled"] is False


async def test_a_simulator_stops_soon_after_sigterm_even_with_a_hanging_caller() -> None:
    async with (
        process() as (simulator, url),
        SimulatorClient(url) as control,
        aiohttp.ClientSession() as session,
    ):
        await control.script(FaultStep(fault=Fault(kind="hang")))
        hanging = asyncio.create_task(WhatsApp(url, control, session).send())
        async with asyncio.timeout(20):
            while not (await control.stats()).requests:
                await asyncio.sleep(0.01)

        simulator.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(simulator.wait(), 20) == 0
        with pytest.raises(aiohttp.ClientError):
            await hanging


async def test_a_simulator_that_could_not_sign_does_not_start() -> None:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.simulator", "--webhook-url", "http://127.0.0.1:1/"),
        stderr=asyncio.subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")},
    )

    _, told = await asyncio.wait_for(started.communicate(), 10)

    assert started.returncode == 2
    assert b"app secret" in told
