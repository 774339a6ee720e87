"""The only module that knows which adapter stands behind which port."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from libs.chassis.amqp import Broker
from libs.chassis.clock import monotonic, utc_now
from libs.chassis.consuming import Received, Subscriptions, on
from libs.chassis.serving import Life, life_of
from libs.chassis.topology import FORWARDS, MESSAGES, STATUSES
from libs.contracts.events import (
    CONFIGURATION_CHANGES,
    Event,
    ForwardRequested,
    MessageApproved,
    WhatsAppStatusReceived,
)
from libs.store.accounts import Directory, ProviderKind
from libs.store.cached import CachedDirectory
from libs.store.opening import Store, open_store
from libs.store.sealing import sealer_from
from services.sender import metrics
from services.sender.adapters.cloud_api import CloudApi, open_session
from services.sender.adapters.evolution import Evolution, open_evolution_session
from services.sender.adapters.numbers import DirectoryNumbers
from services.sender.adapters.pausing import RegistryPauses
from services.sender.adapters.posting import Limits, Poster, open_forwarding
from services.sender.adapters.targets import DirectoryTargets
from services.sender.domain.breaker import BreakerLimits, Breakers, Circuit
from services.sender.domain.retrying import RetryLimits
from services.sender.domain.steps import Reaction
from services.sender.domain.verdicts import packaged_table
from services.sender.handlers import (
    Conclude,
    Consequences,
    Deliver,
    Follow,
    Forward,
    ForwardTerms,
    LaneLimits,
    Lanes,
    Note,
    Send,
    Surroundings,
    Terms,
)
from services.sender.handlers.calling import Call
from services.sender.handlers.preparing import Prepare
from services.sender.ports import Numbers, Provider
from services.sender.settings import SenderSettings

LEASE_MARGIN_S = 5.0
"""How long a call stays ours beyond its time limit: enough to note its result."""


LANE_PATIENCE_S = 5.0
"""How long a forward waits in hand for a place in its integration's lane."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Three, since addresses that others chose are looked at before they are dialled."""

    whatsapp: aiohttp.ClientSession
    evolution: aiohttp.ClientSession
    forwards: aiohttp.ClientSession


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
    reaction = _reaction(settings)
    around = Surroundings(
        ledger=store.ledger,
        pacing=store.pacing,
        statuses=store.statuses,
        reservations=store.decisions,
        windows=store.conversations,
        consents=store.suppressions,
        clock=utc_now,
        monotonic=monotonic,
        sleep=asyncio.sleep,
    )
    return Send(
        deliver=Deliver(
            around=around,
            note=Note(around=around, owner=outside.owner),
            prepare=Prepare(
                numbers=outside.numbers,
                providers=outside.providers,
                callback_key=settings.hash_key.get_secret_value().encode(),
            ),
            call=Call(
                breakers=Breakers(_breaker_limits(settings), _breaker_changed),
                reaction=reaction,
                monotonic=monotonic,
            ),
            terms=Terms(
                owner=outside.owner,
                lease_s=settings.provider_timeout + LEASE_MARGIN_S,
                smooth_s=settings.smoothing_seconds,
            ),
        ),
        conclude=Conclude(statuses=store.statuses, consequences=consequences(store), table=reaction.table),
    )


def following(settings: SenderSettings, store: Store) -> Follow:
    """The handler of statuses, wired for production."""
    return Follow(
        statuses=store.statuses,
        reservations=store.decisions,
        consequences=consequences(store),
        table=packaged_table(),
        clock=utc_now,
        parked=timedelta(seconds=settings.status_parking_seconds),
        key=settings.hash_key.get_secret_value().encode(),
    )


def consequences(store: Store) -> Consequences:
    """What refusals lead to, wired for production."""
    return Consequences(
        windows=store.conversations,
        stops=store.suppressions,
        pauses=RegistryPauses(store.directory, store.registry),
        pacing=store.pacing,
        clock=utc_now,
    )


