"""Every exchange, queue and binding of the gateway, as data; each service declares all of it at start.

Audit's `#` binding makes every event routable, so `mandatory` does not detect a missing work queue. Therefore no
service relies on another one to have declared its queues.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from libs.chassis.settlement import RETRY_DELAYS, RetryDelays
from libs.contracts.events import (
    ForwardRequested,
    MessageApproved,
    MessageStatusUpdated,
    SimulationRequested,
    SuppressionAdded,
    WebhookReceived,
    WhatsAppAccountUpdated,
    WhatsAppCallReceived,
    WhatsAppIdentityChanged,
    WhatsAppIdentityLinked,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
    WhatsAppStatusReceived,
)

EXCHANGE = "gateway.events"
DEAD_LETTER_EXCHANGE = "gateway.dead"
DELIVERY_LIMIT = 20
"""Deliveries before the broker dead-letters a message that crashes its consumer (default in 4.x, none in 3.10)."""
MAX_LENGTH = 2_000_000
"""Messages. The broker refuses publishes to a queue of this length, and callers get 503."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue; `bindings` are keys on `exchange`."""

    name: str
    exchange: str | None = None
    bindings: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A work queue with its dead-letter queue and its wait queues: one for each retry delay and each of `extra_delays`.

    A longer delay is made of several waits, the longest that fits first.
    """

    name: str
    bindings: tuple[str, ...]
    extra_delays: tuple[timedelta, ...] = ()

    @property
    def dead_letter_queue(self) -> str:
        """The name of its dead-letter queue."""
        return f"{self.name}.dead"

    def wait_queue(self, delay: timedelta) -> str:
        """The name of the queue that returns a message to the work queue after `delay`."""
        return f"{self.name}.wait.{delay.total_seconds():g}s"

    def delays(self, retry_delays: RetryDelays = RETRY_DELAYS) -> tuple[timedelta, ...]:
        """The delays of its wait queues, shortest first."""
        return tuple(sorted({*retry_delays.distinct, *self.extra_delays}))

    def first_delay(self, wanted: timedelta, retry_delays: RetryDelays = RETRY_DELAYS) -> timedelta:
        """The longest of `delays` that is at most `wanted`; the shortest when all are longer."""
        delays = self.delays(retry_delays)
        return max((delay for delay in delays if delay <= wanted), default=delays[0])


WEBHOOKS = WorkQueue("policy.webhooks", (WebhookReceived.binding,))
INBOUND = WorkQueue(
    "policy.inbound",
    (
        WhatsAppMessageReceived.binding,
        WhatsAppPreferenceChanged.binding,
        WhatsAppIdentityChanged.binding,
        WhatsAppCallReceived.binding,
    ),
)
IDENTITIES = WorkQueue("policy.identities", (WhatsAppIdentityLinked.binding,))
"""What WhatsApp's answers say about customers' names; apart from customers' messages, which must not wait for it."""
MESSAGES = WorkQueue("sender.messages", (MessageApproved.binding,))
ACCOUNT_UPDATES = WorkQueue("sender.updates", (WhatsAppAccountUpdated.binding,))
"""What WhatsApp tells about business accounts, numbers and templates."""
STATUSES = WorkQueue("sender.statuses", (WhatsAppStatusReceived.binding,))
NOTIFICATIONS = WorkQueue("policy.notifications", (SuppressionAdded.binding, MessageStatusUpdated.binding))
"""Opt-outs and message statuses, for the integrations that have these notifications switched on."""
FORWARDS = WorkQueue(
    "sender.forwards", (ForwardRequested.binding,), tuple(timedelta(minutes=minutes) for minutes in (2, 10, 60))
)
SIMULATIONS = WorkQueue("policy.simulations", (SimulationRequested.binding,))
RECORDS = WorkQueue("audit.records", ("#",))
POSTS = WorkQueue("ingress.posts", ())
"""Providers' posts that could not be read: nothing is bound to it. Ingress publishes to its dead-letter queue, and a
replay puts a post on the queue itself (docs/decisions/0018-unreadable-posts.md)."""

WORK_QUEUES = (
    *(WEBHOOKS, INBOUND, IDENTITIES, NOTIFICATIONS, MESSAGES, STATUSES, ACCOUNT_UPDATES, FORWARDS, SIMULATIONS),
    *(RECORDS, POSTS),
)

RETIRED_QUEUES = ((WorkQueue("policy.told", NOTIFICATIONS.bindings), NOTIFICATIONS),)
"""Work queues of earlier releases, each with its successor (docs/decisions/0015-retired-queues.md).

Remove an entry one release later, when no broker has the queue any more.
"""


def current_queue(name: str) -> str:
    """The work queue that has taken the place of the one called `name`; `name` itself when it is not retired."""
    return next((successor.name for retired, successor in RETIRED_QUEUES if retired.name == name), name)


_QUORUM = {"x-queue-type": "quorum"}
# The at-least-once strategy requires reject-publish; the default strategy can lose a message while it is moved.
_SAFE_DEAD_LETTERING = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}


def main_queue(work: WorkQueue) -> Queue:
    """The work queue itself."""
    return Queue(
        work.name,
        EXCHANGE,
        work.bindings,
        {
            **_QUORUM,
            **_SAFE_DEAD_LETTERING,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-max-length": MAX_LENGTH,
            "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
            "x-dead-letter-routing-key": work.name,
        },
    )


def dead_letter_queue(work: WorkQueue) -> Queue:
    """The dead-letter queue of a work queue."""
    return Queue(work.dead_letter_queue, DEAD_LETTER_EXCHANGE, (work.name,), dict(_QUORUM))


def queues_of(work: WorkQueue, delays: RetryDelays = RETRY_DELAYS) -> tuple[Queue, ...]:
    """The work queue itself, its dead-letter queue, and its wait queues."""
    wait_queues = tuple(
        Queue(
            work.wait_queue(delay),
            arguments={
                **_QUORUM,
                **_SAFE_DEAD_LETTERING,
                "x-message-ttl": int(delay.total_seconds() * 1000),
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": work.name,
            },
        )
        for delay in work.delays(delays)
    )
    return (main_queue(work), dead_letter_queue(work), *wait_queues)


def all_queues(delays: RetryDelays = RETRY_DELAYS) -> tuple[Queue, ...]:
    """Every durable queue of the gateway."""
    return tuple(queue for work in WORK_QUEUES for queue in queues_of(work, delays))
