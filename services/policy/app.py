"""The only module that knows which adapter stands behind which port."""

import time

from libs.chassis.amqp import Broker
from libs.chassis.consuming import Received, Subscriptions, on
from libs.chassis.serving import Life, life_of
from libs.chassis.topology import INBOUND, WEBHOOKS
from libs.contracts.events import CONFIGURATION_CHANGES, Event, WebhookReceived, WhatsAppMessageReceived
from libs.store.cached import CachedDirectory
from libs.store.opening import Store, open_store
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.keywords import Keywords
from services.policy.handlers import Hear, Judge
from services.policy.settings import PolicySettings


def subscriptions(store: Store, directory: CachedDirectory, key: bytes) -> tuple[Subscriptions, Subscriptions]:
    """What policy does with webhooks, and with what customers write."""
    judge = Judge(directory, store.decisions, ContentPolicy.load(), key, time.monotonic)
    hear = Hear(directory, store.conversations, store.suppressions, Keywords.load(), key)
    return (on(WebhookReceived, judge),), (on(WhatsAppMessageReceived, hear),)


async def serve(settings: PolicySettings) -> None:
    """Run until told to stop."""
    async with life_of("policy", settings, metrics_port=settings.policy_metrics_port) as life:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with Broker.connected(life.instance, settings.amqp_url.get_secret_value()) as broker:
                await _work(settings, life, store, broker)
        finally:
            await store.close()


async def _work(settings: PolicySettings, life: Life, store: Store, broker: Broker) -> None:
    directory = CachedDirectory(store.directory)

    async def changed(received: Received[Event]) -> None:
        directory.forget(received.event)

    await broker.overhear("configuration", CONFIGURATION_CHANGES, changed, lost=directory.forget)
    webhooks, inbound = subscriptions(store, directory, settings.hash_key.get_secret_value().encode())
    # Customers first: an opt-out must be known before the next webhook is judged.
    await broker.listen(INBOUND, inbound, prefetch=settings.prefetch)
    await broker.listen(WEBHOOKS, webhooks, prefetch=settings.prefetch)
    life.ready_when(store=store.healthy, broker=broker.healthy)
    await life.until_stopped()
    await broker.drain(settings.drain_seconds)
