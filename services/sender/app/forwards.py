"""Connects what delivers forwards to 3CX systems."""

import random
from datetime import timedelta

import aiohttp

from libs.chassis.amqp import STUCK_SECONDS
from libs.chassis.clock import monotonic, utc_now
from libs.store.accounts import Directory
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.sender import metrics
from services.sender.adapters.forward_client import HttpForwardClient
from services.sender.adapters.forward_targets import DirectoryForwardTargets
from services.sender.app.dependencies import cancellations, forward_limits, pseudonyms
from services.sender.app.messages import LEASE_MARGIN_S
from services.sender.domain.circuit_breaker import BreakerLimits
from services.sender.domain.media_links import MediaLinks
from services.sender.handlers.bulkheads import BulkheadLimits, Bulkheads
from services.sender.handlers.circuit_changes import CircuitChanges
from services.sender.handlers.forwards import DeliverForward, ForwardOptions
from services.sender.settings import SenderSettings

BULKHEAD_WAIT_S = 5.0
"""How long a forward waits for a slot of its integration's bulkhead before it returns to a delay queue."""


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
        client=HttpForwardClient(session, forward_limits(settings), utc_now),
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


def longest_forward(settings: SenderSettings) -> float:
    """Seconds that a forward may take while everything is as it should be."""
    return max(STUCK_SECONDS, settings.forward_timeout + BULKHEAD_WAIT_S + LEASE_MARGIN_S)


def media_links(settings: SenderSettings) -> MediaLinks:
    """What makes the links to customers' files."""
    return MediaLinks(
        base_url=None if settings.media_url is None else str(settings.media_url),
        keys=sealer_from(settings.secret_keys.get_secret_value()).keys,
        pseudonyms=pseudonyms(settings),
    )
