"""Wires policy: chooses the adapter behind each port, and starts and stops the service."""

import time
from collections.abc import Mapping

from libs.chassis.amqp import Broker
from libs.chassis.runtime import ServiceRuntime, service_runtime
from libs.chassis.subscriptions import Received, Subscriptions, on
from libs.chassis.topology import INBOUND, NOTIFICATIONS, SIMULATIONS, WEBHOOKS, WorkQueue
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
from libs.contracts.identity import Pseudonyms
from libs.store.directory_cache import CachedDirectory, CachedIntegrations
from libs.store.factory import open_store
from libs.store.store import Store
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.keywords import Keywords
from services.policy.handlers.customer_identities import CustomerIdentities
from services.policy.handlers.decide_webhook import DecideWebhook
from services.policy.handlers.handle_inbound_message import HandleInboundMessage
from services.policy.handlers.handle_preference import HandlePreference
from services.policy.handlers.link_identity import LinkIdentity
from services.policy.handlers.notify_integrations import HandleAndNotify, NotifyIntegrations
from services.policy.handlers.simulate_decision import SimulateDecision
from services.policy.settings import PolicySettings


def subscriptions(
    store: Store, directory: CachedDirectory, integrations: CachedIntegrations, pseudonyms: Pseudonyms
) -> Mapping[WorkQueue, Subscriptions]:
    """The handlers of each work queue. Customers' messages come first: an opt-out must precede the next webhook."""
    decide = DecideWebhook(
        directory, store.decisions, ContentPolicy.load(), pseudonyms, time.monotonic, store.delivery_order
    )
    identities = CustomerIdentities(store.identities, store.suppressions, pseudonyms)
    handle_message = HandleInboundMessage(
        directory, store.conversations, store.suppressions, identities, Keywords.load()
    )
    notify = NotifyIntegrations(directory, integrations)
    return {
        INBOUND: (
            on(WhatsAppMessageReceived, HandleAndNotify(handle_message, notify.for_message)),
            on(WhatsAppPreferenceChanged, HandlePreference(store.suppressions, identities)),
            on(WhatsAppIdentityChanged, LinkIdentity(identities)),
        ),
        WEBHOOKS: (on(WebhookReceived, decide),),
        NOTIFICATIONS: (on(SuppressionAdded, notify.for_opt_out), on(MessageStatusUpdated, notify.for_status)),
        SIMULATIONS: (on(SimulationRequested, SimulateDecision(decide)),),
    }


async def serve(settings: PolicySettings) -> None:
    """Run until stopped."""
    async with service_runtime("policy", settings, metrics_port=settings.policy_metrics_port) as runtime:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with Broker.connected(runtime.replica, settings.amqp_url.get_secret_value()) as broker:
                await _serve(settings, runtime, store, broker)
        finally:
            await store.close()


async def _serve(settings: PolicySettings, runtime: ServiceRuntime, store: Store, broker: Broker) -> None:
    directory, integrations = CachedDirectory(store.directory), CachedIntegrations(store.registry)

    async def changed(received: Received[Event]) -> None:
        directory.invalidate(received.event)
        integrations.invalidate(received.event)

    def reconnected() -> None:
        directory.invalidate()
        integrations.invalidate()

    await broker.subscribe_exclusive("configuration", CONFIGURATION_CHANGES, changed, on_reconnect=reconnected)
    pseudonyms = Pseudonyms(settings.hash_key.get_secret_value().encode())
    for queue, handlers in subscriptions(store, directory, integrations, pseudonyms).items():
        await broker.consume(queue, handlers, prefetch=settings.prefetch)
    async with broker.retiring_queues():
        runtime.mark_ready(store=store.healthy, broker=broker.healthy)
        await runtime.wait_until_stopped()
        await broker.drain(settings.drain_seconds)
