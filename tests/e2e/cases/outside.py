"""What surrounds the gateway while cases are played: a receiver of forwards, and when the gateway has come to rest."""

import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.e2e.driver import Gateway, sum_of_samples
from tests.e2e.ledger_check import queue_depths
from tests.e2e.waiting import eventually

REST_SECONDS = 10.0
"""Longer than any step takes; what is still waiting then is a retry, and the expectations will show it."""
CONSUMERS = ("policy", "sender", "audit")


class ForwardReceiver:
    """Answers every forward with 200 and keeps it under the last part of its path."""

    def __init__(self) -> None:
        self.url = ""
        self.received: dict[str, list[dict[str, Any]]] = defaultdict(list)

    async def receive(self, request: web.Request) -> web.Response:
        """Keep one forward; a forward that comes again under its id is the same one."""
        kept, forward = self.received[request.match_info["case"]], await request.json()
        if forward["id"] not in {each["id"] for each in kept}:
            kept.append(forward)
        return web.Response()


@asynccontextmanager
async def a_forward_receiver() -> AsyncIterator[ForwardReceiver]:
    """One that listens on the loopback."""
    receiver = ForwardReceiver()
    app = web.Application()
    app.router.add_post("/forwards/{case}", receiver.receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/forwards"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def wait_until_at_rest(gateway: Gateway) -> None:
    """Return when no queue and no service has work, and nothing was settled between two looks; or after a while."""
    last: tuple[float, float] | None = None

    async def at_rest() -> bool:
        nonlocal last
        waiting = sum((await queue_depths(gateway)).values())
        in_flight, settled = await _deliveries(gateway)
        before, last = last, (waiting + in_flight, settled)
        return last[0] == 0 and before == last

    try:
        await eventually(at_rest, seconds=REST_SECONDS)
    except AssertionError:
        return


async def _deliveries(gateway: Gateway) -> tuple[float, float]:
    """How many deliveries all services have in flight, and how many they have settled."""
    in_flight = settled = 0.0
    for process in (process for service in CONSUMERS for process in gateway.stack.services[service]):
        page = await gateway.page(process.ready_url.replace("/readyz", "/metrics"))
        in_flight += sum_of_samples(page, "gateway_deliveries_in_flight")
        settled += sum_of_samples(page, "gateway_deliveries_total")
    return in_flight, settled


async def skipped_parts(gateway: Gateway) -> dict[str, float]:
    """By reason: how many parts of providers' posts were skipped so far."""
    found: dict[str, float] = defaultdict(float)
    for process in gateway.stack.services["ingress"]:
        page = await gateway.page(process.ready_url.replace("/readyz", "/metrics"))
        for labels, count in re.findall(r"^gateway_whatsapp_skipped_total\{(.*)\} (\S+)$", page, re.MULTILINE):
            reason = re.search(r'reason="([^"]*)"', labels)
            found[reason[1] if reason else ""] += float(count)
    return found
