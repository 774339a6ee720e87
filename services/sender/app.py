"""Starts the sender: wires adapters to handlers, and handlers to queues."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import aiohttp

from libs.chassis.amqp import STUCK_SECONDS, Broker
from libs.chassis.clock import monotonic, new_id, utc_now
from libs.chassis.http_spans import client_call_hooks
from libs.chassis.periodic import periodic
from libs.chassis.runtime import ServiceRuntime, service_runtime
from libs.chassis.store_opening import open_when_usable
from libs.chassis.store_probe import StoreProbe
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import ACCOUNT_UPDATES, FORWARDS, MESSAGES, STATUSES
from libs.contracts.events import (
    CONFIGURATION_CHANGES,
    Event,
    ForwardRequested,
    MessageApproved,
    MessageReplaced,
    NumberChanged,
    WhatsAppAccountUpdated,
    WhatsAppStatusReceived,
)
from libs.contracts.identity import Pseudonyms
from libs.providers.http import open_session
from libs.providers.provider import MessageSender, SenderOptions
from libs.providers.registry import PROVIDERS
from libs.store.accounts import Directory
from libs.store.directory_cache import CachedDirectory
from libs.store.do_not_contact import DoNotContact, HashedErasedCustomers, do_not_contact_from
from libs.store.factory import open_store
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.sender import metrics
from services.sender.adapters.api_version import report_api_version
from services.sender.adapters.fallbacks import SealedFallbacks
from services.sender.adapters.forward_client import AddressLimits, HttpForwardClient, open_forward_session
from services.sender.adapters.forward_targets import DirectoryForwardTargets
from services.sender.adapters.numbers import DirectoryNumbers
from services.sender.adapters.outbound_files import MediaFiles
from services.sender.adapters.throughputs import RegistryThroughputs
from services.sender.adapters.token_peers import RegistryTokenPeers
from services.sender.domain.circuit_breaker import BreakerLimits, CircuitBreakers
from services.sender.domain.media_links import MediaLinks
from services.sender.domain.next_steps import OutcomeRules
from services.sender.domain.retry_delays import RetryLimits
from services.sender.domain.template_files import TemplateFileLinks
from services.sender.handlers.account_updates import HandleAccountUpdate
from services.sender.handlers.added_restrictions import AddRestrictions
from services.sender.handlers.approved_messages import SendMessage
from services.sender.handlers.bulkheads import BulkheadLimits, Bulkheads
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.circuit_changes import CircuitChanges
from services.sender.handlers.contact_books import DeleteFromContactBooks
from services.sender.handlers.credential_probes import ProbeCredentials
from services.sender.handlers.deliveries import DeliverMessage
from services.sender.handlers.dependencies import DeliveryDependencies, DeliveryOptions
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.finished_calls import FinishCall
from services.sender.handlers.follow_ups import FollowUps
from services.sender.handlers.forwards import DeliverForward, ForwardOptions
from services.sender.handlers.message_contacts import MessageContacts
from services.sender.handlers.prepare_media import LONGEST_PREPARATION_S, PrepareMedia
from services.sender.handlers.prepared_messages import PrepareMessage
from services.sender.handlers.provider_calls import CallProvider
from services.sender.handlers.read_receipts import ForwardAndMarkRead, MarkRead
from services.sender.handlers.refusal_effects import RefusalEffects
from services.sender.handlers.reply_receipts import MarkReadOnReply
from services.sender.handlers.restriction_checks import CheckRestrictions
from services.sender.handlers.result_writer import ResultWriter
from services.sender.handlers.statuses import HandleStatus
from services.sender.handlers.template_syncs import SyncTemplates
from services.sender.http.media_server import MediaDependencies, serve_media
from services.sender.ports import Numbers, Publisher, ReplyReceipts
from services.sender.settings import SenderSettings

LEASE_MARGIN_S = 5.0
"""A claim's lease is longer than the call's time limit by this much, which is enough to write the result."""
UPDATES_AT_ONCE = 4
"""Account updates that are handled at the same time; they are few."""
OWNERS_LOOK_S = 3600.0
"""How often numbers are looked through for business accounts whose templates were never read; an edit does so too."""
UPLOADS_LOOK_S = 60.0
"""How often uploads of more than a day ago are deleted."""
CONTACT_BOOK_LOOK_S = 2.0
"""How often deletions from contact books are looked for: the answer to an erasure waits for them for some seconds."""
PROBE_LOOK_S = 5.0
"""How often the restrictions are looked through for credentials whose probe is due."""
BULKHEAD_WAIT_S = 5.0
"""How long a forward waits for a slot of its integration's bulkhead before it returns to a delay queue."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """One session each: those for addresses that accounts choose check every address that they dial."""

    providers: aiohttp.ClientSession
    account_providers: aiohttp.ClientSession
    forwards: aiohttp.ClientSession


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderDependencies:
    """What the handlers share."""

    store: Store
    numbers: Numbers
    providers: Mapping[str, MessageSender]
    owner: str

    @property
    def errors(self) -> ErrorTables:
        """The error tables of the numbers' providers."""
        return ErrorTables(self.numbers, self.providers)


