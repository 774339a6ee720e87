"""Wires policy: chooses the adapter behind each port, and starts and stops the service."""

import time
from collections.abc import Callable, Mapping
from functools import partial

from libs.chassis.amqp import Broker
from libs.chassis.clock import utc_now
from libs.chassis.runtime import ServiceRuntime, service_runtime
from libs.chassis.store_opening import open_when_usable
from libs.chassis.store_probe import StoreProbe
from libs.chassis.subscriptions import Received, Subscriptions, on
from libs.chassis.topology import IDENTITIES, INBOUND, NOTIFICATIONS, SIMULATIONS, WEBHOOKS, WorkQueue
from libs.contracts.events import (
    CONFIGURATION_CHANGES,
    ConsentSubmitted,
    Event,
    MessageStatusUpdated,
    SimulationRequested,
    SuppressionAdded,
    WebhookAnswered,
    WebhookReceived,
    WhatsAppCallReceived,
    WhatsAppIdentityChanged,
    WhatsAppIdentityLinked,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
)
from libs.contracts.identity import Pseudonyms
from libs.store.directory_cache import CachedDirectory, CachedIntegrations
from libs.store.do_not_contact import DoNotContact, HashedErasedCustomers, do_not_contact_from
from libs.store.factory import open_store
from libs.store.sealer import Sealer, sealer_from
from libs.store.store import Store
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.keywords import Keywords
from services.policy.handlers.chat_customers import ChatCustomers
from services.policy.handlers.consent_ledger import ConsentLedger
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.handlers.customer_identities import CustomerIdentities
from services.policy.handlers.customer_restrictions import CustomerRestrictions
from services.policy.handlers.decide_webhook import DecideWebhook
from services.policy.handlers.find_customer import FindCustomer
from services.policy.handlers.find_quoted import FindQuoted
from services.policy.handlers.gather_facts import GatherFacts
from services.policy.handlers.gather_requests import GatherRequests
from services.policy.handlers.handle_call import HandleCall
from services.policy.handlers.handle_consent import HandleConsent
from services.policy.handlers.handle_inbound_message import HandleInboundMessage
from services.policy.handlers.handle_preference import HandlePreference
from services.policy.handlers.hold_identity import HoldIdentity
from services.policy.handlers.link_identity import LinkAnswer, LinkIdentity
from services.policy.handlers.notify_chats import NotifyChats
from services.policy.handlers.notify_integrations import HandleAndNotify, NotifyBoth, NotifyIntegrations
from services.policy.handlers.run_chat_command import RunChatCommand
from services.policy.handlers.simulate_decision import SimulateDecision
from services.policy.handlers.template_limits import TemplateLimits
from services.policy.settings import PolicySettings

CUSTOMERS_AT_ONCE = 8
"""Of what customers write and WhatsApp tells, so many deliveries at once. More would not be handled faster, but each
step of a webhook's decision would wait for a step of each of them."""
ACCOUNT_PART = 8
"""One account has so small a part of what is handled at once while there are others: this work is CPU, which more
deliveries at once would not speed up."""
ACCOUNT_LEAST = 2
"""The share of an account in a small queue: while one delivery waits for the store, another one is handled."""
ACCOUNT_LOOP_SECONDS = 0.004
"""One account's deliveries hold the event loop together for so long at most, between two steps of another's decision:
eight everyday ones do not, and of those with hostile texts one is handled at a time."""
SIMULATIONS_AT_ONCE = 1
"""Simulated decisions are made beside the real ones, one at a time."""


