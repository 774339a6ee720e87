"""Connects what sends messages and handles their statuses."""

import asyncio
import random
from datetime import timedelta

import aiohttp

from libs.chassis.amqp import STUCK_SECONDS
from libs.chassis.clock import monotonic, utc_now
from libs.providers.provider import SenderOptions
from libs.providers.registry import PROVIDERS
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.sender import metrics
from services.sender.adapters.outbound_files import MediaFiles
from services.sender.app.dependencies import (
    SenderDependencies,
    cancellations,
    contacts,
    fallbacks,
    forward_limits,
    pseudonyms,
    refusal_effects,
)
from services.sender.domain.circuit_breaker import BreakerLimits, CircuitBreakers
from services.sender.domain.next_steps import OutcomeRules
from services.sender.domain.retry_delays import RetryLimits
from services.sender.domain.template_files import TemplateFileLinks
from services.sender.handlers.approved_messages import SendMessage
from services.sender.handlers.call_looks import LookBeforeCall
from services.sender.handlers.circuit_changes import CircuitChanges
from services.sender.handlers.deliveries import DeliverMessage
from services.sender.handlers.dependencies import DeliveryDependencies, DeliveryOptions
from services.sender.handlers.earlier_messages import EarlierMessages
from services.sender.handlers.finished_calls import FinishCall
from services.sender.handlers.follow_ups import FollowUps
from services.sender.handlers.prepare_media import LONGEST_PREPARATION_S, PrepareMedia
from services.sender.handlers.prepared_messages import PrepareMessage
from services.sender.handlers.provider_calls import CallProvider
from services.sender.handlers.restriction_checks import CheckRestrictions
from services.sender.handlers.result_writer import ResultWriter
from services.sender.handlers.statuses import HandleStatus
from services.sender.ports import ReplyReceipts
from services.sender.settings import SenderSettings

LEASE_MARGIN_S = 5.0
"""A claim's lease is longer than the call's time limit by this much, which is enough to write the result."""


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
        pseudonyms=pseudonyms(settings),
        contacts=contacts(settings),
        clock=utc_now,
        monotonic=monotonic,
        sleep=asyncio.sleep,
    )
    breakers = CircuitBreakers(_breaker_limits(settings), CircuitChanges(metrics.BREAKER_CHANGES, "number_id"))
    metrics.BREAKERS_STOPPED.set_function(lambda: breakers.stopped(monotonic()))
    results = ResultWriter(deps=deps, owner=dependencies.owner)
    effects = refusal_effects(dependencies)
    checks = CheckRestrictions(
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
        look=LookBeforeCall(store.claim_looks, deps.cancellations, results, utc_now),
        fallbacks=fallbacks(settings),
        prepare=PrepareMessage(numbers=dependencies.numbers, providers=dependencies.providers),
        media=media,
        receipts=receipts,
        earlier=EarlierMessages(deps),
        call=CallProvider(breakers=breakers, rules=rules, monotonic=monotonic),
        options=DeliveryOptions(
            owner=dependencies.owner,
            lease_s=settings.provider_timeout + LEASE_MARGIN_S,
            max_wait_s=settings.smoothing_seconds,
        ),
    )
    follow_ups = FollowUps(statuses=store.statuses, effects=effects, errors=dependencies.errors, clock=utc_now)
    return SendMessage(deliver=deliver, follow_ups=follow_ups, erased=deps.cancellations.erased_during)


def outbound_files(settings: SenderSettings, store: Store, session: aiohttp.ClientSession) -> MediaFiles:
    """What gets the files of messages; `session` comes from `open_forward_session`."""
    return MediaFiles(
        session=session,
        limits=forward_limits(settings),
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
        pseudonyms=pseudonyms(settings),
        contacts=contacts(settings),
        fallbacks=fallbacks(settings),
        cancellations=cancellations(settings, store),
    )


def longest_delivery(settings: SenderSettings) -> float:
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
