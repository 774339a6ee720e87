"""`python -m bench.message_steps`: what one message costs policy and sender in CPU, from delivery to acknowledgement.

Each consumer gets its deliveries 64 at a time as a connection hands them over, decides or sends with a store on SQLite
of its own, and publishes. Only sockets are missing: the broker's, and WhatsApp's with its HTTP client. Times are CPU
times of this process with all its threads, the median of the batches, so that no broker is needed. A busy machine makes
them longer: run two states of the code in turn, and compare ratios.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import uvloop
from pydantic import SecretStr

from bench.message_stand import HASH_KEY, PSEUDONYMS, SECRETS, Provider, Published, Socket, fill, webhooks
from libs.chassis.amqp.deliveries import Processing
from libs.chassis.amqp.fair_share import FairShare
from libs.chassis.amqp.publisher import Publisher
from libs.chassis.amqp.queue_consumer import QueueConsumer
from libs.chassis.clock import utc_now
from libs.chassis.event_keys import EventKeys, event_keys_from
from libs.chassis.runtime import GC_THRESHOLDS
from libs.chassis.subscriptions import Subscription, on
from libs.chassis.topology import MESSAGES, WEBHOOKS, WorkQueue
from libs.contracts.events import MessageApproved
from libs.store.directory_cache import CachedDirectory, CachedIntegrations
from libs.store.do_not_contact import do_not_contact_from
from libs.store.factory import open_store
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.policy.app import subscriptions
from services.sender.adapters.numbers import DirectoryNumbers
from services.sender.app.dependencies import SenderDependencies
from services.sender.app.messages import message_handler
from services.sender.settings import SenderSettings
from tools.event_keys import new_event_keys

AT_ONCE: Final = 64
"""Deliveries at once: the prefetch of the services."""


def policy(store: Store) -> Sequence[Subscription[Any]]:
    """The handlers of webhooks."""
    hashes = do_not_contact_from(SECRETS, PSEUDONYMS, store.do_not_contact_entries)
    caches = CachedDirectory(store.directory), CachedIntegrations(store.registry)
    return subscriptions(store, *caches, do_not_contact=hashes, sealer=sealer_from(SECRETS))[WEBHOOKS]


def sender(store: Store) -> Sequence[Subscription[Any]]:
    """The handler of approved messages."""
    defaults = {name: field.default for name, field in SenderSettings.model_fields.items()}
    secret = SecretStr(SECRETS)
    given = {"secret_keys": secret, "do_not_contact_keys": secret, "hash_key": SecretStr(HASH_KEY)}
    dependencies = SenderDependencies(
        store=store,
        numbers=DirectoryNumbers(CachedDirectory(store.directory), sealer_from(SECRETS)),
        providers={"cloud_api": cast("Any", Provider())},
        owner="sender-1",
    )
    unused: Any = SimpleNamespace(begin=lambda *_, **__: None, close_file=lambda _: None)
    settings = SenderSettings.model_construct(**defaults | given)
    return (on(MessageApproved, message_handler(settings, dependencies, unused, unused)),)


async def consumed(
    queue: WorkQueue, handlers: Sequence[Subscription[Any]], given: Sequence[Published], keys: EventKeys
) -> tuple[float, list[Published]]:
    """Microseconds of CPU a message, and what was published."""
    socket = Socket(keys, f"{queue.name}-1")
    via = Processing(cast("Publisher", socket), keys, utc_now)
    consumer = QueueConsumer(queue, handlers, via, FairShare(AT_ONCE))
    times: list[float] = []
    for start in range(0, len(given), AT_ONCE):
        part = given[start : start + AT_ONCE]
        began = time.process_time()
        consumer._receive([socket.delivery(start + at, each) for at, each in enumerate(part, 1)])  # noqa: SLF001 -- what the connection calls
        while len(socket.published) < start + len(part):  # noqa: ASYNC110 -- an event would be work that no service does
            await asyncio.sleep(0.001)
        times.append((time.process_time() - began) / len(part) * 1e6)
    await consumer.stop(1.0)
    return statistics.median(times), socket.published


async def run(messages: int) -> dict[str, float]:
    """The figures of both services. Raises RuntimeError when a message was not sent: then they say nothing."""
    keys = {service: event_keys_from(value, service) for service, value in new_event_keys().items()}
    with tempfile.TemporaryDirectory(prefix="gateway-steps-") as folder:
        store = await open_store(f"sqlite:///{Path(folder) / 'gateway.db'}")
        try:
            await fill(store, messages)
            given = await webhooks(messages, keys["ingress"])
            gc.freeze()
            decided, approved = await consumed(WEBHOOKS, policy(store), given, keys["policy"])
            sent, answers = await consumed(MESSAGES, sender(store), approved, keys["sender"])
            if {getattr(each.event, "code", None) for each in answers} != {"sent"}:
                raise RuntimeError("a message was not sent")
            return {"policy": decided, "sender": sent}
        finally:
            await store.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.message_steps", description=__doc__)
    parser.add_argument("--messages", type=int, default=2_560)
    flags = parser.parse_args()
    gc.set_threshold(*GC_THRESHOLDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for name, value in runner.run(run(flags.messages)).items():
            print(f"{name:<10} {value:8.1f} us CPU a message")


if __name__ == "__main__":
    main()
