"""Every exchange, queue and binding of the gateway, as data; each service declares all of it at start.

Audit's `#` binding makes `mandatory` blind to a missing work queue, so no service may depend on another having
started first.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from libs.chassis.settling import PAUSES, Pauses
from libs.contracts.events import (
    ForwardRequested,
    MessageApproved,
    MessageStatusUpdated,
    SimulationRequested,
    SuppressionAdded,
    WebhookReceived,
    WhatsAppIdentityChanged,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
    WhatsAppStatusReceived,
)

EXCHANGE = "gateway.events"
DEAD_EXCHANGE = "gateway.dead"
DELIVERY_LIMIT = 20
"""Crash-loop stop: deliveries before the broker dead-letters a message (4.x has this default; 3.10 none)."""
MAX_LENGTH = 2_000_000
"""When a queue is this long the broker refuses publishes, and callers get 503 instead of a silent loss."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue; `bindings` are keys on `exchange`."""

    name: str
    exchange: str | None = None
    bindings: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A queue of work with its dead-letter queue and its waiting queues: one for each pause, and for each of `waits`.

    A wait of any length is put together of these, the longest that fits first.
    """

    name: str
    bindings: tuple[str, ...]
    waits: tuple[timedelta, ...] = ()

    @property
    def dead(self) -> str:
        """The name of its dead-letter queue."""
        return f"{self.name}.dead"

    def waiting(self, pause: timedelta) -> str:
        """The name of the queue where a delivery waits so long before it comes back."""
        return f"{self.name}.wait.{pause.total_seconds():g}s"

    def lengths(self, pauses: Pauses = PAUSES) -> tuple[timedelta, ...]:
        """How long its waiting queues make a delivery wait, shortest first."""
        return tuple(sorted({*pauses.lengths, *self.waits}))

    def first_wait(self, wait: timedelta, pauses: Pauses = PAUSES) -> timedelta:
        """The longest of `lengths` that is within `wait`; the shortest when none is, so that no wait is undercut."""
        lengths = self.lengths(pauses)
        return max((length for length in lengths if length <= wait), default=lengths[0])


WEBHOOKS = WorkQueue("policy.webhooks", (WebhookReceived.binding,))
INBOUND = WorkQueue(
    "policy.inbound",
    (WhatsAppMessageReceived.binding, WhatsAppPreferenceChanged.binding, WhatsAppIdentityChanged.binding),
)
MESSAGES = WorkQueue("sender.messages", (MessageApproved.binding,))
STATUSES = WorkQueue("sender.statuses", (WhatsAppStatusReceived.binding,))
TOLD = WorkQueue("policy.told", (SuppressionAdded.binding, MessageStatusUpdated.binding))
"""What happened to customers and messages that 3CX systems may want to be told."""
FORWARDS = WorkQueue(
    "sender.forwards", (ForwardRequested.binding,), tuple(timedelta(minutes=minutes) for minutes in (2, 10, 60))
)
SIMULATIONS = WorkQueue("policy.simulations", (SimulationRequested.binding,))
RECORDS = WorkQueue("audit.records", ("#",))

WORK_QUEUES = (WEBHOOKS, INBOUND, TOLD, MESSAGES, STATUSES, FORWARDS, SIMULATIONS, RECORDS)

_QUORUM = {"x-queue-type": "quorum"}
# At-least-once dead-lettering needs reject-publish; the default strategy may lose a message on its way.
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
            "x-dead-letter-exchange": DEAD_EXCHANGE,
            "x-dead-letter-routing-key": work.name,
        },
    )


def queues_of(work: WorkQueue, pauses: Pauses = PAUSES) -> tuple[Queue, ...]:
    """The work queue itself, its dead-letter queue, and one waiting queue for each pause."""
    waiting = tuple(
        Queue(
            work.waiting(pause),
            arguments={
                **_QUORUM,
                **_SAFE_DEAD_LETTERING,
                "x-message-ttl": int(pause.total_seconds() * 1000),
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": work.name,
            },
        )
        for pause in work.lengths(pauses)
    )
    return (main_queue(work), Queue(work.dead, DEAD_EXCHANGE, (work.name,), dict(_QUORUM)), *waiting)


def all_queues(pauses: Pauses = PAUSES) -> tuple[Queue, ...]:
    """Every durable queue of the gateway."""
    return tuple(queue for work in WORK_QUEUES for queue in queues_of(work, pauses))