def subscriptions(
    store: Store,
    directory: CachedDirectory,
    integrations: CachedIntegrations,
    *,
    do_not_contact: DoNotContact,
    sealer: Sealer,
    messages_in_flight: Callable[[], int] = lambda: 0,
) -> Mapping[WorkQueue, Subscriptions]:
    """The handlers of each work queue. Customers' messages come first: an opt-out must precede the next webhook."""
    pseudonyms = do_not_contact.pseudonyms
    contacts = CustomerContacts(store.customer_links, pseudonyms, sealer)
    chat_customers = ChatCustomers(store.pseudo_numbers, pseudonyms, sealer)
    gather_facts, template_limits = _gather_facts(store, directory, do_not_contact, contacts, chat_customers)
    decide = DecideWebhook(gather_facts, store.decisions, store.delivery_order, template_limits, time.monotonic)
    notify = NotifyIntegrations(directory, integrations, contacts)
    chats = NotifyChats(directory, integrations, contacts, chat_customers, store.chat_refusals, store.records)
    identities = CustomerIdentities(
        store.identities,
        store.suppressions,
        do_not_contact,
        store.customer_links,
        HashedErasedCustomers(store.erased_customers, do_not_contact),
        store.consents,
    )
    ledger = ConsentLedger(store.consents, identities.erased_customers, utc_now)
    restrictions = CustomerRestrictions(store.restrictions, store.standing_restrictions)
    handle_message = HandleInboundMessage(
        directory,
        store.conversations,
        store.suppressions,
        identities,
        Keywords.load(),
        restrictions,
        contacts,
        utc_now,
        ledger,
    )
    handle_call = HandleCall(store.conversations, identities, restrictions, contacts, integrations, notify)
    hold = HoldIdentity(store.customers, identities, store.restrictions)
    return {
        INBOUND: (
            on(
                WhatsAppMessageReceived,
                HandleAndNotify(handle_message, NotifyBoth(notify.for_message, chats.for_message)),
            ),
            on(WhatsAppCallReceived, handle_call),
            on(WhatsAppPreferenceChanged, HandlePreference(store.suppressions, identities, contacts, utc_now, ledger)),
            on(ConsentSubmitted, HandleConsent(identities, ledger)),
            on(WhatsAppIdentityChanged, LinkIdentity(identities, contacts, hold, store.conversations)),
        ),
        IDENTITIES: (on(WhatsAppIdentityLinked, LinkAnswer(identities, contacts, store.conversations)),),
        WEBHOOKS: (on(WebhookReceived, RunChatCommand(decide, store.suppressions, identities)),),
        NOTIFICATIONS: (
            on(SuppressionAdded, NotifyBoth(notify.for_opt_out, chats.for_opt_out)),
            on(MessageStatusUpdated, NotifyBoth(notify.for_status, chats.for_status)),
            on(WebhookAnswered, chats.for_answer),
        ),
        SIMULATIONS: (on(SimulationRequested, SimulateDecision(gather_facts, store.decisions, messages_in_flight)),),
    }


def _gather_facts(
    store: Store,
    directory: CachedDirectory,
    do_not_contact: DoNotContact,
    contacts: CustomerContacts,
    chat_customers: ChatCustomers,
) -> tuple[GatherFacts, TemplateLimits]:
    pseudonyms, template_limits = do_not_contact.pseudonyms, TemplateLimits(store.template_recipients)
    gather_facts = GatherFacts(
        directory,
        store.decisions,
        ContentPolicy.load(),
        pseudonyms,
        FindCustomer(store.customers, do_not_contact),
        contacts,
        template_limits,
        chat_customers,
        GatherRequests(
            store.directory,
            store.templates,
            FindQuoted(store.statuses, store.inbound_messages, store.customer_links, pseudonyms, contacts.sealer),
            pseudonyms,
        ),
        do_not_contact,
    )
    return gather_facts, template_limits


async def serve(settings: PolicySettings) -> None:
    """Run until stopped."""
    async with service_runtime("policy", settings, metrics_port=settings.policy_metrics_port) as runtime:
        store = await open_when_usable(partial(open_store, settings.store_url.get_secret_value()))
        try:
            async with Broker.connected(
                runtime.replica,
                settings.amqp_url.get_secret_value(),
                keys=settings.authentic_events,
                service=runtime.service,
                delays=settings.retry_delays,
                drain_seconds=settings.drain_seconds,
            ) as broker:
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
    hashes = settings.do_not_contact_keys.get_secret_value()
    do_not_contact = do_not_contact_from(hashes, pseudonyms, store.do_not_contact_entries)
    sealer = sealer_from(settings.secret_keys.get_secret_value())
    handlers_of = subscriptions(
        store,
        directory,
        integrations,
        do_not_contact=do_not_contact,
        sealer=sealer,
        messages_in_flight=lambda: broker.in_flight(WEBHOOKS),
    )
    at_once = {WEBHOOKS: settings.prefetch, SIMULATIONS: SIMULATIONS_AT_ONCE}
    for queue, handlers in handlers_of.items():
        prefetch = min(settings.prefetch, at_once.get(queue, CUSTOMERS_AT_ONCE))
        share = None if queue is SIMULATIONS else max(ACCOUNT_LEAST, prefetch // ACCOUNT_PART)
        await broker.consume(
            queue, handlers, prefetch=prefetch, account_share=share, account_loop_seconds=ACCOUNT_LOOP_SECONDS
        )
    async with broker.retiring_queues():
        runtime.mark_ready(
            alive=broker.alive,
            store=StoreProbe(store.probe).writable,
            broker=broker.probe,
            consumers=broker.consumers_move,
        )
        await runtime.wait_until_stopped()
        await broker.drain(settings.drain_seconds)