def message_handler(
    settings: SenderSettings, dependencies: SenderDependencies, media: PrepareMedia, receipts: ReplyReceipts
) -> SendMessage:
    """The handler of MessageApproved."""
    store = dependencies.store
    limits = RetryLimits(attempts=settings.send_attempts, total_s=settings.send_retry_seconds)
    rules = OutcomeRules(limits=limits, random=random.random)
    deps = DeliveryDependencies(
        ledger=store.ledger,
        pacing=store.pacing,
        statuses=store.statuses,
        decisions=store.decisions,
        conversations=store.conversations,
        cancellations=cancellations(settings, store),
        pseudonyms=_pseudonyms(settings),
        contacts=_contacts(settings),
        clock=utc_now,
        monotonic=monotonic,
        sleep=asyncio.sleep,
    )
    breakers = CircuitBreakers(_breaker_limits(settings), CircuitChanges(metrics.BREAKER_CHANGES, "number_id"))
    metrics.BREAKERS_STOPPED.set_function(lambda: breakers.stopped(monotonic()))
    results = ResultWriter(deps=deps, owner=dependencies.owner)
    effects = refusal_effects(dependencies)
    checks = CheckRestrictions(
        standing=store.standing_restrictions,
        restrictions=store.restrictions,
        statuses=store.statuses,
        results=results,
        clock=utc_now,
        hold=timedelta(minutes=settings.hold_minutes),
    )
    finish = FinishCall(
        deps=deps,
        results=results,
        effects=effects,
        errors=dependencies.errors,
        checks=checks,
        owner=dependencies.owner,
    )
    deliver = DeliverMessage(
        deps=deps,
        results=results,
        finish=finish,
        checks=checks,
        fallbacks=_fallbacks(settings),
        prepare=PrepareMessage(numbers=dependencies.numbers, providers=dependencies.providers),
        media=media,
        receipts=receipts,
        call=CallProvider(breakers=breakers, rules=rules, monotonic=monotonic),
        options=DeliveryOptions(
            owner=dependencies.owner,
            lease_s=settings.provider_timeout + LEASE_MARGIN_S,
            max_wait_s=settings.smoothing_seconds,
        ),
    )
    follow_ups = FollowUps(statuses=store.statuses, effects=effects, errors=dependencies.errors, clock=utc_now)
    return SendMessage(deliver=deliver, follow_ups=follow_ups, erased=deps.cancellations.erased)


def outbound_files(settings: SenderSettings, store: Store, session: aiohttp.ClientSession) -> MediaFiles:
    """What gets the files of messages; `session` comes from `open_forward_session`."""
    return MediaFiles(
        session=session,
        limits=_forward_limits(settings),
        uploads=store.uploads,
        sealer=sealer_from(settings.secret_keys.get_secret_value()),
        clock=utc_now,
    )


def media_preparation(
    settings: SenderSettings, dependencies: SenderDependencies, options: SenderOptions, files: MediaFiles
) -> PrepareMedia:
    """What gets, checks and uploads the media of messages."""
    return PrepareMedia(
        files=files,
        numbers=dependencies.numbers,
        uploads={each.kind: each.uploads(options) for each in PROVIDERS.values() if each.uploads is not None},
        links=TemplateFileLinks(
            base_url=None if settings.media_url is None else str(settings.media_url),
            keys=sealer_from(settings.secret_keys.get_secret_value()).keys,
        ),
        errors={kind: sender.errors for kind, sender in dependencies.providers.items()},
        clock=utc_now,
    )


