"""Every exchange, queue and binding of the gateway, as data.

`gateway declare` declares all of it, so that no event is lost because its consumer has not started yet: audit's `#`
binding makes every event routable, and `mandatory` does not detect a missing work queue. Each service declares its own
part again while it runs (`service_topology`); its broker user may declare no more than that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from libs.chassis.settlement import RETRY_DELAYS, RetryDelays
from libs.contracts.events import (
    CHAT_RESULTS,
    ConsentSubmitted,
    ForwardRequested,
    MessageApproved,
    MessageReplaced,
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
"""The topic exchange of all events."""
DEAD_LETTER_EXCHANGE = "gateway.dead"
REPLAY_EXCHANGE = "gateway.replay"
"""Routes to each work queue by its name; console alone may publish to it, to replay dead letters."""
PROBE_EXCHANGE = "gateway.probe"
"""Has no bindings: the readiness probe publishes to it, and the broker must return the message as unroutable."""
POLICY_MARKER = "gateway.dead-letter-policy"
"""An exchange that exists while dead letters survive many deliveries. AMQP cannot read policies: the declare step tries
it out and leaves this sign for the services (docs/decisions/0025-delivery-limit-of-dead-letters.md)."""
DEAD_LETTER_POLICY: Mapping[str, Any] = {
    "name": "dead-letters",
    "pattern": r"\.dead$",
    "apply-to": "queues",
    "definition": {"delivery-limit": 1_000_000},
    "priority": 0,
}
"""RabbitMQ 4 limits deliveries of a queue without a limit of its own to 20, and each lost connection counts one. Never
an argument: queues that exist would refuse it. Never -1 for "no limit": 3.10 takes it and drops at once."""
SHARED_EXCHANGES = (EXCHANGE, DEAD_LETTER_EXCHANGE, REPLAY_EXCHANGE, PROBE_EXCHANGE)
"""Exchanges that no service declares. All but the first are direct, as are the services' own retry exchanges."""
DELIVERY_LIMIT = 20
"""Deliveries before the broker dead-letters a message that crashes its consumer (default in 4.x, none in 3.10)."""
MAX_LENGTH = 2_000_000
"""Messages. The broker refuses publishes to a queue of this length, and callers get 503."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A queue gets what is published to `exchange` with a routing key that matches `key`."""

    exchange: str
    key: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue with its bindings."""

    name: str
    bindings: tuple[Binding, ...]
    arguments: dict[str, Any] = field(default_factory=dict)


def retry_exchange_of(queue: str) -> str:
    """The direct exchange through which deliveries of a service's queues wait and come back: `<service>.retry`."""
    return f"{queue.partition('.')[0]}.retry"


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A work queue with its dead-letter queue and its wait queues: one for each retry delay and each of `extra_delays`.

    A longer delay is made of several waits, the longest that fits first. `bindings` are routing keys of events.
    """

    name: str
    bindings: tuple[str, ...]
    extra_delays: tuple[timedelta, ...] = ()

    @property
    def dead_letter_queue(self) -> str:
        """The name of its dead-letter queue."""
        return f"{self.name}.dead"

    @property
    def service(self) -> str:
        """The service that consumes it: the first part of its name."""
        return self.name.partition(".")[0]

    def wait_queue(self, delay: timedelta) -> str:
        """The name of the queue that returns a message to the work queue after `delay`."""
        return f"{self.name}.retry.{delay.total_seconds():g}s"

    def former_wait_queue(self, delay: timedelta) -> str:
        """Its name in earlier releases, which dead-letters to the default exchange."""
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
        ConsentSubmitted.binding,
    ),
)
IDENTITIES = WorkQueue("policy.identities", (WhatsAppIdentityLinked.binding,))
"""What WhatsApp's answers say about customers' names; apart from customers' messages, which must not wait for it."""
MESSAGES = WorkQueue("sender.messages", (MessageApproved.binding, MessageReplaced.binding))
ACCOUNT_UPDATES = WorkQueue("sender.updates", (WhatsAppAccountUpdated.binding,))
"""What WhatsApp tells about business accounts, numbers and templates."""
STATUSES = WorkQueue("sender.statuses", (WhatsAppStatusReceived.binding,))
NOTIFICATIONS = WorkQueue(
    "policy.notifications", (SuppressionAdded.binding, MessageStatusUpdated.binding, CHAT_RESULTS)
)
"""Opt-outs and message statuses, for the integrations that have these notifications switched on; and the results of
messages of 3CX's chat, for its notes."""
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
        (
            *(Binding(EXCHANGE, key) for key in work.bindings),
            Binding(retry_exchange_of(work.name), work.name),
            Binding(REPLAY_EXCHANGE, work.name),
        ),
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
    """The dead-letter queue of a work queue; its delivery limit comes from a policy (docs/decisions/0025)."""
    return Queue(work.dead_letter_queue, (Binding(DEAD_LETTER_EXCHANGE, work.name),), dict(_QUORUM))


def queues_of(work: WorkQueue, delays: RetryDelays = RETRY_DELAYS) -> tuple[Queue, ...]:
    """The work queue itself, its dead-letter queue, and its wait queues."""
    retry = retry_exchange_of(work.name)
    wait_queues = tuple(
        Queue(
            work.wait_queue(delay),
            (Binding(retry, work.wait_queue(delay)),),
            {
                **_QUORUM,
                **_SAFE_DEAD_LETTERING,
                "x-message-ttl": int(delay.total_seconds() * 1000),
                "x-dead-letter-exchange": retry,
                "x-dead-letter-routing-key": work.name,
            },
        )
        for delay in work.delays(delays)
    )
    return (main_queue(work), dead_letter_queue(work), *wait_queues)


def all_queues(delays: RetryDelays = RETRY_DELAYS, works: tuple[WorkQueue, ...] = WORK_QUEUES) -> tuple[Queue, ...]:
    """Every durable queue of the gateway, or of these work queues."""
    return tuple(queue for work in works for queue in queues_of(work, delays))


@dataclass(frozen=True, slots=True)
class Topology:
    """What one process declares, and what it needs that others declare."""

    exchanges: tuple[str, ...]
    queues: tuple[Queue, ...]
    needed_exchanges: tuple[str, ...] = ()
    needed_queues: tuple[str, ...] = ()


def whole_topology(delays: RetryDelays = RETRY_DELAYS, works: tuple[WorkQueue, ...] = WORK_QUEUES) -> Topology:
    """Everything, with the queues of `works`."""
    retry = dict.fromkeys(retry_exchange_of(work.name) for work in WORK_QUEUES)
    return Topology((*SHARED_EXCHANGES, *retry), all_queues(delays, works))


def service_topology(service: str, delays: RetryDelays = RETRY_DELAYS) -> Topology:
    """A service's own queues and retry exchange; console has none, and needs the dead-letter queues."""
    own = [work for work in WORK_QUEUES if work.service == service]
    if not own:
        dead_letter_queues = tuple(work.dead_letter_queue for work in WORK_QUEUES)
        return Topology((), (), (EXCHANGE, REPLAY_EXCHANGE, PROBE_EXCHANGE), dead_letter_queues)
    queues = tuple(queue for work in own for queue in queues_of(work, delays))
    return Topology((retry_exchange_of(own[0].name),), queues, SHARED_EXCHANGES)
