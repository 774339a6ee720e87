"""The only module that knows which adapter stands behind which port."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from libs.chassis.amqp import Broker
from libs.chassis.clock import monotonic, utc_now
from libs.chassis.consuming import Received, Subscriptions, on
from libs.chassis.serving import Life, life_of
from libs.chassis.topology import MESSAGES
from libs.contracts.events import CONFIGURATION_CHANGES, Event, MessageApproved
from libs.store.accounts import ProviderKind
from libs.store.cached import CachedDirectory
from libs.store.opening import Store, open_store
from libs.store.sealing import sealer_from
from services.sender import metrics
from services.sender.adapters.cloud_api import CloudApi, open_session
from services.sender.adapters.numbers import DirectoryNumbers
from services.sender.domain.breaker import BreakerLimits, Breakers, Circuit
from services.sender.domain.retrying import RetryLimits
from services.sender.domain.steps import Reaction
from services.sender.domain.verdicts import packaged_table
from services.sender.handlers import Deliver, Send, Surroundings, Terms
from services.sender.handlers.calling import Call
from services.sender.handlers.preparing import Prepare
from services.sender.ports import Numbers, Provider
from services.sender.settings import SenderSettings

LEASE_MARGIN_S = 5.0
"""How long a call stays ours beyond its time limit: enough to note its result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What sender talks to."""

    store: Store
    numbers: Numbers
    providers: Mapping[ProviderKind, Provider]
    owner: str


def sending(settings: SenderSettings, outside: Outside) -> Send:
    """The handler of approved messages, wired for production."""
    store = outside.store
    return Send(
        Deliver(
            around=Surroundings(
                ledger=store.ledger,
                pacing=store.pacing,
                reservations=store.decisions,
                windows=store.conversations,
                clock=utc_now,
                monotonic=monotonic,
                sleep=asyncio.sleep,
            ),
            prepare=Prepare(
                numbers=outside.numbers,
                providers=outside.providers,
                callback_key=settings.hash_key.get_secret_value().encode(),
            ),
            call=Call(
                breakers=Breakers(_breaker_limits(settings), _breaker_changed),
                reaction=Reaction(table=packaged_table(), limits=_retry_limits(settings), chance=random.random),
                monotonic=monotonic,
            ),
            terms=Terms(
                owner=outside.owner,
                lease_s=settings.provider_timeout + LEASE_MARGIN_S,
                smooth_s=settings.smoothing_seconds,
            ),
        )
    )


def subscriptions(send: Send) -> Subscriptions:
    """Everything sender listens to."""
    return (on(MessageApproved, send),)


async def serve(settings: SenderSettings) -> None:
    """Run until told to stop."""
    async with life_of("sender", settings, metrics_port=settings.sender_metrics_port) as life:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with (
                open_session(timeout_s=settings.provider_timeout, connections=settings.provider_connections) as session,
                Broker.connected(life.instance, settings.amqp_url.get_secret_value()) as broker,
            ):
                await _work(settings, life, session=session, store=store, broker=broker)
        finally:
            await store.close()


async def _work(
    settings: SenderSettings, life: Life, *, session: aiohttp.ClientSession, store: Store, broker: Broker
) -> None:
    directory = CachedDirectory(store.directory)

    async def changed(received: Received[Event]) -> None:
        directory.forget(received.event)

    await broker.overhear("configuration", CONFIGURATION_CHANGES, changed, lost=directory.forget)
    cloud_api = CloudApi(session, str(settings.whatsapp_api_url), settings.whatsapp_api_version, utc_now)
    outside = Outside(
        store=store,
        numbers=DirectoryNumbers(directory, sealer_from(settings.secret_keys.get_secret_value())),
        providers={ProviderKind.CLOUD_API: cloud_api},
        owner=life.instance,
    )
    send = sending(settings, outside)
    await broker.listen(MESSAGES, subscriptions(send), prefetch=settings.prefetch)
    life.ready_when(store=store.healthy, broker=broker.healthy)
    await life.until_stopped()
    # Whoever waits for a call is drained with its call; what is left then is found in the ledger by the next sender.
    await broker.drain(settings.drain_seconds)


def _breaker_limits(settings: SenderSettings) -> BreakerLimits:
    return BreakerLimits(
        rate=settings.breaker_rate,
        calls=settings.breaker_calls,
        window_s=settings.breaker_window_seconds,
        open_s=settings.breaker_open_seconds,
        longest_s=settings.breaker_longest_seconds,
    )


def _retry_limits(settings: SenderSettings) -> RetryLimits:
    return RetryLimits(attempts=settings.send_attempts, total_s=settings.send_retry_seconds)


def _breaker_changed(state: Circuit) -> None:
    metrics.BREAKER_CHANGES.labels(state.value).inc()
