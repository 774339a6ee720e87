"""The only module that knows which adapter stands behind which port."""

import time

from libs.chassis.amqp import Broker
from libs.chassis.consuming import Received, Subscriptions, on
from libs.chassis.serving import Life, life_of
from libs.chassis.topology import INBOUND, SIMULATIONS, TOLD, WEBHOOKS
from libs.contracts.events import (
    CONFIGURATION_CHANGES,
    Event,
    MessageStatusUpdated,
    SimulationRequested,
    SuppressionAdded,
    WebhookReceived,
    WhatsAppIdentityChanged,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
)
from libs.store.cached import CachedDirectory, CachedIntegrations
from libs.store.opening import Store, open_store
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.keywords import Keywords
from services.policy.handlers import Hear, HearAndTell, Heed, Judge, Know, Recognise, Simulate, Tell
from services.policy.settings import PolicySettings


def subscriptions(
    store: Store, directory: CachedDirectory, integrations: CachedIntegrations, key: bytes
) -> tuple[Subscriptions, Subscriptions, Subscriptions, Subscriptions]:
    """What policy does with webhooks, customers' words, what the 3CX side is to be told, and operators' questions."""
    tell = Tell(directory, integrations)
    judge = Judge(directory, store.decisions, ContentPolicy.load(), key, time.monotonic, store.turns)
    know = Know(store.identities, store.suppressions, key)
    hear = Hear(directory, store.conversations, store.suppressions, know, Keywords.load(), key)
    inbound = (
        on(WhatsAppMessageReceived, HearAndTell(hear, tell.of_message)),
        on(WhatsAppPreferenceChanged, Heed(store.suppressions, know, key)),
        on(WhatsAppIdentityChanged, Recognise(know, key)),
    )
    return (on(WebhookReceived, judge),), inbound, _told(tell), (on(SimulationRequested, Simulate(judge)),)


def _told(tell: Tell) -> Subscriptions:
    return on(SuppressionAdded, tell.of_opt_out), on(MessageStatusUpdated, tell.of_status)


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
    directory, integrations = CachedDirectory(store.directory), CachedIntegrations(store.registry)

    async def changed(received: Received[Event]) -> None:
        directory.forget(received.event)
        integrations.forget(received.event)

    def missed() -> None:
        directory.forget()
        integrations.forget()

    await broker.overhear("configuration", CONFIGURATION_CHANGES, changed, lost=missed)
    key = settings.hash_key.get_secret_value().encode()
    webhooks, inbound, told, simulations = subscriptions(store, directory, integrations, key)
    # Customers first: an opt-out must be known before the next webhook is judged.
    await broker.listen(INBOUND, inbound, prefetch=settings.prefetch)
    await broker.listen(WEBHOOKS, webhooks, prefetch=settings.prefetch)
    await broker.listen(TOLD, told, prefetch=settings.prefetch)
    await broker.listen(SIMULATIONS, simulations, prefetch=settings.prefetch)
    life.ready_when(store=store.healthy, broker=broker.healthy)
    await life.until_stopped()
    await broker.drain(settings.drain_seconds)
