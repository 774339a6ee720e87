"""A service of one handler, for tests that need a process to stop or kill: `python -m … MODE JOURNAL PORT`.

It writes a line into the journal before and after each event; the AMQP URL comes by the environment.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from libs.chassis.amqp import Broker, watchdog
from libs.chassis.runtime import run, service_runtime
from libs.chassis.settings import ServiceSettings
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import RECORDS, WEBHOOKS
from libs.contracts.events import Event, WebhookReceived
from tests.integration.chassis.world import SHORT

POISON = "poison"
STUCK_AFTER = 1.0


class Journal:
    """Lines that survive the death of the process that wrote them."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def write(self, word: str, event_id: UUID) -> None:
        self._file.write(f"{word} {event_id}\n")


class WorkerSettings(ServiceSettings):
    """Those of policy, as far as every service has them."""

    service: ClassVar[str] = "policy"


async def serve(mode: str, journal: Journal, port: int, settings: ServiceSettings) -> None:
    async def slowly(received: Received[WebhookReceived]) -> None:
        journal.write("begun", received.id)
        if received.event.payload.text == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "stuck":
            await asyncio.Event().wait()
        await asyncio.sleep(0.3 if mode == "slow" else 0)
        journal.write("done", received.id)

    async def record(batch: Sequence[Received[Event]]) -> None:
        await asyncio.sleep(0.05)
        for received in batch:
            journal.write("done", received.id)

    url = settings.amqp_url.get_secret_value()
    async with (
        service_runtime("policy", settings, metrics_port=port) as life,
        Broker.connected(life.replica, url, keys=settings.authentic_events, delays=SHORT, watch_interval=0.1) as broker,
    ):
        if mode == "batches":
            await broker.consume_in_batches(RECORDS, record, size=20)
        else:
            subscriptions = (on(WebhookReceived, slowly),)
            await broker.consume(WEBHOOKS, subscriptions, prefetch=settings.prefetch, stuck_after=STUCK_AFTER)
        life.mark_ready(alive=broker.alive, broker=broker.probe, consumers=broker.consumers_move)
        await life.wait_until_stopped()
        await broker.drain(settings.drain_seconds)


def main() -> None:
    watchdog.DEAD_SECONDS = 3.0
    mode, path, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    work = partial(run, partial(serve, mode, Journal(path), port), WorkerSettings, os.environ)
    if mode != "crash":
        work()
        return
    while True:  # a supervisor: whoever dies is started again
        child = os.fork()
        if not child:
            work()
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