def template_syncs(dependencies: SenderDependencies, options: SenderOptions) -> SyncTemplates:
    """The job that reads the templates of business accounts."""
    return SyncTemplates(
        templates=dependencies.store.templates,
        registry=dependencies.store.registry,
        numbers=dependencies.numbers,
        lists={p.kind: p.template_lists(options) for p in PROVIDERS.values() if p.template_lists is not None},
        clock=utc_now,
    )


def contact_book_deletions(
    settings: SenderSettings, dependencies: SenderDependencies, options: SenderOptions, publisher: Publisher
) -> DeleteFromContactBooks:
    """The job that deletes erased persons from contact books."""
    return DeleteFromContactBooks(
        contact_book=dependencies.store.contact_book,
        numbers=dependencies.numbers,
        books={p.kind: p.contact_books(options) for p in PROVIDERS.values() if p.contact_books is not None},
        sealer=sealer_from(settings.secret_keys.get_secret_value()),
        publisher=publisher,
        clock=utc_now,
    )


def status_handler(settings: SenderSettings, dependencies: SenderDependencies) -> HandleStatus:
    """The handler of WhatsAppStatusReceived."""
    store = dependencies.store
    return HandleStatus(
        statuses=store.statuses,
        decisions=store.decisions,
        effects=refusal_effects(dependencies),
        errors=dependencies.errors,
        clock=utc_now,
        parking_time=timedelta(seconds=settings.status_parking_seconds),
        pseudonyms=_pseudonyms(settings),
        contacts=_contacts(settings),
        fallbacks=_fallbacks(settings),
        cancellations=cancellations(settings, store),
    )


def account_update_handler(dependencies: SenderDependencies) -> HandleAccountUpdate:
    """The handler of WhatsAppAccountUpdated."""
    store = dependencies.store
    return HandleAccountUpdate(
        restrictions=store.restrictions,
        business_accounts=store.business_accounts,
        templates=store.templates,
        throughputs=RegistryThroughputs(store.directory, store.registry, dependencies.numbers, dependencies.providers),
    )


def credential_probes(dependencies: SenderDependencies) -> ProbeCredentials:
    """The job that probes refused credentials."""
    store = dependencies.store
    return ProbeCredentials(
        standing=store.standing_restrictions,
        restrictions=store.restrictions,
        job_leases=store.job_leases,
        numbers=dependencies.numbers,
        providers=dependencies.providers,
        clock=utc_now,
        new_id=new_id,
    )


def cancellations(settings: SenderSettings, store: Store) -> Cancellations:
    """The look for opt-outs and erasures before each call."""
    hashes = do_not_contact(settings, store)
    return Cancellations(HashedErasedCustomers(store.erased_customers, hashes), hashes)


def refusal_effects(dependencies: SenderDependencies) -> RefusalEffects:
    """The effects of refusals."""
    store = dependencies.store
    return RefusalEffects(
        conversations=store.conversations,
        suppressions=store.suppressions,
        restrictions=AddRestrictions(
            restrictions=store.restrictions,
            business_accounts=store.business_accounts,
            token_peers=RegistryTokenPeers(store.registry, dependencies.numbers),
            job_leases=store.job_leases,
        ),
        numbers=dependencies.numbers,
        pacing=store.pacing,
        clock=utc_now,
    )


def forward_handler(
    settings: SenderSettings, *, store: Store, directory: Directory, session: aiohttp.ClientSession, owner: str
) -> DeliverForward:
    """The handler of ForwardRequested; `session` comes from `open_forward_session`."""
    breaker = BreakerLimits(
        calls=settings.forward_circuit_calls,
        window_s=60.0,
        open_s=settings.forward_circuit_seconds,
        longest_s=settings.forward_circuit_longest_seconds,
    )
    limits = BulkheadLimits(concurrent=settings.forward_width, wait_s=BULKHEAD_WAIT_S, breaker=breaker)
    return DeliverForward(
        forwards=store.forwards,
        cancellations=cancellations(settings, store),
        targets=DirectoryForwardTargets(directory, sealer_from(settings.secret_keys.get_secret_value())),
        links=media_links(settings),
        client=HttpForwardClient(session, _forward_limits(settings), utc_now),
        bulkheads=Bulkheads(limits, monotonic, CircuitChanges(metrics.FORWARD_CIRCUIT_CHANGES, "integration_id")),
        clock=utc_now,
        monotonic=monotonic,
        random=random.random,
        options=ForwardOptions(
            owner=owner,
            lease=timedelta(seconds=settings.forward_timeout + LEASE_MARGIN_S),
            give_up_after=timedelta(hours=settings.forward_hours),
        ),
    )


