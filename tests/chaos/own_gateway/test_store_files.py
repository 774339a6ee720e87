"""The ledger file is removed under running senders, which are then killed: no message is sent twice."""

import os
import random
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos.load import Load, run_with
from tests.e2e import scenarios
from tests.e2e.driver import Gateway
from tests.e2e.waiting import eventually
from tools.broker import BrokerNode
from tools.simulator.faults import Fault, FaultStep, Match
from tools.stack import Stack, StackPlan

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

MESSAGES = 240
SLOW = FaultStep(match=Match(probability=0.5, seed=1), fault=Fault(kind="late", seconds=0.3))
"""Half of WhatsApp's answers take a while, so that calls are in progress when the file goes."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gateway, Path]]:
    """A gateway that was started with a umask of 0, and its data directory."""
    folder = tmp_path_factory.mktemp("files")
    old = os.umask(0)
    try:
        async with await BrokerNode.start(folder / "broker") as node:
            settings = {"GATEWAY_REPLY_TIMEOUT": "3", "GATEWAY_PROVIDER_TIMEOUT": "2"}
            urls = await node.add_users()
            plan = StackPlan(
                data_dir=folder / "data", environ=settings, amqp_url=node.url, amqp_urls=urls, store_server=None
            )
            async with Stack(plan) as stack, Gateway.of(stack, node, node.url) as gateway:
                await gateway.whatsapp.configure(statuses={"enabled": False})
                yield gateway, folder / "data"
    finally:
        os.umask(old)


async def test_nobody_else_reads_what_a_stack_writes(opened: tuple[Gateway, Path]) -> None:
    _, folder = opened
    open_to_others = [
        f"{path.relative_to(folder)} {oct(mode)}"
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077
    ]

    assert open_to_others == []


async def removed_and_killed(gateway: Gateway, folder: Path, load: Load) -> None:
    """Remove the ledger, kill the sender once it is unready, start it, and put the ledger back."""
    sender = gateway.stack.services["sender"][0]
    await load.wait_for_answers(MESSAGES // 3)
    ledger, aside = folder / "gateway-ledger.db", folder / "aside"
    aside.mkdir()
    names = [ledger.name + suffix for suffix in ("", "-wal", "-shm")]
    for name in names:
        (folder / name).rename(aside / name)
    await eventually(lambda: is_unready(gateway), seconds=60)
    sender.kill()
    sender.start()
    await eventually(lambda: waits_for_the_file(gateway), seconds=60)
    for name in names:
        if (aside / name).exists():
            (aside / name).rename(folder / name)
    await sender.wait_until_ready()


async def is_unready(gateway: Gateway) -> bool:
    sender = gateway.stack.services["sender"][0]
    async with gateway.http.get(sender.ready_url) as answer:
        return answer.status == 503


async def waits_for_the_file(gateway: Gateway) -> bool:
    log = gateway.stack.services["sender"][0].log.read_text()
    return "gateway-ledger.db is missing or empty" in log


async def test_a_ledger_that_is_removed_under_a_sender_lets_no_message_be_sent_twice(
    opened: tuple[Gateway, Path],
) -> None:
    gateway, folder = opened
    load = await Load.create(gateway, random.Random(1))
    await gateway.whatsapp.script(SLOW)

    await run_with(load, MESSAGES, removed_and_killed(gateway, folder, load))
    findings, ends = await load.check()

    await gateway.whatsapp.clear_script()
    ended = ends["sent"] + ends["gateway_send_failed (unknown)"]
    passed = findings.holds and ended == MESSAGES
    figures = findings.figures | {"asked_again": dict(load.unanswered), "ends": dict(ends)}
    scenarios.report("ledger file removed under a sender that is then killed", seed=1, passed=passed, **figures)
    assert findings.holds, findings.faults
    assert ended == MESSAGES, ends