def forwarding(
    settings: SenderSettings, *, store: Store, directory: Directory, session: aiohttp.ClientSession, owner: str
) -> Forward:
    """The handler of what 3CX systems are told, wired for production; `session` is one of `open_forwarding`."""
    breaker = BreakerLimits(
        calls=settings.forward_circuit_calls,
        window_s=60.0,
        open_s=settings.forward_circuit_seconds,
        longest_s=settings.forward_circuit_longest_seconds,
    )
    return Forward(
        ledger=store.forwards,
        targets=DirectoryTargets(directory, sealer_from(settings.secret_keys.get_secret_value())),
        posts=Poster(session, _forward_limits(settings), utc_now),
        lanes=Lanes(
            LaneLimits(width=settings.forward_width, patience_s=LANE_PATIENCE_S, breaker=breaker),
            monotonic,
            _forward_circuit_changed,
        ),
        clock=utc_now,
        monotonic=monotonic,
        chance=random.random,
        terms=ForwardTerms(
            owner=owner,
            lease=timedelta(seconds=settings.forward_timeout + LEASE_MARGIN_S),
            total=timedelta(hours=settings.forward_hours),
        ),
    )


def subscriptions(send: Send) -> Subscriptions:
    """What sender does with messages."""
    return (on(MessageApproved, send),)


async def serve(settings: SenderSettings) -> None:
    """Run until told to stop."""
    async with life_of("sender", settings, metrics_port=settings.sender_metrics_port) as life:
        store = await open_store(settings.store_url.get_secret_value())
        try:
            async with (
                open_session(timeout_s=settings.provider_timeout, connections=settings.provider_connections) as session,
                open_evolution_session(
                    _evolution_limits(settings),
                    timeout_s=settings.provider_timeout,
                    connections=settings.provider_connections,
                ) as evolution_session,
                open_forwarding(
                    _forward_limits(settings),
                    timeout_s=settings.forward_timeout,
                    connections=settings.forward_prefetch,
                ) as forward_session,
                Broker.connected(life.instance, settings.amqp_url.get_secret_value()) as broker,
            ):
                sessions = Sessions(session, evolution_session, forward_session)
                await _work(settings, life, sessions=sessions, store=store, broker=broker)
        finally:
            await store.close()


async def _work(settings: SenderSettings, life: Life, *, sessions: Sessions, store: Store, broker: Broker) -> None:
    directory = CachedDirectory(store.directory)

    async def changed(received: Received[Event]) -> None:
        directory.forget(received.event)

    await broker.overhear("configuration", CONFIGURATION_CHANGES, changed, lost=directory.forget)
    cloud_api = CloudApi(sessions.whatsapp, str(settings.whatsapp_api_url), settings.whatsapp_api_version, utc_now)
    evolution = Evolution(sessions.evolution, _evolution_limits(settings), utc_now)
    outside = Outside(
        store=store,
        numbers=DirectoryNumbers(directory, sealer_from(settings.secret_keys.get_secret_value())),
        providers={ProviderKind.CLOUD_API: cloud_api, ProviderKind.EVOLUTION: evolution},
        owner=life.instance,
    )
    send = sending(settings, outside)
    await broker.listen(MESSAGES, subscriptions(send), prefetch=settings.prefetch)
    statuses = (on(WhatsAppStatusReceived, following(settings, store)),)
    await broker.listen(STATUSES, statuses, prefetch=settings.prefetch)
    forward = forwarding(settings, store=store, directory=directory, session=sessions.forwards, owner=life.instance)
    metrics.FORWARDS_STOPPED.set_function(forward.lanes.closed)
    await broker.listen(FORWARDS, (on(ForwardRequested, forward),), prefetch=settings.forward_prefetch)
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


def _reaction(settings: SenderSettings) -> Reaction:
    return Reaction(table=packaged_table(), limits=_retry_limits(settings), chance=random.random)


def _retry_limits(settings: SenderSettings) -> RetryLimits:
    return RetryLimits(attempts=settings.send_attempts, total_s=settings.send_retry_seconds)


def _breaker_changed(state: Circuit) -> None:
    metrics.BREAKER_CHANGES.labels(state.value).inc()


def _forward_limits(settings: SenderSettings) -> Limits:
    return Limits(settings.allow_private_forward, frozenset(settings.forward_ports))


def _evolution_limits(settings: SenderSettings) -> Limits:
    private_allowed = settings.allow_private_evolution or settings.allow_private_forward
    return Limits(private_allowed, frozenset(settings.forward_ports))


def _forward_circuit_changed(state: Circuit) -> None:
    metrics.FORWARD_CIRCUIT_CHANGES.labels(state.value).inc()
