"""`DeliveryDependencies` and `DeliveryOptions`: the store ports, clocks and limits that a message's delivery needs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from libs.chassis.clock import Clock, Monotonic
from libs.contracts.identity import Pseudonyms
from libs.store.conversations import Conversations
from libs.store.decisions import Decisions
from libs.store.ledger import Ledger, Pacing
from libs.store.statuses import Statuses
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.message_contacts import MessageContacts


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """The claim's `owner`, its lease, and the longest wait for a sending slot that is not refused."""

    owner: str
    lease_s: float
    max_wait_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDependencies:
    """Ports of the store, the deployment's hashes, and time."""

    ledger: Ledger
    pacing: Pacing
    statuses: Statuses
    decisions: Decisions
    conversations: Conversations
    cancellations: Cancellations
    pseudonyms: Pseudonyms
    contacts: MessageContacts
    clock: Clock
    monotonic: Monotonic
    sleep: Callable[[float], Awaitable[None]]