def media_links(settings: SenderSettings) -> MediaLinks:
    """What makes the links to customers' files."""
    return MediaLinks(
        base_url=None if settings.media_url is None else str(settings.media_url),
        keys=sealer_from(settings.secret_keys.get_secret_value()).keys,
        pseudonyms=_pseudonyms(settings),
    )


async def serve(settings: SenderSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    async with service_runtime("sender", settings, metrics_port=settings.sender_metrics_port) as runtime:
        report_api_version(settings.whatsapp_api_version, PROVIDERS.values(), today=utc_now().date())
        store = await open_when_usable(partial(open_store, settings.store_url.get_secret_value()))
        try:
            async with (
                open_session(
                    timeout_s=settings.provider_timeout,
                    connections=settings.provider_connections,
                    hooks=client_call_hooks(),
                ) as session,
                open_session(
                    timeout_s=settings.provider_timeout,
                    connections=settings.provider_connections,
                    addresses=_provider_limits(settings),
                    hooks=client_call_hooks(),
                ) as guarded_session,
                open_forward_session(
                    _forward_limits(settings),
                    timeout_s=settings.forward_timeout,
                    connections=settings.forward_prefetch,
                    hooks=client_call_hooks(),
                ) as forward_session,
                Broker.connected(
                    runtime.replica,
                    settings.amqp_url.get_secret_value(),
                    keys=settings.authentic_events,
                    service=runtime.service,
                    drain_seconds=settings.drain_seconds,
                ) as broker,
            ):
                sessions = Sessions(session, guarded_session, forward_session)
                await _consume(settings, runtime, sessions=sessions, store=store, broker=broker)
        finally:
            await store.close()


async def _consume(
    settings: SenderSettings, runtime: ServiceRuntime, *, sessions: Sessions, store: Store, broker: Broker
) -> None:
    directory, edited, renamed = CachedDirectory(store.directory), asyncio.Event(), asyncio.Event()

    async def changed(received: Received[Event]) -> None:
        directory.invalidate(received.event)
        if isinstance(received.event, NumberChanged):
            edited.set()  # it may have a new token
            renamed.set()  # or a business account

    await broker.subscribe_exclusive("configuration", CONFIGURATION_CHANGES, changed, on_reconnect=directory.invalidate)
    options = SenderOptions(
        session=sessions.providers,
        guarded_session=sessions.account_providers,
        addresses=_provider_limits(settings),
        clock=utc_now,
        api_url=str(settings.whatsapp_api_url),
        api_version=settings.whatsapp_api_version,
    )
    dependencies = SenderDependencies(
        store=store,
        numbers=DirectoryNumbers(directory, sealer_from(settings.secret_keys.get_secret_value())),
        providers={provider.kind: provider.sender(options) for provider in PROVIDERS.values()},
        owner=runtime.replica,
    )
    mark = MarkRead(
        directory=directory,
        numbers=dependencies.numbers,
        receipts={p.kind: p.read_receipts(options) for p in PROVIDERS.values() if p.read_receipts is not None},
        pseudonyms=_pseudonyms(settings),
        clock=utc_now,
    )
    files = outbound_files(settings, store, sessions.forwards)
    send = message_handler(
        settings,
        dependencies,
        media_preparation(settings, dependencies, options, files),
        MarkReadOnReply(
            integrations=directory,
            marking=mark,
            inbound_messages=store.inbound_messages,
            sealer=sealer_from(settings.secret_keys.get_secret_value()),
            pseudonyms=_pseudonyms(settings),
            publisher=broker,
            clock=utc_now,
        ),
    )
    messages = (on(MessageApproved, send), on(MessageReplaced, send))
    await broker.consume(
        MESSAGES,
        messages,
        prefetch=settings.prefetch,
        account_share=settings.prefetch // 2,
        stuck_after=_longest_delivery(settings),
    )
    statuses = (on(WhatsAppStatusReceived, status_handler(settings, dependencies)),)
    await broker.consume(STATUSES, statuses, prefetch=settings.prefetch, account_share=settings.prefetch // 2)
    updates = (on(WhatsAppAccountUpdated, account_update_handler(dependencies)),)
    await broker.consume(ACCOUNT_UPDATES, updates, prefetch=UPDATES_AT_ONCE)
    forward = forward_handler(
        settings, store=store, directory=directory, session=sessions.forwards, owner=runtime.replica
    )
    metrics.FORWARD_CIRCUITS_STOPPED.set_function(forward.bulkheads.stopped)
    await broker.consume(
        FORWARDS,
        (on(ForwardRequested, ForwardAndMarkRead(forward, mark)),),
        prefetch=settings.forward_prefetch,
        account_share=settings.forward_prefetch // 2,
        stuck_after=max(STUCK_SECONDS, settings.forward_timeout + BULKHEAD_WAIT_S + LEASE_MARGIN_S),
    )
    links = MediaDependencies(
        store=store,
        directory=directory,
        numbers=dependencies.numbers,
        errors=dependencies.errors,
        effects=refusal_effects(dependencies),
        publisher=broker,
        options=options,
        files=files,
    )
    syncs = template_syncs(dependencies, options)
    deletions = contact_book_deletions(settings, dependencies, options, broker)
    async with (
        periodic("credential probes", credential_probes(dependencies), PROBE_LOOK_S, wake=edited),
        periodic("template owners", syncs.find_owners, OWNERS_LOOK_S, wake=renamed),
        periodic("template syncs", syncs, PROBE_LOOK_S),
        periodic("contact books", deletions, CONTACT_BOOK_LOOK_S),
        periodic("ended uploads", lambda: store.uploads.delete_ended(utc_now()), UPLOADS_LOOK_S),
        serve_media(settings, links) as media_listens,
    ):
        runtime.mark_ready(
            alive=broker.alive,
            store=StoreProbe(store.probe).writable,
            broker=broker.probe,
            consumers=broker.consumers_move,
            media=media_listens,
        )
        await runtime.wait_until_stopped()
    # The drain waits for running calls. The next sender finds in the ledger what is left after it.
    await broker.drain(settings.drain_seconds)


def _longest_delivery(settings: SenderSettings) -> float:
    """Seconds that a delivery may take while everything is as it should be: the waits, and the last call."""
    waits = settings.smoothing_seconds * 2 + settings.send_retry_seconds  # for a slot, and for an earlier message
    waits += LONGEST_PREPARATION_S
    return max(STUCK_SECONDS, waits + settings.provider_timeout + LEASE_MARGIN_S)


def _breaker_limits(settings: SenderSettings) -> BreakerLimits:
    return BreakerLimits(
        rate=settings.breaker_rate,
        calls=settings.breaker_calls,
        window_s=settings.breaker_window_seconds,
        open_s=settings.breaker_open_seconds,
        longest_s=settings.breaker_longest_seconds,
    )


def _contacts(settings: SenderSettings) -> MessageContacts:
    return MessageContacts(sealer_from(settings.secret_keys.get_secret_value()))


def do_not_contact(settings: SenderSettings, store: Store) -> DoNotContact:
    """The hashes of erased customers."""
    keys = settings.do_not_contact_keys.get_secret_value()
    return do_not_contact_from(keys, _pseudonyms(settings), store.do_not_contact_entries)


def _pseudonyms(settings: SenderSettings) -> Pseudonyms:
    return Pseudonyms(settings.hash_key.get_secret_value().encode())


def _fallbacks(settings: SenderSettings) -> SealedFallbacks:
    return SealedFallbacks(sealer_from(settings.secret_keys.get_secret_value()))


def _forward_limits(settings: SenderSettings) -> AddressLimits:
    return AddressLimits(settings.allow_private_forward, frozenset(settings.forward_ports))


def _provider_limits(settings: SenderSettings) -> AddressLimits:
    private_allowed = settings.allow_private_evolution or settings.allow_private_forward
    return AddressLimits(private_allowed, frozenset(settings.forward_ports))
