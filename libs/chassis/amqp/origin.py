"""`received_on`: the event of a delivery, if it came to its queue on a way that its publisher needed a permission for.

The producer's code proves who published the event (authentication.py). Besides, the broker checks by exchange and
routing key who may publish what (tools/broker/rights.py). That is worth something only if the event is the one that the
routing key names, and if nobody can lead a message around the check: through an exchange of one's own that is bound to
another one, or as a dead letter. The broker routes both unchecked.
"""

from aio_pika.abc import AbstractIncomingMessage

from libs.chassis.amqp.authentication import require_authentic, require_own_result
from libs.chassis.amqp.envelope import received_from
from libs.chassis.event_keys import EventKeys
from libs.chassis.settlement import UnreadableEvent
from libs.chassis.subscriptions import Received
from libs.chassis.topology import EXCHANGE, REPLAY_EXCHANGE, retry_exchange_of
from libs.contracts.events import Event

_DEATHS = "x-death"
"""The header that the broker gives to what it dead-letters; nothing of ours is dead-lettered to the events exchange."""


def received_on(queue: str, incoming: AbstractIncomingMessage, keys: EventKeys) -> Received[Event]:
    """The event of a delivery on `queue`. Nothing of it is read before its producer is proven.

    Raises UnreadableEvent, which names the part at fault and no value; UnauthenticatedEvent without that proof.
    """
    producer = require_authentic(incoming, keys, queue)
    received = received_from(incoming)
    require_own_result(received.event, producer, queue)
    if not (_is_published(incoming, received.event) or _is_returned(incoming, queue)):
        raise UnreadableEvent(f"{received.event.name}: not published with its own routing key")
    return received


def _is_published(incoming: AbstractIncomingMessage, event: Event) -> bool:
    """True for an event that its publisher sent to the events exchange."""
    by_key = incoming.exchange == EXCHANGE and incoming.routing_key == event.routing_key
    return by_key and _DEATHS not in incoming.headers


def _is_returned(incoming: AbstractIncomingMessage, queue: str) -> bool:
    """True for what comes back by the queue's name: after a wait or by a replay.

    The default exchange is that of earlier releases' wait queues; no user may publish to it.
    """
    return incoming.routing_key == queue and incoming.exchange in (retry_exchange_of(queue), REPLAY_EXCHANGE, "")
